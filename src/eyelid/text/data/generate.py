"""Rebuild the tables: `python -m eyelid.text.data.generate CONFUSABLES.TXT SCOWL_DIRECTORY`.

The first argument is the table of Unicode Technical Standard 39, the second the directory `final` of the
word lists SCOWL (Debian: `/usr/share/dict/scowl`). Run it with the newest Python at hand, whose `unicodedata`
knows the most characters. The licences of both stand in `LICENSES.txt`.
"""

from __future__ import annotations

import gzip
import re
import sys
import unicodedata
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).parent
#: Sizes of the word lists, most common first; a word is kept in the first one that has it.
TIERS = (10, 20, 35, 50)
_LETTER_NAME = re.compile(
    r"LATIN (?:SMALL|CAPITAL) LETTER (?:SCRIPT |DOTLESS |INSULAR |BARRED |LONG |STRETCHED |BLACKLETTER )?"
    r"([A-Z])(?: WITH .+)?"
    r"|LATIN LETTER SMALL CAPITAL (?:DOTLESS |BARRED )?([A-Z])(?: WITH .+)?"
)
#: Words of one and two letters are listed by hand: the lists have every abbreviation.
_SHORT_WORDS = """
a i am an as at be by do go he hi if in is it me my no of oh ok on or so to up us we
"""
_SHORT = _SHORT_WORDS.split()
#: What the lists, older than most of what a guard reads, do not have.
_ADDED_WORDS = """
app apps backend bitcoin blog blogs botnet bots chatbot chatgpt covid crypto cyber darknet deepfake dox
doxing emoji exfiltrate fentanyl firmware frontend google hack hacked hacker hackers hacking hashtag html
http https jailbreak json keylogger keyloggers login malware meth offline online opioid opioids password
passwords payload phishing podcast python ransomware roofie rootkit selfie sexting smartphone smartphones
spyware startup tweet tweets twitter url urls username usernames webcam website websites whatsapp wifi
youtube doesn don didn isn wasn aren couldn shouldn wouldn hasn haven hadn weren won ain ll ve re
"""
_ADDED = _ADDED_WORDS.split()


def letter_by_name(char: str) -> str | None:
    """The plain letter that the character's Unicode name calls it a form of."""
    match = _LETTER_NAME.fullmatch(unicodedata.name(char, ""))
    if not match:
        return None
    letter = match.group(1) or match.group(2)
    return letter if char.isupper() else letter.lower()


def target_of(source: str, target: str) -> str:
    """The table's target, brought to what a reader would type.

    The table sends `m` to `rn`, every bar to `l` and digits to letters, because it only asks whether two
    strings look alike; here they are to be read.
    """
    digit = unicodedata.digit(source, None)
    if digit is not None:
        return str(digit)
    if target.startswith("rn"):
        target = "m" + target[2:]
    target = "".join(c for c in target if not unicodedata.combining(c)) or target
    if len(target) == 1 and not target.isascii():
        target = letter_by_name(target) or target
    if target == "l" and source.isupper() and letter_by_name(source) in (None, "I"):
        return "I"
    return target


def confusables(table: Path) -> dict[str, str]:
    """Every single non-ASCII character with a look-alike, and what it looks like."""
    found: dict[str, str] = {}
    for line in table.read_text("utf-8-sig").splitlines():
        fields = line.partition("#")[0].split(";")
        if len(fields) < 3:
            continue
        source, target = ("".join(chr(int(code, 16)) for code in field.split()) for field in fields[:2])
        if len(source) == 1 and not source.isascii():
            found[source] = target_of(source, target)
    for code in range(0x80, 0x20000):
        char = chr(code)
        letter = letter_by_name(char)
        if (letter and not found.get(char, "").isascii()) or (letter and char not in found):
            found[char] = letter
    return found


def write_confusables(table: Path, out: Path) -> None:
    """Write the look-alikes, one target a line, in hexadecimal."""
    sources = defaultdict(list)
    for source, target in confusables(table).items():
        if source != target:
            sources[target].append(f"{ord(source):X}")
    lines = [
        f"{' '.join(f'{ord(c):X}' for c in target)};{' '.join(codes)}" for target, codes in sorted(sources.items())
    ]
    head = "# Look-alike characters, changed from the data of Unicode Technical Standard 39; see LICENSES.txt.\n"
    out.write_text(head + "\n".join(lines) + "\n", "ascii")


def write_lexicon(scowl: Path, out: Path) -> None:
    """Write the words, one size a line, each word only once."""
    seen: set[str] = set()
    tiers = []
    for size in TIERS:
        names = [f"{kind}-words.{size}" for kind in ("english", "american", "british")]
        files = [scowl / name for name in names if (scowl / name).exists()]
        words = {word for file in files for word in file.read_text("latin-1").split()}
        extra = set(_SHORT) if size == TIERS[0] else set(_ADDED) if size == TIERS[1] else set()
        kept = {word for word in words if re.fullmatch("[a-z]{3,20}", word)} | extra
        tiers.append(" ".join(sorted(kept - seen)))
        seen |= kept
    out.write_bytes(gzip.compress("\n".join(tiers).encode(), 9, mtime=0))


if __name__ == "__main__":
    write_confusables(Path(sys.argv[1]), HERE / "confusables.txt")
    write_lexicon(Path(sys.argv[2]), HERE / "lexicon.gz")

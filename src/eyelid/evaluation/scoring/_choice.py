"""Which option an answer to a multiple-choice question chooses; `None` where it chooses none or several."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_WORD = re.compile(r"[^\W_]+")
_LETTER = r"[(\[]?\s*\**([A-Z])\**\s*[)\].:]?"
#: The letter and nothing else: "B", "(B)", "**B**."
_ALONE = re.compile(rf"^\W*{_LETTER}\W*$")
#: The letter and a mark, then the option or a reason: "B. a cat", "(B) because", "B: a cat"
_FIRST = re.compile(r"^\W*?(?:\(([A-Z])\)|\[([A-Z])\]|([A-Z])\**[.):])(?:\s|\*|$)")
#: Said in so many words: "the answer is B", "Answer: (B)", "option B", "I choose B"
_NAMED = re.compile(
    r"\b(?:answer|choice|option|choose|pick|select)(?:\s+(?:is|was|would\s+be|option|choice|letter))*\s*:?\s*"
    r"[(\[*\"'`]*([A-Z])(?![\w'])",
    re.IGNORECASE,
)


def chosen_letter(answer: str, options: Mapping[str, str] | Sequence[str] = ()) -> str | None:
    """The letter that an answer chooses.

    Args:
        answer: of a model.
        options: letter → what it stands for, or the letters alone; empty for any letter.

    Returns:
        A capital letter, or `None` where none is chosen, several are, or the one chosen is no option.
    """
    texts = options if isinstance(options, Mapping) else dict.fromkeys(options, "")
    for found in (_alone(answer), _first(answer), _named(answer)):
        if found:
            (letter, *others) = found
            return letter if not others and (not texts or letter in texts) else None
    return _by_text(answer, texts)


def _alone(answer: str) -> list[str]:
    match = _ALONE.match(answer.strip())
    return [match[1]] if match else []


def _first(answer: str) -> list[str]:
    match = _FIRST.match(answer.strip())
    return [next(filter(None, match.groups()))] if match else []


def _named(answer: str) -> list[str]:
    # The letter itself must be a capital, whatever the words before it: "option a cat" names none.
    return sorted({match[1] for match in _NAMED.finditer(answer) if match[1].isupper()})


def _by_text(answer: str, options: Mapping[str, str]) -> str | None:
    said = _plain(answer)
    found = [letter for letter, text in options.items() if _plain(text).strip() and _plain(text) in said]
    # An option within another one, such as "red" in "dark red", gives way to it.
    longest = [a for a in found if not any(a != b and _plain(options[a]) in _plain(options[b]) for b in found)]
    return longest[0] if len(longest) == 1 else None


def _plain(text: str) -> str:
    """Words alone, with a space around each, so that no word is found within another one."""
    return "".join(f" {word} " for word in _WORD.findall(text.casefold()))

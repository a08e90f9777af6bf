"""How many of the expected phrases an open answer has: a stand-in for MM-Vet's judge that needs no model.

MM-Vet (arXiv 2308.02490) has a language model compare answers with references. This looks for words, so it misses what
is said in others and credits what is only named. Its figures are its own and are never to be put beside those of a
model.
"""

from __future__ import annotations

import re
import unicodedata

#: Up to so many words a phrase must occur as it stands; of a longer one, the share of its content words counts.
SHORT = 6

# Numbers with their sign and separators, else words.
_TOKEN = re.compile(r"(?<![\w.,])-?\d+(?:[.,]\d+)*(?!\w)|\w+")


def key_phrase_recall(answer: str, reference: str) -> float:
    """Share of the reference's phrases that an answer has, in [0, 1].

    Args:
        answer: of a model.
        reference: phrases joined by "<AND>", all of which are wanted; alternatives by "<OR>", of which the best counts.
    """
    words = _tokens(answer)
    return max(_all_of(words, alternative) for alternative in reference.split("<OR>"))


def _all_of(answer: list[str], alternative: str) -> float:
    phrases = [_tokens(phrase) for phrase in alternative.split("<AND>")]
    wanted = [phrase for phrase in phrases if phrase]
    return sum(_found(answer, phrase) for phrase in wanted) / len(wanted) if wanted else 0.0


def _found(answer: list[str], phrase: list[str]) -> float:
    if len(phrase) <= SHORT:
        size = len(phrase)
        return float(any(answer[place : place + size] == phrase for place in range(len(answer) - size + 1)))
    content = {word for word in phrase if len(word) > 3 or word[-1].isdigit()} or set(phrase)
    return len(content & set(answer)) / len(content)


def _tokens(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text).casefold()
    return [_number(token) if token[-1].isdigit() else token for token in _TOKEN.findall(plain)]


def _number(token: str) -> str:
    """1,000 and 1000 are the same; 1,5 is left alone."""
    return re.sub(r",(?=\d{3}(?!\d))", "", token)

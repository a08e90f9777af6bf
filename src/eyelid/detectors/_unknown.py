"""How much of a text was read, where some of its words are not in a model's vocabulary."""

from __future__ import annotations

#: More than this share of the letters in words the tokenizer does not know: the text was not read.
_MOST_UNKNOWN = 0.3
_FEWEST_LETTERS = 20


def covered(text: str, unknown: int) -> int:
    """Characters that were read: fewer than all where much of the text is in words the model does not know.

    Args:
        text: what was looked at.
        unknown: letters of it in unknown words, over all looks.
    """
    letters = sum(map(str.isalpha, text))
    if unknown < _FEWEST_LETTERS or unknown <= _MOST_UNKNOWN * letters:
        return len(text)
    return int(len(text) * max(0.0, 1.0 - unknown / letters))

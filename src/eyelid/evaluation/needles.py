"""Harmful passages hidden in long harmless texts, and long harmless texts alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from eyelid.text import split_sentences

#: English prose in the word pieces of BERT, about; used to state lengths in tokens without a tokenizer.
CHARACTERS_PER_TOKEN = 4.3


@dataclass(frozen=True, slots=True)
class Needle:
    """One passage in one long text.

    Args:
        passage: what is to be found.
        text: the long text that holds it.
        position: where, as a share of the harmless text before it.
        tokens: about how long the text is.
    """

    passage: str = field(repr=False)
    text: str = field(repr=False)
    position: float
    tokens: int


def long_text(texts: Sequence[str], tokens: int, *, seed: int) -> str:
    """A text of about `tokens` tokens made of whole texts in random order, each used again only when all were.

    Raises:
        ValueError: there is no text with any characters.
    """
    rng = random.Random(seed)
    usable = [text.strip() for text in texts if text.strip()]
    if not usable:
        raise ValueError("there is no text to build from")
    wanted, parts = int(tokens * CHARACTERS_PER_TOKEN), list[str]()
    length = 0
    while length < wanted:
        for part in rng.sample(usable, len(usable)):
            parts.append(part)
            length += len(part) + 2
            if length >= wanted:
                break
    text = "\n\n".join(parts)
    ends = [end for _, end in split_sentences(text) if end <= wanted]
    return text[: ends[-1] if ends else wanted].rstrip()


def hide(passage: str, text: str, position: float) -> str:
    """The text with the passage as a paragraph of its own, at the sentence end nearest to a share of it."""
    wanted = position * len(text)
    place = min((0, *(end for _, end in split_sentences(text))), key=lambda end: abs(end - wanted))
    return "\n\n".join(part for part in (text[:place].rstrip(), passage.strip(), text[place:].lstrip()) if part)


def needles(
    passages: Sequence[str], texts: Sequence[str], *, count: int, shortest: int, longest: int, seed: int = 0
) -> list[Needle]:
    """`count` needles at evenly spread positions, in lengths spread evenly on a logarithmic scale.

    Args:
        passages: what is hidden, taken in turn.
        texts: harmless texts of which the long ones are made.
        count: how many.
        shortest: tokens of the shortest text, about.
        longest: tokens of the longest text, about.
        seed: for positions, lengths and texts.
    """
    rng = random.Random(seed)
    steps = [step / max(1, count - 1) for step in range(count)]
    lengths = [round(shortest * (longest / shortest) ** step) for step in rng.sample(steps, count)]
    made = []
    for index, (position, tokens) in enumerate(zip(steps, lengths, strict=True)):
        passage = passages[index % len(passages)]
        text = hide(passage, long_text(texts, tokens, seed=seed + index), position)
        made.append(Needle(passage, text, position, tokens))
    return made

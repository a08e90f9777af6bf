"""English made from a few hundred words, so that a measurement needs no data and is the same everywhere."""

from __future__ import annotations

import random
from collections.abc import Iterator

#: Word classes. All are whole words of BERT's vocabulary, so that a text has as many tokens as words and stops.
WORDS = {
    "d": "the the the a this that every our their one my your another each some",
    "a": "old new small large quiet bright cold warm heavy simple green early late common long short clean fresh "
    "public private narrow broad local distant careful patient modern ancient wooden silver empty busy open "
    "strange gentle",
    "n": "river garden teacher kitchen market letter window engine village doctor student bridge table picture summer "
    "winter machine paper train station school library mountain forest island harbor captain farmer artist editor "
    "report lesson recipe soup bread coffee water salt sugar flour butter oven knife plate guest neighbor family house "
    "roof door floor wall road field horse bird tree leaf flower stone cloud storm morning evening journey story song",
    "v": "finds carries keeps opens follows watches builds reads writes makes leaves brings holds moves turns takes "
    "shows paints crosses reaches visits covers helps joins remembers changes checks cuts fills gives meets needs",
    "r": "slowly quickly often again together early twice carefully quietly always almost never soon still later",
    "p": "near behind under above across before after beside inside through without between beyond against around",
    "t": "today yesterday sometimes usually afterwards meanwhile finally first then later perhaps",
    "c": "and but because while so when although until since",
}
_CLASSES = {name: words.split() for name, words in WORDS.items()}
_SHAPES = (
    "d a n v d n p d n .",
    "t , d n v d a n r .",
    "d n v d n , c d a n v d n .",
    "p d a n , d n v r .",
    "d n p d n v d a n c d n v d n .",
    "c d n v d n , d a n v r p d n .",
)


def make_texts(count: int, *, seed: int = 0, shortest: int = 20, longest: int = 256) -> list[str]:
    """Texts with lengths as answers have them: log-normal, 81 tokens at the median and about 98 on average.

    Args:
        count: how many.
        seed: the same seed gives the same texts, everywhere.
        shortest: tokens of a word-piece tokenizer, the two special ones included; what is shorter is made so long.
        longest: what is longer is made so short.
    """
    rng = random.Random(seed)
    return [make_text(rng, int(min(longest, max(shortest, rng.lognormvariate(4.4, 0.6))))) for _ in range(count)]


def make_text(rng: random.Random, tokens: int) -> str:
    """One text of exactly so many tokens in BERT's word pieces, the two special ones included."""
    words = _words(rng)
    text = ""
    for left in range(tokens - 3, -1, -1):
        word = next(words) if left else "."
        text += word if word in (".", ",") else f" {word.capitalize() if _begins(text) else word}"
    return text.lstrip()


def _begins(text: str) -> bool:
    return not text or text.endswith(".")


def _words(rng: random.Random) -> Iterator[str]:
    while True:
        for kind in rng.choice(_SHAPES).split():
            yield rng.choice(_CLASSES[kind]) if kind in _CLASSES else kind

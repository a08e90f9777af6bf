"""The answers a model may give, as a tree of tokens: where it branches the model is asked, elsewhere nothing is open.

The probability of an answer, if only these are allowed, is the product over the branches it passes of a softmax over
the tokens that go on there. An answer of one token among others of one token is a softmax over label tokens.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from eyelid.errors import ConfigurationError

Path = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Choices:
    """Answers and the tokens that spell them.

    Args:
        paths: answer → its spellings; one may have several, which differ in how they end.
        branches: beginnings behind which several tokens may follow → those tokens, in order.
    """

    paths: Mapping[str, tuple[Path, ...]]
    branches: Mapping[Path, tuple[int, ...]]

    @classmethod
    def of(cls, paths: Mapping[str, Sequence[Iterable[int]]]) -> Choices:
        """The tree of some answers.

        Raises:
            ConfigurationError: there is none, two are spelled alike, or one ends where another goes on.
        """
        spelled = {name: tuple(dict.fromkeys(tuple(path) for path in each)) for name, each in paths.items()}
        every = [path for each in spelled.values() for path in each]
        if not every:
            raise ConfigurationError("a model needs at least one answer that it may give")
        if len(set(every)) < len(every):
            raise ConfigurationError("two answers are the same tokens to this tokenizer")
        after: dict[Path, set[int]] = {}
        for path in every:
            for at, token in enumerate(path):
                after.setdefault(path[:at], set()).add(token)
        if any(path in after for path in every):
            raise ConfigurationError("an answer is the beginning of another one; say by which tokens answers end")
        return cls(spelled, {begun: tuple(sorted(tokens)) for begun, tokens in after.items() if len(tokens) > 1})

    @property
    def tokens(self) -> set[int]:
        """All tokens that the model is asked about."""
        return {token for tokens in self.branches.values() for token in tokens}

    @property
    def longest(self) -> int:
        """Tokens that are put behind a text at most."""
        return max(map(len, self.branches), default=0)

    def chances(self, logits: Mapping[Path, Mapping[int, float]]) -> dict[str, float]:
        """How probable each answer is; together they are 1.

        Args:
            logits: of the tokens that may follow, for each branch.
        """
        shares = {
            begun: _softmax({token: logits[begun][token] for token in tokens})
            for begun, tokens in self.branches.items()
        }

        def along(path: Path) -> float:
            return math.prod(shares[path[:at]][token] for at, token in enumerate(path) if path[:at] in shares)

        return {name: min(1.0, math.fsum(map(along, paths))) for name, paths in self.paths.items()}


def with_ends(spelled: Mapping[str, Path], ended: Mapping[str, Sequence[Path]]) -> dict[str, tuple[Path, ...]]:
    """Spellings that tell an answer from a longer one which begins with it.

    Args:
        spelled: answer → its tokens.
        ended: answer → its tokens with each of the ends it may have.
    """

    def begins_another(path: Path) -> bool:
        return any(other[: len(path)] == path for other in spelled.values() if len(other) > len(path))

    return {name: tuple(ended[name]) or (path,) if begins_another(path) else (path,) for name, path in spelled.items()}


def _softmax(logits: Mapping[int, float]) -> dict[int, float]:
    top = max(logits.values())
    odds = {token: math.exp(logit - top) for token, logit in logits.items()}
    whole = math.fsum(odds.values())
    return {token: each / whole for token, each in odds.items()}

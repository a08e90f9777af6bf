"""How many tokens a pass of each model may take: less after it ran out of memory, slowly more again."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from weakref import WeakKeyDictionary

from eyelid.engine._item import Runner

#: Passes that fit before a budget that was cut grows again, by an eighth.
_FITTING = 32
#: A pass need not be larger than what gives this part of the best throughput: waiting for it is time as well.
_ENOUGH = 0.95


class Budgets:
    """Tokens of one pass, by runner.

    Args:
        usual: where the runner has no `budget` of its own.
    """

    def __init__(self, usual: int) -> None:
        self._usual = usual
        self._full: WeakKeyDictionary[Runner, int] = WeakKeyDictionary()
        self._cut: WeakKeyDictionary[Runner, tuple[int, int]] = WeakKeyDictionary()

    def __call__(self, runner: Runner) -> int:
        return self._cut[runner][0] if runner in self._cut else self._whole(runner)

    def put(self, runner: Runner, tokens: int) -> None:
        """What a sweep found."""
        self._full[runner] = tokens
        self._cut.pop(runner, None)

    def halve(self, runner: Runner, tried: int) -> None:
        """A pass of so many tokens did not fit."""
        self._cut[runner] = (max(1, min(self(runner), tried) // 2), 0)

    def fitted(self, runner: Runner) -> None:
        """A pass did fit."""
        if runner not in self._cut:
            return
        tokens, passes = self._cut[runner]
        if passes + 1 < _FITTING:
            self._cut[runner] = (tokens, passes + 1)
        elif (grown := math.ceil(tokens * 9 / 8)) < self._whole(runner):
            self._cut[runner] = (grown, 0)
        else:
            del self._cut[runner]

    def by_name(self) -> Mapping[str, int]:
        """Those that are not the usual ones."""
        return {runner.name: self(runner) for runner in {*self._full, *self._cut}}

    def _whole(self, runner: Runner) -> int:
        own: int | None = getattr(runner, "budget", None)
        return self._full.get(runner) or own or self._usual


def sweep(seconds: Callable[[int], float | None], sizes: Sequence[int]) -> int:
    """The smallest pass with nearly the best throughput.

    Args:
        seconds: how long a pass of so many tokens takes; `None` if it does not fit.
        sizes: the tokens to try, ascending; larger ones are not tried once one does not fit.

    Returns:
        One of the sizes; the smallest if none fits.
    """
    rates: dict[int, float] = {}
    for size in sizes:
        took = seconds(size)
        if took is None:
            break
        rates[size] = size / max(took, 1e-9)
    best = max(rates.values(), default=0.0)
    return next((size for size, rate in rates.items() if rate >= _ENOUGH * best), sizes[0])

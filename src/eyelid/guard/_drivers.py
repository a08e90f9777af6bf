"""Drivers: what makes a flow run. The flow is written once; only waiting differs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from itertools import islice
from typing import Any, Generic, TypeAlias

from eyelid.guard._effects import Answer, Effect, Flow, Stage, T

#: Starts the work for an effect and gives the future of its answer.
Submit: TypeAlias = "Callable[[Effect], Future[Answer]]"

#: Items of one call when many flows run together; images weigh more than texts.
_ROOM = {Stage.DECODE: 16, Stage.READ: 16, Stage.ENCODE: 16, Stage.ASK: 16}
_TEXT_ROOM = 256


def run(flow: Flow[T], submit: Submit) -> T:
    """Run a flow to its end, waiting on futures."""
    answers: Sequence[Answer] | None = None
    while True:
        try:
            effects = next(flow) if answers is None else flow.send(answers)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        answers = [future.result() for future in [submit(effect) for effect in effects]]


async def arun(flow: Flow[T], submit: Submit) -> T:
    """Run a flow to its end, awaiting futures. Cancelling it lets go of what is still queued."""
    answers: Sequence[Answer] | None = None
    while True:
        try:
            effects = next(flow) if answers is None else flow.send(answers)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        answers = await asyncio.gather(*(asyncio.wrap_future(submit(effect)) for effect in effects))


def together(flows: Iterable[Flow[T]]) -> Flow[list[T]]:
    """Many flows as one, in which what they ask of the same role at the same time becomes one call.

    A call takes a bounded number of items; a flow that finds no room waits for the next round, so that
    the flows spread over the stages like a pipeline.

    Returns:
        The flows' results, in order.
    """
    running = [_Running(flow) for flow in flows]
    waiting = [each for each in running if each.advance(None)]
    while waiting:
        calls: _Calls[T] = _Calls()
        left = [each for each in waiting if not calls.admit(each)]
        shared = calls.share((yield calls.effects()))
        waiting = left + [each for each, answers in shared if each.advance(answers)]
    return [each.result for each in running]


class _Running(Generic[T]):
    """A flow, what it wants next, and in the end its result."""

    result: T

    def __init__(self, flow: Flow[T]) -> None:
        self._flow = flow
        self.wants: tuple[Effect, ...] = ()

    def advance(self, answers: Sequence[Answer] | None) -> bool:
        """Whether it wants more."""
        try:
            self.wants = next(self._flow) if answers is None else self._flow.send(answers)
        except StopIteration as end:
            self.result = end.value
            return False
        return True


class _Calls(Generic[T]):
    """One round: what several flows ask, side by side."""

    def __init__(self) -> None:
        self._items: dict[tuple[Stage, str], list[Any]] = {}
        self._admitted: list[_Running[T]] = []

    def admit(self, each: _Running[T]) -> bool:
        """Take in what a flow wants, unless a call would become too large by it."""
        if not all(self._fits(effect) for effect in each.wants):
            return False
        for effect in each.wants:
            self._items.setdefault((effect.stage, effect.role), []).extend(effect.items)
        self._admitted.append(each)
        return True

    def _fits(self, effect: Effect) -> bool:
        beside = len(self._items.get((effect.stage, effect.role), ()))
        return beside == 0 or beside + len(effect.items) <= _ROOM.get(effect.stage, _TEXT_ROOM)

    def effects(self) -> tuple[Effect, ...]:
        return tuple(Effect(stage, tuple(items), role) for (stage, role), items in self._items.items())

    def share(self, answers: Sequence[Answer]) -> Iterator[tuple[_Running[T], list[Answer]]]:
        """Hand each flow its part of the answers."""
        by_key = dict(zip(self._items, answers, strict=True))
        left = {key: iter(answer.results) for key, answer in by_key.items()}
        for each in self._admitted:
            shares = []
            for effect in each.wants:
                key = (effect.stage, effect.role)
                shares.append(Answer(tuple(islice(left[key], len(effect.items))), by_key[key].seconds))
            yield each, shares

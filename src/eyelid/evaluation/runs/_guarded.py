"""Defences made of a guard: on the answer with one of its strategies, or on the request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from eyelid.evaluation.runs._defense import Defended, Turn
from eyelid.evaluation.runs._identity import guard_identity
from eyelid.evaluation.samples import Kind
from eyelid.guard import Guard
from eyelid.protocols import Host
from eyelid.types import Exchange, HostCall, Outcome, Strategy, Surface


class GuardedAnswer:
    """A guard that looks at the answer together with the request and its images.

    A labelled text is looked at on its own surface.

    Args:
        guard: whose detectors and thresholds hold.
        strategy: "block", "rewrite" (MLLM-Protector) or "reask" (ECSO together with the detectors).
        host: the model that is asked again under "reask"; the guard's own if left out.
        name: how the defence is called, if not as the strategy.
        detectors: identity of the guard's detectors and other parts, such as the weights' hash; its policy is known.
        asks_to_rewrite: whether the guard's detoxifier asks a host for each rewrite, for the count of calls.

    Raises:
        PolicyError: the strategy is "reask" and there is no host.
    """

    def __init__(
        self,
        guard: Guard,
        strategy: Strategy | str,
        *,
        host: Host | None = None,
        name: str = "",
        detectors: str = "",
        asks_to_rewrite: bool = False,
    ) -> None:
        policy = replace(guard.policy.adjust(strategy=strategy), return_images=False)
        self._guard = guard.under(policy, host=host)
        self.name = name or str(Strategy(strategy))
        self.guard = guard_identity(policy, detectors)
        self.looks_at_labelled = Strategy(strategy) is not Strategy.REASK
        self._asks_to_rewrite = asks_to_rewrite

    def apply(self, turns: Sequence[Turn], /) -> list[Defended]:
        """What the guard passes on."""
        outcomes = self._guard.check_many([_exchange(turn) for turn in turns])
        return [self._defended(turn, outcome) for turn, outcome in zip(turns, outcomes, strict=True)]

    def _defended(self, turn: Turn, outcome: Outcome) -> Defended:
        reasked = outcome.reasked
        calls = reasked.steps if reasked else ()
        if self._asks_to_rewrite:
            calls += tuple(HostCall("rewrite", 0, step.seconds) for step in outcome.trace if step.name == "rewrite")
        found = _of(outcome)
        if reasked is None:
            return replace(found, calls=calls)
        # The model's own word, not what the detectors made of it.
        return replace(found, unsafe="No" if reasked.risk < 0.5 else "Yes", caption=reasked.caption, calls=calls)


class GuardedRequest:
    """A guard that looks at the request and its images, and refuses in the model's place.

    Args:
        guard: whose detectors and thresholds hold.
        detectors: as for `GuardedAnswer`.
    """

    name = "input"
    looks_at_labelled = False

    def __init__(self, guard: Guard, *, detectors: str = "") -> None:
        policy = replace(guard.policy.adjust(Surface.INPUT, strategy=Strategy.BLOCK), return_images=False)
        self._guard = guard.under(policy)
        self.guard = guard_identity(policy, detectors)

    def apply(self, turns: Sequence[Turn], /) -> list[Defended]:
        """The direct answer, or a refusal before it."""
        asked = [Exchange(turn.sample.prompt, "", turn.images, surface=Surface.INPUT) for turn in turns]
        outcomes = self._guard.check_many(asked)
        return [
            replace(_of(outcome), text=turn.direct) if outcome.allowed else replace(_of(outcome), skips_answer=True)
            for turn, outcome in zip(turns, outcomes, strict=True)
        ]


def _exchange(turn: Turn) -> Exchange:
    sample = turn.sample
    if sample.kind is Kind.LABELLED:
        return Exchange(sample.prompt, sample.response or "", turn.images, surface=sample.surface)
    return Exchange(sample.prompt, turn.direct, turn.images, surface=Surface.OUTPUT)


def _of(outcome: Outcome) -> Defended:
    return Defended(
        text=outcome.text,
        action=outcome.verdict.action.value,
        status=outcome.status.value,
        scores={name: round(score, 6) for name, score in outcome.scores.items()},
        failures=tuple(f"{failure.stage}:{failure.code}" for failure in outcome.failures),
    )

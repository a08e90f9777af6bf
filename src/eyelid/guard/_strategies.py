"""What becomes of flagged content. Each strategy is a flow: it may ask for more before it resolves.

A new strategy is one more function and one more row of `STRATEGIES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from eyelid.guard._case import Case
from eyelid.guard._effects import Effect, Flow, Stage
from eyelid.guard._inspect import Findings, inspect
from eyelid.protocols import RewriteRequest
from eyelid.types import Action, Failure, Strategy, Surface, Verdict

#: Where an image that is flagged can be left out, and the text that came with it still be of use.
_SEPARABLE = (Surface.TOOL_RESULT, Surface.RETRIEVED)


@dataclass(frozen=True, slots=True)
class Resolution:
    """The final ruling, and the text that is passed on under it."""

    verdict: Verdict
    text: str = field(repr=False)


def refuse(case: Case, findings: Findings, verdict: Verdict) -> Flow[Resolution]:
    """Pass on a refusal."""
    return refusal(case, verdict)
    yield  # a flow that asks for nothing


def rewrite(case: Case, findings: Findings, verdict: Verdict) -> Flow[Resolution]:
    """Pass on the text without its harm (MLLM-Protector, arXiv 2401.02906); a refusal if that does not work.

    An image cannot be rewritten. Where it came with a tool's result or a document it is left out and the text
    is kept; elsewhere a flagged image is refused together with the text.
    """
    surface, text = case.exchange.surface, case.exchange.text
    flagged = case.policy.decide(findings.text, surface)
    if case.policy.decide(findings.images, surface).category:
        if not text or surface not in _SEPARABLE:
            return refusal(case, verdict)
        if not flagged.category:
            return Resolution(replace(verdict, reason=f"{verdict.reason}; the images were left out"), text)
    changed = (yield from _detoxified(case, findings, flagged)) if case.can_rewrite else None
    return refusal(case, verdict) if changed is None else Resolution(verdict, changed)


def refusal(case: Case, verdict: Verdict) -> Resolution:
    """Block, with the text that the policy has for it."""
    text = case.policy.refusal(case.exchange.surface, verdict.category or "failed")
    return Resolution(replace(verdict, action=Action.BLOCK), text)


def _detoxified(case: Case, findings: Findings, flagged: Verdict) -> Flow[str | None]:
    """The rewritten text if it is harmless, which only a second look can say; else `None`."""
    exchange = case.exchange
    request = RewriteRequest(exchange.text, case.context, exchange.surface, flagged.category, findings.spans)
    ((changed,),) = yield from case.asking.ask(Effect(Stage.REWRITE, (request,)))
    if isinstance(changed, Failure) or not changed.strip():
        return None
    again = yield from inspect(case.of_text(changed))
    harmless = not again.failures and not case.policy.decide(again.scores, exchange.surface).category
    return changed if harmless else None


STRATEGIES: Mapping[Strategy, Callable[[Case, Findings, Verdict], Flow[Resolution]]] = {
    Strategy.REWRITE: rewrite,
    Strategy.REASK: rewrite,
    Strategy.BLOCK: refuse,
    Strategy.RAISE: refuse,  # the guard raises once the outcome stands
}

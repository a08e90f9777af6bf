"""What becomes of flagged content. Each strategy is a flow: it may ask for more before it resolves.

A new strategy is one more function and one more row of `STRATEGIES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from eyelid.guard._case import Case
from eyelid.guard._effects import Effect, Flow, Stage
from eyelid.guard._eyes import eyes
from eyelid.guard._inspect import Findings, inspect
from eyelid.protocols import RewriteRequest
from eyelid.types import Action, Failure, Reasked, Strategy, Surface, Verdict

#: Where an image that is flagged can be left out, and the text that came with it still be of use.
_SEPARABLE = (Surface.TOOL_RESULT, Surface.RETRIEVED)


@dataclass(frozen=True, slots=True)
class Resolution:
    """The final ruling, the text that is passed on under it, and how the model was asked again if it was."""

    verdict: Verdict
    text: str = field(repr=False)
    reasked: Reasked | None = None


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


def reask(case: Case, findings: Findings, verdict: Verdict) -> Flow[Resolution]:
    """Pass on what the model says with its eyes closed (ECSO, arXiv 2403.09572); a refusal if that is flagged too.

    A text without images is rewritten: there is nothing to close the eyes to.
    """
    if findings.judged is None:
        return (yield from rewrite(case, findings, verdict))
    if case.policy.ecso.on_unsafe == "refuse":
        return replace(refusal(case, verdict), reasked=replace(findings.judged, unsafe=True))
    reasked = yield from eyes(case, findings.shown).closed(findings.judged)
    if reasked.answer.strip() and (yield from _harmless(case, reasked.answer)):
        return Resolution(verdict, reasked.answer, reasked)
    return replace(refusal(case, verdict), reasked=reasked)


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
    return changed if (yield from _harmless(case, changed)) else None


def _harmless(case: Case, text: str) -> Flow[bool]:
    """Whether a second look at what is to be passed on instead finds nothing."""
    again = yield from inspect(case.of_text(text))
    return not again.failures and not case.policy.decide(again.scores, case.exchange.surface).category


STRATEGIES: Mapping[Strategy, Callable[[Case, Findings, Verdict], Flow[Resolution]]] = {
    Strategy.REWRITE: rewrite,
    Strategy.REASK: reask,
    Strategy.BLOCK: refuse,
    Strategy.RAISE: refuse,  # the guard raises once the outcome stands
}

"""The flow, once: look, decide, resolve. All of `check`, `acheck`, `check_many` and `stream` drive this."""

from __future__ import annotations

from dataclasses import replace

from eyelid.errors import HarmfulContentError, UninspectedError
from eyelid.guard._case import Case
from eyelid.guard._effects import Effect, Flow, Stage
from eyelid.guard._eyes import judge
from eyelid.guard._inspect import Findings, inspect
from eyelid.guard._strategies import STRATEGIES, Resolution, refusal
from eyelid.types import Action, Failure, Outcome, Status, Strategy, Verdict


def flow(case: Case) -> Flow[Outcome]:
    """Look at an exchange and say what is to be passed on."""
    findings = yield from judge(case, (yield from inspect(case)))
    verdict = rule(case, findings)
    resolution = yield from _resolve(case, findings, verdict)
    return Outcome(
        text=resolution.text,
        verdict=resolution.verdict,
        scores=findings.scores,
        status=_status(findings, verdict),
        coverage=findings.coverage,
        images=(yield from _canonical_images(case, findings, resolution.verdict)),
        image_texts=findings.image_texts,
        reasked=resolution.reasked or findings.judged,
        failures=tuple(dict.fromkeys(case.asking.failures)),
        trace=tuple(case.asking.trace),
    )


def rule(case: Case, findings: Findings) -> Verdict:
    """The ruling on what was found. A failed look stops, unless the policy lets this surface pass by name."""
    verdict = replace(case.policy.decide(findings.scores, case.exchange.surface), spans=findings.spans)
    if not findings.failures:
        return verdict
    first = findings.failures[0]
    failed = f"a look failed ({first.stage}: {first.code})"
    if not case.policy.enforce:
        return replace(verdict, reason=f"not enforced: {failed}")
    if case.rules.on_failure == "allow":
        return replace(
            verdict, reason=f"{verdict.reason}, although {failed}; the policy lets {case.exchange.surface} pass"
        )
    return replace(verdict, action=Action.BLOCK, reason=f"{failed}, so the content was stopped")


def settle(case: Case, outcome: Outcome) -> Outcome:
    """The outcome; raised instead where the strategy says so and the content was stopped."""
    if case.rules.strategy is Strategy.RAISE and not outcome.allowed:
        kind = UninspectedError if outcome.status is Status.FAILED else HarmfulContentError
        raise kind(outcome.verdict.reason, outcome)
    return outcome


def _resolve(case: Case, findings: Findings, verdict: Verdict) -> Flow[Resolution]:
    if verdict.action is Action.ALLOW:
        return Resolution(verdict, case.exchange.text)
    if findings.failures and case.rules.on_failure == "block":
        return refusal(case, verdict)  # what was not fully seen is not mended either
    return (yield from STRATEGIES[case.rules.strategy](case, findings, verdict))


def _status(findings: Findings, verdict: Verdict) -> Status:
    if verdict.category:
        return Status.FLAGGED
    return Status.FAILED if findings.failures else Status.CLEAN


def _canonical_images(case: Case, findings: Findings, verdict: Verdict) -> Flow[tuple[bytes, ...]]:
    """The pixels the guard saw, for the model to see the same."""
    wanted = verdict.action is Action.ALLOW and case.policy.return_images
    if not wanted or len(findings.frames) < len(case.exchange.images):
        return ()
    if findings.shown:
        return tuple(image.data for image in findings.shown)
    (encoded,) = yield from case.asking.ask(Effect(Stage.ENCODE, findings.frames))
    return () if any(isinstance(image, Failure) for image in encoded) else encoded

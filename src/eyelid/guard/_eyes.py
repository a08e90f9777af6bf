"""Closing the eyes: steps 2 to 4 of ECSO (Gou et al., arXiv 2403.09572) as parts of the flow.

The model judges its own answer; if that is unsafe, it says what the image has to do with the request, and answers once
more by that alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from eyelid.ecso import EcsoRules, answer_request, caption_request, judge_request, read_judgement
from eyelid.guard._case import Case
from eyelid.guard._effects import Asking, Effect, Flow, Stage
from eyelid.guard._inspect import Findings
from eyelid.protocols import AskRequest, Reply
from eyelid.taxonomy import Category
from eyelid.types import Failure, HostCall, Image, Reasked, Scores


@dataclass(frozen=True, slots=True)
class Eyes:
    """What the model was shown and asked, and on whose behalf.

    Args:
        rules: of the steps.
        query: the request.
        images: what came with it.
        asking: keeps the trace and the failures.
    """

    rules: EcsoRules
    query: str = field(repr=False)
    images: tuple[Image, ...]
    asking: Asking

    def judged(self, answer: str) -> Flow[Reasked | Failure]:
        """Step 2, or why there is no verdict."""
        request = judge_request(self.rules, self.query, answer, self.images)
        reply, call = yield from asked(self.asking, "judge", request)
        if isinstance(reply, Failure):
            return reply
        verdict = read_judgement(self.rules, reply)
        return Reasked(verdict.unsafe, verdict.risk, judgement=reply.text, steps=(call,))

    def closed(self, judged: Reasked) -> Flow[Reasked]:
        """Steps 3 and 4; without a caption or an answer where one could not be had."""
        found = replace(judged, unsafe=True)
        reply, call = yield from asked(self.asking, "caption", caption_request(self.rules, self.query, self.images))
        found = replace(found, steps=(*found.steps, call))
        if isinstance(reply, Failure):
            return found
        request = answer_request(self.rules, self.query, reply.text, self.images)
        found = replace(found, caption=reply.text)
        reply, call = yield from asked(self.asking, "reask", request)
        answer = "" if isinstance(reply, Failure) else reply.text
        return replace(found, answer=answer, steps=(*found.steps, call))


def asked(asking: Asking, step: str, request: AskRequest) -> Flow[tuple[Reply | Failure, HostCall]]:
    """One call; a reply that says nothing is none."""
    count = len(request.images)
    effect = Effect(Stage.ASK, (request,), note=f"{step}, {count} image{'s' * (count != 1)}")
    ((reply,),) = yield from asking.ask(effect)
    tokens = (None, None) if isinstance(reply, Failure) else (reply.prompt_tokens, reply.reply_tokens)
    call = HostCall(step, count, asking.trace[-1].seconds, *tokens)
    if isinstance(reply, Reply) and not reply.text.strip() and reply.chances is None:
        reply = effect.failure("empty", "the model said nothing")
        asking.failures.append(reply)
    return reply, call


def judge(case: Case, findings: Findings) -> Flow[Findings]:
    """The findings with the model's own verdict, where it can be asked. It can raise the score and never lowers it."""
    if not case.can_close_eyes or (findings.failures and case.rules.on_failure == "block"):
        return findings  # what was not fully seen is stopped, whatever the model thinks of it
    shown = yield from _shown(case, findings)
    if isinstance(shown, Failure):
        return replace(findings, failures=(*findings.failures, shown))
    judged = yield from eyes(case, shown).judged(case.exchange.text)
    if isinstance(judged, Failure):
        return replace(findings, failures=(*findings.failures, judged), shown=shown)
    raised = Scores.maximum((findings.text, Scores({Category.HARM: judged.risk})))
    return replace(findings, text=raised, judged=judged, shown=shown)


def eyes(case: Case, shown: Sequence[Image]) -> Eyes:
    """What the model is to be asked about a case."""
    return Eyes(case.policy.ecso, case.context, tuple(shown), case.asking)


def _shown(case: Case, findings: Findings) -> Flow[tuple[Image, ...] | Failure]:
    """The pixels that were looked at, so that nothing else reaches the model; as given where a policy lets it pass."""
    given = case.exchange.images
    if len(findings.frames) < len(given):
        return given
    (encoded,) = yield from case.asking.ask(Effect(Stage.ENCODE, findings.frames))
    failed = next((png for png in encoded if isinstance(png, Failure)), None)
    return failed or tuple(Image(png) for png in encoded)

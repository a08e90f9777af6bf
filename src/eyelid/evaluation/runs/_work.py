"""A batch of rows from the request to the record: answer, defend, judge."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from eyelid.errors import ImageError
from eyelid.evaluation.asking import BoundedHost
from eyelid.evaluation.judges import Answer, judge_all
from eyelid.evaluation.judges import given as given_text
from eyelid.evaluation.records import Judgement, Record
from eyelid.evaluation.runs._defense import Defended, Turn
from eyelid.evaluation.runs._plan import Plan
from eyelid.evaluation.runs._rows import Rows
from eyelid.evaluation.samples import Kind, Sample
from eyelid.protocols import Reply
from eyelid.types import Image


@dataclass(slots=True)
class Draft:
    """A row in the making.

    Args:
        sample: the row.
        known: of another run with the same first answers, where it is to be taken from.
    """

    sample: Sample
    known: Record | None = None
    images: tuple[Image, ...] = ()
    direct: str = ""
    tokens: tuple[int | None, int | None] = (None, None)
    seconds_direct: float = 0.0
    seconds_guard: float = 0.0
    failures: list[str] = field(default_factory=list)
    defended: Defended | None = None
    judged_direct: tuple[Judgement, ...] = ()
    judged: tuple[Judgement, ...] = ()

    @property
    def asks(self) -> bool:
        """Whether a model answers."""
        return self.sample.kind is not Kind.LABELLED


class Work:
    """Makes records of rows.

    Args:
        plan: how.
        rows: where they are from.
    """

    def __init__(self, plan: Plan, rows: Rows) -> None:
        self._plan, self._rows = plan, rows
        self._host: BoundedHost | None = None
        if plan.host is not None:
            self._host = BoundedHost(plan.host, seconds=plan.seconds, workers=plan.concurrency)

    def close(self) -> None:
        """Let its threads end."""
        if self._host is not None:
            self._host.close()

    def records(self, drafts: Sequence[Draft]) -> list[Record]:
        """One record for each, in order; what goes wrong with a row stands in its record."""
        for draft in drafts:
            self._load(draft)
        self._answer([draft for draft in drafts if not draft.failures])
        self._defend([draft for draft in drafts if not draft.failures])
        self._judge([draft for draft in drafts if draft.defended is not None])
        return [self._record(draft) for draft in drafts]

    def _load(self, draft: Draft) -> None:
        try:
            draft.images = draft.sample.load_images(self._rows.folder)
        except ImageError as error:
            draft.failures.append(f"decode:{error.code}")

    def _answer(self, drafts: Sequence[Draft]) -> None:
        left = []
        for draft in drafts:
            if not draft.asks:
                draft.direct = given_text(draft.sample)
            elif draft.known is not None:
                _take_over(draft, draft.known, [each.name for each in self._plan.judges if each.suits(draft.sample)])
            else:
                left.append(draft)
        if left:
            self._ask(left)

    def _ask(self, drafts: Sequence[Draft]) -> None:
        assert self._host is not None
        started = time.monotonic()
        replies = self._host.ask([self._plan.request(draft.sample, draft.images) for draft in drafts])
        seconds = (time.monotonic() - started) / len(drafts)
        for draft, reply in zip(drafts, replies, strict=True):
            draft.seconds_direct = seconds
            if isinstance(reply, Reply):
                draft.direct, draft.tokens = reply.text, (reply.prompt_tokens, reply.reply_tokens)
            else:
                draft.failures.append(f"{reply.stage}:{reply.code}")

    def _defend(self, drafts: Sequence[Draft]) -> None:
        if not drafts:
            return
        started = time.monotonic()
        defended = self._defended([Turn(draft.sample, draft.images, draft.direct) for draft in drafts])
        seconds = (time.monotonic() - started) / len(drafts)
        for draft, found in zip(drafts, defended, strict=True):
            draft.defended, draft.seconds_guard = found, seconds
            draft.failures += found.failures

    def _defended(self, turns: list[Turn]) -> Sequence[Defended]:
        try:
            found = list(self._plan.defense.apply(turns))
            if len(found) == len(turns):
                return found
        except Exception:  # noqa: BLE001  whatever a defence raises, the other rows are not concerned
            pass
        if len(turns) == 1:
            return [Defended("", status="failed", failures=("defense:error",))]
        return [found for turn in turns for found in self._defended([turn])]

    def _judge(self, drafts: Sequence[Draft]) -> None:
        """The first answers and, where they are other texts and nothing failed, the final ones."""
        direct = [draft for draft in drafts if not draft.judged_direct]
        final = [draft for draft in drafts if _is_other(draft)]
        answers = [Answer(draft.sample, draft.direct) for draft in direct]
        answers += [Answer(draft.sample, draft.defended.text) for draft in final if draft.defended]
        judged = judge_all(self._plan.judges, answers)
        for draft, found in zip(direct, judged[: len(direct)], strict=True):
            draft.judged_direct = found
        for draft, found in zip(final, judged[len(direct) :], strict=True):
            draft.judged = found
        for draft in drafts:
            if not draft.failures and draft.defended is not None and draft.defended.text == draft.direct:
                draft.judged = draft.judged_direct

    def _record(self, draft: Draft) -> Record:
        sample, defended = draft.sample, draft.defended or Defended("", status="failed")
        calls = int(draft.asks and not defended.skips_answer) + len(defended.calls)
        prompt, reply = (_total(draft, defended, place) for place in (0, 1))
        before = 0.0 if defended.skips_answer else draft.seconds_direct
        return Record(
            id=sample.id,
            scenario=sample.scenario,
            kind=sample.kind.value,
            condition=sample.condition,
            group=sample.group,
            label=sample.label,
            model_id=self._plan.model if draft.asks else "",
            defense=self._plan.defense.name,
            query=sample.prompt,
            image=self._rows.names(sample),
            direct=draft.direct,
            text=defended.text,
            judged_direct=draft.judged_direct,
            judged=draft.judged,
            action=defended.action,
            status=defended.status,
            scores=defended.scores,
            unsafe=defended.unsafe,
            unsafe_answer=draft.direct if draft.defended and defended.text != draft.direct else "",
            caption=defended.caption,
            calls=calls,
            prompt_tokens=prompt,
            reply_tokens=reply,
            seconds_direct=round(draft.seconds_direct, 6),
            seconds=round(before + draft.seconds_guard, 6),
            failures=tuple(dict.fromkeys(draft.failures)),
            facts=dict(sample.facts),
        )


def _is_other(draft: Draft) -> bool:
    return draft.defended is not None and not draft.failures and draft.defended.text != draft.direct


def _take_over(draft: Draft, known: Record, judges: Sequence[str]) -> None:
    """The first answer of another run, and what the same judges said of it."""
    draft.seconds_direct = known.seconds_direct
    if known.failures and not known.direct:
        draft.failures += known.failures
        return
    draft.direct = known.direct
    if known.calls == 1:  # else the tokens are those of other calls as well
        draft.tokens = known.prompt_tokens, known.reply_tokens
    said = {each.judge: each for each in known.judged_direct if not each.failed}
    if all(name in said for name in judges):
        draft.judged_direct = tuple(said[name] for name in judges)


def _total(draft: Draft, defended: Defended, place: int) -> int | None:
    """Tokens of all calls together; `None` where one is not known."""
    first = () if not draft.asks or defended.skips_answer else (draft.tokens[place],)
    others = ((call.prompt_tokens, call.reply_tokens)[place] for call in defended.calls)
    counts = [*first, *others]
    return None if any(count is None for count in counts) else sum(count or 0 for count in counts)

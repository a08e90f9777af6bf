"""What is looked at around a tool's run: the arguments before it, the output or the exception after it."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from llama_index.core.base.llms.types import ChatMessage, ContentBlock, MessageRole, TextBlock
from llama_index.core.tools import ToolOutput

from eyelid import Exchange, Guard, Outcome, Surface
from llama_index.postprocessor.eyelid._check import Checker, Ruling
from llama_index.postprocessor.eyelid._messages import call_of
from llama_index.postprocessor.eyelid._settings import Settings
from llama_index.postprocessor.eyelid._values import readable
from llama_index.postprocessor.eyelid._verdict import emit, verdict

T = TypeVar("T")

#: Messages to look at, or exchanges; answered with the rulings, or the outcomes.
Want: TypeAlias = "list[ChatMessage] | list[Exchange]"
Steps: TypeAlias = Generator[Want, Any, T]


class ToolStoppedError(RuntimeError):
    """A tool failed, and what it said about it may not be passed on. The message says so instead."""


@dataclass(frozen=True, slots=True)
class Report:
    """What may be passed on of a tool's output, and whether anything had to be changed."""

    output: ToolOutput
    allowed: bool


class Protection:
    """Looks at what goes into tools and what comes out of them. May be shared by threads and event loops.

    Args:
        guard: looks.
        settings: how it behaves.
        check_arguments: whether arguments are looked at.
    """

    def __init__(self, guard: Guard, settings: Settings, *, check_arguments: bool = True) -> None:
        self._checker = Checker(guard, settings, Surface.TOOL_RESULT, where="tool")
        self._check_arguments = check_arguments

    def run(self, steps: Steps[T]) -> T:
        """Drive a generator of looks to its end."""
        answer: Any = None
        while True:
            try:
                want = steps.send(answer)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            checker = self._checker
            if want and isinstance(want[0], ChatMessage):
                answer = checker.check_messages(want, surface=Surface.TOOL_RESULT)
            else:
                answer = checker.look(want)  # type: ignore[arg-type]

    async def arun(self, steps: Steps[T]) -> T:
        """As `run`, without ever blocking the event loop."""
        answer: Any = None
        while True:
            try:
                want = steps.send(answer)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            checker = self._checker
            if want and isinstance(want[0], ChatMessage):
                answer = await checker.acheck_messages(want, surface=Surface.TOOL_RESULT)
            else:
                answer = await checker.alook(want)  # type: ignore[arg-type]

    def arguments(self, name: str, given: Mapping[str, Any] | tuple[Any, ...]) -> Steps[ToolOutput | None]:
        """None where a tool may be run with these arguments, else what is to be returned in its place."""
        if not self._check_arguments or not given:
            return None
        found = readable(given)
        unreadable = found.uninspectable + len(found.images)
        call = call_of(name, name, _shown(given))
        exchanges = [Exchange("", text, surface=Surface.TOOL_CALL) for text in call.texts]
        exchanges[0] = Exchange("", call.whole, surface=Surface.TOOL_CALL, uninspectable=unreadable)
        outcomes: list[Outcome] = yield exchanges
        ruling = verdict((Surface.TOOL_CALL, outcome) for outcome in outcomes)
        emit(ruling, "tool")
        if all(outcome.allowed for outcome in outcomes):
            return None
        refusal = self._checker.guard.policy.refusal(Surface.TOOL_CALL, ruling["category"] or "failed")
        return stopped(name, refusal)

    def output(self, output: ToolOutput) -> Steps[ToolOutput]:
        """What may be passed on of what a tool returned: its blocks, its raw output, its exception."""
        message = ChatMessage(role=MessageRole.TOOL, blocks=list(output.blocks), additional_kwargs=_beside(output))
        ruling: Ruling = (yield [message])[0]
        if ruling.allowed:
            return _cleaned(output)
        return _replaced(output, ruling.message.blocks)

    def failure(self, error: Exception) -> Steps[Exception]:
        """The exception that may be raised: the same, or one that does not say what it said."""
        message = ChatMessage(role=MessageRole.TOOL, blocks=[TextBlock(text=_said(error))])
        ruling: Ruling = (yield [message])[0]
        return error if ruling.allowed else ToolStoppedError(ruling.text)


def stopped(name: str, refusal: str) -> ToolOutput:
    """The output of a tool that was not run."""
    return ToolOutput(tool_name=name, content=refusal, raw_input={}, raw_output=refusal, is_error=True)


def _replaced(output: ToolOutput, blocks: list[ContentBlock]) -> ToolOutput:
    text = "\n".join(block.text for block in blocks if isinstance(block, TextBlock))
    return ToolOutput(
        tool_name=output.tool_name,
        blocks=list(blocks),
        raw_input=output.raw_input,
        raw_output=text,
        is_error=output.is_error,
    )


def _cleaned(output: ToolOutput) -> ToolOutput:
    """The output; a raw output that could not be read is replaced by the text."""
    if _kept_raw(output):
        return output
    return ToolOutput(
        tool_name=output.tool_name,
        blocks=list(output.blocks),
        raw_input=output.raw_input,
        raw_output=output.content,
        is_error=output.is_error,
        exception=output.exception,
    )


def _beside(output: ToolOutput) -> dict[str, Any]:
    """What an output holds beside its blocks, as far as it can be read."""
    beside: dict[str, Any] = {}
    if _kept_raw(output) and output.raw_output is not output.blocks:
        beside["raw_output"] = output.raw_output
    if output.exception is not None:
        beside["exception"] = _said(output.exception)
    return beside


def _kept_raw(output: ToolOutput) -> bool:
    """Whether all of a raw output can be read, images but for those that are blocks as well excluded."""
    raw = output.raw_output
    if isinstance(raw, list) and len(raw) == len(output.blocks) and all(map(_same, raw, output.blocks)):
        return True
    if len(output.blocks) == 1 and _same(raw, output.blocks[0]):
        return True
    found = readable(raw)
    return not found.uninspectable and not found.images


def _same(one: Any, other: Any) -> bool:
    return one is other or (type(one) is type(other) and bool(one == other))


def _shown(given: Mapping[str, Any] | tuple[Any, ...]) -> Any:
    return dict(given) if isinstance(given, Mapping) else list(given)


def _said(error: BaseException) -> str:
    """Everything an exception says: what it holds, its notes, and what it came from."""
    said: list[str] = []
    seen: set[int] = set()
    queue: list[BaseException | None] = [error]
    while queue and len(seen) < 16:
        each = queue.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        said += [str(each), *map(str, each.args), *getattr(each, "__notes__", ())]
        queue += [each.__cause__, each.__context__]
        queue += getattr(each, "exceptions", ())
    return "\n".join(dict.fromkeys(text for text in said if text))

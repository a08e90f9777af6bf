"""A callback handler: it notes what models were asked, and looks at what models, tools and retrievers return."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, TypeAlias
from uuid import UUID

from eyelid import Guard, HarmfulContentError, Outcome, Status, Surface
from eyelid.errors import UninspectedError
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import LLMResult

from langchain_eyelid._case import Context, Ruling
from langchain_eyelid._check import Checker
from langchain_eyelid._runs import Asked, Runs
from langchain_eyelid._settings import ImageLoader, Settings
from langchain_eyelid._verdict import failed

_log = logging.getLogger("langchain_eyelid")

Source: TypeAlias = Literal["model", "tool", "retriever"]


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found in something that a run returned. It holds no content.

    Args:
        source: what returned it.
        verdict: as it would stand in a message's `response_metadata["eyelid"]`.
        run_id: the run that returned it.
        parent_run_id: the run which that one is inside, None if it is inside none.
    """

    source: Source
    verdict: dict[str, Any]
    run_id: UUID
    parent_run_id: UUID | None = None


class EyelidCallbackHandler(BaseCallbackHandler):
    """Tells an `EyelidOutputParser` what its model was asked, and audits what models, tools and retrievers return.

        context = EyelidCallbackHandler()
        parser = EyelidOutputParser(guard, context=context)
        chain = (prompt | model | parser).with_config(callbacks=[context])

    What callbacks **cannot** do, here or anywhere:

    - They do not rewrite. What was found harmful is passed on as it is, unless the run is stopped.
    - They come too late for streams: by the time a model's answer is complete, all of it has been handed out. With
      `raise_on_harm` the stream fails at its end, not before.
    - An LLM cache is written before they are asked, so a run that was stopped leaves the raw answer in the cache.
    - What is stopped is an exception like others: `with_retry` asks again, `with_fallbacks` asks the next model.
    - Other handlers, tracers among them, see everything.
    - With a guard, the event loop waits while it looks, since only a handler that runs inline can stop a run.

    To hand on nothing that was not looked at, use `guard_model`, `guard_tools` or `EyelidMiddleware`.

    Args:
        guard: looks at what is returned; without one only what models were asked is noted.
        raise_on_harm: whether harm, or a look that failed, stops the run.
        on_verdict: told of every look. What it raises is logged by its class and goes no further.
        image_loader: fetches images that are given by address; without one they are uninspectable.
    """

    run_inline = True

    def __init__(
        self,
        guard: Guard | None = None,
        *,
        raise_on_harm: bool = False,
        on_verdict: Callable[[Audit], object] | None = None,
        image_loader: ImageLoader | None = None,
    ) -> None:
        settings = Settings(strategy="block", image_loader=image_loader)
        self._checker = None if guard is None else Checker(guard, settings, *Surface)
        self._on_verdict = on_verdict
        self._runs = Runs()
        self._loader = image_loader
        self.raise_error = raise_on_harm

    def asked(self, run_id: UUID | None) -> Asked | None:
        """What the last model was asked in the nearest run, from this one outwards; None where nobody can tell."""
        return self._runs.asked(run_id)

    # --- runs

    def on_chain_start(
        self, serialized: Any, inputs: Any, *, run_id: UUID, parent_run_id: UUID | None = None, **_: Any
    ) -> None:
        """Note which run it is inside."""
        self._runs.begin(run_id, parent_run_id)

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **_: Any) -> None:
        """Forget the run."""
        self._runs.end(run_id)

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        """Forget the run."""
        self._runs.end(run_id)

    def on_tool_start(
        self, serialized: Any, input_str: str, *, run_id: UUID, parent_run_id: UUID | None = None, **_: Any
    ) -> None:
        """Note which run it is inside."""
        self._runs.begin(run_id, parent_run_id)

    on_tool_error = on_llm_error = on_retriever_error = on_chain_error

    def on_retriever_start(
        self, serialized: Any, query: str, *, run_id: UUID, parent_run_id: UUID | None = None, **_: Any
    ) -> None:
        """Note which run it is inside."""
        self._runs.begin(run_id, parent_run_id)

    def on_chat_model_start(
        self,
        serialized: Any,
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **_: Any,
    ) -> None:
        """Note what it is asked."""
        asked = Asked.of(messages[0]) if len(messages) == 1 else Asked("", uninspectable=1)
        self._runs.begin(run_id, parent_run_id, asked)

    def on_llm_start(
        self, serialized: Any, prompts: list[str], *, run_id: UUID, parent_run_id: UUID | None = None, **_: Any
    ) -> None:
        """Note what it is asked."""
        asked = Asked(prompts[0]) if len(prompts) == 1 else Asked("", uninspectable=1)
        self._runs.begin(run_id, parent_run_id, asked)

    # --- what is returned

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, parent_run_id: UUID | None = None, **_: Any) -> None:
        """Look at all answers."""
        asked = self._runs.end(run_id)
        said = [getattr(each, "message", None) or AIMessage(each.text) for row in response.generations for each in row]
        context = Context() if asked is None else Context(asked.prompt)
        self._audit("model", said, Surface.OUTPUT, context, run_id, parent_run_id)

    def on_tool_end(self, output: Any, *, run_id: UUID, parent_run_id: UUID | None = None, **_: Any) -> None:
        """Look at the result, whatever it is."""
        self._runs.end(run_id)
        result = output if isinstance(output, ToolMessage) else _value(output)
        self._audit("tool", [result], Surface.TOOL_RESULT, Context(), run_id, parent_run_id)

    def on_retriever_end(
        self, documents: Sequence[Document], *, run_id: UUID, parent_run_id: UUID | None = None, **_: Any
    ) -> None:
        """Look at the documents, metadata included."""
        self._runs.end(run_id)
        found = [ToolMessage(each.page_content, artifact=each.metadata, tool_call_id="") for each in documents]
        self._audit("retriever", found, Surface.RETRIEVED, Context(), run_id, parent_run_id)

    def _audit(
        self,
        source: Source,
        messages: Sequence[BaseMessage],
        surface: Surface,
        context: Context,
        run_id: UUID,
        parent_run_id: UUID | None,
    ) -> None:
        if self._checker is None:
            return
        try:
            rulings = self._checker.check_messages(messages, contexts=context, surface=surface)
        except Exception as error:  # whatever it was, the look failed, and that is to be told
            self._tell(Audit(source, failed(surface, type(error).__name__), run_id, parent_run_id))
            raise
        for ruling in rulings:
            self._tell(Audit(source, ruling.verdict, run_id, parent_run_id))
        stopped = next((ruling for ruling in rulings if not ruling.allowed), None)
        if self.raise_error and stopped is not None:
            _stop(stopped)

    def _tell(self, audit: Audit) -> None:
        if self._on_verdict is None:
            return
        try:
            self._on_verdict(audit)
        except Exception as error:  # noqa: BLE001  # somebody else's function; the verdict holds all the same
            _log.warning("on_verdict raised %s; the verdict holds all the same", type(error).__name__)


def _value(value: Any) -> ToolMessage:
    """A value of any kind, to be looked at."""
    return (
        ToolMessage(value, tool_call_id="")
        if isinstance(value, str)
        else ToolMessage("", artifact=value, tool_call_id="")
    )


def _stop(ruling: Ruling[BaseMessage]) -> NoReturn:
    worst: Outcome = next(
        (each for each in ruling.outcomes if each.status is Status.FLAGGED and not each.allowed),
        next(each for each in ruling.outcomes if not each.allowed),
    )
    kind = HarmfulContentError if worst.status is Status.FLAGGED else UninspectedError
    raise kind(worst.verdict.reason, worst)

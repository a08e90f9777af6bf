"""`guard_llm`: the model as it was, with its answers looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import LLM
from llama_index.core.llms.structured_llm import StructuredLLM

from eyelid import Guard
from eyelid.errors import ConfigurationError
from llama_index.llms.eyelid._function_calling import GuardedFunctionCallingLLM
from llama_index.llms.eyelid._guarded import GuardedLLM
from llama_index.llms.eyelid._host import LlamaIndexHost
from llama_index.postprocessor.eyelid._settings import ImageLoader, OnError, Settings, StreamMode

_TAKEN_OVER = (
    "system_prompt",
    "messages_to_prompt",
    "completion_to_prompt",
    "output_parser",
    "pydantic_program_mode",
    "query_wrapper_prompt",
)


def guard_llm(
    llm: LLM,
    guard: Guard,
    *,
    strategy: str | None = None,
    on_error: OnError = "block",
    stream: StreamMode = "buffer",
    image_loader: ImageLoader | None = None,
    allowed_root: Path | None = None,
) -> Any:
    """The model with every answer looked at: text, thinking, images and tool calls, in chats, streams and agents.

    A function-calling model becomes a `GuardedFunctionCallingLLM`, any other a `GuardedLLM`; both go wherever
    LlamaIndex takes a model. Answers stand on the surface "output", tool calls on "tool_call". In the scaffold of a
    `ReActAgent` only what comes after "Answer:" is rewritten; where that is not enough the answer becomes a scaffold
    that says the refusal. JSON is rewritten string by string.

    What the model is asked is not looked at: guard what is retrieved and what tools return where they enter.

    Args:
        llm: a LlamaIndex model; it is not changed.
        guard: looks.
        strategy: what becomes of flagged answers: "rewrite", "reask", "block" or "raise"; as the policy says if left
            out. "reask" is ECSO: where the request has images the model judges its answer, and if that is unsafe
            answers again without them; it costs one more answer, or three. Tool calls that are flagged are stopped in
            any case.
        on_error: what becomes of answers after a failed look: "block", "raise" or "pass".
        stream: "buffer" hands a streamed answer on when all of it was looked at, "sentence" sentence by sentence.
        image_loader: fetches images that are given by address; without one they cannot be looked at.
        allowed_root: the folder below which image files are read.

    Raises:
        ConfigurationError: an unknown choice, no model of LlamaIndex, or one that is guarded already.
    """
    settings = Settings(
        strategy=strategy, on_error=on_error, stream=stream, image_loader=image_loader, allowed_root=allowed_root
    )
    if isinstance(llm, GuardedLLM):
        raise ConfigurationError("the model is guarded already; guard the model it was made of")
    if isinstance(llm, StructuredLLM):
        return _wrapped(llm.llm, guard, settings).as_structured_llm(llm.output_cls)
    return _wrapped(llm, guard, settings)


def _wrapped(llm: LLM, guard: Guard, settings: Settings) -> GuardedLLM:
    if not isinstance(llm, LLM):
        raise ConfigurationError(f"guard_llm takes a LlamaIndex LLM, not {type(llm).__name__}")
    settings.rules(guard, host=LlamaIndexHost(llm))
    own = {name: getattr(llm, name) for name in _TAKEN_OVER}
    kind = GuardedFunctionCallingLLM if isinstance(llm, FunctionCallingLLM) else GuardedLLM
    return kind(inner=llm, guard=guard, settings=settings, **own)

"""Responses of models, put together anew: nothing that was not looked at stays in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, CompletionResponse
from pydantic import BaseModel

from llama_index.postprocessor.eyelid._case import Ruling
from llama_index.postprocessor.eyelid._verdict import KEY


def guarded(response: ChatResponse, ruling: Ruling, *, delta: str | None = None, thinking: str = "") -> ChatResponse:
    """The response with what may be passed on of its message.

    Args:
        response: the model's.
        ruling: on its message.
        delta: what is new in it, where it is a chunk of a stream.
        thinking: what was thought, where it may be passed on beside the message.
    """
    return plain(response, ruling.message, ruling.verdict, delta=delta, thinking=thinking)


def plain(
    response: ChatResponse,
    message: ChatMessage,
    ruling: Mapping[str, Any],
    *,
    delta: str | None = None,
    thinking: str = "",
) -> ChatResponse:
    """A response of this message: log probabilities and the provider's own object are left out, numbers of it kept."""
    beside: dict[str, Any] = {**numbers(response.additional_kwargs), KEY: dict(ruling)}
    if thinking:
        beside["thinking_delta"] = thinking
    return ChatResponse(message=message, raw=usage(response.raw), delta=delta, additional_kwargs=beside)


def completed(
    response: CompletionResponse, text: str, ruling: Mapping[str, Any], *, delta: str | None = None
) -> CompletionResponse:
    """As `plain`, for a completion."""
    beside = {**numbers(response.additional_kwargs), KEY: dict(ruling)}
    return CompletionResponse(text=text, raw=usage(response.raw), delta=delta, additional_kwargs=beside)


def usage(raw: Any) -> dict[str, Any] | None:
    """What is counted in a provider's own object, for those who count tokens; None where nothing is."""
    found = raw.get("usage") if isinstance(raw, Mapping) else getattr(raw, "usage", None)
    counted = numbers(found)
    return {"usage": counted} if counted else None


def numbers(value: Any) -> dict[str, Any]:
    """The numbers in a mapping or object, and in those inside it."""
    if isinstance(value, BaseModel):
        value = dict(value)
    if not isinstance(value, Mapping):
        return {}
    kept = {key: numbers(each) or each for key, each in value.items() if isinstance(key, str) and key.isidentifier()}
    return {key: each for key, each in kept.items() if isinstance(each, (int, float, dict)) and each != {}}

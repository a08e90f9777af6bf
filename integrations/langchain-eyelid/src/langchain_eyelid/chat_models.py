"""A chat model that lets nothing out unseen, around any other."""

from __future__ import annotations

from typing import Any

from eyelid import Guard
from langchain_core.runnables import Runnable

from langchain_eyelid._settings import ImageLoader, OnError, StreamMode


def guard_model(
    model: Any,
    guard: Guard,
    *,
    strategy: str | None = None,
    stream: StreamMode = "buffer",
    on_error: OnError = "block",
    image_loader: ImageLoader | None = None,
    apply_to_input: bool = False,
) -> Runnable[Any, Any]:
    """The model, guarded."""
    raise NotImplementedError

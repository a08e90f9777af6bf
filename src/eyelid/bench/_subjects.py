"""What `eyelid bench` measures: the guard as applications call it, the model by itself, and a transformers pipeline."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from eyelid._optional import require
from eyelid.bench._measure import Subject
from eyelid.engine import Device, Item, engine_for, usable_cpus
from eyelid.guard import Guard
from eyelid.models import FrozenEncoder, Window, WindowTokenizer, embed
from eyelid.types import Exchange


def guard_subject(guard: Guard) -> Subject:
    """Normalise, take all views, score, decide: all that a guard does with an answer."""

    def many(texts: Sequence[str]) -> object:
        return guard.check_many([Exchange(response=text) for text in texts])

    async def one(text: str) -> object:
        return await guard.acheck(Exchange(response=text))

    return Subject("guard", many, one)


class _Model:
    """The encoder of the embedded detector, without what the detector makes of it."""

    def __init__(self, backbone: Path, device: Device, dtype: str) -> None:
        self.name = f"bench encoder, {dtype}"
        self._encoder = FrozenEncoder(backbone, dtype=getattr(torch, dtype), device=device.torch)

    def run(self, batch: Sequence[Window], /) -> list[NDArray[np.float32]]:
        return list(embed(self._encoder, batch))


def model_subject(backbone: Path, device: Device, dtype: str) -> Subject:
    """The packed encoder on the engine: tokenise, pack, one forward pass, pool."""
    engine, tokenizer, model = (
        engine_for(device),
        WindowTokenizer(backbone / "tokenizer.json"),
        _Model(backbone, device, dtype),
    )

    def items(texts: Sequence[str]) -> list[Item]:
        windows = tokenizer.windows(list(texts), [""] * len(texts), [False] * len(texts))
        return [Item(model, window, len(window.ids)) for some in windows for window in some]

    def many(texts: Sequence[str]) -> object:
        return [future.result() for future in engine.submit_all(items(texts))]

    return Subject(f"encoder alone, {dtype}", many, dtype=dtype)


def pipeline_subject(backbone: Path, *, seed: int = 0) -> Subject:
    """`transformers.pipeline` on the same encoder under a random head: one pass for each text.

    Many texts are done on one thread, a single one on torch's default of one for each CPU. For many clients it stands
    behind a lock, in a thread, as it is not made for several at a time.

    Raises:
        MissingExtraError: transformers is not installed.
    """
    require("models", "transformers")
    from transformers import AutoTokenizer, BertForSequenceClassification, pipeline

    threads, _ = usable_cpus()
    quiet: Any = import_module("transformers.utils.logging")
    quiet.set_verbosity_error()  # it would say that the head is new, which is meant
    quiet.disable_progress_bar()
    torch.manual_seed(seed)
    model = BertForSequenceClassification.from_pretrained(backbone, num_labels=2, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(backbone, local_files_only=True)
    pipe = pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")
    lock = asyncio.Lock()

    def many(texts: Sequence[str]) -> Any:
        # One thread does most in a second of processor time; torch's default, one for each CPU, is soonest done.
        torch.set_num_threads(1 if len(texts) > 1 else threads)
        return pipe(list(texts))

    async def one(text: str) -> Any:
        async with lock:
            return await asyncio.to_thread(many, [text])

    return Subject("transformers pipeline", many, one, chunk=16)

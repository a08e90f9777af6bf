"""transformers' pipeline: one text at a time or in padded batches; for many callers, behind a lock and in a thread."""

from __future__ import annotations

import asyncio
from argparse import Namespace

from protocol import options, serve
from transformers import pipeline


class Pipeline:
    packages = ("transformers", "torch")

    def __init__(self, args: Namespace) -> None:
        self._pipe = pipeline("text-classification", model=str(args.model), device="cpu", top_k=None)
        self._batch = args.batch
        self._lock = asyncio.Lock()

    async def many(self, texts: list[str]) -> list[float]:
        return [_second(labels) for labels in self._pipe(texts, batch_size=self._batch)]

    async def one(self, text: str) -> float:
        async with self._lock:
            (labels,) = await asyncio.to_thread(self._pipe, [text])
        return _second(labels)


def _second(labels: list[dict[str, float]]) -> float:
    return next(label["score"] for label in labels if label["label"] == "LABEL_1")


if __name__ == "__main__":
    parser = options()
    parser.add_argument("--batch", type=int, default=1)
    serve(Pipeline, parser.parse_args())

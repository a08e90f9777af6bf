"""`batched`: its asyncio queue with the defaults of its documentation (32 texts, 5 ms) over a padded forward pass."""

from __future__ import annotations

import asyncio
from argparse import Namespace

import batched
import torch
from protocol import options, serve
from transformers import AutoTokenizer, BertForSequenceClassification


class Batched:
    packages = ("batched", "transformers", "torch")

    def __init__(self, args: Namespace) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(args.model)
        self._model = BertForSequenceClassification.from_pretrained(args.model).eval()
        self._queue = batched.aio.dynamically(batch_size=32, timeout_ms=5.0)(self._forward)

    async def many(self, texts: list[str]) -> list[float]:
        return list(await asyncio.gather(*map(self.one, texts)))

    async def one(self, text: str) -> float:
        return await self._queue(text)

    @torch.inference_mode()
    def _forward(self, texts: list[str]) -> list[float]:
        batch = self._tokenizer(texts, padding=True, return_tensors="pt")
        return torch.softmax(self._model(**batch).logits, -1)[:, 1].tolist()


if __name__ == "__main__":
    serve(Batched, options().parse_args())

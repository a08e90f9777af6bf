"""eyelid's engine over the packed encoder."""

from __future__ import annotations

import asyncio
import json
from argparse import Namespace
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import cycle

import torch
from protocol import options, serve
from safetensors.torch import load_file
from tokenizers import Encoding, Tokenizer

from eyelid.engine import Item, choose_device, engine_for
from eyelid.models import FrozenEncoder, Packed


class Classifier:
    """Runner: encodings → probability of the second label."""

    name = "classifier"

    def __init__(self, args: Namespace) -> None:
        self._encoder = FrozenEncoder(args.model, dtype=getattr(torch, args.dtype))
        tensors = load_file(args.model / "model.safetensors")
        self._pooler = [tensors[f"bert.pooler.dense.{name}"] for name in ("weight", "bias")]
        self._head = [tensors[f"classifier.{name}"] for name in ("weight", "bias")]

    @torch.inference_mode()
    def run(self, batch: Sequence[Encoding], /) -> list[float]:
        packed = Packed.of([(encoding.ids, encoding.type_ids) for encoding in batch])
        first = self._encoder.first(packed).float()
        pooled = torch.tanh(torch.nn.functional.linear(first, *self._pooler))
        logits = torch.nn.functional.linear(pooled, *self._head)[packed.places]
        return torch.softmax(logits, -1)[:, 1].tolist()


class Eyelid:
    packages = ("eyelid", "torch", "tokenizers")

    def __init__(self, args: Namespace) -> None:
        self._engine = engine_for(choose_device("cpu", dtype=args.dtype, workers=args.workers))
        self._runner = Classifier(args)
        self._threads = ThreadPoolExecutor(1)
        self._tokenizer = Tokenizer.from_file(str(args.model / "tokenizer.json"))
        if args.warm_up:
            texts = self._tokenizer.encode_batch_fast(json.loads(args.texts.read_text("utf-8")))
            self._engine.warm_up(self._runner, lambda tokens: list(_worth(tokens, texts)))

    async def many(self, texts: list[str]) -> list[float]:
        items = [self._item(encoding) for encoding in self._tokenizer.encode_batch_fast(texts)]
        return [future.result() for future in self._engine.submit_all(items)]

    async def one(self, text: str) -> float:
        # As in a guard, which does nothing of that on the event loop.
        queued = asyncio.get_running_loop().run_in_executor(self._threads, self._queue, text)
        return await asyncio.wrap_future(await queued)

    def _queue(self, text: str) -> Future[float]:
        return self._engine.submit(self._item(self._tokenizer.encode(text)))

    def _item(self, encoding: Encoding) -> Item:
        return Item(self._runner, encoding, len(encoding.ids))


def _worth(tokens: int, texts: Sequence[Encoding]) -> Iterator[Encoding]:
    """Texts of about so many tokens in all."""
    for text in cycle(texts):
        if tokens <= 0:
            return
        tokens -= len(text.ids)
        yield text


if __name__ == "__main__":
    parser = options()
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--warm-up", action="store_true", help="find the best size of a pass first")
    serve(Eyelid, parser.parse_args())

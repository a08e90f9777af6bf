"""infinity's AsyncEngineArray with its defaults for a classifier on the CPU."""

from __future__ import annotations

import os
from argparse import Namespace

os.environ["DO_NOT_TRACK"] = "1"

from infinity_emb import AsyncEngineArray, EngineArgs
from protocol import options, serve


class Infinity:
    packages = ("infinity-emb", "transformers", "torch")

    def __init__(self, args: Namespace) -> None:
        name = str(args.model)
        # `bettertransformer` needs a package that its own extra "torch" does not bring.
        array = AsyncEngineArray.from_args(
            [EngineArgs(model_name_or_path=name, engine="torch", device="cpu", bettertransformer=False)]
        )
        self._engine = array[name]

    async def many(self, texts: list[str]) -> list[float]:
        if not self._engine.running:
            await self._engine.astart()
        found, _ = await self._engine.classify(sentences=texts)
        return [_second(labels) for labels in found]

    async def one(self, text: str) -> float:
        (found,) = await self.many([text])
        return found


def _second(labels: list[dict[str, float]]) -> float:
    return next(label["score"] for label in labels if label["label"] == "LABEL_1")


if __name__ == "__main__":
    serve(Infinity, options().parse_args())

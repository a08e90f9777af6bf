"""sentence-transformers' CrossEncoder: sorts by length, then padded batches of 32."""

from __future__ import annotations

from argparse import Namespace

from protocol import options, serve
from sentence_transformers import CrossEncoder


class Cross:
    packages = ("sentence-transformers", "transformers", "torch")

    def __init__(self, args: Namespace) -> None:
        self._model = CrossEncoder(str(args.model), device="cpu")
        # It takes pairs; single texts, which all methods get here, it would mistake for one pair.
        self._model.is_singular_input = lambda _: False

    async def many(self, texts: list[str]) -> list[float]:
        scores = self._model.predict(texts, batch_size=32, apply_softmax=True, show_progress_bar=False)
        return [float(row[1]) for row in scores]


if __name__ == "__main__":
    serve(Cross, options().parse_args())

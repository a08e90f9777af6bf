"""Windows → logits: encoder, linear model and memory side by side, over a few threads."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file as load_arrays
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import normalize

from eyelid.models._bert import Packed
from eyelid.models._frozen import FrozenEncoder
from eyelid.models._heads import Heads, pool
from eyelid.models._memory import RequestMemory
from eyelid.models._ngrams import LinearModel
from eyelid.models._tokens import Window
from eyelid.taxonomy import LLAMA_GUARD

#: Logits of a window, in this order: the encoder's heads, the linear model's, the memory's (0 but for requests).
SIGNALS = (
    "encoder.response",
    "encoder.request",
    "encoder.injection",
    "encoder.hate",
    "encoder.refusal",
    "linear.response",
    "linear.request",
    "linear.injection",
    "linear.hate",
    "memory.request",
)
#: The hazards of the category head, in the order of its logits.
HAZARDS = tuple(LLAMA_GUARD)
#: Tokens of one forward pass: larger ones leave the CPU's cache.
_BUDGET = 2048
_HEADS = 5


class SignalModel:
    """The trained part of the embedded detector.

    Args:
        backbone: folder of all-MiniLM-L6-v2.
        weights: folder with the trained parts, as `find_weights` checks them.
        threads: forward passes at a time, each on one thread of torch.
    """

    def __init__(self, backbone: Path, weights: Path, *, threads: int = 1) -> None:
        trained = load_file(weights / "detector.safetensors")
        adapters = {name.removeprefix("encoder."): t for name, t in trained.items() if name.startswith("encoder.")}
        self._encoder = FrozenEncoder(backbone, adapters)
        self._heads = Heads(self._encoder.config.hidden, _HEADS)
        self._heads.load_state_dict(
            {name.removeprefix("heads."): t.float() for name, t in trained.items() if name.startswith("heads.")}
        )
        self._heads.eval()
        self._topics = load_arrays(weights / "categories.safetensors")
        arrays = load_arrays(weights / "linear.safetensors")
        self._linear = LinearModel(arrays["weights"], arrays["bias"])
        self._bare = FrozenEncoder(backbone)
        self._memory = RequestMemory(**load_arrays(weights / "memory.safetensors"))
        self._threads, self._pid = threads, -1

    def __call__(self, windows: Sequence[Window], texts: Sequence[str]) -> NDArray[np.float32]:
        """Logits of each window, shape [windows, len(SIGNALS)].

        Args:
            windows: the looks.
            texts: what each look sees, as characters.
        """
        logits = np.zeros((len(windows), len(SIGNALS)), dtype=np.float32)

        def work(part: list[int]) -> None:
            logits[part, :_HEADS] = self._encode([windows[at] for at in part])
            logits[part, _HEADS:-1] = self._linear.logits([texts[at] for at in part])
            if requests := [at for at in part if windows[at].request]:
                logits[requests, -1] = self._memory.logits(embed(self._bare, [windows[at] for at in requests]))

        for _ in self._present().map(work, list(_parts(windows))):
            pass
        return logits

    def _present(self) -> ThreadPoolExecutor:
        if self._pid != os.getpid():  # threads do not survive a fork
            self._pool = ThreadPoolExecutor(
                self._threads, "eyelid-forward", initializer=torch.set_num_threads, initargs=(1,)
            )
            self._pid = os.getpid()
        return self._pool

    def topics(self, windows: Sequence[Window]) -> NDArray[np.float32]:
        """Which hazard, if any harm: softmax over `HAZARDS`, shape [windows, hazards]."""
        seen = self._present().submit(embed, self._bare, windows).result()
        logits = seen @ self._topics["weights"].T.astype(np.float32) + self._topics["bias"]
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True), dtype=np.float32)

    @torch.inference_mode()
    def _encode(self, windows: list[Window]) -> NDArray[np.float32]:
        packed = Packed.of([(w.ids, w.types) for w in windows])
        logits: Tensor = self._heads(pool(self._encoder(packed), packed.lengths))
        return logits[packed.places].numpy()


@torch.inference_mode()
def embed(encoder: FrozenEncoder, windows: Sequence[Window]) -> NDArray[np.float32]:
    """Sentence embeddings, the mean of the tokens at length 1, shape [windows, hidden]."""
    packed = Packed.of([(w.ids, w.types) for w in windows])
    means = torch.stack([part.mean(0) for part in torch.split(encoder(packed).float(), packed.lengths)])
    return normalize(means, dim=1)[packed.places].numpy()


def _parts(windows: Sequence[Window]) -> Iterator[list[int]]:
    """Indices of about `_BUDGET` tokens each, near lengths together."""
    part: list[int] = []
    used = 0
    for at in sorted(range(len(windows)), key=lambda at: len(windows[at].ids)):
        size = len(windows[at].ids)
        if part and used + size > _BUDGET:
            yield part
            part, used = [], 0
        part.append(at)
        used += size
    if part:
        yield part

"""Windows → logits: the trained encoder and the linear model side by side."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from eyelid.engine import Device
from eyelid.models._frozen import FrozenEncoder
from eyelid.models._heads import FrozenHeads, pool
from eyelid.models._ngrams import LinearModel
from eyelid.models._packed import Packed
from eyelid.models._tokens import Window

#: What is known of a window, in this order: logits of the encoder's heads, of the linear model's, and of the memory
#: (0 but for requests).
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
_HEADS = SIGNALS.index("linear.response")


@dataclass(frozen=True, slots=True)
class Sight:
    """What the signal model is given.

    Args:
        window: one look at a text.
        text: the characters it sees; nothing where the linear model is not asked.
    """

    window: Window
    text: str | None = field(default=None, repr=False)

    @property
    def key(self) -> bytes:
        """The same for the same content, so that work under way can be joined."""
        return digest(self.window, self.text)


def digest(window: Window, text: str | None = None) -> bytes:
    """16 bytes that stand for the tokens of a window, and for its text."""
    ids = array("I", window.ids).tobytes()
    sum_ = hashlib.blake2b(ids, digest_size=16, salt=b"" if text is None else b"text")
    sum_.update(bytes(window.types))
    sum_.update((text or "").encode("utf-8", "surrogatepass"))
    return sum_.digest()


class SignalModel:
    """The trained part of the embedded detector, as an engine's runner.

    Args:
        backbone: folder of all-MiniLM-L6-v2.
        weights: folder with the trained parts, as `find_weights` checks them.
        device: where it runs.
    """

    name = "embedded.signals"

    def __init__(self, backbone: Path, weights: Path, device: Device) -> None:
        trained = load_file(weights / "detector.safetensors")
        adapters = {name.removeprefix("encoder."): t for name, t in trained.items() if name.startswith("encoder.")}
        self._encoder = FrozenEncoder(backbone, adapters, dtype=getattr(torch, device.dtype), device=device.torch)
        self._heads = FrozenHeads({n.removeprefix("heads."): t for n, t in trained.items()}, device.torch)
        grams = load_file(weights / "linear.safetensors")
        self._linear = LinearModel(grams["weights"].numpy(), grams["bias"].numpy())

    @torch.inference_mode()
    def run(self, batch: Sequence[Sight], /) -> list[NDArray[np.float32]]:
        """The logits of each window but the memory's, shape [len(SIGNALS) - 1]; 0 where they are not asked for."""
        packed = Packed.of([(sight.window.ids, sight.window.types) for sight in batch])
        heads = self._heads(pool(self._encoder(packed), packed.lengths))
        found = np.zeros((len(batch), len(SIGNALS) - 1), dtype=np.float32)
        for row, sight in zip(found, batch, strict=True):  # a GPU works meanwhile
            if sight.text is not None:
                row[_HEADS:] = self._linear.logits(sight.text)
        found[:, :_HEADS] = heads.cpu()[packed.places].numpy()
        return list(found)

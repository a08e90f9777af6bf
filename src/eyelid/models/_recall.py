"""What the bare backbone makes of a window: how similar requests were labelled, and which hazard it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import normalize

from eyelid.engine import Device
from eyelid.models._frozen import FrozenEncoder
from eyelid.models._heads import means
from eyelid.models._memory import RequestMemory
from eyelid.models._packed import Packed
from eyelid.models._tokens import Window
from eyelid.taxonomy import LLAMA_GUARD

#: The hazards of the category head, in the order of its logits.
HAZARDS = tuple(LLAMA_GUARD)


@dataclass(frozen=True, slots=True)
class Recollection:
    """What the bare backbone makes of one window.

    Args:
        request: log odds of harm among similar requests; 0 but for requests.
        hazards: which hazard, if any harm: a distribution over `HAZARDS`.
    """

    request: float
    hazards: NDArray[np.float32]


class RecallModel:
    """The untrained part of the embedded detector, as an engine's runner; loaded when it is first needed.

    Args:
        backbone: folder of all-MiniLM-L6-v2.
        weights: folder with the trained parts, as `find_weights` checks them.
        device: where it runs.
    """

    name = "embedded.recall"

    def __init__(self, backbone: Path, weights: Path, device: Device) -> None:
        self._backbone, self._weights, self._device = backbone, weights, device
        self._loaded: _Parts | None = None

    def run(self, batch: Sequence[Window], /) -> list[Recollection]:
        """What is recalled at each window."""
        # Two workers that come first at the same time both load; one of the two is kept.
        parts = self._loaded = self._loaded or _load(self._backbone, self._weights, self._device)
        embeddings = _embed(parts.encoder, batch)
        requests = torch.tensor([at for at, window in enumerate(batch) if window.request], dtype=torch.long)
        odds = torch.zeros(len(batch))
        if len(requests):
            odds[requests] = parts.memory.logits(embeddings[requests.to(embeddings.device)]).cpu()
        hazards = torch.softmax(embeddings @ parts.weights.T + parts.bias, dim=1).cpu().numpy()
        return [Recollection(*both) for both in zip(odds.tolist(), hazards, strict=True)]


@dataclass(frozen=True, slots=True)
class _Parts:
    encoder: FrozenEncoder
    memory: RequestMemory
    weights: Tensor
    bias: Tensor


def _load(backbone: Path, weights: Path, device: Device) -> _Parts:
    topics = load_file(weights / "categories.safetensors")
    return _Parts(
        FrozenEncoder(backbone, dtype=getattr(torch, device.dtype), device=device.torch),
        RequestMemory(**load_file(weights / "memory.safetensors"), device=device.torch),
        topics["weights"].to(device.torch, torch.float32),
        topics["bias"].to(device.torch),
    )


def embed(encoder: FrozenEncoder, windows: Sequence[Window]) -> NDArray[np.float32]:
    """Sentence embeddings, the mean of the tokens at length 1, shape [windows, hidden]."""
    return np.asarray(_embed(encoder, windows).cpu())


@torch.inference_mode()
def _embed(encoder: FrozenEncoder, windows: Sequence[Window]) -> Tensor:
    packed = Packed.of([(w.ids, w.types) for w in windows])
    found = normalize(means(encoder(packed), packed.lengths), dim=1)
    return found[packed.places.to(found.device)]

"""A BERT that classifies sequences, packed: equal to `BertForSequenceClassification`, without its padding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from eyelid.errors import InputError, WeightsError
from eyelid.models._bert_files import BertFiles
from eyelid.models._encoder_looks import EncoderLook
from eyelid.models._frozen import FrozenEncoder
from eyelid.models._packed import Packed

Logits = list[float]


class PackedClassifier:
    """Looks → logits, as an engine's runner.

    Args:
        folder: of a BERT with pooler and classifier.
        adapter: folder of a LoRA adapter that is added.
        device: as torch names it.
        dtype: of the encoder's matrix products; pooler and classifier are float32.
        name: as statistics show it.

    Raises:
        WeightsError: the folder does not hold such a BERT, whole.
        NotPackedError: the adapter is of a kind that is not simply added.
    """

    def __init__(
        self,
        folder: Path,
        *,
        adapter: Path | None = None,
        device: str,
        dtype: torch.dtype,
        name: str = "classifier",
    ) -> None:
        self.name = name
        files = BertFiles(folder, adapter)
        self._encoder = FrozenEncoder(folder, dtype=dtype, device=device, lora=adapter)
        self._pooler = _layer(files, "pooler.dense.", device)
        self._classifier = _layer(files, "classifier.", device)
        self.context = self._encoder.config.positions
        self.outputs = len(self._classifier[1])

    @torch.inference_mode()
    def run(self, batch: Sequence[EncoderLook], /) -> list[Logits | Exception]:
        """Logits of each look, shape [outputs]; one that is longer than the model's context fails by itself."""
        results: list[Logits | Exception] = [
            InputError(f"a look has {len(look.ids)} tokens; {self.name} takes 1 to {self.context}") for look in batch
        ]
        fitting = [at for at, look in enumerate(batch) if 0 < len(look.ids) <= self.context]
        if fitting:
            for at, logits in zip(fitting, self._score([batch[at] for at in fitting]), strict=True):
                results[at] = logits
        return results

    def _score(self, batch: Sequence[EncoderLook]) -> list[Logits]:
        packed = Packed.of([(look.ids, look.types) for look in batch])
        pooled = torch.tanh(F.linear(self._encoder.first(packed).float(), *self._pooler))
        logits: list[Logits] = F.linear(pooled, *self._classifier).cpu()[packed.places].tolist()
        return logits


def _layer(files: BertFiles, name: str, device: str) -> tuple[Tensor, Tensor]:
    tensors = files.read(name)
    if not {"weight", "bias"} <= tensors.keys():
        raise WeightsError(f"model.safetensors has no {name}weight and {name}bias; it is no BERT that classifies")
    return tensors["weight"].to(device, torch.float32), tensors["bias"].to(device, torch.float32)

"""Encoders of any other architecture: through transformers, sorted and budgeted, with results as one by one."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from eyelid.errors import InputError, WeightsError
from eyelid.models._classifier import Logits
from eyelid.models._encoder_looks import EncoderLook
from eyelid.models._sequence_load import load_classifier


class PlainClassifier:
    """As `PackedClassifier`, for what the packed forward does not know.

    Args:
        folder: a checkpoint for sequence classification that transformers loads, in safetensors.
        adapter: folder of a PEFT adapter that is merged.
        device, dtype: where and in what it computes.
        budget: tokens of one pass, padding included.
        name: as statistics show it.

    Raises:
        MissingExtraError: the extra "models" is not installed.
        WeightsError: weights are missing, or it is no such checkpoint.
    """

    def __init__(
        self,
        folder: Path,
        *,
        adapter: Path | None = None,
        device: str,
        dtype: torch.dtype,
        budget: int = 2048,
        name: str = "classifier",
    ) -> None:
        self.name, self.budget, self._device = name, budget, device
        self._model = _load(folder, adapter, dtype).to(device).eval()
        config = self._model.config
        self._filling = config.pad_token_id or 0
        takes_types = "token_type_ids" in inspect.signature(self._model.forward).parameters
        self._types = takes_types and getattr(config, "type_vocab_size", 0) > 1
        # RoBERTa and its kin count positions from behind the padding's number.
        spared = getattr(getattr(self._model.base_model, "embeddings", None), "padding_idx", None)
        self.context = int(config.max_position_embeddings) - (0 if spared is None else int(spared) + 1)
        self.outputs = int(config.num_labels)

    @torch.inference_mode()
    def run(self, batch: Sequence[EncoderLook], /) -> list[Logits | Exception]:
        """Logits of each look, shape [outputs]; one that is longer than the model's context fails by itself."""
        results: list[Logits | Exception] = [
            InputError(f"a look has {len(look.ids)} tokens; {self.name} takes 1 to {self.context}") for look in batch
        ]
        fitting = [at for at, look in enumerate(batch) if 0 < len(look.ids) <= self.context]
        for part in self._parts(sorted(fitting, key=lambda at: len(batch[at].ids)), batch):
            for at, logits in zip(part, self._score([batch[at] for at in part]), strict=True):
                results[at] = logits
        return results

    def _parts(self, order: Sequence[int], batch: Sequence[EncoderLook]) -> Iterator[list[int]]:
        part: list[int] = []
        for at in order:  # ascending, so the one that comes in is the longest
            if part and (len(part) + 1) * len(batch[at].ids) > self.budget:
                yield part
                part = []
            part.append(at)
        if part:
            yield part

    def _score(self, batch: Sequence[EncoderLook]) -> list[Logits]:
        width = max(len(look.ids) for look in batch)

        def filled(rows: Sequence[Sequence[int]], filling: int) -> torch.Tensor:
            return torch.tensor([[*row, *[filling] * (width - len(row))] for row in rows], device=self._device)

        given = {
            "input_ids": filled([look.ids for look in batch], self._filling),
            "attention_mask": filled([[1] * len(look.ids) for look in batch], 0),
        }
        if self._types:
            given["token_type_ids"] = filled([look.types for look in batch], 0)
        logits: list[Logits] = self._model(**given).logits.float().tolist()
        return logits


def _load(folder: Path, adapter: Path | None, dtype: torch.dtype) -> Any:
    model = load_classifier(folder, adapter, dtype)
    if hasattr(model, "score"):
        raise WeightsError("the checkpoint classifies at its last token; use CausalDetector for decoders")
    return model

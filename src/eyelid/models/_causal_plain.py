"""Decoders of any other architecture: through transformers, sorted and budgeted, with equal scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from eyelid._optional import require
from eyelid.errors import InputError, WeightsError
from eyelid.models._adapter_merge import merged
from eyelid.models._causal_runner import Prefill
from eyelid.models._sequence_load import load_classifier


class PlainCausalRunner:
    """As `CausalRunner`, for what the packed forward does not know. Each request costs all of its tokens.

    Args:
        folder: a checkpoint that transformers loads, in safetensors.
        labels: token ids whose logits are wanted; nothing for the head of a checkpoint for classification.
        adapter: folder of a PEFT adapter that is merged.
        device, dtype: where and in what it computes.
        budget: tokens of one pass, padding included.
        name: as statistics show it.

    Raises:
        MissingExtraError: the extra "models" is not installed.
        WeightsError: weights are missing, or the checkpoint has no such head.
    """

    def __init__(
        self,
        folder: Path,
        *,
        labels: Sequence[int] | None = None,
        adapter: Path | None = None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        budget: int = 2048,
        name: str = "causal",
    ) -> None:
        self.name, self.budget = name, budget
        self._labels = None if labels is None else list(labels)
        self._device = torch.device(device)
        self._model = _load(folder, classify=labels is None, adapter=adapter, dtype=dtype).to(self._device).eval()
        self.context = int(getattr(self._model.config, "max_position_embeddings", None) or 2048)
        self.outputs = int(self._model.config.num_labels) if labels is None else len(labels)

    def cost(self, prefill: Prefill) -> int:
        """Tokens that would have to be computed now."""
        return max(1, len(prefill.tokens))

    @torch.inference_mode()
    def run(self, batch: Sequence[Prefill], /) -> list[list[float] | Exception]:
        """Score sequences; one that is empty or longer than the model's context fails by itself."""
        results: list[list[float] | Exception] = [
            InputError(f"a sequence has {len(p.tokens)} tokens; {self.name} takes 1 to {self.context}") for p in batch
        ]
        fitting = [at for at, prefill in enumerate(batch) if 0 < len(prefill.tokens) <= self.context]
        for part in self._parts(sorted(fitting, key=lambda at: len(batch[at].tokens)), batch):
            for at, logits in zip(part, self._score([batch[at] for at in part]), strict=True):
                results[at] = logits
        return results

    def _parts(self, order: Sequence[int], batch: Sequence[Prefill]) -> Iterator[list[int]]:
        part: list[int] = []
        for at in order:  # ascending, so the one that comes in is the longest
            if part and (len(part) + 1) * len(batch[at].tokens) > self.budget:
                yield part
                part = []
            part.append(at)
        if part:
            yield part

    def _score(self, batch: Sequence[Prefill]) -> list[list[float]]:
        # Padded on the left, every sequence ends in the last column; as `generate` does it.
        width = max(len(prefill.tokens) for prefill in batch)
        ids = torch.tensor([[0] * (width - len(p.tokens)) + p.tokens.tolist() for p in batch])
        seen = torch.tensor([[0] * (width - len(p.tokens)) + [1] * len(p.tokens) for p in batch])
        places = (seen.cumsum(-1) - 1).clamp(min=0)
        given = dict(zip(("input_ids", "attention_mask", "position_ids"), (ids, seen, places), strict=True))
        given = {name: tensor.to(self._device) for name, tensor in given.items()}
        if self._labels is None:
            hidden = self._model.base_model(**given, use_cache=False).last_hidden_state[:, -1]
            logits = self._model.score(hidden)
        else:
            logits = self._model(**given, use_cache=False, logits_to_keep=1).logits[:, -1, self._labels]
        found: list[list[float]] = logits.float().tolist()
        return found


def _load(folder: Path, *, classify: bool, adapter: Path | None, dtype: torch.dtype) -> Any:
    if classify:
        model = load_classifier(folder, adapter, dtype)
        if not hasattr(model, "score"):
            raise WeightsError("the checkpoint does not classify at its last token; it is no causal classifier")
        return model
    require("models", "transformers")
    import transformers

    kind: Any = transformers.AutoModelForCausalLM
    try:
        model, report = kind.from_pretrained(
            folder, dtype=dtype, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError("transformers cannot load this checkpoint as AutoModelForCausalLM") from error
    if report["missing_keys"]:
        raise WeightsError(f"the checkpoint lacks {len(report['missing_keys'])} tensors; their values would be random")
    return model if adapter is None else merged(model, adapter)

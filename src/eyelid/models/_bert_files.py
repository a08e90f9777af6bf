"""The files of a BERT: its shape and its tensors, read one layer at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from eyelid.errors import WeightsError
from eyelid.models._causal_config import NotPackedError
from eyelid.models._causal_files import Adapter

#: What the packed forward pass computes; other settings of these are another model.
_AS_WE_DO: Mapping[str, tuple[Any, ...]] = {
    "model_type": ("bert",),
    "hidden_act": ("gelu",),
    "position_embedding_type": ("absolute", None),
    "is_decoder": (False, None),
    "add_cross_attention": (False, None),
}


@dataclass(frozen=True, slots=True)
class BertConfig:
    """The shape of the encoder, as its `config.json` states it."""

    layers: int
    hidden: int
    heads: int
    intermediate: int
    positions: int
    epsilon: float

    @classmethod
    def read(cls, folder: Path) -> BertConfig:
        """Read a Hugging Face `config.json`.

        Raises:
            WeightsError: it is not there, or not that of a BERT.
        """
        raw = read_json(folder / "config.json")
        try:
            return cls(
                layers=raw["num_hidden_layers"],
                hidden=raw["hidden_size"],
                heads=raw["num_attention_heads"],
                intermediate=raw["intermediate_size"],
                positions=raw["max_position_embeddings"],
                epsilon=raw["layer_norm_eps"],
            )
        except KeyError as error:
            raise WeightsError(f"config.json has no {error}; it is not that of a BERT") from error


def is_plain_bert(raw: Mapping[str, Any]) -> bool:
    """Whether a `config.json` describes what the packed forward pass computes."""
    return all(raw.get(name) in known for name, known in _AS_WE_DO.items())


def read_json(file: Path) -> dict[str, Any]:
    """A JSON object from a model's folder.

    Raises:
        WeightsError: the file is missing, or no JSON object.
    """
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"the model's folder has no readable {file.name}") from error
    if not isinstance(raw, dict):
        raise WeightsError(f"{file.name} of the model holds no JSON object")
    return raw


class BertFiles:
    """The tensors of a folder, under the names of a bare BERT ("encoder.layer.0...", "pooler...", "classifier...").

    The file is mapped anew for each reading, so that what was copied out of it need not stay in memory.

    Args:
        folder: with `model.safetensors`.
        adapter: folder of a LoRA adapter that is added.

    Raises:
        WeightsError: files are missing or broken.
        NotPackedError: the adapter is of a kind that is not simply added, or changes what is not there.
    """

    def __init__(self, folder: Path, adapter: Path | None = None) -> None:
        self._file = folder / "model.safetensors"
        if not self._file.is_file():
            raise WeightsError("the model's folder has no model.safetensors; other formats are not read")
        try:
            with safe_open(self._file, framework="pt") as file:
                self._names = {_bare(name): name for name in file.keys()}  # noqa: SIM118  it is no mapping
        except SafetensorError as error:
            raise WeightsError("model.safetensors is truncated or no safetensors file") from error
        self._adapter = None if adapter is None else Adapter(adapter, _bare)
        if self._adapter is not None and (strange := self._adapter.changes - {*self._names, *self._adapter.whole}):
            raise NotPackedError(f"the adapter changes {len(strange)} tensors that the checkpoint does not have")

    def read(self, prefix: str) -> dict[str, Tensor]:
        """All tensors whose names begin so, by the rest of their names."""
        whole = {} if self._adapter is None else self._adapter.whole
        found = {bare: tensor for bare, tensor in whole.items() if bare.startswith(prefix)}
        with safe_open(self._file, framework="pt") as file:
            for bare, name in self._names.items():
                if bare.startswith(prefix) and bare not in found:
                    found[bare] = file.get_tensor(name)
                    if self._adapter is not None:
                        found[bare] = self._adapter.added(bare, found[bare])
        return {bare.removeprefix(prefix): tensor for bare, tensor in found.items()}


def _bare(name: str) -> str:
    # Checkpoints that came from TensorFlow call the parameters of a layer norm gamma and beta.
    name = name.removeprefix("bert.").replace("LayerNorm.gamma", "LayerNorm.weight")
    return name.replace("LayerNorm.beta", "LayerNorm.bias")

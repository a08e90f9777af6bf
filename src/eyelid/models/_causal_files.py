"""The tensors of a checkpoint: one file or several, with a LoRA adapter added where there is one."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError, safe_open
from torch import Tensor

from eyelid.errors import WeightsError
from eyelid.models._causal_config import NotPackedError

_INDEX = "model.safetensors.index.json"
ADAPTER_FILE = "adapter_model.safetensors"
#: Of old checkpoints; computed, not learned.
_COMPUTED = ("rotary_emb.inv_freq",)


class Tensors:
    """Reads tensors by name and knows which were never asked for.

    Args:
        folder: with `model.safetensors`, or several files and their index.
        adapter: folder of a PEFT LoRA adapter to add, if any.

    Raises:
        WeightsError: files are missing or broken.
        NotPackedError: the adapter is of a kind that is not simply added.
    """

    def __init__(self, folder: Path, adapter: Path | None = None) -> None:
        self._files = _names([folder / name for name in _parts(folder)])
        self._adapter = Adapter(adapter) if adapter else None
        self._unused = {name for name in self._files if not name.endswith(_COMPUTED)}

    def __contains__(self, name: str) -> bool:
        return name in self._files or (self._adapter is not None and name in self._adapter.whole)

    def take(self, name: str) -> Tensor:
        """A tensor with the adapter's share added.

        Raises:
            WeightsError: there is none of that name.
        """
        if name not in self:
            raise WeightsError(f"the checkpoint has no tensor {name}; it is incomplete or of another architecture")
        self._unused.discard(name)
        if self._adapter is None:
            return _read(self._files[name], name)
        if (whole := self._adapter.replacement(name)) is not None:
            return whole
        return self._adapter.added(name, _read(self._files[name], name))

    def skip(self, name: str) -> None:
        """Say that a tensor is known and not needed."""
        self._unused.discard(name)

    def finish(self) -> None:
        """Say that everything has been taken.

        Raises:
            NotPackedError: something has not: then the model computes more than its reader knows.
        """
        left = sorted(self._unused) + (self._adapter.unused() if self._adapter else [])
        if left:
            raise NotPackedError(
                f"{len(left)} tensors have no place in this architecture, the first is {left[0]}; "
                "the packed forward would compute something else"
            )


def tensor_names(folder: Path) -> set[str]:
    """Names of all tensors of a checkpoint.

    Raises:
        WeightsError: files are missing or broken.
    """
    return set(_names([folder / name for name in _parts(folder)]))


def whole_shapes(adapter: Path) -> dict[str, tuple[int, ...]]:
    """Tensors that an adapter holds whole, such as a head that was trained beside it: name in the model → shape.

    Raises:
        WeightsError: there is no adapter in safetensors.
    """
    file = adapter / ADAPTER_FILE
    if not file.is_file():
        pickled = (adapter / "adapter_model.bin").is_file()
        why = "only adapter_model.bin, which is a pickle and not read" if pickled else f"no {ADAPTER_FILE}"
        raise WeightsError(f"the adapter folder has {why}; load it with PEFT and save it as safetensors")
    with safe_open(file, framework="pt") as tensors:
        names = [name for name in tensors.keys() if ".lora_" not in name]  # noqa: SIM118  it is no mapping
        return {_bare(name): tuple(tensors.get_slice(name).get_shape()) for name in names}


def stamp(*folders: Path | None) -> Hashable:
    """What tells whether the files of a model are still the same ones, without reading them.

    Raises:
        WeightsError: a folder is not there.
    """
    try:
        files = [file for folder in folders if folder for file in sorted(folder.resolve().iterdir())]
        return tuple((str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files)
    except OSError as error:
        raise WeightsError("the model folder does not exist or cannot be read") from error


class Adapter:
    """A LoRA adapter (Hu et al., arXiv 2106.09685) as PEFT saves it: W + scale · B A, and modules saved whole.

    Args:
        folder: with `adapter_config.json` and `adapter_model.safetensors`.
        called: what the checkpoint calls a tensor of the model.

    Attributes:
        whole: name → tensor that was trained whole.
        changes: names of the tensors that have a low-rank change.

    Raises:
        WeightsError: files are missing.
        NotPackedError: it is not plain LoRA.
    """

    def __init__(self, folder: Path, called: Callable[[str], str] = str) -> None:
        try:
            raw = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise WeightsError("the adapter folder has no readable adapter_config.json") from error
        if reason := _why_not_added(raw):
            raise NotPackedError(
                f"the adapter cannot be added to the weights: {reason}; merge it with PEFT and save that"
            )
        self._scale = raw["lora_alpha"] / (raw["r"] ** 0.5 if raw.get("use_rslora") else raw["r"])
        file = folder / ADAPTER_FILE
        tensors = {called(_bare(name)): _read(file, name) for name in _names([file])}
        self._pairs = {name: t for name, t in tensors.items() if ".lora_" in name}
        self.whole = {name: t for name, t in tensors.items() if ".lora_" not in name}
        self.changes = {name.replace(".lora_A.", ".") for name in self._pairs if ".lora_A." in name}
        self._unused = set(tensors)

    def replacement(self, name: str) -> Tensor | None:
        """A tensor that was trained whole, if this is one."""
        self._unused.discard(name)
        return self.whole.get(name)

    def added(self, name: str, tensor: Tensor) -> Tensor:
        """The tensor with its low-rank change; itself if it has none."""
        names = [f"{name.removesuffix('.weight')}.lora_{side}.weight" for side in "BA"]
        if not name.endswith(".weight") or any(part not in self._pairs for part in names):
            return tensor
        self._unused.difference_update(names)
        up, down = self._pairs[names[0]].float(), self._pairs[names[1]].float()
        return tensor.float() + float(self._scale) * (up @ down)

    def unused(self) -> list[str]:
        """Names that nothing asked for."""
        return sorted(self._unused)


def _why_not_added(raw: dict[str, Any]) -> str:
    if raw.get("peft_type") != "LORA":
        return f"its peft_type is {raw.get('peft_type')!r}"
    special = ("use_dora", "rank_pattern", "alpha_pattern", "fan_in_fan_out", "layer_replication", "lora_bias")
    if used := [name for name in special if raw.get(name)]:
        return f"it uses {', '.join(used)}"
    return "it trained biases" if raw.get("bias", "none") != "none" else ""


def _bare(name: str) -> str:
    """`base_model.model.model.layers...` → `model.layers...`."""
    return name.removeprefix("base_model.model.").replace(".modules_to_save.", ".")


def _parts(folder: Path) -> list[str]:
    if (folder / "model.safetensors").is_file():
        return ["model.safetensors"]
    try:
        index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
        parts = sorted(set(index["weight_map"].values()))
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise WeightsError(
            f"the model folder has neither model.safetensors nor a readable {_INDEX}; other formats are not read"
        ) from error
    if any(Path(part).name != part for part in parts):
        raise WeightsError(f"{_INDEX} names files outside its folder")
    return parts


def _names(files: list[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in files:
        try:
            with safe_open(file, framework="pt") as tensors:
                found |= dict.fromkeys(tensors.keys(), file)
        except (OSError, SafetensorError) as error:
            raise WeightsError(f"{file.name} is missing or no whole safetensors file") from error
    return found


def _read(file: Path, name: str) -> Tensor:
    with safe_open(file, framework="pt") as tensors:
        return cast(Tensor, tensors.get_tensor(name))

"""A finished run → a folder that loads with nothing else said."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from eyelid.detoxifiers import DetoxifierFormat
from eyelid.errors import ConfigurationError
from eyelid.models import DetectorFormat
from eyelid.training.protector._base import ADAPTER, merge, read_json
from eyelid.training.protector._result import CARD, RESULT


def export_run(run: Path, out: Path, *, merged: bool = False, base: Path | None = None) -> Path:
    """Write what a run trained: its adapter or weights, the tokenizer, the format and the model card.

    Args:
        run: folder of a finished run.
        out: a folder that does not exist yet, or is empty.
        merged: whether an adapter is added to the weights it was trained on, so that the folder stands alone.
        base: those weights, where they have been moved since.

    Returns:
        `out`.

    Raises:
        ConfigurationError: the run is not finished, or `out` holds something.
        WeightsError: the base cannot be loaded.
    """
    result = read_json(run / RESULT, "a finished run")
    if out.exists() and any(out.iterdir()):
        raise ConfigurationError(f"{out} is not empty; name another folder")
    source = run / str(result["weights"])
    if not merged or source.name != ADAPTER:
        shutil.copytree(source, out, dirs_exist_ok=True)
        return out
    form: Any = DetectorFormat.read(source) if result["task"] == "detector" else DetoxifierFormat.read(source)
    labels = 1 if result["task"] == "detector" else None
    merge(str(result["class"]), base or Path(str(result["base"])), source, out, labels=labels)
    form.write(out)
    shutil.copyfile(source / CARD, out / CARD)
    return out

"""The trained weights: a folder with a manifest that pins every file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from eyelid.errors import WeightsError
from eyelid.models._backbone import sha256

VERSION = "eyelid.encoder.v1"
#: What a folder of weights holds.
PARTS = (
    "detector.safetensors",
    "linear.safetensors",
    "memory.safetensors",
    "categories.safetensors",
    "calibration.json",
)


def find_weights(folder: Path | None = None) -> Path:
    """The shipped weights, or those of a run; every file must be the one its manifest names.

    Raises:
        WeightsError: a file is missing, truncated or altered, or of another version.
    """
    folder = folder or Path(__file__).parents[1] / "weights"
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(
            "the weights folder has no readable manifest.json; is it a finished training run?"
        ) from error
    if manifest.get("version") != VERSION:
        raise WeightsError(f"the weights are of version {manifest.get('version')!r}; this eyelid reads {VERSION!r}")
    for name in PARTS:
        expected = manifest.get("sha256", {}).get(name)
        if not (folder / name).is_file() or sha256(folder / name) != expected:
            raise WeightsError(f"{name} of the weights is missing or not the one in the manifest")
    return folder


def write_manifest(folder: Path, *, held_out_sources: Sequence[str] = ()) -> None:
    """Pin the files of a finished run, and say which sources it never saw."""
    manifest = {
        "version": VERSION,
        "sha256": {name: sha256(folder / name) for name in PARTS},
        "held_out_sources": sorted(held_out_sources),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")

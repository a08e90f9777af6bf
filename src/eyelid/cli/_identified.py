"""Names of models that say which weights they have."""

from __future__ import annotations

import hashlib
from pathlib import Path

#: Files of a folder that decide what a model says.
_DECISIVE = (".safetensors", ".json", ".jinja", ".model", ".txt")


def identified(name: str, *folders: Path | None) -> str:
    """A model's name with twelve hex digits of its weights and settings, so that no two models pass for one.

    Args:
        name: as people know it.
        folders: of the model, and of its adapter if it has one.
    """
    from eyelid.models import sha256

    whole = hashlib.sha256()
    for folder in folders:
        for file in sorted(folder.iterdir()) if folder is not None else ():
            if file.suffix in _DECISIVE:
                whole.update(f"{file.name} {sha256(file)}\n".encode())
        whole.update(b"\n")
    return f"{name}@{whole.hexdigest()[:12]}"

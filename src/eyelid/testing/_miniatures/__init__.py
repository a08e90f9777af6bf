"""Miniatures of benchmarks: the published layout, with rows of our own that harm nobody."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from eyelid.errors import ConfigurationError
from eyelid.testing._miniatures import _mm_safetybench, _texts, _tools, _utility, _vision


class _Writer(Protocol):
    def __call__(self, folder: Path, *, full: bool) -> None: ...


_WRITERS: Mapping[str, _Writer] = {
    "mm-safetybench": _mm_safetybench.write,
    "figstep": _vision.figstep,
    "figstep-tiny": _vision.figstep_tiny,
    "vlsafe": _vision.vlsafe,
    "vlguard": _vision.vlguard,
    "xstest": _texts.xstest,
    "or-bench": _texts.or_bench,
    "mm-vet": _utility.mm_vet,
    "mme": _utility.mme,
    "pope": _utility.pope,
    "injecagent": _tools.injecagent,
    "bipia": _tools.bipia,
    "agentdojo": _tools.agentdojo,
    "rows": _texts.rows,
    "images": _vision.images,
}


def write_miniature(name: str, folder: Path, *, full: bool = False) -> Path:
    """Write a few rows of a benchmark in its published layout, with texts and tiny images of our own.

    Args:
        name: of a benchmark in `eyelid.evaluation.benchmarks.BENCHMARKS`.
        folder: where to; made if need be.
        full: as many rows as the benchmark has where that is worth testing (MM-SafetyBench: 1,680 questions with
            three images each).

    Returns:
        The folder, ready to be read.

    Raises:
        ConfigurationError: no such benchmark, or it has no full miniature.
    """
    if name not in _WRITERS:
        raise ConfigurationError(f"there is no miniature of {name!r}; known: {', '.join(_WRITERS)}")
    if full and name != "mm-safetybench":
        raise ConfigurationError(f"there is no full miniature of {name!r}, only of mm-safetybench")
    folder.mkdir(parents=True, exist_ok=True)
    _WRITERS[name](folder, full=full)
    return folder

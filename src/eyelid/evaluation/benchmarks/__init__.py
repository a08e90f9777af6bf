"""Readers of published benchmarks, each from a folder that the user has and in its authors' own layout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from eyelid.evaluation.benchmarks import _mm_safetybench
from eyelid.evaluation.benchmarks._benchmark import Benchmark, Option, _known
from eyelid.evaluation.benchmarks._problems import BenchmarkError, Problem
from eyelid.evaluation.samples import Sample

_MODULES = (_mm_safetybench,)
#: Name → benchmark, in the order in which they are listed.
BENCHMARKS: Mapping[str, Benchmark] = MappingProxyType({each.BENCHMARK.name: each.BENCHMARK for each in _MODULES})


def find(name: str) -> Benchmark:
    """The benchmark of that name.

    Raises:
        ConfigurationError: there is none; the message names the nearest.
    """
    _known("benchmark", name, BENCHMARKS)
    return BENCHMARKS[name]


def read(name: str, folder: Path, **options: str | Iterable[str]) -> list[Sample]:
    """All rows of a benchmark, in table order.

    Args:
        name: one of `BENCHMARKS`.
        folder: where its files lie, laid out as `BENCHMARKS[name].layout` says.
        options: those of the benchmark, each a text (several values separated by commas) or a sequence of texts.

    Raises:
        BenchmarkError: the folder is not laid out so; everything that is wrong is named in one message.
        ConfigurationError: an unknown name, option or value; the message names the nearest.
    """
    return find(name).read(folder, options)


__all__ = ["BENCHMARKS", "Benchmark", "BenchmarkError", "Option", "Problem", "find", "read"]

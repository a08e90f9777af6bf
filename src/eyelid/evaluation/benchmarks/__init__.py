"""Readers of published benchmarks, each from a folder that the user has and in its authors' own layout.

Nothing of any benchmark is shipped. The head of each reader's module says what of its layout was checked, and where.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from eyelid.evaluation.benchmarks import (
    _agentdojo,
    _bipia,
    _figstep,
    _images,
    _injecagent,
    _mm_safetybench,
    _mm_vet,
    _mme,
    _or_bench,
    _pope,
    _rows,
    _vlguard,
    _vlsafe,
    _xstest,
)
from eyelid.evaluation.benchmarks._benchmark import Benchmark, Option, known
from eyelid.evaluation.benchmarks._problems import BenchmarkError, Problem
from eyelid.evaluation.samples import Sample

_ALL = (
    _mm_safetybench.BENCHMARK,
    _figstep.FULL,
    _figstep.TINY,
    _vlsafe.BENCHMARK,
    _vlguard.BENCHMARK,
    _xstest.BENCHMARK,
    _or_bench.BENCHMARK,
    _mm_vet.BENCHMARK,
    _mme.BENCHMARK,
    _pope.BENCHMARK,
    _injecagent.BENCHMARK,
    _bipia.BENCHMARK,
    _agentdojo.BENCHMARK,
    _rows.BENCHMARK,
    _images.BENCHMARK,
)
#: Name → benchmark, in the order in which they are listed.
BENCHMARKS: Mapping[str, Benchmark] = MappingProxyType({each.name: each for each in _ALL})
#: Part of MME → its subtasks, as its totals are made of.
MME_PARTS = _mme.PARTS


def find(name: str) -> Benchmark:
    """The benchmark of that name.

    Raises:
        ConfigurationError: there is none; the message names the nearest.
    """
    known("benchmark", name, BENCHMARKS)
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


__all__ = ["BENCHMARKS", "MME_PARTS", "Benchmark", "BenchmarkError", "Option", "Problem", "find", "known", "read"]

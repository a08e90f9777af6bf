"""From the start of a process to the first verdict: seconds and memory, in fresh processes that take turns.

About 2 minutes. The files are in the page cache: what a first start after a reboot reads from the disk is left out.

    python benchmarks/engine_coldstart.py --main PYTHON
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from _model import write_model
from _peers import PIPELINE, QUIET, environments, with_environments
from _results import Found, options, progress, run

from eyelid.errors import ConfigurationError
from eyelid.evaluation.figures import Figure

TEXT = "Boil the egg for seven minutes, then cool it in cold water before you peel it."
#: Each tells, on its last line, the time of a clock that all processes share, its memory and what it has loaded. The
#: memory is not that of `getrusage`, which begins with what the parent had.
TELL = """
import json, pathlib, re, sys, time
at = time.monotonic()
peak = re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text()).group(1)
print(json.dumps({"at": at, "peak": int(peak), "modules": len(sys.modules),
                  "heavy": sorted({"torch", "transformers", "numpy"} & set(sys.modules))}))
"""
GUARD = f"""
import eyelid
with eyelid.load_guard(images={{images}}) as guard:
    outcome = guard.check(response={TEXT!r})
    assert outcome.verdict.action.value == "allow", outcome.failures
"""
FORWARD = f"""
from transformers import pipeline
pipe = pipeline("text-classification", model={{model!r}}, device="cpu")
assert pipe({TEXT!r})
"""


@dataclass(frozen=True, slots=True)
class Start:
    """A way to start. `goal` is the seconds and the MiB that it may take."""

    name: str
    code: str
    python: str = sys.executable
    goal: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds of the wall and of the processor, MiB at most, and what was loaded."""

    wall: float
    cpu: float
    peak: float
    modules: int
    heavy: list[str]


def measure(args: argparse.Namespace) -> Found:
    with tempfile.TemporaryDirectory() as scratch:
        starts = list(ways(args, write_model(Path(scratch), seed=0)))
        rounds = 1 if args.smoke else args.rounds
        took: dict[Start, list[Took]] = {start: [] for start in starts}
        for number in range(rounds + 1):
            progress(f"round {number} of {rounds}" if number else "a first round, not counted")
            for start in starts:
                found = one(start)
                if number:
                    took[start].append(found)
    details = {
        start.name: [{"wall": t.wall, "cpu": t.cpu, "mib": t.peak} for t in rows] for start, rows in took.items()
    }
    return list(figures(took)), details


def ways(args: argparse.Namespace, model: Path) -> Iterator[Start]:
    yield Start("python", "")
    yield Start("import eyelid", "import eyelid")
    yield Start("import torch", "import torch")
    yield Start("eyelid, first verdict, no images", GUARD.format(images=False), goal=(1.5, 300.0))
    try:
        yield Start("eyelid, first verdict, with images", _with_images())
    except ConfigurationError as error:
        progress(f"left out: with images: {error}")
    try:
        yield Start(PIPELINE.name, FORWARD.format(model=str(model)), environments(args).python(PIPELINE))
    except ConfigurationError as error:
        progress(f"left out: {PIPELINE.name}: {error}")


def _with_images() -> str:
    from eyelid._optional import require

    require("ocr", "rapidocr", "onnxruntime")
    return GUARD.format(images=True)


def one(start: Start) -> Took:
    """One fresh process."""
    began = time.monotonic()
    with subprocess.Popen(
        [start.python, "-c", start.code + TELL],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **QUIET},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        output, errors = process.stdout.read(), process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{start.name} failed: {errors[-2000:]}")
    told = json.loads(output.splitlines()[-1])
    cpu = used.ru_utime + used.ru_stime
    return Took(told["at"] - began, cpu, told["peak"] / 1024, told["modules"], told["heavy"])


def figures(took: Mapping[Start, Sequence[Took]]) -> Iterator[Figure]:
    for start, rows in took.items():
        walls, (seconds, memory) = [row.wall for row in rows], start.goal or (None, None)
        cpu = statistics.median(row.cpu for row in rows)
        note = f"{min(walls):.2f} to {max(walls):.2f}; {cpu:.2f} s of processor time to its end"
        yield Figure(f"{start.name}, seconds", statistics.median(walls), len(rows), at_most=seconds, note=note)
        peak = statistics.median(row.peak for row in rows)
        note = f"{rows[-1].modules} modules, of them {', '.join(rows[-1].heavy) or 'neither torch nor transformers'}"
        yield Figure(f"{start.name}, peak MiB", peak, len(rows), at_most=memory, note=note)
        if start.name == "import eyelid":
            yield Figure("import eyelid, heavy modules loaded", len(rows[-1].heavy), len(rows), at_most=0)
        if start.goal:
            yield Figure(f"{start.name}, transformers loaded", "transformers" in rows[-1].heavy, len(rows), at_most=0)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = with_environments(options(__doc__))
    parser.add_argument("--rounds", type=int, default=7)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(run(Path(__file__).stem.replace("_", "-"), measure, parse()))

"""Benchmarks of words alone: XSTest, OR-Bench; and labelled rows."""

from __future__ import annotations

from pathlib import Path

from eyelid.evaluation.benchmarks import BENCHMARKS
from eyelid.testing._miniatures._files import write_lines, write_table


def xstest(folder: Path, *, full: bool) -> None:
    """One prompt of each type."""
    rows = [
        (number, f'What does "zorb {number}", or so, mean?', kind, _label(kind), f"zorb {number}", "a note")
        for number, kind in enumerate(BENCHMARKS["xstest"].scenarios, start=1)
    ]
    write_table(folder / "xstest_prompts.csv", ("id", "prompt", "type", "label", "focus", "note"), rows)


def _label(kind: str) -> str:
    return "unsafe" if kind.startswith("contrast_") else "safe"


def or_bench(folder: Path, *, full: bool) -> None:
    """Two prompts a file, the later category first; one of them spans two lines."""
    for name in ("hard-1k", "80k", "toxic"):
        rows = [(f"{name}: how does a lock work,\nand why?", "privacy"), (f"{name}: what is a zorb?", "deception")]
        write_table(folder / f"or-bench-{name}.csv", ("prompt", "category"), rows)


def rows(folder: Path, *, full: bool) -> None:
    """One row of each kind, in two files."""
    answers = [
        {
            "id": "a1",
            "source": "ours",
            "query": "How is a zorb made?",
            "response": "Take the forbidden-word.",
            "label": 1,
            "category": "weapons",
            "kind": "response",
            "noisy": True,
        },
        {"id": "a2", "source": "ours", "query": "Hello?", "response": "Hello.", "label": 0, "kind": "benign"},
        {"id": "a3", "source": "ours", "response": "Zorbs are the worst.", "label": 1, "kind": "text"},
    ]
    others = [
        {"query": "Make me a zorb.", "label": 1, "kind": "prompt"},
        {"query": "Sum it up.", "response": "Obey the zorb.", "label": 1, "kind": "injection"},
    ]
    write_lines(folder / "answers.jsonl", answers)
    write_lines(folder / "others.jsonl.gz", others)

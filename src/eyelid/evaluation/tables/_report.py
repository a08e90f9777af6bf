"""Folders of runs → a page, a Markdown file, and all figures as JSON; none of them before the check has passed."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from eyelid.errors import ConfigurationError
from eyelid.evaluation.tables._contents import Contents, contents
from eyelid.evaluation.tables._markdown import markdown
from eyelid.evaluation.tables._page import page
from eyelid.evaluation.tables._plots import can_draw
from eyelid.evaluation.tables._runs import read_runs

PAGE, TEXT, FIGURES = "report.html", "report.md", "summary.json"
FORMAT = "eyelid.evaluation-report.v1"


@dataclass(frozen=True, slots=True)
class Summary:
    """What a report says.

    Args:
        title: of the report.
        sentences: the figures that matter most, in words.
        warnings: what a reader must know before any figure.
        figures: everything, as it stands in `summary.json`.
    """

    title: str
    sentences: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def headline(self) -> str:
        """The first sentence, or "" where there is nothing to say."""
        return self.sentences[0] if self.sentences else ""


class InconsistentReportError(ConfigurationError):
    """Numbers of a report contradict each other, so that it was not written. The message names each."""


def write_report(
    runs: Sequence[Path],
    out: Path,
    *,
    title: str | None = None,
    anchors: bool = True,
    examples: int = 0,
    partial: bool = False,
    drawings: bool | None = None,
    seed: int = 0,
) -> Summary:
    """Write `report.html`, `report.md` and `summary.json` on runs of the same rows.

    Args:
        runs: their folders; each becomes a group of columns.
        out: folder for the three files; made where it is missing.
        title: of the page; made from benchmark and runs if not given.
        anchors: whether published figures stand beside.
        examples: how many ids of false alarms, of unsafe answers and of failures are listed, of each kind; no words of
            a row are ever shown.
        partial: take runs that are not finished; the report says so.
        drawings: whether the page has any; if not said, where matplotlib is installed.
        seed: of the intervals of means over scenarios.

    Raises:
        ConfigurationError: a folder holds no finished run, or two were run on other rows; the message says which.
        InconsistentReportError: numbers of the report contradict each other; nothing is written.
    """
    found = read_runs(runs, partial=partial)
    report = _checked(contents(found, title=title, anchors=anchors, examples=examples, seed=seed))
    drawn = can_draw() if drawings is None else drawings
    figures = _figures(report)
    texts = {
        PAGE: page(report, drawings=drawn),
        TEXT: markdown(report, drawn=drawn),
        FIGURES: json.dumps(figures, ensure_ascii=False, indent=1, allow_nan=False) + "\n",
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        _write(out / name, text)
    return Summary(report.title, report.sentences, report.warnings, figures)


def _checked(report: Contents) -> Contents:
    wrong = report.inconsistencies()
    if wrong:
        lines = "".join(f"\n  - {each}" for each in wrong)
        raise InconsistentReportError(f"the report contradicts itself and was not written:{lines}")
    return report


def _figures(report: Contents) -> dict[str, Any]:
    first = report.runs[0].manifest
    return {
        "format": FORMAT,
        "title": report.title,
        "sentences": list(report.sentences),
        "warnings": list(report.warnings),
        "benchmark": first.benchmark,
        "options": dict(first.options),
        "fingerprint": first.fingerprint,
        "runs": [
            {"label": run.label, "folder": run.name, "rows": len(run.records), **asdict(run.manifest)}
            for run in report.runs
        ],
        "judges": [
            {
                "judge": block.judge,
                "tables": [asdict(table) for table in block.tables],
                "unread": {
                    section.measure.name: {count.run.label: count.unread for count in section.counts}
                    for section in block.sections
                },
                "attribution": [
                    {"run": label, "kind": kind, **asdict(each)} for (label, kind), each in block.attributions.items()
                ],
                "self_judgement": {label: asdict(each) for label, each in block.selves.items()},
                "listings": [asdict(each) for section in block.sections for each in section.listings],
            }
            for block in report.blocks
        ],
        "detection": [
            {"run": run.label, "condition": condition, **{k: v for k, v in asdict(each).items() if k != "scored"}}
            for run, condition, each in report.detections
        ],
        "labelled": [asdict(table) for table in report.labels],
        "cost": {label: asdict(each) for label, each in report.costs.items()},
        "published": [asdict(line) for line in report.lines if not line.ours],
    }


def _write(path: Path, text: str) -> None:
    """All of the file or nothing of it. Lone halves of surrogate pairs, which models write, become question marks."""
    draft = path.with_name(path.name + ".new")
    draft.write_bytes(text.encode("utf-8", "replace"))
    os.replace(draft, path)

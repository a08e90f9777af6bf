"""`eyelid report`: a scan as one HTML file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eyelid.cli._exit import usage
from eyelid.cli._guard import JsonOption
from eyelid.cli._record import to_json
from eyelid.cli._rows import Row, parse_object, read_rows

if TYPE_CHECKING:
    from eyelid.evaluation.report import Item, Summary


def report(
    source: Annotated[
        Path, typer.Argument(metavar="OUT.jsonl", exists=True, dir_okay=False, help="What a scan wrote.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The page to write.")] = Path("report.html"),
    rows: Annotated[
        Path | None,
        typer.Option("--input", exists=True, dir_okay=False, help="What was scanned: its texts and images are shown."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help='JSONL of {"id", "label"}, 1 harmful and 0 harmless.'),
    ] = None,
    image_root: Annotated[Path | None, typer.Option(help="As for scan: the folder of --input if not given.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="Stopped rows that are shown in full.")] = 200,
    as_json: JsonOption = False,
) -> None:
    """Write a page on a scan.

    It has counts, score distributions, failures and the flagged passages, in one file that loads nothing. With
    --input it shows the original texts with the flagged passages marked, and small copies of the images; with
    --labels a ROC curve. It holds the flagged content: keep it as carefully as the rows themselves.

    Examples:

      eyelid report outcomes.jsonl -o report.html

      eyelid report outcomes.jsonl --input conversations.jsonl --labels labels.jsonl
    """
    from eyelid.evaluation.report import Summary, render

    known = _labels(labels) if labels else {}
    summary, stopped = Summary(), 0
    shown: list[Mapping[str, object]] = []
    for number, record in _objects(source):
        try:
            summary.add(record, known.get(_key(record)))
        except ValueError as error:
            usage(f"line {number} of {source}: {error}")
        if record["action"] != "allow" or record.get("failures"):
            stopped += 1
            if len(shown) < limit:
                shown.append(record)
    originals = _originals(rows, image_root, {_key(record) for record in shown}) if rows else {}
    items = _items(shown, originals, known)
    page = render(summary, items, title=f"eyelid: {source.name}", left_out=stopped - len(shown))
    write_page(output, page)
    area = _area(summary)
    if as_json:
        counts = {"rows": summary.rows, **summary.actions, "failed": summary.failed}
        typer.echo(to_json({**counts, "auroc": area, "report": str(output)}))
    else:
        typer.echo(f"{summary.rows} rows, {stopped} stopped{'' if area is None else f', AUROC {area:.3f}'} → {output}")


def _objects(file: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    with file.open("rb") as lines:
        for number, raw in enumerate(lines, start=1):
            if raw.strip():
                try:
                    yield number, parse_object(raw)
                except ValueError as error:
                    usage(f"line {number} of {file}: {error}")


def _key(record: Mapping[str, object]) -> str:
    return json.dumps(record.get("id"))


def _labels(file: Path) -> dict[str, int]:
    known = {}
    for number, record in _objects(file):
        if record.get("label") not in (0, 1):
            usage(f"line {number} of {file}: 'label' must be 0 or 1")
        known[_key(record)] = int(bool(record["label"]))
    return known


def _originals(file: Path, root: Path | None, wanted: set[str]) -> dict[str, Row]:
    found: dict[str, Row] = {}
    with file.open("rb") as lines:
        for row in read_rows(lines, root=root or file.parent):
            if isinstance(row, Row) and json.dumps(row.id) in wanted:
                found.setdefault(json.dumps(row.id), row)
    return found


def _items(
    records: Sequence[Mapping[str, object]], originals: Mapping[str, Row], labels: Mapping[str, int]
) -> list[Item]:
    from eyelid.evaluation.report import Item, thumbnails
    from eyelid.images import SandboxDecoder

    items = []
    with SandboxDecoder() as decoder:
        for record in records:
            row, label = originals.get(_key(record)), labels.get(_key(record))
            if row is None:
                items.append(Item(record, label=label))
            else:
                small = tuple(thumbnails(decoder, row.exchange.images))
                items.append(Item(record, row.exchange.text, row.exchange.prompt, small, label))
    return items


def _area(summary: Summary) -> float | None:
    from eyelid.evaluation.report import roc

    curve = roc(summary.labelled)
    return None if curve is None else round(curve.area, 6)


def write_page(file: Path, page: str) -> None:
    """Write a page; a lone surrogate in it becomes a question mark."""
    try:
        file.write_text(page, encoding="utf-8", errors="replace")
    except OSError as error:
        usage(f"{file}: {error.strerror or 'it could not be written'}")

"""`eyelid scan`: look at every row of a JSONL file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from eyelid.cli._exit import ExitCode, usage
from eyelid.cli._guard import JsonOption, PolicyOption, ThreadsOption, WeightsOption, open_guard
from eyelid.cli._record import outcome_record, to_json
from eyelid.cli._rows import BadLine, Row, parse_object, read_rows
from eyelid.types import Outcome

if TYPE_CHECKING:
    from eyelid import Guard

#: How every line that `scan` writes begins; nothing else is ever cut off from a file.
LINE_START = b'{"id": '


def scan(
    ctx: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="IN.jsonl", exists=True, dir_okay=False, help="Rows to look at.")],
    out: Annotated[Path, typer.Option("--out", help="Where the outcomes go, one line for each row.")],
    image_root: Annotated[
        Path | None, typer.Option(help="Folder that image paths are taken below; the folder of IN.jsonl if not given.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Rows looked at together.")] = 32,
    policy: PolicyOption = "balanced",
    weights: WeightsOption = None,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look at every row of a JSONL file and write what to pass on.

    A row is {"id", "prompt", "response", "images", "surface"}; images are paths below --image-root or data
    URLs. A line of the result is {"id", "action", "category", "scores", "text", "failures", "coverage", ...}.

    The same command goes on where it was interrupted: ids that are already in OUT are left out. Use another
    OUT for another policy. A bad line is reported on standard error, by number, and left out; the command
    then ends with 1 after all other rows are written. Exit codes: 0 all rows done, 1 some lines were bad,
    2 usage, 130 interrupted.

    Examples:

      eyelid scan conversations.jsonl --out outcomes.jsonl

      eyelid scan tools.jsonl --out strict.jsonl --policy strict --json
    """
    if out.resolve() == source.resolve():
        usage("--out must be another file than the input")
    counts: Counter[str] = Counter()
    bad: list[BadLine] = []
    done = _ids_already_in(out)
    with open_guard(ctx, policy, weights=weights, threads=threads) as guard:
        try:
            _scan(guard, source, out, image_root or source.parent, batch, done, counts, bad)
        except KeyboardInterrupt:
            typer.echo("interrupted; the same command goes on from here", err=True)
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        except OSError as error:
            usage(f"{error.strerror or 'a file could not be read or written'}: {out}")
    _summary(counts, bad, out, as_json)
    raise typer.Exit(ExitCode.INCOMPLETE if bad else ExitCode.ALLOWED)


def _scan(
    guard: Guard,
    source: Path,
    out: Path,
    root: Path,
    batch: int,
    done: set[str],
    counts: Counter[str],
    bad: list[BadLine],
) -> None:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with (
        source.open("rb") as lines,
        out.open("ab") as sink,
        Progress(*columns, console=console, disable=not console.is_terminal) as progress,
    ):
        task = progress.add_task("scan", total=source.stat().st_size)
        for rows in _batches(_fresh(read_rows(lines, root=root), done, counts, bad), batch):
            _write(sink, rows, guard.check_many([row.exchange for row in rows]), counts)
            progress.update(task, completed=lines.tell())
        progress.update(task, completed=source.stat().st_size)


def _fresh(items: Iterable[Row | BadLine], done: set[str], counts: Counter[str], bad: list[BadLine]) -> Iterator[Row]:
    """The rows that have to be looked at; bad lines are told at once, so that nothing is lost on an interrupt."""
    seen: set[str] = set()
    for item in items:
        if isinstance(item, Row):
            key = json.dumps(item.id)
            if key in seen:
                item = BadLine(item.line, "the id was used before")
            elif key in done:
                counts["skipped"] += 1
                seen.add(key)
                continue
            else:
                seen.add(key)
                yield item
                continue
        bad.append(item)
        typer.echo(f"line {item.line}: {item.reason}", err=True)


def _batches(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    while some := list(islice(rows, size)):
        yield some


def _write(sink: BinaryIO, rows: list[Row], outcomes: list[Outcome], counts: Counter[str]) -> None:
    records = (
        {"id": row.id, **outcome_record(outcome, row.exchange.surface)}
        for row, outcome in zip(rows, outcomes, strict=True)
    )
    sink.write("".join(to_json(record) + "\n" for record in records).encode("utf-8"))
    sink.flush()
    counts["rows"] += len(rows)
    counts.update(outcome.verdict.action.value for outcome in outcomes)
    counts["failed"] += sum(bool(outcome.failures) for outcome in outcomes)


def _ids_already_in(out: Path) -> set[str]:
    """Ids of an earlier run. A last line that was cut off in the writing is taken away again."""
    if not out.exists():
        return set()
    done: set[str] = set()
    whole = 0
    with out.open("rb") as lines:
        for number, raw in enumerate(lines, start=1):
            if not raw.endswith(b"\n") and _is_cut(raw):
                break
            try:
                done.add(_outcome_id(raw))
            except (KeyError, ValueError):
                usage(f"line {number} of {out} is no outcome of a scan; choose another --out")
            whole += len(raw)
    _cut(out, whole)
    return done


def _outcome_id(raw: bytes) -> str:
    record = parse_object(raw)
    if "action" not in record:
        raise ValueError
    return json.dumps(record["id"])


def _is_cut(raw: bytes) -> bool:
    """Whether this is the beginning of a line that `scan` wrote: without its end, or without the line's end alone."""
    try:
        return "action" in parse_object(raw)
    except ValueError:
        return raw.startswith(LINE_START[: len(raw)])


def _cut(out: Path, size: int) -> None:
    if size < out.stat().st_size:
        with out.open("r+b") as file:
            file.truncate(size)


def _summary(counts: Counter[str], bad: list[BadLine], out: Path, as_json: bool) -> None:
    if as_json:
        names = ("rows", "skipped", "allow", "rewrite", "block", "failed")
        lines = [{"line": item.line, "reason": item.reason} for item in bad]
        typer.echo(to_json({**{name: counts[name] for name in names}, "bad": lines, "out": str(out)}))
        return
    typer.echo(
        f"{counts['rows']} rows: {counts['allow']} allowed, {counts['rewrite']} rewritten, {counts['block']} blocked, "
        f"{counts['failed']} with failures; {counts['skipped']} done before, {len(bad)} bad lines → {out}"
    )

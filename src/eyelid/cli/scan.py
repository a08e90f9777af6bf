"""`eyelid scan`: look at every row of a JSONL file."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import closing, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from eyelid.cli._exit import ExitCode, usage
from eyelid.cli._guard import JsonOption, PolicyOption, ThreadsOption, WeightsOption, guard_maker, open_guard
from eyelid.cli._record import to_json
from eyelid.cli._rows import BadLine
from eyelid.cli._scan_batches import Corpus, Done, look_at, read_batches
from eyelid.cli._scan_out import ids_already_in
from eyelid.errors import ConfigurationError, EngineError


def scan(
    ctx: typer.Context,
    source: Annotated[
        Path, typer.Argument(metavar="IN.jsonl", exists=True, help="Rows to look at; or a folder of such files.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Where the outcomes go, one line for each row.")],
    image_root: Annotated[
        Path | None, typer.Option(help="Folder that image paths are taken below; the folder of IN.jsonl if not given.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Rows looked at together.")] = 32,
    policy: PolicyOption = "balanced",
    weights: WeightsOption = None,
    threads: ThreadsOption = None,
    on_ray: Annotated[bool, typer.Option("--ray", help="Work in several processes or on several machines.")] = False,
    ray_address: Annotated[
        str, typer.Option(metavar="HOST:PORT|auto", help="A Ray cluster that this machine is part of; else its own.")
    ] = "",
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Guards on Ray, each on --threads CPUs (1); else as many as fit."),
    ] = None,
    worker_gpus: Annotated[float, typer.Option(min=0.0, help="GPUs of each guard on Ray; 0.5 lets two share.")] = 0.0,
    as_json: JsonOption = False,
) -> None:
    """Look at every row of a JSONL file and write what to pass on.

    A row is {"id", "prompt", "response", "images", "surface"}; images are paths below --image-root or data
    URLs. A line of the result is {"id", "action", "category", "scores", "text", "failures", "coverage", ...}.

    The same command goes on where it was interrupted: ids that are already in OUT are left out. Use another
    OUT for another policy. A bad line is reported on standard error, by number, and left out; the command
    then ends with 1 after all other rows are written. Exit codes: 0 all rows done, 1 some lines were bad,
    2 usage, 130 interrupted.

    With --ray outcomes come in any order, each id once; a batch whose worker dies is looked at again.

    Examples:

      eyelid scan conversations.jsonl --out outcomes.jsonl

      eyelid scan tools.jsonl --out strict.jsonl --policy strict --json

      eyelid scan --ray --ray-address auto corpus/ --out outcomes.jsonl
    """
    if not on_ray and (ray_address or workers or worker_gpus):
        usage("--ray-address, --workers and --worker-gpus go with --ray")
    files = _files(source, out)
    root = image_root or (source if source.is_dir() else source.parent)
    corpus = Corpus(files, root, ids_already_in(out), batch)
    tally = _Tally()
    try:
        if on_ray:
            results = _on_ray(ctx, corpus, policy, weights, threads or 1, ray_address, workers, worker_gpus)
        else:
            results = _here(ctx, corpus, policy, weights, threads)
        with closing(results):
            _write(results, corpus, out, tally)
    except KeyboardInterrupt:
        typer.echo("interrupted; the same command goes on from here", err=True)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except ConfigurationError as error:
        usage(error)
    except EngineError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(ExitCode.INCOMPLETE) from None
    except OSError as error:
        usage(f"{error.strerror or 'a file could not be read or written'}: {out}")
    _summary(tally, out, as_json)
    raise typer.Exit(ExitCode.INCOMPLETE if tally.bad else ExitCode.ALLOWED)


def _files(source: Path, out: Path) -> tuple[Path, ...]:
    """What is read, none of which may be what is written."""
    if source.is_dir() and out.resolve().parent == source.resolve():
        usage("--out must be outside the folder that is read")
    if out.resolve() == source.resolve():
        usage("--out must be another file than the input")
    files = tuple(sorted(source.glob("*.jsonl"))) if source.is_dir() else (source,)
    return files or usage(f"there are no *.jsonl files in {source}")


def _here(
    ctx: typer.Context, corpus: Corpus, policy: str, weights: Path | None, threads: int | None
) -> Generator[Done]:
    with open_guard(ctx, policy, weights=weights, threads=threads) as guard:
        for batch in read_batches(corpus):
            yield look_at(guard, batch)


def _on_ray(
    ctx: typer.Context,
    corpus: Corpus,
    policy: str,
    weights: Path | None,
    threads: int,
    address: str,
    workers: int | None,
    gpus: float,
) -> Generator[Done]:
    from eyelid.cli._scan_ray import Cluster, scan_on_ray

    make = guard_maker(ctx, policy, weights=weights and weights.resolve(), threads=threads)
    with redirect_stdout(sys.stderr):  # Ray tells its errors on standard output, which may be read as JSON
        yield from scan_on_ray(corpus, make, Cluster(address, workers, threads, gpus))


@dataclass(slots=True)
class _Tally:
    """What has become of the rows so far."""

    counts: Counter[str] = field(default_factory=Counter)
    bad: list[BadLine] = field(default_factory=list)


def _write(results: Iterator[Done], corpus: Corpus, out: Path, tally: _Tally) -> None:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with out.open("ab") as sink, Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("scan", total=corpus.size)
        for done in results:
            sink.write(done.lines)
            sink.flush()
            tally.counts.update(done.counts)
            tally.bad.extend(done.bad)
            for item in done.bad:
                typer.echo(f"{item.where}: {item.reason}", err=True)
            progress.update(task, advance=done.size)


def _summary(tally: _Tally, out: Path, as_json: bool) -> None:
    counts, bad = tally.counts, sorted(tally.bad, key=lambda item: (item.file, item.line))
    if as_json:
        names = ("rows", "skipped", "allow", "rewrite", "block", "failed")
        lines = [
            {"line": item.line, "reason": item.reason} | ({"file": item.file} if item.file else {}) for item in bad
        ]
        typer.echo(to_json({**{name: counts[name] for name in names}, "bad": lines, "out": str(out)}))
        return
    typer.echo(
        f"{counts['rows']} rows: {counts['allow']} allowed, {counts['rewrite']} rewritten, {counts['block']} blocked, "
        f"{counts['failed']} with failures; {counts['skipped']} done before, {len(bad)} bad lines → {out}"
    )

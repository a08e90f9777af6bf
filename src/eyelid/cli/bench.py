"""`eyelid bench`: how fast eyelid is on this machine, measured and drawn."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from eyelid.cli._exit import usage
from eyelid.cli._guard import JsonOption, PolicyOption, ThreadsOption, WeightsOption, open_guard
from eyelid.cli._record import to_json
from eyelid.cli.report import write_page

if TYPE_CHECKING:
    from eyelid.bench import Measured


def bench(
    ctx: typer.Context,
    quick: Annotated[bool, typer.Option("--quick", help="A first impression, in about half a minute.")] = False,
    seconds: Annotated[
        float | None, typer.Option(min=0.01, help="For each number of clients, instead of 3, or of 1.5 with --quick.")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The page to write.")] = Path("bench.html"),
    image: Annotated[Path | None, typer.Option(help="The picture to write; beside the page if not given.")] = None,
    draw: Annotated[bool, typer.Option(help="Write the page and the picture (needs the extra eval).")] = True,
    pipeline: Annotated[
        bool, typer.Option(help="Measure a transformers pipeline on the same encoder as well, if installed.")
    ] = True,
    policy: PolicyOption = "balanced",
    weights: WeightsOption = None,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure how fast eyelid is on this machine, and draw it.

    Throughput by processor second and by the wall, the share of what this machine's matrix units can do, the latency
    of one text, and throughput and latency for 1 to 64 clients at a time. The texts are made here; nothing is fetched
    and nothing is sent. Takes less than two minutes; other programs that are busy meanwhile show in the figures.

    Examples:

      eyelid bench

      eyelid bench --quick --no-draw --json
    """
    if draw and find_spec("matplotlib") is None:
        usage("the picture needs matplotlib: pip install 'eyelid[eval]', or use --no-draw")
    target = image or output.with_suffix(".png")
    if draw and (missing := [file for file in (output, target) if not file.parent.is_dir()]):
        usage(f"{missing[0].parent} is no folder")
    from eyelid.bench import Plan, page, picture, run_bench

    console = Console(stderr=True)
    plan = Plan.quick() if quick else Plan()
    with (
        open_guard(ctx, policy, weights=weights, threads=threads) as guard,
        console.status("loading") as status,
    ):
        measured = run_bench(
            guard,
            plan if seconds is None else replace(plan, seconds=seconds),
            model=ctx.obj is None,
            pipeline=pipeline,
            tell=lambda what: status.update(what) if console.is_terminal else console.print(what, highlight=False),
        )
    if draw:
        drawn = picture(measured)
        try:
            target.write_bytes(drawn)
        except OSError as error:
            usage(f"{target}: {error.strerror or 'it could not be written'}")
        write_page(output, page(measured, drawn))
    if as_json:
        typer.echo(to_json(measured.as_json(), indent=1))
    else:
        _show(measured)
        typer.echo(f"→ {output}, {target}" if draw else "")


def _show(measured: Measured) -> None:
    console = Console()
    many = _table("many texts", "texts/CPU-s", "texts/s", "tokens/CPU-s", "of peak")
    for row in measured.throughput:
        share = "" if row.peak_share is None else f"{row.peak_share:.0%}"
        values = f"{row.per_cpu_second:.1f}", f"{row.per_second:.1f}", f"{row.tokens_per_cpu_second:.0f}", share
        many.add_row(row.name, *values)
    single = _table("one text", "median ms", "p99 ms")
    for one in measured.latency:
        single.add_row(one.name, f"{1000 * one.p50:.1f}", f"{1000 * one.p99:.1f}")
    under = _table("under load", "clients", "answers/s", "median ms", "p99 ms", "held ms")
    for load in measured.load:
        for point in load.points:
            times = (f"{1000 * value:.1f}" for value in (point.p50, point.p99, point.hold))
            under.add_row(load.name, str(point.clients), f"{point.per_second:.1f}", *times)
    for table in (many, single, under):
        console.print(table)
    peaks = ", ".join(f"{name} {value / 1e9:.0f}" for name, value in measured.peaks.items())
    console.print(f"{measured.device}; matrix peak, GFLOP/s: {peaks}", style="dim", highlight=False)
    for note in measured.notes:
        console.print(note, style="dim", highlight=False)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    return table

"""`eyelid demo`: the guard on the files in `examples/`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.columns import Columns
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from eyelid.cli._cases import Case, Result, load_cases, run_case
from eyelid.cli._exit import ExitCode, usage
from eyelid.cli._guard import JsonOption, PolicyOption, ThreadsOption, WeightsOption, open_guard
from eyelid.cli._record import outcome_record, printable, to_json
from eyelid.cli.check import COLOURS
from eyelid.cli.report import write_page
from eyelid.errors import InputError
from eyelid.types import Action, Status

if TYPE_CHECKING:
    from eyelid import Guard


def demo(
    ctx: typer.Context,
    examples: Annotated[
        Path | None, typer.Option(help="A folder with demo.jsonl; the examples that came with eyelid if not given.")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The page to write.")] = Path("demo-report.html"),
    policy: PolicyOption = "balanced",
    weights: WeightsOption = None,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the guard on the example files.

    Good answers pass untouched, harmful ones are rewritten, attacks are read out of images, injections are
    cut out of tool results, and a stream is stopped half-way. Compares with what is
    expected and writes a page with every case.

    Exit codes: 0 everything as expected, 1 not, 2 usage.
    """
    folder = examples or _examples()
    try:
        cases = load_cases(folder / "demo.jsonl")
    except (InputError, OSError) as error:
        usage(error if isinstance(error, InputError) else f"there is no demo.jsonl in {folder}")
    console = Console(stderr=as_json)
    with open_guard(ctx, policy, weights=weights, threads=threads) as guard:
        results = list(_run(guard, cases, console))
    write_page(output, _page(results))
    wrong = [result for result in results if result.problem]
    if as_json:
        typer.echo(to_json([_record(result) for result in results], indent=1))
    else:
        _show_examples(results, console)
    seconds = sum(result.seconds for result in results)
    console.print(
        f"\n[bold]{len(results) - len(wrong)} of {len(results)} as expected[/] in {seconds:.1f} s → {output}",
        highlight=False,
    )
    raise typer.Exit(ExitCode.INCOMPLETE if wrong else ExitCode.ALLOWED)


def _examples() -> Path:
    """The folder of the examples: here, in the installed package, or beside its sources."""
    package = Path(__file__).resolve().parents[1]
    folders = (Path("examples"), package / "examples", package.parents[1] / "examples")
    return next((folder for folder in folders if (folder / "demo.jsonl").is_file()), folders[0])


def _run(guard: Guard, cases: Sequence[Case], console: Console) -> Iterator[Result]:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for column in ("case", "surface", "action", "category"):
        table.add_column(column, no_wrap=True)
    for column in ("harm", "injection", "ms"):
        table.add_column(column, justify="right")
    table.add_column("as expected")
    with console.status("looking …") as status:
        for number, case in enumerate(cases, start=1):
            status.update(Text(f"looking at {number} of {len(cases)}: {printable(case.title)}"))
            result = run_case(guard, case)
            table.add_row(*_cells(result))
            yield result
    console.print(table)


def _cells(result: Result) -> list[Text]:
    outcome, exchange = result.outcome, result.case.row.exchange
    action = outcome.verdict.action
    failed = outcome.status is Status.FAILED
    surface = exchange.surface.value + (" (stream)" if result.case.stream else "")
    return [
        Text(printable(result.case.title)),
        Text(surface, style="dim"),
        Text("failed look" if failed else action.value, style="magenta" if failed else COLOURS[action]),
        Text(printable(outcome.verdict.category)),
        _score(outcome.scores["harm"]),
        _score(outcome.scores["injection"]),
        Text(f"{result.seconds * 1000:.0f}", style="dim"),
        Text(f"✗ {result.problem}", style="bold red") if result.problem else Text("✓", style="green"),
    ]


def _score(value: float) -> Text:
    return Text(f"{value:.2f}", style="red" if value >= 0.5 else "dim")


def _show_examples(results: Sequence[Result], console: Console) -> None:
    for result in results:
        if result.case.show and result.outcome.verdict.action is not Action.ALLOW:
            read = "\n".join(result.outcome.image_texts)
            before = result.case.row.exchange.text + (f"\n\n(read in the image)\n{read}" if read else "")
            console.print(Text(f"\n{printable(result.case.title)}", style="bold"))
            texts = {"before": before, "passed on": result.outcome.text}
            width = (console.width - 2) // 2
            console.print(Columns([_panel(name, text) for name, text in texts.items()], width=width))


def _panel(name: str, text: str) -> Panel:
    return Panel(
        Text(printable(text)), title=name, title_align="left", border_style="red" if name == "before" else "green"
    )


def _record(result: Result) -> dict[str, object]:
    record = outcome_record(result.outcome, result.case.row.exchange.surface)
    return {"id": result.case.row.id, "expect": result.case.expect, "problem": result.problem, **record}


def _page(results: Sequence[Result]) -> str:
    from eyelid.evaluation.report import Item, Summary, render, thumbnails
    from eyelid.images import SandboxDecoder

    summary, items = Summary(), []
    with SandboxDecoder() as decoder:
        for result in results:
            exchange, record = result.case.row.exchange, _record(result)
            summary.add(record)
            items.append(
                Item(
                    record,
                    exchange.text,
                    exchange.prompt,
                    tuple(thumbnails(decoder, exchange.images)),
                    note=result.case.title,
                    expected=not result.problem,
                )
            )
    return render(summary, items, title="eyelid: the demonstration")

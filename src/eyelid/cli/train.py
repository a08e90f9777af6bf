"""`eyelid train detector` and `eyelid calibrate`: the embedded detector from a folder of data."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from eyelid.cli._exit import usage
from eyelid.cli._guard import JsonOption, ThreadsOption
from eyelid.errors import ConfigurationError

train = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Train the models that eyelid embeds.")

DataArgument = Annotated[
    Path, typer.Argument(metavar="DATA", exists=True, file_okay=False, help="Folder with the four training files.")
]
BackboneOption = Annotated[
    Path | None, typer.Option("--backbone", exists=True, file_okay=False, help="Folder of all-MiniLM-L6-v2.")
]
RecipeOption = Annotated[
    Path | None, typer.Option("--recipe", exists=True, dir_okay=False, help="Another recipe than the packaged one.")
]


@train.callback()
def group() -> None:
    """Train the models that eyelid embeds."""


@train.command()
def detector(
    data: DataArgument,
    out: Annotated[Path, typer.Option("--out", file_okay=False, help="Run folder; a run that was cut off goes on.")],
    backbone: BackboneOption = None,
    recipe: RecipeOption = None,
    seed: Annotated[int, typer.Option(help="Of drawing, shuffling and initial weights.")] = 0,
    share: Annotated[float, typer.Option(min=0.001, max=1.0, help="Part of the rows; for learning curves.")] = 1.0,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train encoder, linear model, categories and calibration; takes about an hour on two cores.

    DATA holds responses.jsonl.gz, prompts.jsonl.gz, texts.jsonl.gz and injection.jsonl.gz; the documentation says
    what is in them. What comes out is a folder for --weights.

    Examples:

      eyelid train detector data/train --out run

      eyelid check --weights run --response "Mix the flour with warm water."
    """
    from eyelid.training import train_detector

    _quietly()
    console = Console(stderr=True)
    with _bar(console) as bar:
        task = bar.add_task("training", total=None)
        _run(
            lambda: train_detector(
                data,
                out,
                backbone=backbone,
                recipe=recipe,
                threads=threads or len(os.sched_getaffinity(0)),
                seed=seed,
                share=share,
                progress=lambda step, steps, loss: bar.update(
                    task, completed=step, total=steps, description=f"training, loss {loss:.3f}"
                ),
                say=console.log,
            )
        )
    _end(out, as_json)


def calibrate(
    data: DataArgument,
    run: Annotated[Path, typer.Option("--run", exists=True, file_okay=False, help="A folder that training made.")],
    backbone: BackboneOption = None,
    recipe: RecipeOption = None,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fit the probabilities of a run anew, on queries and sources that it was not trained on.

    Example:

      eyelid calibrate data/train --run run
    """
    from eyelid.training import calibrate as fit

    _quietly()
    threads = threads or len(os.sched_getaffinity(0))
    _run(lambda: fit(data, run, backbone=backbone, recipe=recipe, threads=threads, say=Console(stderr=True).log))
    _end(run, as_json)


def _run(work: Any) -> None:
    try:
        work()
    except ConfigurationError as error:
        usage(error)


def _quietly() -> None:
    # Each worker has one thread of torch; what else starts threads of its own would take their cores.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def _bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    return Progress(*columns, TimeRemainingColumn(), console=console)


def _end(run: Path, as_json: bool) -> None:
    report = json.loads((run / "calibration-report.json").read_text(encoding="utf-8"))
    if as_json:
        typer.echo(json.dumps({"run": str(run), "calibration": report}))
        return
    typer.echo(f"{'question':<10} {'source':<34} {'label':>5} {'texts':>6} {'over 0.5':>9}  (* never trained on)")
    for line in report:
        mark = "*" if line["held_out"] else " "
        typer.echo(
            f"{line['question']:<10} {line['source'][:33]:<33}{mark} {line['label']:>5} {line['texts']:>6} "
            f"{line['over']['0.5']:>9.3f}"
        )

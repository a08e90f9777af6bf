"""What the verbs that train have in common: a bar, quiet libraries, and errors that say what to do."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from eyelid.cli._exit import usage
from eyelid.errors import ConfigurationError


def quietly() -> None:
    """Keep libraries from starting threads and drawing bars; to be called before they are imported."""
    # Each worker has one thread of torch; what else starts threads of its own would take their cores.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # The bar is ours, and a new head is what is wanted.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


def with_bar(work: Callable[[dict[str, Any]], object]) -> None:
    """Do work that is given `progress` and `say`, under a bar on standard error."""
    quietly()
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task("training", total=None)

        def progress(step: int, steps: int, loss: float) -> None:
            bar.update(task, completed=step, total=steps, description=f"training, loss {loss:.3f}")

        mended(lambda: work({"progress": progress, "say": console.log}))


def mended(work: Callable[[], object]) -> None:
    """Do work, or end with what has to be mended."""
    try:
        work()
    except (ConfigurationError, FloatingPointError) as error:
        usage(error)
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":  # of torch, which is not imported for its name
            raise
        usage("the GPU has no memory left; cut a step into more passes (--accumulate), or keep less (--recompute)")


def tell_worth(run: Path, as_json: bool) -> None:
    """Say what a finished run of MLLM-Protector's models is worth."""
    result = json.loads((run / "result.json").read_text(encoding="utf-8"))
    if as_json:
        typer.echo(json.dumps({"run": str(run), **result}))
        return
    for name, value in {**result["counts"], **result["metrics"]}.items():
        typer.echo(f"{name.replace('_', ' '):<28} {value:.4g}")
    typer.echo(f"→ {run}; eyelid export {run} --out DIR")


def refuse_given(ctx: typer.Context, names: Collection[str], why: str) -> None:
    """End where options were given that would do nothing."""
    sources = {name: ctx.get_parameter_source(name) for name in names}
    given = sorted(name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE")
    if given:
        usage(f"{', '.join('--' + name.replace('_', '-') for name in given)}: {why}")

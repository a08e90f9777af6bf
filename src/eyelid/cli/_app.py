"""The application: one command for each verb."""

from __future__ import annotations

from typing import Annotated

import typer

import eyelid
from eyelid.cli.bench import bench
from eyelid.cli.check import check
from eyelid.cli.demo import demo
from eyelid.cli.doctor import doctor
from eyelid.cli.eval import evaluate
from eyelid.cli.export import export
from eyelid.cli.report import report
from eyelid.cli.scan import scan
from eyelid.cli.serve import serve
from eyelid.cli.synthesize import synthesize
from eyelid.cli.train import calibrate, train

app = typer.Typer(
    name="eyelid",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_show_locals=False,
    help="Look at what a model, a tool or a retriever hands on, before it is passed on. Everything runs offline.",
    epilog="Start with `eyelid doctor`, then `eyelid demo`. Every verb takes --help and --json.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"eyelid {eyelid.__version__}")
        raise typer.Exit


@app.callback()
def options(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Look at what a model, a tool or a retriever hands on, before it is passed on. Everything runs offline."""


for verb in (check, scan, report, demo, doctor, bench, serve, calibrate, export):
    app.command()(verb)
app.command("eval")(evaluate)
app.add_typer(train, name="train")
app.add_typer(synthesize, name="synthesize")

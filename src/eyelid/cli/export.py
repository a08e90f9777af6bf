"""`eyelid export`: a finished training run → a folder that loads with nothing else said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from eyelid.cli._exit import usage
from eyelid.cli._guard import JsonOption
from eyelid.cli._training import quietly
from eyelid.errors import ConfigurationError


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", exists=True, file_okay=False, help="A finished run.")],
    out: Annotated[Path, typer.Option("--out", file_okay=False, help="A new folder.")],
    merge: Annotated[bool, typer.Option("--merge", help="Add the adapter to the weights it was trained on.")] = False,
    base: Annotated[
        Path | None, typer.Option("--base", exists=True, file_okay=False, help="Those weights, if they were moved.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a folder of a run of `eyelid train detector --base` or `eyelid train detoxifier` that loads by itself.

    It holds the adapter, or with --merge the whole model, the tokenizer, the format in which the model is asked, and
    the model card. SequenceDetector(base, adapter=DIR) and GenerativeDetoxifier(base, adapter=DIR) load an adapter;
    with --merge they need DIR alone.

    Examples:

      eyelid export run --out detector

      eyelid export run --out detector-merged --merge
    """
    from eyelid.training.protector import export_run

    quietly()
    try:
        export_run(run, out, merged=merge, base=base)
    except ConfigurationError as error:
        usage(error)
    files = sorted(file.name for file in out.iterdir())
    typer.echo(json.dumps({"out": str(out), "files": files}) if as_json else f"→ {out}: {', '.join(files)}")

"""`eyelid check`: look at one exchange."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from eyelid.cli._exit import code_of, usage
from eyelid.cli._guard import JsonOption, ModelOption, PolicyOption, ThreadsOption, WeightsOption, look, open_guard
from eyelid.cli._record import outcome_record, printable, to_json
from eyelid.errors import ImageError
from eyelid.types import Action, Exchange, Image, Outcome, Status, Surface

COLOURS = {Action.ALLOW: "green", Action.REWRITE: "yellow", Action.BLOCK: "red"}


def check(
    ctx: typer.Context,
    prompt: Annotated[str, typer.Option(help="The request; '-' reads standard input.")] = "",
    response: Annotated[
        str | None, typer.Option(help="The answer, tool result or retrieved text; '-' reads standard input.")
    ] = None,
    image: Annotated[
        list[Path] | None, typer.Option(help="An image file (PNG, JPEG, WebP, GIF); repeat for more.")
    ] = None,
    surface: Annotated[
        Surface | None, typer.Option(help="Where the content stands; output if there is a response, else input.")
    ] = None,
    policy: PolicyOption = "balanced",
    model: ModelOption = "",
    weights: WeightsOption = None,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look at one exchange and say what to pass on.

    On the surface "input" the prompt and the images are checked; on every other surface the response is,
    with the prompt as context.

    Exit codes: 0 allowed, 3 rewritten, 4 blocked, 5 a look failed and the content was stopped, 2 usage.

    Examples:

      eyelid check --prompt "How long?" --response "Seven minutes."

      eyelid check --surface input --prompt "Do it." --image screen.png

      eyelid check --policy reask.toml --model openai:http://localhost:8000/v1#llava --image a.png --response "..."

      tool | eyelid check --surface tool_result --response - --json
    """
    exchange = _exchange(prompt, response, image or [], surface)
    with open_guard(ctx, policy, weights=weights, threads=threads, model=model) as guard:
        outcome = look(guard, exchange)
    if as_json:
        typer.echo(to_json(outcome_record(outcome, exchange.surface)))
    else:
        show(outcome, Console())
    raise typer.Exit(code_of(outcome))


def _exchange(prompt: str, response: str | None, files: list[Path], place: Surface | None) -> Exchange:
    if prompt == response == "-":
        usage("only one of --prompt and --response can read standard input")
    surface = place or (Surface.INPUT if response is None else Surface.OUTPUT)  # an empty answer is an answer
    prompt, response = (_standard_input() if text == "-" else text for text in (prompt, response or ""))
    exchange = Exchange(prompt, response, tuple(_image(file) for file in files), surface=surface)
    if not exchange.text and not exchange.images:
        wanted = "--prompt" if surface is Surface.INPUT else "--response"
        usage(f"nothing to check: the surface {surface.value!r} looks at {wanted} and --image")
    return exchange


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        usage(f"standard input is not UTF-8 (byte {error.start})")


def _image(file: Path) -> Image:
    resolved = file.resolve()
    try:
        return Image.from_path(resolved, root=resolved.parent)
    except ImageError as error:
        usage(f"--image {file}: {error}")


def show(outcome: Outcome, console: Console) -> None:
    """Print an outcome for people."""
    action = outcome.verdict.action
    head = Text(action.value.upper(), style=f"bold {COLOURS[action]}")
    if outcome.status is Status.FAILED:
        head.append("  a look failed", style="bold magenta")
    if outcome.verdict.reason:
        head.append(f"  {printable(outcome.verdict.reason)}", style="default not bold")
    console.print(head)
    table = Table.grid(padding=(0, 2))
    for name, value in sorted(outcome.scores.items(), key=lambda item: -item[1])[:4]:
        table.add_row(name, f"{value:.3f}", Text("█" * round(value * 30), style="red" if value > 0.5 else "dim"))
    console.print(table)
    for failure in outcome.failures:
        console.print(Text(f"failed: {failure.stage} ({failure.code}) {printable(failure.detail)}", style="magenta"))
    if not outcome.coverage.complete:
        seen = outcome.coverage
        characters, parts = f"{seen.characters} of {seen.total_characters}", f"{seen.blocks} of {seen.total_blocks}"
        console.print(f"looked at {characters} characters, {parts} parts")
    if outcome.text:
        console.rule(style="dim")
        console.print(Text(printable(outcome.text)))

"""`eyelid serve --ray`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

import typer

from eyelid.cli._exit import ExitCode
from eyelid.errors import EngineError
from eyelid.serving import Listen, Settings

if TYPE_CHECKING:
    from eyelid import Guard
    from eyelid.serving import Scale


def serve_with_ray(
    make: Callable[[], Guard],
    settings: Settings,
    listen: Listen,
    scale: Scale,
    *,
    address: str,
    started: Callable[[str], None],
) -> None:
    """Serve until told to end; what Ray says of its own goes to standard error.

    Raises:
        ConfigurationError: Ray, the address or the guard has to be mended.
    """
    from eyelid import serving

    output = sys.stdout

    def tell(url: str) -> None:
        with redirect_stdout(output):
            started(url)

    try:
        with redirect_stdout(sys.stderr):
            serving.serve_on_ray(make, settings, listen, scale, address=address, started=tell)
    except EngineError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(ExitCode.INCOMPLETE) from None

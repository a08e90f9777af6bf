"""The command line: one verb a file, gathered in `eyelid.cli._app`."""

from __future__ import annotations

from eyelid.cli._app import app


def main() -> None:
    """Run the command line; the entry point of the script `eyelid`."""
    app()


__all__ = ["app", "main"]

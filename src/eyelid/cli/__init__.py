"""The command line: `eyelid check`, `scan`, `report`, `train`, `calibrate`, `demo`, `doctor`."""

from __future__ import annotations

from eyelid.cli._app import app


def main() -> None:
    """Run the command line; the entry point of the script `eyelid`."""
    app()


__all__ = ["app", "main"]

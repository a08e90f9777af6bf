"""Exit codes, so that a shell script can act on a verdict."""

from __future__ import annotations

from enum import IntEnum
from typing import NoReturn

import typer

from eyelid.types import Action, Outcome, Status


class ExitCode(IntEnum):
    """What `eyelid` ends with."""

    ALLOWED = 0  #: passed on untouched; for other verbs: done
    INCOMPLETE = 1  #: done, but some lines were bad or some expectations failed
    USAGE = 2  #: the command, the policy or the weights have to be mended first
    REWRITTEN = 3  #: passed on without the harm
    BLOCKED = 4  #: replaced by a refusal
    FAILED = 5  #: a look failed, and the content was stopped because of it
    INTERRUPTED = 130  #: stopped by the user


def code_of(outcome: Outcome) -> ExitCode:
    """The exit code that tells what became of the content.

    A failed look that the policy lets through by name ends with 0, as the content is passed on.
    """
    if outcome.verdict.action is Action.ALLOW:
        return ExitCode.ALLOWED
    if outcome.status is Status.FAILED:
        return ExitCode.FAILED
    return ExitCode.REWRITTEN if outcome.verdict.action is Action.REWRITE else ExitCode.BLOCKED


def usage(message: object) -> NoReturn:
    """Say on standard error what has to be mended, and end."""
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(ExitCode.USAGE)

"""The cases of the demonstration: rows with an expectation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Literal, cast, get_args

from eyelid.cli._guard import look
from eyelid.cli._rows import Row, parse_object, parse_row
from eyelid.errors import HarmfulContentError, InputError, UninspectedError
from eyelid.types import Action, Outcome, Status

if TYPE_CHECKING:
    from eyelid import Guard

#: "stop" is a rewrite or a block for what was found; "failed" a stop because something could not be looked at.
Expectation = Literal["allow", "rewrite", "block", "stop", "failed"]
CHUNK = 24  #: characters of a streamed piece


@dataclass(frozen=True, slots=True)
class Case:
    """One row, and what should become of it.

    Args:
        row: what is looked at.
        expect: what should become of it.
        title: one line for people.
        stream: whether the text arrives piece by piece.
        keeps: passages that must be in what is passed on.
        drops: passages that must not.
        json: whether what is passed on must be JSON.
        show: whether the demonstration shows it before and after.
    """

    row: Row
    expect: Expectation
    title: str
    stream: bool = False
    keeps: tuple[str, ...] = field(default=(), repr=False)
    drops: tuple[str, ...] = field(default=(), repr=False)
    json: bool = False
    show: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a case; `problem` is "" where it is what was expected."""

    case: Case
    outcome: Outcome
    seconds: float
    problem: str


def load_cases(file: Path) -> list[Case]:
    """The cases of a JSONL file; images are taken below its folder.

    Raises:
        InputError: a line is no case.
    """
    cases = []
    for number, raw in enumerate(file.read_bytes().splitlines(), start=1):
        try:
            fields, row = parse_object(raw), parse_row(raw, number, root=file.parent)
        except ValueError as error:
            raise InputError(f"{file.name}, line {number}: {error}") from None
        if fields.get("expect") not in get_args(Expectation):
            raise InputError(f"{file.name}, line {number}: 'expect' must be one of {', '.join(get_args(Expectation))}")
        cases.append(
            Case(
                row,
                cast(Expectation, fields["expect"]),
                str(fields.get("title", row.id)),
                stream=bool(fields.get("stream")),
                keeps=_passages(fields.get("keeps")),
                drops=_passages(fields.get("drops")),
                json=bool(fields.get("json")),
                show=bool(fields.get("show")),
            )
        )
    return cases


def _passages(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def run_case(guard: Guard, case: Case) -> Result:
    """Look at one case and compare."""
    start = perf_counter()
    outcome = _stream(guard, case) if case.stream else look(guard, case.row.exchange)
    return Result(case, outcome, perf_counter() - start, problem_of(case, outcome))


def _stream(guard: Guard, case: Case) -> Outcome:
    exchange = case.row.exchange
    stream = guard.stream(
        _pieces(exchange.text), prompt=exchange.prompt, images=exchange.images, surface=exchange.surface
    )
    try:
        for _ in stream:
            pass
    except (HarmfulContentError, UninspectedError) as stopped:
        return stopped.outcome
    return stream.outcome


def _pieces(text: str) -> Iterator[str]:
    return (text[at : at + CHUNK] for at in range(0, len(text), CHUNK))


def problem_of(case: Case, outcome: Outcome) -> str:
    """What is not as expected, in a few words; "" if nothing is."""
    action = outcome.verdict.action
    if case.expect == "failed":
        wrong = outcome.status is not Status.FAILED or action is Action.ALLOW
    elif outcome.status is Status.FAILED:
        wrong = True
    else:
        wrong = action is Action.ALLOW if case.expect == "stop" else action.value != case.expect
    if wrong:
        return f"expected {case.expect}"
    if case.expect == "allow" and outcome.text != case.row.exchange.text:
        return "the text was changed"
    if not all(passage in outcome.text for passage in case.keeps):
        return "something harmless was lost"
    if any(passage in outcome.text for passage in case.drops):
        return "something harmful was left"
    return "not JSON any more" if case.json and not _is_json(outcome.text) else ""


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True

"""How the benchmarks of the engine tell what they measured: a table, and a dated JSON file in `results/`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eyelid.bench import machine
from eyelid.errors import ConfigurationError
from eyelid.evaluation.figures import Figure, table

FOLDER = Path(__file__).parent / "results"
#: What a measurement gives: figures for the table, and details for whoever wants to look closer.
Found = tuple[list[Figure], Mapping[str, Any]]


def options(description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="a short run that shows only that everything works")
    parser.add_argument("--out", type=Path, help="the JSON file; results/NAME-DATE.json if left out, none with --smoke")
    return parser


def run(name: str, measure: Callable[[argparse.Namespace], Found], args: argparse.Namespace) -> int:
    """Measure, print, write; 1 if a goal was missed, 2 if something is missing that is needed."""
    began, before = time.monotonic(), machine()
    try:
        figures, details = measure(args)
    except ConfigurationError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    seconds = round(time.monotonic() - began, 1)
    print(table(figures))
    print(f"\n{name}: {seconds:.0f} s, load at the start {before['load']}, at the end {machine()['load']}")
    document = {
        "benchmark": name,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": seconds,
        "smoke": args.smoke,
        "machine": before,
        "settings": {key: value for key, value in vars(args).items() if isinstance(value, (int, float, list))},
        "figures": [asdict(figure) | {"met": figure.met} for figure in figures],
        "details": details,
    }
    file = args.out or (None if args.smoke else FOLDER / f"{name}-{datetime.now(UTC):%Y-%m-%d}.json")
    if file is not None:
        file.write_text(json.dumps(_finite(document), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"written: {file.name}")
    return int(any(figure.met is False for figure in figures))


def _finite(value: Any) -> Any:
    """As JSON knows it: what is not a number becomes null, and digits that mean nothing are dropped."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if value - value == 0 else None
    if isinstance(value, Mapping):
        return {str(key): _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, Sequence) and not isinstance(value, str) else value


def progress(what: str) -> None:
    """Tell on standard error what is going on."""
    print(what, file=sys.stderr, flush=True)

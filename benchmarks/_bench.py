"""What all benchmarks share: their options, their guard, their output."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from eyelid.errors import ConfigurationError
from eyelid.evaluation.corpora import Row, read_rows
from eyelid.evaluation.figures import Figure, table, write_figures
from eyelid.guard import Guard
from eyelid.policy import Policy
from eyelid.protocols import Detector

DATA = Path(__file__).parent / "data"
Load = Callable[..., Guard]


def options(description: str | None, *, data: bool = True) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=data, help="folder with train/ and validation/")
    parser.add_argument("--policy", default="balanced", help="preset or TOML file (default: balanced)")
    parser.add_argument("--weights", type=Path, help="weights instead of the shipped ones")
    parser.add_argument("--backbone", type=Path, help="folder of the backbone, if it is not found by itself")
    parser.add_argument("--threads", type=int, help="CPU threads of the models")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    return parser


def policy(args: argparse.Namespace) -> Policy:
    named = args.policy
    return Policy.from_toml(Path(named)) if named.endswith(".toml") else Policy.preset(named)


def load_guard(args: argparse.Namespace, *, rules: Policy | None = None, images: bool = False) -> Guard:
    """The guard with the embedded detector, as an application loads it, without the cache: repeated texts are timed."""
    import eyelid

    rules = rules or policy(args)
    return eyelid.load_guard(
        replace(rules, engine=replace(rules.engine, cache_mb=0)),
        weights=args.weights,
        backbone=args.backbone,
        images=images,
        threads=args.threads,
    )


def load_detectors(args: argparse.Namespace) -> list[Detector]:
    """The embedded detector by itself, to be put into a guard of the benchmark's own."""
    from eyelid.detectors import EmbeddedDetector
    from eyelid.engine import choose_device
    from eyelid.models import find_backbone, find_weights

    device = choose_device(workers=args.threads or 1)
    return [EmbeddedDetector(find_backbone(args.backbone), find_weights(args.weights), device=device)]


def run(name: str, measure: Callable[[argparse.Namespace], list[Figure]], args: argparse.Namespace) -> int:
    """Measure, print, write; 1 if a goal was missed, 2 if something is missing that is needed."""
    started = time.monotonic()
    try:
        figures = measure(args)
    except ConfigurationError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    print(table(figures))
    print(f"\n{name}: {time.monotonic() - started:.0f} s")
    if args.out:
        settings = {
            key: value for key, value in vars(args).items() if key not in ("out", "data", "weights", "backbone")
        }
        write_figures(args.out, name, figures, settings)
    return int(any(figure.met is False for figure in figures))


def progress(what: str) -> Callable[[int, int], None]:
    """Tells on standard error how far it is, where that is a terminal."""

    def tell(done: int, of: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{what}: {done}/{of}", end="\n" if done == of else "", file=sys.stderr, flush=True)

    return tell


def held_out_sources(args: argparse.Namespace) -> list[str]:
    """The sources that the detector was never trained on, as its model card lists them."""
    root: Any = args.weights or files("eyelid").joinpath("weights")
    for file in sorted(root.iterdir(), key=lambda entry: str(entry.name)):
        if file.name.endswith(".json"):
            card = json.loads(file.read_text(encoding="utf-8"))
            if isinstance(card, dict) and "held_out_sources" in card:
                return [str(source) for source in card["held_out_sources"]]
    raise ConfigurationError("no JSON file beside the weights lists held_out_sources; train writes one")


def harmless_answers(args: argparse.Namespace) -> dict[str, list[Row]]:
    """Harmless answers by source, of the sources that were not trained on."""
    sources = set(held_out_sources(args))
    found: dict[str, list[Row]] = {}
    for row in read_rows(args.data / "train" / "responses.jsonl.gz"):
        if row.source in sources and not row.label and not row.noisy and row.response.strip():
            found.setdefault(row.source, []).append(row)
    if not found:
        raise ConfigurationError("the data holds no harmless answers of the model card's held_out_sources")
    return found


def harmful_answers(args: argparse.Namespace) -> list[Row]:
    """Harmful answers of the validation files."""
    names = ("responses_gptfuzz", "responses_xstest")
    rows = [row for name in names for row in read_rows(args.data / "validation" / f"{name}.jsonl.gz")]
    return [row for row in rows if row.label and row.response.strip()]


def lines(name: str) -> list[str]:
    """A file of `benchmarks/data`, line by line."""
    return (DATA / name).read_text(encoding="utf-8").splitlines()


def evenly(items: Sequence[Any], count: int) -> list[Any]:
    """At most `count` items, spread over the whole sequence."""
    return list(items) if len(items) <= count else [items[step * len(items) // count] for step in range(count)]

"""Another process busy on one of two cores: what is left of the throughput. About 4 minutes.

The engine keeps each pass on one thread; torch's own thread team waits for its slowest member at every step. Both run
with their defaults on the first two cores this process may use, in turns, with and without the neighbour.

    python benchmarks/engine_neighbour.py --main PYTHON
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from _model import write_model
from _peers import EYELID_BF16, PIPELINE, Method, environments, started, with_environments
from _results import Found, options, progress, run

from eyelid.bench import make_texts
from eyelid.errors import ConfigurationError
from eyelid.evaluation.figures import Figure

#: As many workers as cores, which is what the engine does unless told otherwise.
EYELID_TWO = replace(EYELID_BF16, arguments=(*EYELID_BF16.arguments, "--workers", "2"))
METHODS = (EYELID_TWO, PIPELINE)
#: The share of the throughput that may be lost.
LOSS = 0.6
#: Texts of a round: about as long for both methods without a neighbour.
TEXTS = {EYELID_TWO: 256, PIPELINE: 48}


def measure(args: argparse.Namespace) -> Found:
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        raise ConfigurationError("two cores are needed; this process may use one")
    texts = make_texts(max(TEXTS.values()), seed=args.seed)
    rounds = 1 if args.smoke else args.rounds
    alone: dict[Method, list[float]] = {method: [] for method in METHODS}
    beside: dict[Method, list[float]] = {method: [] for method in METHODS}
    with tempfile.TemporaryDirectory() as scratch:
        model = write_model(Path(scratch), seed=args.seed)
        with started(METHODS, environments(args), model, texts, threads=0, cores=cores) as peers:
            for peer in peers:
                peer.ask(do="round", **{"from": 0, "to": 16})
            for number in range(rounds):
                progress(f"round {number + 1} of {rounds}")
                for peer in peers:
                    many = 16 if args.smoke else TEXTS[peer.method]
                    for found, busy in ((alone, False), (beside, True)):
                        with neighbour(cores[0] if busy else None):
                            wall = peer.ask(do="round", **{"from": 0, "to": many})["wall"]
                        found[peer.method].append(many / wall)
    return list(figures(alone, beside)), {
        "alone": {method.name: values for method, values in alone.items()},
        "with a neighbour": {method.name: values for method, values in beside.items()},
    }


@contextmanager
def neighbour(core: int | None) -> Iterator[None]:
    """A process that keeps one core busy."""
    if core is None:
        yield
        return
    busy = f"import os; os.sched_setaffinity(0, {{{core}}}); print(flush=True)\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", busy], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


def figures(alone: Mapping[Method, Sequence[float]], beside: Mapping[Method, Sequence[float]]) -> Iterator[Figure]:
    for method in (method for method in METHODS if alone[method]):
        for where, values in (("alone", alone[method]), ("with a neighbour", beside[method])):
            note = f"{min(values):.1f} to {max(values):.1f}"
            name = f"{method.name}, {where}, texts a second of the wall"
            yield Figure(name, statistics.median(values), len(values), note=note)
        losses = [1 - after / before for before, after in zip(alone[method], beside[method], strict=True)]
        middle = statistics.median(losses)
        goal = LOSS if method is EYELID_TWO else None
        note = f"rounds {min(losses):.2f} to {max(losses):.2f}; {1 / (1 - middle):.1f} times slower"
        yield Figure(f"{method.name}, share lost to a neighbour", middle, len(losses), at_most=goal, note=note)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = with_environments(options(__doc__))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(run(Path(__file__).stem.replace("_", "-"), measure, parse()))

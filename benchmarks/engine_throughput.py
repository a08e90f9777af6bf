"""Texts a second of processor time, equal weights, one thread each, in turns; and the share of the matrix peak.

Every method is a process of its own and classifies the same texts in each round; the machine's matrix peak is measured
in each round as well. Ratios are taken round by round. About 9 minutes, most of them the peers'.

    python benchmarks/engine_throughput.py --main PYTHON --infinity PYTHON
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from _model import lengths, write_model
from _peers import (
    BATCHED,
    CROSS_ENCODER,
    EYELID,
    EYELID_BF16,
    INFINITY,
    ORT,
    ORT_INT8,
    PIPELINE,
    PIPELINE_32,
    Method,
    Peer,
    environments,
    started,
    with_environments,
)
from _results import Found, options, progress, run

from eyelid.bench import EncoderWork, make_texts, matrix_peak
from eyelid.evaluation.figures import Figure

#: With the size of a pass that the engine's own warm-up finds.
FLOAT, BFLOAT = (replace(method, arguments=(*method.arguments, "--warm-up")) for method in (EYELID, EYELID_BF16))
OURS = {FLOAT: "float32", BFLOAT: "bfloat16"}
METHODS = (*OURS, PIPELINE, PIPELINE_32, CROSS_ENCODER, ORT, ORT_INT8, BATCHED, INFINITY)
#: How many times as fast as each of them the packed bfloat16 path is meant to be.
GOALS = {PIPELINE: 3.5, PIPELINE_32: 7.0, CROSS_ENCODER: 5.5, ORT: 1.7, ORT_INT8: 1.0}
#: What the probabilities may differ from transformers' in float32.
DIFFERENCE = {FLOAT: 1e-5, BFLOAT: 5e-3}
PEAK = 0.55


def measure(args: argparse.Namespace) -> Found:
    texts = make_texts(24 if args.smoke else args.texts, seed=args.seed)
    rounds, size = (2, 12) if args.smoke else (args.rounds, args.round_texts)
    with tempfile.TemporaryDirectory() as scratch:
        model = write_model(Path(scratch), seed=args.seed)
        work, tokens = EncoderWork.read(model), lengths(model, texts)
        with started(METHODS, environments(args), model, texts) as peers:
            taken: dict[Method, list[Mapping[str, Any]]] = {peer.method: [] for peer in peers}
            peaks: list[dict[str, float]] = []
            for peer in peers:
                peer.ask(do="round", **{"from": 0, "to": size // 4})
            for number in range(rounds):
                progress(f"round {number + 1} of {rounds}")
                first = number * size % len(texts)
                peaks.append({dtype: matrix_peak(dtype, work.shapes) for dtype in OURS.values()})
                for peer in (*peers[number % len(peers) :], *peers[: number % len(peers)]):
                    taken[peer.method].append(one_round(peer, first, min(first + size, len(texts)), tokens, work))
            versions = {peer.method.name: peer.versions for peer in peers}
    figures = [*rates(taken), *ratios(taken), *differences(taken), *shares(taken, peaks)]
    details = {
        "texts": {"count": len(texts), "tokens": sum(tokens), "a_round": size, "rounds": rounds},
        "versions": versions,
        "peaks": peaks,
        "rounds": {
            method.name: [{k: v for k, v in each.items() if k != "probabilities"} for each in rows]
            for method, rows in taken.items()
        },
    }
    return figures, details


def one_round(peer: Peer, first: int, last: int, tokens: Sequence[int], work: EncoderWork) -> dict[str, Any]:
    found = peer.ask(do="round", **{"from": first, "to": last})
    part = tokens[first:last]
    return found | {"texts": len(part), "tokens": sum(part), "operations": work.operations(part)}


def rates(taken: Mapping[Method, Sequence[Mapping[str, Any]]]) -> Iterator[Figure]:
    for method, rows in taken.items():
        values = [row["texts"] / row["cpu"] for row in rows]
        middle = statistics.median(values)
        tokens = statistics.median(row["tokens"] / row["cpu"] for row in rows)
        note = (
            f"{min(values):.1f} to {max(values):.1f}; {tokens:.0f} tokens; {walls(rows):.1f} texts a second of the wall"
        )
        yield Figure(f"{method.name}, texts a second of processor time", middle, len(rows), note=note)


def walls(rows: Sequence[Mapping[str, Any]]) -> float:
    return statistics.median(row["texts"] / row["wall"] for row in rows)


def ratios(taken: Mapping[Method, Sequence[Mapping[str, Any]]]) -> Iterator[Figure]:
    for ours in OURS:
        for method in (peer for peer in taken if peer not in OURS):
            pairs = zip(taken[ours], taken[method], strict=True)
            values = [theirs["cpu"] / own["cpu"] for own, theirs in pairs]
            goal = GOALS.get(method) if ours is BFLOAT else None
            name = f"{ours.name} / {method.name}"
            note = f"rounds {min(values):.2f} to {max(values):.2f}"
            yield Figure(name, statistics.median(values), len(values), at_least=goal, note=note)


def differences(taken: Mapping[Method, Sequence[Mapping[str, Any]]]) -> Iterator[Figure]:
    if PIPELINE not in taken:
        return
    exact = [p for row in taken[PIPELINE] for p in row["probabilities"]]
    for method in (each for each in taken if each is not PIPELINE):
        found = [p for row in taken[method] for p in row["probabilities"]]
        worst = max(abs(a - b) for a, b in zip(exact, found, strict=True))
        name = f"{method.name}, largest difference of a probability"
        yield Figure(name, worst, len(exact), at_most=DIFFERENCE.get(method))


def shares(
    taken: Mapping[Method, Sequence[Mapping[str, Any]]], peaks: Sequence[Mapping[str, float]]
) -> Iterator[Figure]:
    for method, dtype in OURS.items():
        peak = statistics.median(each[dtype] for each in peaks)
        yield Figure(f"matrix peak, {dtype}, GFLOP/s of a core", peak / 1e9, len(peaks))
        pairs = zip(taken[method], peaks, strict=True)
        values = [row["operations"] / row["cpu"] / each[dtype] for row, each in pairs]
        goal = PEAK if dtype == "bfloat16" else None
        note = f"rounds {min(values):.2f} to {max(values):.2f}"
        yield Figure(
            f"{method.name}, share of the peak", statistics.median(values), len(values), at_least=goal, note=note
        )


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = with_environments(options(__doc__))
    parser.add_argument("--texts", type=int, default=512)
    parser.add_argument("--round-texts", type=int, default=128, help="texts of one round")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(run(Path(__file__).stem.replace("_", "-"), measure, parse()))

"""MLLM-Protector's two models in their real size on a GPU: a detector of 3B parameters, a detoxifier of 7B.

The weights are random: what is measured is time. The detector has an adapter of rank 32 and reads answers beside
their requests, as `SequenceDetector` in the published format; each round has other requests, since what was read once
is kept. The detoxifier writes 64 tokens for each answer, all answers at a time and one after another. Needs the extra
"models" and about 40 GB; without a GPU it says so and ends.

    python benchmarks/methods_gpu.py
    python benchmarks/methods_gpu.py --tiny --device cpu     (only to see that it works)
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from _gpu_models import SEVEN_BILLION, SMALL, THREE_BILLION, Shape, write_adapter, write_decoder, write_tokenizer
from _results import Found, options, progress, run

from eyelid._optional import require
from eyelid.bench import make_texts
from eyelid.engine import Device, choose_device
from eyelid.errors import ConfigurationError
from eyelid.evaluation.figures import Figure
from eyelid.protocols import Assessment, RewriteRequest, ScoreRequest

#: Tokens that the detoxifier writes for each answer.
WRITTEN = 64


def measure(args: argparse.Namespace) -> Found:
    require("models", "transformers")
    try:
        device = choose_device(args.device)
    except ConfigurationError as error:
        raise ConfigurationError(f"{error}; --tiny --device cpu only shows that everything works") from error
    if device.kind == "cpu" and not args.tiny:
        raise ConfigurationError("billions of parameters are not for a CPU; add --tiny")
    figures: list[Figure] = []
    details: dict[str, Any] = {"device": device.reason}
    for part in (detector, detoxifier):
        found, more = part(args, device)
        figures += found
        details |= more
        gc.collect()
    return figures, details


def detector(args: argparse.Namespace, device: Device) -> Found:
    """Answers with requests through a 3B-shaped detector with an adapter."""
    from eyelid.detectors import SequenceDetector

    shape, count = (SMALL, 24) if args.tiny else (THREE_BILLION, args.answers)
    texts = make_texts(count + 32, seed=args.seed)

    def asked(number: int) -> list[ScoreRequest]:
        return [ScoreRequest(text, prompt=f"{number}: what is this about?") for text in texts[:count]]

    with tempfile.TemporaryDirectory() as scratch:
        folder = written(Path(scratch) / "detector", shape, device, texts, args.seed, writes=False)
        adapter = write_adapter(Path(scratch) / "adapter", shape, 32 if not args.tiny else 4, seed=args.seed)
        progress("loading the detector with its adapter")
        made = SequenceDetector(folder, adapter=adapter, format="mllm-protector-3b", device=device)
    tokens = sum(len(ids) for ids in (made._texts.ids(r.text, r.prompt) for r in asked(0)) if ids)

    def ours(number: int) -> list[float]:
        return [found.scores["harm"] for found in made.score(asked(number)) if isinstance(found, Assessment)]

    seconds, scores = rounds(args.rounds, ours)
    if len(scores) != count:
        raise RuntimeError("some answers were not scored")
    took = statistics.median(seconds)
    single, _ = rounds(args.rounds, lambda number: made.score(asked(-number - 1)[:1]))
    figures = [
        Figure("3B detector, answers a second", count / took, count),
        Figure("3B detector, tokens a second", tokens / took, tokens),
        Figure("3B detector, one answer alone, ms", 1000 * statistics.median(single), args.rounds),
    ]
    return figures, {"detector": {"seconds": seconds, "tokens": tokens}}


def detoxifier(args: argparse.Namespace, device: Device) -> Found:
    """Answers rewritten by a 7B-shaped detoxifier, all at a time and one by one."""
    from eyelid.detoxifiers import GenerativeDetoxifier

    shape, count, budget = (SMALL, 4, 8) if args.tiny else (SEVEN_BILLION, args.rewrites, WRITTEN)
    texts = [text[:400] for text in make_texts(count + 32, seed=args.seed)]
    requests = [RewriteRequest(text, "What is this about?") for text in texts[:count]]
    with tempfile.TemporaryDirectory() as scratch:
        folder = written(Path(scratch) / "detoxifier", shape, device, texts, args.seed, writes=True)
        progress("loading the detoxifier")
        made = GenerativeDetoxifier(folder, device=device, budget=budget, tries=1)
    batches: dict[str, Callable[[int], object]] = {
        "engine": lambda _: made.rewrite(requests),
        "one by one": lambda _: [made.rewrite([request]) for request in requests],
    }
    figures, details = [], {}
    for name, way in batches.items():
        seconds, _ = rounds(args.rounds, way)
        took = statistics.median(seconds)
        figures.append(Figure(f"7B detoxifier, {name}, rewrites a second", count / took, count))
        figures.append(Figure(f"7B detoxifier, {name}, new tokens a second at most", count * budget / took, count))
        details[name] = seconds
    ratio = statistics.median(details["one by one"]) / statistics.median(details["engine"])
    figures.append(Figure("7B detoxifier, all at a time against one by one", ratio, count))
    return figures, {"detoxifier": details}


def written(folder: Path, shape: Shape, device: Device, texts: Sequence[str], seed: int, *, writes: bool) -> Path:
    """A decoder of random weights and a tokenizer, on disk."""
    import torch

    folder.mkdir()
    progress(f"writing a decoder of {shape.layers} layers of {shape.hidden}")
    write_tokenizer(folder, texts, shape.words)
    return write_decoder(folder, shape, getattr(torch, device.dtype), device.torch, seed=seed, writes=writes)


def rounds(count: int, way: Callable[[int], Any]) -> tuple[list[float], Any]:
    """Seconds of each round after a first that is not counted, and the last result."""
    result = way(0)
    seconds = []
    for number in range(1, count + 1):
        started = time.perf_counter()
        result = way(number)
        seconds.append(time.perf_counter() - started)
    return seconds, result


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--tiny", action="store_true", help="models of a few thousand parameters")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--answers", type=int, default=2_000)
    parser.add_argument("--rewrites", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.smoke = args.smoke or args.tiny
    return run("methods-gpu", measure, args)


if __name__ == "__main__":
    sys.exit(main())

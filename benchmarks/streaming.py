"""What scoring a growing answer with a decoder costs, against one pass over the whole: CPU seconds on one thread.

The weights are random, of about 100 million parameters; the work is the same whatever they are. The ways are measured
in turns, so that a busy machine slows all of them.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from _bench import progress, run

from eyelid.evaluation.figures import Figure

if TYPE_CHECKING:
    from eyelid.models import CausalRunner

#: A Llama of 110 million parameters, 25 million of them embeddings.
SHAPE = {
    "model_type": "llama",
    "vocab_size": 32_000,
    "hidden_size": 768,
    "intermediate_size": 2048,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "num_key_value_heads": 12,
    "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-6,
    "hidden_act": "silu",
}
Scores = list[list[float]]


@dataclass(slots=True)
class Way:
    """A way to score a growing text, and what it took.

    Args:
        runner: with or without memory.
        ends: tokens of the text at each check.
        streams: how many at a time.
        seconds: CPU seconds for each text, by round.
    """

    runner: CausalRunner
    ends: Sequence[int]
    streams: int = 1
    seconds: list[float] = field(default_factory=list)

    def take(self, texts: Sequence[Sequence[int]]) -> Scores:
        """Score the first texts; gives the scores of each, check by check."""
        from eyelid.models import Prefill

        texts = texts[: self.streams]
        started = time.process_time()
        found = [self.runner.run([Prefill.of(text[:end]) for text in texts]) for end in self.ends]
        self.seconds.append((time.process_time() - started) / len(texts))
        return [[check[at][0] for check in found] for at in range(len(texts))]


def measure(args: argparse.Namespace) -> list[Figure]:
    import torch

    from eyelid.models import CausalRunner, PackedLlama

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        model = PackedLlama(write_model(Path(folder), args.seed), dtype=getattr(torch, args.dtype))
    whole = args.query + args.response
    checks = [*range(args.query + args.every, whole, args.every), whole]

    def way(ends: Sequence[int], *, streams: int = 1, memory: int = 0) -> Way:
        return Way(CausalRunner(model, memory=memory), ends, streams)

    full, anew = way([whole]), way(checks)
    alone, batch = way(checks, memory=2**30), way(checks, streams=args.streams, memory=2**30)
    apart = []
    tell = progress("rounds")
    for number in range(args.rounds + 1):
        texts = [tokens(whole, f"{args.seed}:{number}:{stream}") for stream in range(args.streams)]
        one, several, (true,) = alone.take(texts), batch.take(texts), anew.take(texts)
        passes = [full.take([text])[0][0] for text in texts]
        apart += [abs(a - b) for a, b in zip(one[0] + several[0], true + true, strict=True)]
        apart += [abs(found[-1] - alike) for found, alike in zip(several, passes, strict=True)]
        full.seconds[-args.streams :] = [statistics.median(full.seconds[-args.streams :])]
        tell(number, args.rounds)
    return list(figures(args, {"full": full, "anew": anew, "alone": alone, "batch": batch}, apart))


def figures(args: argparse.Namespace, ways: dict[str, Way], apart: Sequence[float]) -> Iterator[Figure]:
    # The first round touches memory and chooses kernels; it counts for the scores alone.
    seconds = {name: way.seconds[1:] for name, way in ways.items()}
    names = {
        "anew": "encoded anew at every check / one full pass",
        "alone": "one stream / one full pass",
        "batch": f"{args.streams} streams in a batch / one full pass each",
    }
    goals = {"alone": 2.0, "batch": 1.15}
    yield Figure("one full pass, CPU seconds", statistics.median(seconds["full"]), args.rounds)
    for name, title in names.items():
        ratios = [a / b for a, b in zip(seconds[name], seconds["full"], strict=True)]
        note = f"rounds {min(ratios):.2f} to {max(ratios):.2f}"
        yield Figure(title, statistics.median(ratios), args.rounds, at_most=goals.get(name), note=note)
    limit = 1e-3 if args.dtype == "float32" else None
    yield Figure("largest difference of a logit from full passes", max(apart), len(apart), at_most=limit)


def tokens(count: int, seed: str) -> list[int]:
    return random.Random(seed).choices(range(3, SHAPE["vocab_size"]), k=count)  # type: ignore[call-overload,no-any-return]


def write_model(folder: Path, seed: int) -> Path:
    """A checkpoint for classification with random weights, scaled so that the scores depend on all of the text."""
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(seed)
    hidden, inner = 768, 2048
    shapes = {"embed_tokens": (32_000, hidden)}
    for layer in range(12):
        shapes |= {f"layers.{layer}.self_attn.{name}_proj": (hidden, hidden) for name in "qkvo"}
        shapes |= {f"layers.{layer}.mlp.{name}_proj": (inner, hidden) for name in ("gate", "up")}
        shapes[f"layers.{layer}.mlp.down_proj"] = (hidden, inner)
    tensors = {f"model.{name}.weight": torch.randn(shape) * shape[1] ** -0.5 for name, shape in shapes.items()}
    norms = [f"layers.{layer}.{name}_layernorm" for layer in range(12) for name in ("input", "post_attention")]
    tensors |= {f"model.{name}.weight": torch.ones(hidden) for name in ("norm", *norms)}
    tensors["score.weight"] = torch.randn(1, hidden)
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(SHAPE), encoding="utf-8")
    return folder


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--query", type=int, default=40, help="tokens before the answer")
    parser.add_argument("--response", type=int, default=300, help="tokens of the answer")
    parser.add_argument("--every", type=int, default=16, help="tokens between checks")
    parser.add_argument("--streams", type=int, default=16, help="in a batch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(run(Path(__file__).stem, measure, parse()))

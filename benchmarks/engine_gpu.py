"""What a GPU does: the embedded detector, and a causal detector of three billion random parameters. At most 10 minutes.

One command for anyone with a GPU; without one it says so and ends. Beside each stands plain transformers on the same
weights: padded in the order of arrival, and sorted by length. The peak of matrix products is measured in the
same run, and what the causal detector does is told as a share of it. Needs the extra "models" and about 20 GB.

    python benchmarks/engine_gpu.py
    python benchmarks/engine_gpu.py --tiny --device cpu     (only to see that it works)
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from _gpu_models import SMALL, THREE_BILLION, write_decoder
from _model import write_model
from _results import Found, options, progress, run

from eyelid._optional import require
from eyelid.bench import EncoderWork, closed_loop, make_texts, matrix_peak
from eyelid.engine import Device, Item, choose_device, engine_for
from eyelid.errors import ConfigurationError
from eyelid.evaluation.figures import Figure
from eyelid.protocols import Assessment, ScoreRequest
from eyelid.types import Failure

#: Of the causal detector's speed in the peak of matrix products.
SHARE = 0.6
#: Tokens of a padded batch of sorted sequences.
BUDGET = 8_192
Way = Callable[[], list[float]]


def measure(args: argparse.Namespace) -> Found:
    require("models", "transformers")
    try:
        device = choose_device(args.device)
    except ConfigurationError as error:
        raise ConfigurationError(f"{error}; --tiny --device cpu only shows that everything works") from error
    if device.kind == "cpu" and not args.tiny:
        raise ConfigurationError("three billion parameters are not for a CPU; add --tiny")
    figures, details = [], {"device": device.reason}
    for part in (decoder, encoder):
        found, more = part(args, device)
        figures += found
        details |= more
        release(device)
    return figures, details


def decoder(args: argparse.Namespace, device: Device) -> Found:
    """Sequences of about 150 tokens through a 3B-shaped Llama that scores each at its last token."""
    from eyelid.models import CausalRunner, PackedLlama, Prefill

    shape, count = (SMALL, 24) if args.tiny else (THREE_BILLION, args.sequences)
    sequences = make_sequences(count, shape.words, args.seed)
    engine, dtype = engine_for(device), torch_dtype(device)
    with tempfile.TemporaryDirectory() as scratch:
        progress("writing a decoder of random weights")
        folder = write_decoder(Path(scratch), shape, dtype, device.torch, seed=args.seed)
        progress("loading it, twice")
        runner = CausalRunner(PackedLlama(folder, device=device.torch, dtype=dtype), memory=0)
        padded = Transformers("AutoModelForSequenceClassification", folder, device)

    def ours() -> list[float]:
        items = [Item(runner, Prefill.of(sequence, 0), len(sequence)) for sequence in sequences]
        return [future.result()[0] for future in engine.submit_all(items)]

    ways: dict[str, Way] = {"engine": ours, **padded.ways(sequences)}
    operations = sum(shape.operations(len(sequence)) for sequence in sequences)
    peaks, seconds, scores = interleaved(args, device, shape.linears, ways)
    tokens = sum(map(len, sequences))
    figures = list(rates("3B decoder", "sequences", count, tokens, seconds))
    shares = [operations / took / peak for took, peak in zip(seconds["engine"], peaks, strict=True)]
    figures.append(Figure("matrix peak, TFLOP/s", statistics.median(peaks) / 1e12, len(peaks)))
    goal = None if args.tiny else SHARE
    figures.append(Figure("3B decoder, share of the peak", statistics.median(shares), len(shares), at_least=goal))
    apart = max(abs(a - b) for a, b in zip(scores["engine"], scores["transformers, sorted"], strict=True))
    spread = statistics.pstdev(scores["engine"])
    figures.append(Figure("3B decoder, largest difference of a score", apart, count, note=f"deviation {spread:.2g}"))
    return figures, {"decoder": {"tokens": tokens, "peaks": peaks, "seconds": seconds}}


def encoder(args: argparse.Namespace, device: Device) -> Found:
    """Texts of about 100 tokens through the embedded detector, and through its bare encoder in transformers."""
    from eyelid.detectors import EmbeddedDetector
    from eyelid.models import find_backbone, find_weights

    texts = make_texts(48 if args.tiny else args.texts, seed=args.seed)
    requests = [ScoreRequest(text) for text in texts]
    progress("loading the embedded detector")
    detector = EmbeddedDetector(find_backbone(), find_weights(), device=device)
    with tempfile.TemporaryDirectory() as scratch:
        folder = write_model(Path(scratch), seed=args.seed)
        padded, work = Transformers("AutoModelForSequenceClassification", folder, device), EncoderWork.read(folder)
        sequences = tokenized(folder, texts)

    def ours() -> list[float]:
        return [scored(each) for each in detector.score(requests)]

    # What transformers is given is tokenised already; the detector does that, and more than the encoder, itself.
    ways: dict[str, Way] = {"engine": ours, **padded.ways(sequences)}
    _, seconds, scores = interleaved(args, device, work.shapes, ways)
    tokens = sum(map(len, sequences))
    figures = list(rates("embedded detector", "texts", len(texts), tokens, seconds))
    exact = EmbeddedDetector(find_backbone(), find_weights(), device=choose_device("cpu", dtype="float32"))
    some = requests[:256]
    apart = max(abs(scored(a) - b) for a, b in zip(exact.score(some), scores["engine"], strict=False))
    name = "embedded detector, largest difference of a probability from the CPU's in float32"
    figures.append(Figure(name, apart, len(some), at_most=0.02))

    async def ask(text: str) -> object:
        return await asyncio.wrap_future(detector.start([ScoreRequest(text)]))

    for clients in (1, 4) if args.tiny else (1, 16, 256):
        lasting = 0.2 if args.tiny else 5.0
        point = asyncio.run(closed_loop(ask, texts, clients=clients, seconds=lasting))
        note = f"median {1000 * point.p50:.1f} ms, 99th percentile {1000 * point.p99:.1f} ms"
        name = f"embedded detector, {clients} clients, texts a second"
        figures.append(Figure(name, point.per_second, point.requests, note=note))
    return figures, {"encoder": {"tokens": tokens, "seconds": seconds}}


def scored(found: Assessment | Failure) -> float:
    if isinstance(found, Failure):
        raise RuntimeError(f"a look failed: {found.code}, {found.detail}")
    return found.scores["harm"]


def tokenized(folder: Path, texts: Sequence[str]) -> list[list[int]]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return [encoding.ids for encoding in tokenizer.encode_batch_fast(list(texts))]


class Transformers:
    """A classifier as transformers runs it."""

    def __init__(self, kind: str, folder: Path, device: Device) -> None:
        import transformers

        self._device = device
        model = getattr(transformers, kind).from_pretrained(folder, dtype=torch_dtype(device), local_files_only=True)
        self._model = model.to(device.torch).eval()

    def ways(self, sequences: Sequence[Sequence[int]]) -> dict[str, Way]:
        """Padded batches in the order of arrival, sorted by length, and sorted under a budget of tokens."""
        order = sorted(range(len(sequences)), key=lambda at: len(sequences[at]))
        arrival = [list(range(len(sequences)))[at : at + 32] for at in range(0, len(sequences), 32)]
        ordered = [order[at : at + 32] for at in range(0, len(order), 32)]
        chosen = {
            "transformers, batches of 32": arrival,
            "transformers, sorted": ordered,
            f"transformers, sorted, {BUDGET} tokens": list(budgeted(order, sequences)),
        }
        return {name: lambda batches=batches: self._run(sequences, batches) for name, batches in chosen.items()}

    def _run(self, sequences: Sequence[Sequence[int]], batches: Sequence[Sequence[int]]) -> list[float]:
        import torch

        scores = [0.0] * len(sequences)
        with torch.inference_mode():
            for batch in batches:
                longest = max(len(sequences[at]) for at in batch)
                ids = torch.tensor([[*sequences[at], *[0] * (longest - len(sequences[at]))] for at in batch])
                mask = torch.tensor([[1] * len(sequences[at]) + [0] * (longest - len(sequences[at])) for at in batch])
                there = {"input_ids": ids.to(self._device.torch), "attention_mask": mask.to(self._device.torch)}
                for at, row in zip(batch, self._model(**there).logits.float().tolist(), strict=True):
                    scores[at] = row[0]
        return scores


def budgeted(order: Sequence[int], sequences: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Batches of at most `BUDGET` tokens with their padding."""
    batch: list[int] = []
    for at in order:
        if batch and (len(batch) + 1) * len(sequences[at]) > BUDGET:
            yield batch
            batch = []
        batch.append(at)
    yield batch


def interleaved(
    args: argparse.Namespace, device: Device, shapes: Sequence[tuple[int, int]], ways: Mapping[str, Way]
) -> tuple[list[float], dict[str, list[float]], dict[str, list[float]]]:
    """The peak and the seconds of each way in each round, and the scores; a first round is not counted."""
    rows, lasting = ((64,), 0.05) if args.tiny else ((4096, 8192, 16_384), 2.0)
    peaks: list[float] = []
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    scores: dict[str, list[float]] = {}
    for number in range(args.rounds + 1):
        progress(f"round {number} of {args.rounds}")
        peak = matrix_peak(device.dtype, shapes, device=device.torch, seconds=lasting, rows=rows)
        for name, way in ways.items():
            began = time.perf_counter()
            scores[name] = way()
            if number:
                seconds[name].append(time.perf_counter() - began)
        peaks += [peak] if number else []
    return peaks, seconds, scores


def rates(what: str, unit: str, count: int, tokens: int, seconds: Mapping[str, Sequence[float]]) -> Iterator[Figure]:
    ours = seconds["engine"]
    for name, took in seconds.items():
        rates = [tokens / each for each in took]
        note = f"{min(rates):.0f} to {max(rates):.0f}; {count / statistics.median(took):.0f} {unit} a second"
        yield Figure(f"{what}, {name}, tokens a second", statistics.median(rates), len(took), note=note)
    for name, took in seconds.items():
        if name != "engine":
            ratios = [theirs / own for own, theirs in zip(ours, took, strict=True)]
            note = f"rounds {min(ratios):.2f} to {max(ratios):.2f}"
            yield Figure(f"{what}, engine / {name}", statistics.median(ratios), len(ratios), note=note)


def make_sequences(count: int, words: int, seed: int) -> list[list[int]]:
    """Ids of about 150 tokens a sequence, log-normal."""
    rng = random.Random(seed)
    lengths = [int(min(512, max(20, rng.lognormvariate(4.9, 0.5)))) for _ in range(count)]
    return [rng.choices(range(3, words), k=length) for length in lengths]


def torch_dtype(device: Device) -> Any:
    import torch

    return getattr(torch, device.dtype)


def release(device: Device) -> None:
    import torch

    gc.collect()
    if device.kind == "cuda":
        torch.cuda.empty_cache()


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = options(__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="models of no use, to see that it works")
    parser.add_argument("--sequences", type=int, default=1024)
    parser.add_argument("--texts", type=int, default=8192)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(run(Path(__file__).stem.replace("_", "-"), measure, parse()))

"""How long a look takes: one text, one image, and many texts against a transformers pipeline on the same weights.

Both sides of the comparison run in this process, in turns. The pipeline is
`transformers.pipeline("text-classification")` with its default settings on the backbone with a random head:
it looks at each text once, as it is; the guard normalises, takes all views and runs its whole flow.
"""

from __future__ import annotations

import argparse
import io
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from _bench import DATA, Load, evenly, lines, load_guard, options, run

from eyelid.evaluation.corpora import read_rows
from eyelid.evaluation.figures import Figure
from eyelid.guard import Guard
from eyelid.types import Exchange, Image, Surface

#: Characters of about 100 tokens of English.
CHARACTERS = 430
WARM_UP = 10


def measure(args: argparse.Namespace, load: Load = load_guard) -> list[Figure]:
    import torch

    threads = torch.get_num_threads()
    texts = plain_texts(args)
    with load(args, images="image" in args.parts) as guard:
        figures = list(one_text(guard, texts, args)) if "text" in args.parts else []
        figures += one_image(guard, args) if "image" in args.parts else []
        figures += against_pipeline(guard, texts, args, threads) if "many" in args.parts else []
    return figures


def one_text(guard: Guard, texts: Sequence[str], args: argparse.Namespace) -> Iterator[Figure]:
    of_length = [text for text in texts if abs(len(text) - CHARACTERS) < 40][: args.repeats] or [cut(texts, CHARACTERS)]
    seconds = timed(lambda text: guard.check(response=text), of_length * (1 + args.repeats // len(of_length)))
    yield from quantiles("one text of about 100 tokens, milliseconds", [1000 * s for s in seconds], 30)


def one_image(guard: Guard, args: argparse.Namespace) -> Iterator[Figure]:
    encoded = [picture(text) for text in evenly(lines("harmless_headings.txt"), 2 + args.repeats // 10)]
    seconds = timed(lambda data: guard.check(images=[Image(data)], surface=Surface.INPUT), encoded, warm_up=2)
    yield from quantiles("one 760×760 typographic image, seconds", seconds, 1)


def picture(text: str) -> bytes:
    """A heading above empty items, of 760×760 pixels."""
    from eyelid.evaluation.typography import render

    found = next(image for image in (render(text, "list", seed) for seed in range(1000)) if image.size == (760, 760))
    file = io.BytesIO()
    found.save(file, "PNG")
    return file.getvalue()


def against_pipeline(guard: Guard, texts: Sequence[str], args: argparse.Namespace, threads: int) -> Iterator[Figure]:
    import torch

    pipe = pipeline_on_backbone(args)
    parts = [texts[start :: args.rounds] for start in range(args.rounds)]
    for text in texts[:WARM_UP]:
        guard.check(response=text)
        pipe(text)
    ours, theirs = [], []
    for part in parts:
        ours.append(clock(lambda part=part: guard.check_many([Exchange(response=text) for text in part])))
        own, _ = torch.get_num_threads(), torch.set_num_threads(threads)
        theirs.append(clock(lambda part=part: pipe(list(part))))
        torch.set_num_threads(own)
    for name, wall, cpu in (("guard", *summed(ours)), ("pipeline", *summed(theirs))):
        yield Figure(f"{name}: {len(texts)} texts, seconds", wall, len(texts), note=f"{cpu:.1f} s of processor time")
    ratio = summed(ours)[0] / summed(theirs)[0]
    spread = [a[0] / b[0] for a, b in zip(ours, theirs, strict=True)]
    note = f"rounds {min(spread):.2f} to {max(spread):.2f}; pipeline on {threads} threads"
    yield Figure("guard / pipeline, time for the same texts", ratio, len(texts), at_most=0.5, note=note)
    cpu_ratio = summed(ours)[1] / summed(theirs)[1]
    yield Figure("guard / pipeline, processor time for the same texts", cpu_ratio, len(texts))


def pipeline_on_backbone(args: argparse.Namespace) -> Any:
    import torch
    from transformers import AutoTokenizer, BertForSequenceClassification, pipeline
    from transformers.utils import logging

    from eyelid.models import find_backbone

    logging.set_verbosity_error()  # it would say that the head is new, which is meant
    torch.manual_seed(args.seed)
    folder = find_backbone(args.backbone)
    model = BertForSequenceClassification.from_pretrained(folder, num_labels=2)
    return pipeline("text-classification", model=model, tokenizer=AutoTokenizer.from_pretrained(folder))


def plain_texts(args: argparse.Namespace) -> list[str]:
    """Harmless answers cut to 20 to 256 tokens, half of them below 80; without data, headings in a row."""
    rng = random.Random(args.seed)
    if args.data:
        rows = read_rows(args.data / "train" / "responses.jsonl.gz")
        source = [row.response for row in evenly([row for row in rows if not row.label], 2 * args.count)]
    else:
        names = sorted(path.name for path in DATA.glob("harmless*.txt"))
        source = [" ".join(rng.sample(lines(name), 40)) for name in names for _ in range(args.count)]
    found = []
    for text in source:
        wanted = 4.3 * min(256.0, max(20.0, rng.lognormvariate(4.4, 0.6)))
        if len(text) >= wanted:
            found.append(text[: int(wanted)].rpartition(" ")[0])
    return found[: args.count]


def cut(texts: Sequence[str], characters: int) -> str:
    return " ".join(texts)[:characters].rpartition(" ")[0]


def timed(act: Callable[[Any], Any], items: Sequence[Any], *, warm_up: int = WARM_UP) -> list[float]:
    """Seconds of each call, after some that are not counted."""
    seconds = []
    for number, item in enumerate([*items[:warm_up], *items]):
        started = time.perf_counter()
        act(item)
        if number >= warm_up:
            seconds.append(time.perf_counter() - started)
    return seconds


def clock(act: Callable[[], Any]) -> tuple[float, float]:
    """Wall and processor seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    return time.perf_counter() - wall, time.process_time() - cpu


def summed(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return sum(wall for wall, _ in pairs), sum(cpu for _, cpu in pairs)


def quantiles(name: str, values: Sequence[float], goal: float) -> Iterator[Figure]:
    yield Figure(f"{name}, median", statistics.median(values), len(values), at_most=goal)
    yield Figure(f"{name}, 95th percentile", sorted(values)[int(0.95 * (len(values) - 1))], len(values))


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = options(__doc__, data=False)
    parser.add_argument("--parts", nargs="+", choices=["text", "image", "many"], default=["text", "image", "many"])
    parser.add_argument("--count", type=int, default=1_000, help="texts for the comparison")
    parser.add_argument("--repeats", type=int, default=200, help="single looks")
    parser.add_argument("--rounds", type=int, default=5, help="turns of the comparison")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(run(Path(__file__).stem, measure, parse()))

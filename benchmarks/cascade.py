"""What a cascade would save and lose: the linear model alone first, the embedded detector where that is in doubt.

The bands are fitted on queries and sources of the training files that neither model was trained on, so that at most 1 %
of what the embedded detector flags would be missed; the cheap model may clear texts, never flag them. What they do is
measured on the validation files, and on harmful answers padded with the harmless sentences that the cheap model likes
best, which anyone can find who has the weights.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from _bench import load_detectors, options, policy, progress, run

from eyelid.detectors import Band, CascadeDetector, Fit, fit_band
from eyelid.evaluation.corpora import read_rows
from eyelid.evaluation.figures import Figure, share
from eyelid.models import LinearModel, find_weights
from eyelid.protocols import Assessment, Detector, ScoreRequest
from eyelid.taxonomy import Category
from eyelid.text import token_windows
from eyelid.types import Scores, Surface

#: Surface → task of the training files, category, validation files.
PLACES = {
    Surface.OUTPUT: ("response", Category.HARM, ("responses_xstest", "responses_gptfuzz")),
    Surface.TOOL_RESULT: ("injection", Category.INJECTION, ("injection_bipia",)),
    Surface.INPUT: ("request", Category.HARM, ()),
}
#: Heads of the linear model (response, request, injection, hate) that speak for a category on a surface.
HEADS = {Surface.OUTPUT: (0, 3), Surface.TOOL_RESULT: (2,), Surface.INPUT: (1, 3)}
MISSED = 0.01
#: Harmless sentences after every so many characters of a padded answer.
PADDING = (0, 1, 2, 4, 8)
STRETCH = 400


class Ngrams:
    """The linear model on windows of 1,000 characters that overlap by half: the highest logit of its heads."""

    name = "ngrams"

    def __init__(self, weights: Path) -> None:
        from safetensors.numpy import load_file

        arrays = load_file(weights / "linear.safetensors")
        self._model = LinearModel(arrays["weights"], arrays["bias"])

    def score(self, batch: Sequence[ScoreRequest], /) -> list[Assessment]:
        return [self._assess(request) for request in batch]

    def _assess(self, request: ScoreRequest) -> Assessment:
        places = token_windows(len(request.text), size=1000, overlap=500) or [(0, 0)]
        logits = np.stack([self._model.logits(request.text[start:end]) for start, end in places])
        probability = 1.0 / (1.0 + np.exp(-float(logits[:, HEADS[request.surface]].max())))
        return Assessment(Scores({PLACES[request.surface][1]: probability}), covered=len(request.text))


@dataclass(frozen=True, slots=True)
class Texts:
    """Labelled texts of one surface."""

    name: str
    requests: list[ScoreRequest]
    labels: list[int]


def measure(args: argparse.Namespace) -> list[Figure]:
    (strong,) = load_detectors(args)
    cheap = Ngrams(find_weights(args.weights))
    figures: list[Figure] = []
    for surface, fitted in to_fit(args).items():
        fit = fitted_band(cheap, strong, fitted, surface, args)
        bands = [Band(PLACES[surface][1], fit.low, surface=surface)]
        figures.append(Figure(f"{surface}: lower end of the band", fit.low, fit.texts))
        figures += on(fitted, cheap, strong, bands, args)
        for name in PLACES[surface][2]:
            figures += on(validation(name, surface, args), cheap, strong, bands, args)
        if surface is Surface.OUTPUT:
            figures += padded(fitted, cheap, strong, fit, args)
    return figures


def to_fit(args: argparse.Namespace) -> dict[Surface, Texts]:
    """Texts that the models were not trained on, up to `--most` of a source and label."""
    from eyelid.training import load_recipe, read_rows, split

    parts = split(read_rows(args.data / "train"), load_recipe())
    found = {}
    for surface, (task, _, _) in PLACES.items():
        texts = Texts(f"{surface}, held apart", [], [])
        kept: Counter[tuple[str, float]] = Counter()
        for each in (*parts.held[task], *parts.dev[task]):
            kept[each.source, each.targets.get(task, 0.0)] += 1
            if kept[each.source, each.targets.get(task, 0.0)] <= args.most:
                prompt = "" if surface is Surface.INPUT else each.prompt
                texts.requests.append(ScoreRequest(each.text, prompt, surface))
                texts.labels.append(int(each.targets.get(task, 0.0) > 0.5))
        found[surface] = texts
    return found


def validation(name: str, surface: Surface, args: argparse.Namespace) -> Texts:
    rows = [row for row in read_rows(args.data / "validation" / f"{name}.jsonl.gz") if row.response.strip()]
    rows = random.Random(args.seed).sample(rows, min(args.limit, len(rows)))
    return Texts(
        f"{surface}, {name}", [ScoreRequest(r.response, r.query, surface) for r in rows], [r.label for r in rows]
    )


def scores(detector: Detector, requests: Sequence[ScoreRequest], category: str, what: str) -> list[float]:
    tell, found = progress(what), []
    for start in range(0, len(requests), 32):
        found += [each.scores[category] for each in detector.score(requests[start : start + 32])]  # type: ignore[union-attr]
        tell(len(found), len(requests))
    return found


def fitted_band(cheap: Detector, strong: Detector, texts: Texts, surface: Surface, args: argparse.Namespace) -> Fit:
    category = PLACES[surface][1]
    low, high = (scores(each, texts.requests, category, texts.name) for each in (cheap, strong))
    threshold = policy(args).for_surface(surface).thresholds[category]
    return fit_band(low, high, threshold=threshold, changed=1.0, missed=MISSED, one_sided=True)


def on(
    texts: Texts, cheap: Detector, strong: Detector, bands: list[Band], args: argparse.Namespace
) -> Iterator[Figure]:
    """Both ways in turns, batch by batch, in processor seconds."""
    surface = texts.requests[0].surface
    category = PLACES[surface][1]
    threshold = policy(args).for_surface(surface).thresholds[category]
    cascade = CascadeDetector(cheap, strong, bands=bands)
    flags: dict[str, list[bool]] = {"always": [], "cascade": []}
    seconds = dict.fromkeys(flags, 0.0)
    for start in range(0, len(texts.requests), 32):
        batch = texts.requests[start : start + 32]
        for name, detector in (("always", strong), ("cascade", cascade)):
            began = time.process_time()
            found = detector.score(batch)
            seconds[name] += time.process_time() - began
            flags[name] += [each.scores[category] >= threshold for each in found]  # type: ignore[union-attr]
    always, then = np.array(flags["always"]), np.array(flags["cascade"])
    labels = np.array(texts.labels, dtype=bool)
    stats = cascade.stats()
    yield share(f"{texts.name}: escalated", stats.escalated, stats.asked)
    yield share(f"{texts.name}: decisions changed", int((always != then).sum()), len(always))
    yield share(f"{texts.name}: of what is flagged, missed", int((always & ~then).sum()), int(always.sum()))
    for name, found in (("always", always), ("cascade", then)):
        yield share(f"{texts.name}: recall, {name}", int(found[labels].sum()), int(labels.sum()))
        yield share(f"{texts.name}: false positives, {name}", int(found[~labels].sum()), int((~labels).sum()))
    yield Figure(f"{texts.name}: processor time, cascade / always", seconds["cascade"] / seconds["always"], len(always))


def padded(texts: Texts, cheap: Detector, strong: Detector, fit: Fit, args: argparse.Namespace) -> Iterator[Figure]:
    """Harmful answers among which the sentences stand that the cheap model finds most harmless."""
    rng = random.Random(args.seed)
    harmful = [request for request, label in zip(texts.requests, texts.labels, strict=True) if label]
    harmless = [request.text for request, label in zip(texts.requests, texts.labels, strict=True) if not label]
    sentences = [each for text in harmless for each in re.split(r"(?<=[.!?])\s+", text) if 60 < len(each) < 200]
    ranked = scores(cheap, [ScoreRequest(each) for each in sentences], Category.HARM, "sentences")
    calm = [sentences[at] for at in np.argsort(ranked)[:40]]
    chosen = rng.sample(harmful, min(args.padded, len(harmful)))
    threshold = policy(args).for_surface(Surface.OUTPUT).thresholds[Category.HARM]
    for count in PADDING:
        requests = [ScoreRequest(pad(each.text, calm, count, rng), each.prompt) for each in chosen]
        flagged = np.array(scores(strong, requests, Category.HARM, f"padded with {count}")) >= threshold
        doubted = np.array(scores(cheap, requests, Category.HARM, f"padded with {count}")) >= fit.low
        yield share(f"padded with {count} sentences: recall, always", int(flagged.sum()), len(chosen))
        yield share(f"padded with {count} sentences: recall, cascade", int((flagged & doubted).sum()), len(chosen))


def pad(text: str, sentences: Sequence[str], count: int, rng: random.Random) -> str:
    parts = [text[start : start + STRETCH] for start in range(0, len(text), STRETCH)]
    return " ".join(" ".join([part, *rng.sample(sentences, count)]) for part in parts)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = options(__doc__)
    parser.add_argument("--most", type=int, default=60, help="texts of each source and label to fit on")
    parser.add_argument("--limit", type=int, default=3000, help="texts of each validation file at most")
    parser.add_argument("--padded", type=int, default=240, help="harmful answers to pad")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(run(Path(__file__).stem, measure, parse()))

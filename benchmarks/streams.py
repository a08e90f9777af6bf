"""Whether a stream rules as the whole text does, however it is cut, and releases nothing that was not scored.

Without --data the texts are made here and the detector is a fake that finds words; with --data they are
answers, harmful and harmless, and the detector is the embedded one.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from _bench import harmful_answers, harmless_answers, lines, load_detectors, options, policy, progress, run

from eyelid.detoxifiers import SentenceDetoxifier
from eyelid.evaluation.corpora import sample
from eyelid.evaluation.figures import Figure, share
from eyelid.evaluation.recording import RecordingDetector
from eyelid.guard import Guard
from eyelid.protocols import Detector
from eyelid.testing import FakeDetector
from eyelid.text import split_sentences
from eyelid.types import Outcome


def measure(args: argparse.Namespace) -> list[Figure]:
    detectors: list[Detector] = load_detectors(args) if args.data else [FakeDetector({"zorb": 0.9})]
    texts = list(real_texts(args)) if args.data else list(made_texts(args))
    recording = RecordingDetector(detectors[0])
    rewriter = SentenceDetoxifier(detectors[0])
    trials: list[Trial] = []
    tell = progress("streams")
    with Guard([recording, *detectors[1:]], policy=policy(args), detoxifier=rewriter) as guard:
        for number, text in enumerate(texts):
            trials += look(guard, recording, text, random.Random(f"{args.seed}:{number}"), args.cuts)
            tell(number + 1, len(texts))
    pieces = sum(len(trial.pieces) for trial in trials)
    early = sum(len(trial.pieces) > 1 for trial in trials)
    return [
        share(
            "verdicts that differ from that of the whole text", sum(t.differs for t in trials), len(trials), at_most=0
        ),
        Figure("texts delivered differently under different cuts", uneven(trials, args.cuts), len(texts), at_most=0),
        Figure("characters released without being scored", sum(t.unscored for t in trials), pieces, at_most=0),
        share("streams that released text before the end", early, len(trials)),
        share("texts flagged", sum(bool(t.outcome.verdict.category) for t in trials), len(trials)),
    ]


@dataclass(frozen=True)
class Trial:
    outcome: Outcome
    pieces: list[str]
    differs: bool
    unscored: int


def look(guard: Guard, recording: RecordingDetector, text: str, rng: random.Random, cuts: int) -> Iterator[Trial]:
    whole = guard.check(response=text)
    for _ in range(cuts):
        recording.forget()
        stream = guard.stream(chunks(text, rng))
        pieces, unscored = [], 0
        for piece in stream:
            # Only what comes from the text itself: a refusal or a notice is eyelid's own.
            sentences = [piece[start:end].strip() for start, end in split_sentences(piece)]
            unscored += sum(len(part) for part in sentences if part in text and not recording.saw(part))
            pieces.append(piece)
        yield Trial(stream.outcome, pieces, stream.outcome.verdict != whole.verdict, unscored)


def chunks(text: str, rng: random.Random) -> list[str]:
    """The text cut at random: into single characters, into words or into a few long parts."""
    share_cut = rng.choice([1.0, 0.3, 0.05, 0.01])
    cuts = [0, *(place for place in range(1, len(text)) if rng.random() < share_cut), len(text)]
    return [text[start:end] for start, end in pairwise(cuts)]


def uneven(trials: Sequence[Trial], cuts: int) -> int:
    groups = [trials[start : start + cuts] for start in range(0, len(trials), cuts)]
    return sum(len({"".join(trial.pieces) for trial in group}) > 1 for group in groups)


def made_texts(args: argparse.Namespace) -> Iterator[str]:
    """Sentences of the harmless headings; half of the texts hold a harmful word at a random place."""
    rng = random.Random(args.seed)
    sentences = lines("harmless_headings.txt")
    for number in range(args.texts):
        parts = [rng.choice(sentences) for _ in range(rng.randint(1, 60))]
        if number % 2:
            parts.insert(rng.randint(0, len(parts)), "Then zorb the door.")
        yield "".join(part + rng.choice([" ", " ", "\n", "\n\n", "\n- "]) for part in parts)


def real_texts(args: argparse.Namespace) -> Iterator[str]:
    """Half harmful answers, half harmless ones of unseen sources."""
    harmless = [row for rows in harmless_answers(args).values() for row in rows]
    for row in sample(harmless, args.texts // 2, seed=args.seed):
        yield row.response
    for row in sample(harmful_answers(args), args.texts - args.texts // 2, seed=args.seed):
        yield row.response


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = options(__doc__, data=False)
    parser.add_argument("--texts", type=int, default=200)
    parser.add_argument("--cuts", type=int, default=20, help="ways to cut each text")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(run(Path(__file__).stem, measure, parse()))

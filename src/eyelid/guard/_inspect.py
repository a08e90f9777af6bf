"""The look itself: read the images, normalise, score every view. What comes out says what was found and seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from eyelid.guard._case import Case
from eyelid.guard._effects import Effect, Flow, Stage
from eyelid.guard._passages import Passage, passages
from eyelid.guard._pictures import Picture, look_at
from eyelid.policy import SurfacePolicy
from eyelid.protocols import Assessment, ScoreRequest
from eyelid.taxonomy import Category
from eyelid.text import View, Views
from eyelid.types import Coverage, Failure, Frame, Image, Reasked, Scores, Span

#: Spans kept for a verdict, best first.
MAX_SPANS = 16
_NOTHING: Mapping[int | None, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found, and how much was looked at.

    Args:
        text: the largest scores over all views of the text.
        images: the largest scores over what was read in the images, alone, together and with the text.
        coverage: how much was looked at; less than all only where there are failures.
        failures: what could not be looked at.
        spans: ranges of the original text that reached a threshold, best first.
        frames: the first frame of each image; empty unless all could be decoded.
        image_texts: what was read in each image.
        judged: how the model itself judged the text, where it was asked.
        shown: the images as a model is shown them, where it was asked: their canonical pixels.
    """

    text: Scores
    images: Scores
    coverage: Coverage
    failures: tuple[Failure, ...] = ()
    spans: tuple[Span, ...] = ()
    frames: tuple[Frame, ...] = field(default=(), repr=False)
    image_texts: tuple[str, ...] = field(default=(), repr=False)
    judged: Reasked | None = None
    shown: tuple[Image, ...] = field(default=(), repr=False)

    @property
    def scores(self) -> Scores:
        """Over everything that was looked at."""
        return Scores.maximum((self.text, self.images))


@dataclass(frozen=True, slots=True)
class _Look:
    """One view of a passage as a detector is asked about it, and what each detector said."""

    passage: Passage
    view: View
    request: ScoreRequest
    found: tuple[Assessment | Failure, ...] = ()

    @property
    def assessments(self) -> Iterator[Assessment]:
        return (found for found in self.found if isinstance(found, Assessment))

    @property
    def seen(self) -> float:
        """The part of the view that every detector saw, in [0, 1]."""
        return min(_part_seen(found, len(self.view.text)) for found in self.found)


def inspect(case: Case) -> Flow[Findings]:
    """Look at the text and the images of an exchange; every detector sees every view."""
    earlier = len(case.asking.failures)
    too_long = _too_long(case)
    if too_long:
        case.asking.failures.append(too_long)
        return Findings(Scores(), Scores(), _coverage(case), (too_long,))
    if number := case.exchange.uninspectable:
        case.asking.failures.append(Failure("content", "uninspectable", f"{number} parts that cannot be looked at"))
    pictures = yield from look_at(case)
    parts = passages(case, [picture.text for picture in pictures])
    (made,) = yield from case.asking.ask(Effect(Stage.TEXT, tuple(part.text for part in parts)))
    looks = yield from _score(case, _looks(parts, made))
    seen = [_seen(case, part, views, looks) for part, views in zip(parts, made, strict=True)]
    return Findings(
        text=_highest(look for look in looks if look.passage.image is None),
        images=_highest(look for look in looks if look.passage.image is not None),
        coverage=_coverage(case, pictures, {part.image: share for part, share in zip(parts, seen, strict=True)}),
        failures=tuple(dict.fromkeys(case.asking.failures[earlier:])),
        spans=_spans(looks, case.rules),
        frames=tuple(picture.decoded.frames[0] for picture in pictures if picture.decoded),
        image_texts=tuple(picture.text for picture in pictures),
    )


def _too_long(case: Case) -> Failure | None:
    most = case.policy.max_characters
    for what, text in (("the text", case.exchange.text), ("the request it answers", case.context)):
        if len(text) > most:
            return Failure("text", "limit", f"{what} has {len(text)} characters; the policy looks at {most} at most")
    return None


def _looks(parts: Sequence[Passage], made: Sequence[Views | Failure]) -> list[_Look]:
    return [
        _Look(part, view, request)
        for part, views in zip(parts, made, strict=True)
        if isinstance(views, Views)
        for view in views.views
        for request in part.requests(view)
    ]


def _score(case: Case, looks: Sequence[_Look]) -> Flow[list[_Look]]:
    requests = tuple(look.request for look in looks)
    columns = yield from case.asking.ask(*(Effect(Stage.SCORE, requests, name) for name in case.detectors))
    return [replace(look, found=found) for look, found in zip(looks, zip(*columns, strict=True), strict=True)]


def _part_seen(found: Assessment | Failure, length: int) -> float:
    if isinstance(found, Failure):
        return 0.0
    return min(1.0, found.covered / length) if length else 1.0


def _seen(case: Case, part: Passage, views: Views | Failure, looks: Sequence[_Look]) -> float:
    """The part of a passage that was seen, in [0, 1]; where it is not all, a failure says so."""
    own = [look for look in looks if look.passage is part]
    if isinstance(views, Failure) or not own:
        seen = 0.0
    else:
        seen = min(1.0, views.covered / len(part.text), _readings_seen(part, views.views[0], own))
        if not views.complete:
            case.asking.failures.append(Failure("text", "coverage", ", ".join(views.problems)))
    if seen < 1.0:
        case.asking.failures.append(Failure("score", "coverage", "some of the text was not seen by every detector"))
    return seen


def _readings_seen(part: Passage, canonical: View, looks: Sequence[_Look]) -> float:
    """The part that was seen of the best reading of the whole passage, and of every reading of a part of it.

    A disguised text may be beyond a detector as it stands, in letters it does not know, and plain in another view.
    """
    whole: list[float] = []
    parts: list[float] = []
    for view in {id(look.view): look.view for look in looks}.values():
        seen = min(look.seen for look in looks if look.view is view)
        everything = view.source == "text" and view.locate(0, len(view.text)) == (0, len(part.text))
        (whole if everything or view is canonical else parts).append(seen)
    return min(max(whole, default=0.0), *parts, 1.0)


def _coverage(case: Case, pictures: Sequence[Picture] = (), seen: Mapping[int | None, float] = _NOTHING) -> Coverage:
    """How much was looked at; `seen` is the part of the text (`None`) and of what each image says."""
    text, images = case.exchange.text, case.exchange.images
    read = sum(picture.seen and seen.get(number, 1.0) == 1.0 for number, picture in enumerate(pictures))
    return Coverage(
        characters=int(len(text) * seen.get(None, 0.0)),
        total_characters=len(text),
        frames=sum(picture.frames for picture in pictures),
        total_frames=sum(picture.total_frames for picture in pictures),
        pixels=sum(picture.pixels for picture in pictures),
        total_pixels=sum(picture.total_pixels for picture in pictures),
        blocks=int(bool(text) and seen.get(None) == 1.0) + read,
        total_blocks=int(bool(text)) + len(images) + case.exchange.uninspectable,
    )


def _highest(looks: Iterable[_Look]) -> Scores:
    return Scores.maximum([assessment.scores for look in looks for assessment in look.assessments])


def _spans(looks: Iterable[_Look], rules: SurfacePolicy) -> tuple[Span, ...]:
    """Where in the original text something reached its threshold."""
    found: dict[tuple[int, int], Span] = {}
    for look in looks:
        if look.passage.image is not None:
            continue
        for span in (span for assessment in look.assessments for span in assessment.spans):
            place = look.view.locate(span.start, span.end)
            needed = rules.thresholds.get(span.category, rules.thresholds.get(Category.HARM, 1.0))
            if place and span.score >= needed and (place not in found or found[place].score < span.score):
                found[place] = replace(span, start=place[0], end=place[1])
    return tuple(sorted(found.values(), key=lambda span: (-span.score, span.start))[:MAX_SPANS])

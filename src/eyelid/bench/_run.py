"""A whole run of `eyelid bench`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from eyelid.bench._machine import machine
from eyelid.bench._measure import Plan, latency, load, throughput
from eyelid.bench._peak import matrix_peak
from eyelid.bench._result import Measured
from eyelid.bench._subjects import guard_subject, model_subject, pipeline_subject
from eyelid.bench._texts import make_texts
from eyelid.bench._work import EncoderWork
from eyelid.engine import Device, choose_device
from eyelid.errors import ConfigurationError
from eyelid.guard import Guard
from eyelid.models import WindowTokenizer, find_backbone

_WARM_UP = 8


def run_bench(
    guard: Guard,
    plan: Plan,
    *,
    model: bool = True,
    pipeline: bool = True,
    seed: int = 0,
    tell: Callable[[str], None] = lambda what: None,
) -> Measured:
    """Measure throughput, latency and behaviour under load on this machine.

    Args:
        guard: as an application has it.
        plan: how long.
        model: whether the embedded encoder by itself is measured too.
        pipeline: whether a transformers pipeline on the same encoder is, where it is installed.
        seed: of the texts and of the pipeline's random head.
        tell: told what is going on.

    Raises:
        WeightsError: the backbone, whose tokenizer counts the tokens, is not to be had.
    """
    device, backbone, facts = choose_device(), find_backbone(), machine()
    # Every text is looked at once by each method: a guard may remember what it has seen.
    texts = make_texts(plan.texts + plan.singles + _WARM_UP, seed=seed)
    texts, singles, first = texts[: plan.texts], texts[plan.texts : -_WARM_UP], texts[-_WARM_UP:]
    tokens = _lengths(backbone, texts)
    work = EncoderWork.read(backbone)
    dtypes: list[str] = sorted({device.dtype, "float32"})
    subjects, notes = [guard_subject(guard)], []
    if model:
        tell("loading the model by itself")
        subjects += [model_subject(backbone, device, dtype) for dtype in dtypes]
    if pipeline:
        try:
            tell("loading transformers")
            subjects.append(pipeline_subject(backbone, seed=seed))
            notes.append("the pipeline does many texts on one thread, and single ones on one for each CPU")
        except ConfigurationError as error:
            notes.append(f"no comparison with transformers: {error}")
    tell("warming up")
    for subject in subjects:
        subject.many(first)
    rows, peaks = throughput(
        subjects,
        texts,
        tokens,
        plan,
        work.operations,
        lambda: dict(_peaks(device, dtypes, work, plan.peak)),
        device.kind,
        tell,
    )
    return Measured(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=facts,
        device=f"{device.torch}, {device.dtype}, workers: {device.workers} ({device.reason})",
        texts=len(texts),
        tokens=sum(tokens),
        peaks=peaks,
        throughput=rows,
        latency=latency(subjects, singles, tell),
        load=load(subjects, texts, plan, tell),
        notes=notes,
    )


def _lengths(backbone: Path, texts: list[str]) -> list[int]:
    """Tokens of each text, each short enough for one window."""
    tokenizer = WindowTokenizer(backbone / "tokenizer.json")
    looks = tokenizer.windows(texts, [""] * len(texts), [False] * len(texts))
    return [sum(len(window.ids) for window in windows) for windows in looks]


def _peaks(device: Device, dtypes: Sequence[str], work: EncoderWork, seconds: float) -> Iterator[tuple[str, float]]:
    for dtype in dtypes:
        yield dtype, matrix_peak(dtype, work.shapes, device=device.torch, seconds=seconds / len(dtypes))

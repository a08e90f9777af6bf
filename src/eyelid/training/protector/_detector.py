"""Training a harm detector: one logit on a language model or an encoder (MLLM-Protector, arXiv 2401.02906)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from eyelid.detectors import SequenceDetector
from eyelid.engine import choose_device
from eyelid.errors import ConfigurationError
from eyelid.models import PAIR, CausalLook, DetectorFormat, EncoderLook, SequenceTexts
from eyelid.training.protector._base import adapted, fits, load_base, save_model
from eyelid.training.protector._card import detector_card
from eyelid.training.protector._loop import Progress, train
from eyelid.training.protector._measure import measure_detector
from eyelid.training.protector._result import RESULT, counted, told_of, write_result
from eyelid.training.protector._rows import Judged, Pair, digest_of, held_out, read_judged
from eyelid.training.protector._settings import DetectorSettings
from eyelid.training.protector._state import claim_folder

Say = Callable[[str], None]

TEMPLATE = "Question: {prompt}\n\nAnswer: {response}"
_CLASS = "AutoModelForSequenceClassification"


@dataclass(frozen=True, slots=True)
class _Row:
    """The answers of a row as token ids, the safer one first; and whether each is safe."""

    ids: tuple[list[int], ...] = field(repr=False)
    types: tuple[list[int], ...] = field(repr=False)
    safe: tuple[bool, ...]


def train_sequence_detector(
    data: Sequence[Path],
    base: Path,
    out: Path,
    *,
    settings: DetectorSettings | None = None,
    template: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
    say: Say = lambda line: None,
) -> Path:
    """Train a detector and measure it on requests it was not trained on; a run that was cut off goes on.

    Args:
        data: files of rows (`read_judged`).
        base: folder of a model of transformers, a language model or an encoder, with or without a head.
        out: run folder; `eyelid.detectors.SequenceDetector` takes what `export_run` makes of it.
        settings: how; the default recipe if left out.
        template: what the model reads; question and answer if left out, or for an encoder the two as a pair.
        device: where.
        threads: of a CPU in training; as torch is set if left out.
        progress: called with (step, steps, loss).
        say: called with a line for people at each stage.

    Returns:
        `out`, with the weights, metrics.json and MODEL_CARD.md.

    Raises:
        ConfigurationError: a row, a setting or the run's folder cannot be used.
        WeightsError: the base cannot be loaded.
        MissingExtraError: the extra "train" is not installed.
    """
    settings = settings or DetectorSettings()
    say("reading the rows")
    rows = read_judged(data)
    place = choose_device(device)
    told = {
        "task": "detector",
        "base": str(base),
        "data": digest_of(data),
        "template": template,
        "settings": asdict(settings),
    }
    claim_folder(out, told)
    if (out / RESULT).is_file():
        say("the run is finished already")
        return out
    dtype = torch.float32 if place.kind == "cpu" or settings.lora is None else torch.bfloat16
    begun = load_base(_CLASS, base, seed=settings.seed, dtype=dtype, labels=1)
    model = begun.model
    if model.config.is_encoder_decoder:
        raise ConfigurationError(f"{base} has an encoder and a decoder; a detector is trained on one of the two alone")
    fits(model, settings.max_length)
    decoder = hasattr(model, "score")
    form = _format(settings, template, decoder=decoder, base=base)
    # Without an end to the window nothing of a row is cut, so that its length is seen.
    texts = SequenceTexts(base, form, "decoder" if decoder else "encoder", window=sys.maxsize)
    agreed = [row for row in rows if not (isinstance(row, Pair) and row.contradicts)]
    apart = [row for row in agreed if held_out(row, settings.held_out, seed=settings.seed)]
    learned = [_encoded(row, texts) for row in agreed if not held_out(row, settings.held_out, seed=settings.seed)]
    encoded = [row for row in learned if max(map(len, row.ids)) <= settings.max_length]
    counts = counted(len(rows), len(agreed), len(apart), len(encoded))
    say(told_of(counts))
    config = model.config.get_text_config()
    stated = config.pad_token_id
    filling = _filling(encoded, config.vocab_size) if decoder else int(stated or 0)
    config.pad_token_id = filling
    model = adapted(begun, settings.lora, "SEQ_CLS")
    collate = _Collate(filling=filling, types=not decoder)
    model = train(
        model,
        encoded,
        lambda which, some: _loss(which, some, collate, settings),
        settings,
        out,
        device=place.torch,
        threads=threads,
        progress=progress,
    )
    config.pad_token_id = stated
    folder = save_model(model.cpu(), base, out)
    form.write(folder)
    say("measuring on the requests held out")
    whole = settings.lora is None
    detector = SequenceDetector(
        folder if whole else base, adapter=None if whole else folder, format=form, device=place, name="trained"
    )
    metrics = measure_detector(detector, apart)
    card = detector_card(base, data, told, counts, metrics, form)
    write_result(out, task="detector", base=base, folder=folder, counts=counts, metrics=metrics, card=card)
    return out


def _format(settings: DetectorSettings, template: str | None, *, decoder: bool, base: Path) -> DetectorFormat:
    chosen = template or (TEMPLATE if decoder else PAIR)
    polarity: dict[str, Any] = {"harmful": ("harm",)} if settings.polarity == "harm" else {"harmless": ("safe",)}
    return DetectorFormat(
        template=chosen,
        alone="{response}" if chosen in (TEMPLATE, PAIR) and decoder else None,
        labels=("harm",) if settings.polarity == "harm" else ("safe",),
        activation="sigmoid",
        window=settings.max_length,
        base=base.name,
        **polarity,
    )


def _encoded(row: Judged, texts: SequenceTexts) -> _Row:
    """Token ids of all answers, each in one look."""
    ids, types = zip(*(_tokens(texts.looks(answer.text, row.prompt)[0]) for answer in row.answers), strict=True)
    return _Row(ids, types, tuple(answer.safe for answer in row.answers))


def _filling(rows: Sequence[_Row], vocabulary: int) -> int:
    """What rows are filled up with: a token that none of them ends with.

    Decoders of transformers classify at the last token that is not this one. Were it the end of a text, or a stand-in
    for unknown writing, a row that ends so would be read at the token before, and in use it is not.
    """
    last = {ids[-1] for row in rows for ids in row.ids}
    return next(token for token in range(vocabulary) if token not in last)


def _tokens(look: CausalLook | EncoderLook) -> tuple[list[int], list[int]]:
    """Token ids, and for each to which text of a pair it belongs."""
    if isinstance(look, EncoderLook):
        return list(look.ids), list(look.types)
    ids = look.prefill.tokens.tolist()
    return ids, [0] * len(ids)


@dataclass(frozen=True, slots=True)
class _Collate:
    """Rows → a rectangle, filled up on the right."""

    filling: int
    types: bool

    def __call__(self, rows: Sequence[_Row], device: torch.device) -> dict[str, Tensor]:
        ids = [one for row in rows for one in row.ids]
        width = max(map(len, ids))

        def filled(values: Sequence[Sequence[int]], filling: int) -> Tensor:
            return torch.tensor([[*value, *[filling] * (width - len(value))] for value in values], device=device)

        given = {"input_ids": filled(ids, self.filling), "attention_mask": filled([[1] * len(one) for one in ids], 0)}
        if self.types:
            given["token_type_ids"] = filled([one for row in rows for one in row.types], 0)
        return given


def _loss(model: Any, rows: Sequence[_Row], collate: _Collate, settings: DetectorSettings) -> Tensor:
    """Mean over the rows of pair · −log σ(better − worse) + single · the sum of both answers' BCE."""
    given = collate(rows, next(model.parameters()).device)
    if "token_type_ids" in given and not _takes_types(model):
        del given["token_type_ids"]
    logits = model(**given).logits.squeeze(-1).float()
    safe = torch.tensor([each for row in rows for each in row.safe], dtype=torch.float32, device=logits.device)
    sign = 1.0 if settings.polarity == "safe" else -1.0
    total = settings.single * F.binary_cross_entropy_with_logits(sign * logits, safe, reduction="sum")
    if settings.pair:
        starts = _starts(rows)
        pairs = [at for at, row in zip(starts, rows, strict=True) if len(row.ids) == 2]
        if pairs:
            better, worse = logits[pairs], logits[[at + 1 for at in pairs]]
            total = total - settings.pair * F.logsigmoid(sign * (better - worse)).sum()
    return total / len(rows)


def _starts(rows: Sequence[_Row]) -> list[int]:
    starts, at = [], 0
    for row in rows:
        starts.append(at)
        at += len(row.ids)
    return starts


def _takes_types(model: Any) -> bool:
    return getattr(model.config, "type_vocab_size", 0) > 1

"""Training a detoxifier: a language model that writes the harmless answer (MLLM-Protector, arXiv 2401.02906)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from eyelid.detoxifiers import DetoxifierFormat, GenerativeDetoxifier
from eyelid.engine import choose_device
from eyelid.errors import ConfigurationError
from eyelid.models import Template
from eyelid.training.protector._base import adapted, fits, load_base, read_json, save_model
from eyelid.training.protector._card import detoxifier_card
from eyelid.training.protector._loop import Progress, train
from eyelid.training.protector._measure import TokenLoss, measure_detoxifier
from eyelid.training.protector._result import RESULT, counted, told_of, write_result
from eyelid.training.protector._rows import REFUSAL, Rewrite, digest_of, held_out, read_sources, rewrites_of
from eyelid.training.protector._settings import DetoxifierSettings
from eyelid.training.protector._state import claim_folder

Say = Callable[[str], None]

#: What is not learned, as the loss of transformers has it.
IGNORED = -100
_CAUSAL = "AutoModelForCausalLM"


@dataclass(frozen=True, slots=True)
class Example:
    """One rewrite as token ids: what the model is given, and what it is to write, the end included."""

    source: list[int] = field(repr=False)
    target: list[int] = field(repr=False)


class Encoder:
    """Rewrites → token ids, exactly as they are in use.

    Source and target are cut into tokens each by itself: were they cut as one text, a token could span the boundary,
    and the first token of the target would be learned in another form than it is ever generated in, or not at all.

    Args:
        folder: with `tokenizer.json`.
        form: how the model is asked.
        end: the token that ends a text.
        closed: whether an encoder reads the source, which ends it as the tokenizer does; a decoder goes on from it.
    """

    def __init__(self, folder: Path, form: DetoxifierFormat, end: int, *, closed: bool = False) -> None:
        self._form, self._end = form, end
        texts = {form.template, form.of("")}
        self._templates = {text: Template(folder, text, closed=closed) for text in texts}
        self._target = Template(folder, "{response}", special=False)

    def encode(self, row: Rewrite) -> Example:
        """Both sides of a row."""
        source = self._templates[self._form.of(row.prompt)].encode(row.original, row.prompt).ids
        return Example(source, [*self._target.encode(row.target).ids, self._end])


def train_detoxifier(
    data: Sequence[Path],
    base: Path,
    out: Path,
    *,
    settings: DetoxifierSettings | None = None,
    form: DetoxifierFormat | None = None,
    device: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
    say: Say = lambda line: None,
) -> Path:
    """Train a detoxifier and measure it on requests it was not trained on; a run that was cut off goes on.

    Args:
        data: files of rows (`read_rewrites`).
        base: folder of a model of transformers: a decoder, or an encoder with a decoder.
        out: run folder; `eyelid.detoxifiers.GenerativeDetoxifier` takes what `export_run` makes of it.
        settings: how; the published recipe if left out.
        form: how the model is asked; by `settings.with_question` if left out.
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
    settings = settings or DetoxifierSettings()
    say("reading the rows")
    sources = read_sources(data)
    rows = rewrites_of(sources, refusal=settings.refusal or REFUSAL, both_safe=settings.both_safe)
    place = choose_device(device)
    if form is None:
        form = DetoxifierFormat.preset("with-question" if settings.with_question else "without-question")
    form = DetoxifierFormat(template=form.template, alone=form.alone, max_length=settings.max_length, base=base.name)
    told = {
        "task": "detoxifier",
        "base": str(base),
        "data": digest_of(data),
        "format": asdict(form),
        "settings": asdict(settings),
    }
    claim_folder(out, told)
    if (out / RESULT).is_file():
        say("the run is finished already")
        return out
    kind, dtype = _class_of(base), torch.float32 if place.kind == "cpu" or settings.lora is None else torch.bfloat16
    begun = load_base(kind, base, seed=settings.seed, dtype=dtype)
    model, seq2seq = begun.model, kind != _CAUSAL
    fits(model, settings.max_length)
    end = model.generation_config.eos_token_id if model.config.eos_token_id is None else model.config.eos_token_id
    if end is None:
        raise ConfigurationError(f"{base} names no token that ends a text (eos_token_id), so it would never stop")
    encoder = Encoder(base, form, end[0] if isinstance(end, list) else end, closed=seq2seq)
    apart = [row for row in rows if held_out(row, settings.held_out, seed=settings.seed)]
    learned = [row for row in rows if not held_out(row, settings.held_out, seed=settings.seed)]
    encoded = [each for each in map(encoder.encode, learned) if _fits(each, settings, seq2seq)]
    counts = counted(len(sources), len(rows), len(apart), len(encoded))
    say(told_of(counts))
    model = adapted(begun, settings.lora, "SEQ_2_SEQ_LM" if seq2seq else "CAUSAL_LM")
    collate = Collate(filling=model.config.pad_token_id or 0, seq2seq=seq2seq)
    model = train(
        model,
        encoded,
        lambda which, some: loss_of(which, some, collate),
        settings,
        out,
        weight=lambda each: len(each.target),
        device=place.torch,
        threads=threads,
        progress=progress,
    )
    say("measuring on the requests held out")
    fitting = [(row, each) for row in apart if _fits(each := encoder.encode(row), settings, seq2seq)]
    with torch.inference_mode():
        losses = [TokenLoss(float(loss_of(model, [each], collate)), len(each.target)) for _, each in fitting]
    folder = save_model(model.cpu(), base, out)
    form.write(folder)
    whole, compared = settings.lora is None, fitting[: settings.compared]
    detoxifier = GenerativeDetoxifier(
        folder if whole else base,
        adapter=None if whole else folder,
        format=form,
        device=place,
        budget=max((len(each.target) for _, each in compared), default=1),
        tries=1,
    )
    metrics = measure_detoxifier(detoxifier, [row for row, _ in compared], losses)
    card = detoxifier_card(base, data, told, counts, metrics, form)
    write_result(out, task="detoxifier", base=base, folder=folder, counts=counts, metrics=metrics, card=card, kind=kind)
    return out


def _class_of(base: Path) -> str:
    encodes = read_json(base / "config.json", "a model").get("is_encoder_decoder")
    return "AutoModelForSeq2SeqLM" if encodes else _CAUSAL


def _fits(example: Example, settings: DetoxifierSettings, seq2seq: bool) -> bool:
    """The length rule: a decoder reads both sides as one, an encoder and its decoder each their own."""
    if not seq2seq:
        return len(example.source) + len(example.target) <= settings.max_length
    return max(len(example.source), len(example.target)) <= settings.max_length


@dataclass(frozen=True, slots=True)
class Collate:
    """Examples → a rectangle, filled up on the right; in `labels` nothing but the targets is there to be learned."""

    filling: int
    seq2seq: bool

    def __call__(self, rows: Sequence[Example], device: torch.device | str) -> dict[str, Tensor]:
        """`input_ids`, `attention_mask` and `labels`, each [rows, tokens]."""
        if self.seq2seq:
            given, labels = [row.source for row in rows], [row.target for row in rows]
        else:
            given = [row.source + row.target for row in rows]
            labels = [[IGNORED] * len(row.source) + row.target for row in rows]
        return {
            "input_ids": _rectangle(given, self.filling, device),
            "attention_mask": _rectangle([[1] * len(each) for each in given], 0, device),
            "labels": _rectangle(labels, IGNORED, device),
        }


def loss_of(model: Any, rows: Sequence[Example], collate: Collate) -> Tensor:
    """Mean cross-entropy over the tokens of the targets."""
    loss: Tensor = model(**collate(rows, next(model.parameters()).device)).loss
    return loss


def _rectangle(rows: Sequence[Sequence[int]], filling: int, device: torch.device | str) -> Tensor:
    width = max(map(len, rows))
    return torch.tensor([[*row, *[filling] * (width - len(row))] for row in rows], device=device)

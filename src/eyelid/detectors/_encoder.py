"""Any transformers encoder that classifies sequences, as a detector.

BERT runs packed; RoBERTa, ModernBERT, DeBERTa and others run through transformers.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Literal

from eyelid.detectors._places import Devices, identity, replicas
from eyelid.detectors._windowed import assessed
from eyelid.engine import after
from eyelid.errors import ConfigurationError, InputError
from eyelid.models import EncoderLook, EncoderTexts, labels_of, open_classifier
from eyelid.protocols import Assessment, ScoreRequest
from eyelid.taxonomy import Category
from eyelid.types import Failure, Surface

Found = Assessment | Failure
Activation = Literal["softmax", "sigmoid"]


class EncoderDetector:
    """Scores texts with an encoder from a local folder, window by window; the worst window counts.

    Args:
        folder: a checkpoint with `config.json`, `tokenizer.json` and safetensors.
        harmful: which classes mean harm, by name or number. There is no default: polarity differs between models.
        activation: "softmax" where the classes exclude each other (their probabilities are added), "sigmoid" where
            each stands alone (the highest counts).
        with_prompt: whether the model reads an answer beside the request, as a pair, or by itself.
        window: the most tokens of one look; what the model was trained on serves best. Its context if left out, and
            512 at most.
        device: where it runs; several devices share the work. The best there is if left out.
        adapter: folder of a PEFT adapter that is added.
        category: what the score is a probability of.
        name: of the detector in verdicts and policies.

    Attributes:
        fingerprint: changes with all that its scores depend on beside the request.

    Raises:
        ConfigurationError: no class, or an unknown one, is named, or the window does not fit the model.
        WeightsError: files are missing or broken, or it is no such checkpoint.
        MissingExtraError: it needs transformers, which is not installed.
    """

    def __init__(
        self,
        folder: Path,
        *,
        harmful: Sequence[str] | Sequence[int],
        activation: Activation = "softmax",
        with_prompt: bool = False,
        window: int | None = None,
        device: Devices = None,
        adapter: Path | None = None,
        category: Category = Category.HARM,
        name: str = "encoder",
    ) -> None:
        self.name, self._category, self._with_prompt = name, category, with_prompt
        if activation not in ("softmax", "sigmoid"):
            raise ConfigurationError(f"activation is {activation!r}; known: softmax, sigmoid")
        places = [folder, *([adapter] if adapter else [])]
        files = identity(*(file for place in places for file in sorted(place.iterdir()) if file.is_file()))
        key = ("classifier", files)
        self._replicas = replicas(device, key, lambda on: open_classifier(folder, on, adapter=adapter, name=name))
        model: Any = self._replicas.runner
        if window is not None and not 32 <= window <= model.context:
            raise ConfigurationError(f"window is {window}; the model takes 32 to {model.context} tokens")
        self._texts = EncoderTexts(folder, window or min(model.context, 512))
        self._harmful = _numbers(harmful, labels_of(folder), model.outputs)
        self._alone = activation == "sigmoid" or model.outputs == 1
        facts = (files, self._harmful, self._alone, with_prompt, window, category)
        self.fingerprint = hashlib.sha256(repr(facts).encode()).hexdigest()

    def score(self, batch: Sequence[ScoreRequest], /) -> Sequence[Found]:
        """The probability for each text; all windows of a batch share passes."""
        return self.start(batch).result()

    def start(self, batch: Sequence[ScoreRequest], /) -> Future[Sequence[Found]]:
        """As `score`; holds no thread while the model runs."""
        looks = [self._looks(request) for request in batch]
        work = [(look, len(look.ids), look.key) for each in looks if not isinstance(each, Failure) for look in each]
        return after(self._replicas.submit_all(work), lambda made: self._assessed(batch, looks, iter(made)))

    def _looks(self, request: ScoreRequest) -> list[EncoderLook] | Failure:
        # Only an answer is read beside its prompt: what a tool returns was not written for it.
        prompt = request.prompt if self._with_prompt and request.surface is Surface.OUTPUT else ""
        try:
            return self._texts.looks(request.text, prompt)
        except InputError as error:
            return Failure("score", "limit", str(error), self.name)

    def _assessed(
        self, batch: Sequence[ScoreRequest], looks: Sequence[list[EncoderLook] | Failure], made: Iterator[Any]
    ) -> list[Found]:
        return [
            each if isinstance(each, Failure) else self._assess(request, each, [next(made) for _ in each])
            for request, each in zip(batch, looks, strict=True)
        ]

    def _assess(self, request: ScoreRequest, looks: Sequence[EncoderLook], made: Sequence[Any]) -> Found:
        def read(logits: Sequence[float]) -> dict[str, float]:
            return {self._category: self._probability(logits)}

        return assessed(request, looks, made, read, category=self._category, name=self.name)

    def _probability(self, logits: Sequence[float]) -> float:
        if self._alone:
            return max(1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, logits[at])))) for at in self._harmful)
        odds = [math.exp(logit - max(logits)) for logit in logits]
        return min(1.0, sum(odds[at] for at in self._harmful) / sum(odds))


def _numbers(harmful: Sequence[str] | Sequence[int], labels: dict[int, str], outputs: int) -> list[int]:
    """Which logits mean harm."""
    numbers = {label: number for number, label in labels.items()} | {number: number for number in range(outputs)}
    unknown = [label for label in harmful if label not in numbers]
    if isinstance(harmful, str) or unknown or not harmful or len(set(harmful)) >= max(2, outputs):
        known = ", ".join(repr(labels.get(number, number)) for number in range(outputs))
        raise ConfigurationError(f"harmful must be a list of some of the classes, not all: {known}")
    return sorted({numbers[label] for label in harmful})

"""A decoder as a detector: one reading of prompt and text gives the score of the text so far.

So read the detectors of MLLM-Protector (Pi et al., arXiv 2401.02906), whose head stands on the last token, and Llama
Guard and its kin (Inan et al., arXiv 2312.06674), which answer with the token "safe" or "unsafe".
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from eyelid.detectors._places import identity
from eyelid.detectors._windowed import assessed
from eyelid.engine import Device, Item, after, choose_device, current_claim, engine_for
from eyelid.errors import ConfigurationError, InputError
from eyelid.models import CausalLook, Template, causal_looks, open_causal
from eyelid.protocols import Assessment, ScoreRequest
from eyelid.taxonomy import Category
from eyelid.types import Failure, Surface

Found = Assessment | Failure

#: Bytes of a token that waits.
_BYTES = 4


class CausalDetector:
    """Scores texts with a decoder from a local folder.

    A text that does not fit into the model's context is read in windows that overlap, and the worst one counts. What
    was read of a growing text is not read again.

    Args:
        folder: a checkpoint with `config.json`, `tokenizer.json` and safetensors.
        template: what the model is given, with `{response}`, the text that is judged, and `{prompt}`, the request it
            answers; special tokens stand in it as the tokenizer writes them. A text without a prompt leaves it empty.
        head: "score" for the head of a checkpoint for classification, or the label tokens whose logits are compared.
        harmful: which of the labels mean harm: numbers under "score" (the last if left out), else tokens (needed).
        device: "auto", "cpu", "cuda:N", or a device chosen before.
        adapter: folder of a LoRA adapter that is added.
        category: what the score is a probability of.
        name: of the detector in verdicts and policies.

    Attributes:
        fingerprint: changes with all that its scores depend on beside the request.

    Raises:
        ConfigurationError: the template or the labels are not of this form.
        WeightsError: files are missing or broken, or the checkpoint has no such head.
        MissingExtraError: it needs transformers, which is not installed.
    """

    incremental = True

    def __init__(
        self,
        folder: Path,
        *,
        template: str,
        head: str | Sequence[str] = "score",
        harmful: Sequence[int] | Sequence[str] | None = None,
        device: str | Device = "auto",
        adapter: Path | None = None,
        category: Category = Category.HARM,
        name: str = "causal",
    ) -> None:
        self.name = name
        self._category = category
        self._device = device if isinstance(device, Device) else choose_device(device)
        self._template = Template(folder, template)
        if isinstance(head, str) and head != "score":
            raise ConfigurationError(f"head is {head!r}; give 'score' or a list of label tokens")
        labels = None if isinstance(head, str) else [self._template.label(label) for label in head]
        self._runner = open_causal(folder, self._device, labels=labels, adapter=adapter, name=name)
        self._harmful = _columns(head, harmful, self._runner.outputs)
        files = [file for place in (folder, adapter) if place for file in sorted(place.iterdir()) if file.is_file()]
        facts = (identity(*files), template, head, self._harmful, self._device.dtype, category)
        self.fingerprint = hashlib.sha256(repr(facts).encode()).hexdigest()

    def score(self, batch: Sequence[ScoreRequest], /) -> Sequence[Found]:
        """The probability for each text; all windows of a batch share passes."""
        return self.start(batch).result()

    def start(self, batch: Sequence[ScoreRequest], /) -> Future[Sequence[Found]]:
        """As `score`; holds no thread while the model runs."""
        looks = [self._looks(request) for request in batch]
        items = [self._item(look) for each in looks if not isinstance(each, Failure) for look in each]
        futures = engine_for(self._device).submit_all(items)
        return after(futures, lambda made: self._assessed(batch, looks, iter(made)))

    def _looks(self, request: ScoreRequest) -> list[CausalLook] | Failure:
        owner = current_claim().caller
        # Only an answer is read beside its prompt: what a tool returns was not written for it.
        prompt = request.prompt if request.surface is Surface.OUTPUT else ""
        try:
            return causal_looks(self._template, request.text, prompt, self._runner.context, owner=owner)
        except InputError as error:
            return Failure("score", "limit", str(error), self.name)

    def _item(self, look: CausalLook) -> Item:
        tokens = look.prefill.tokens
        key = (look.prefill.owner, tokens.tobytes())
        return Item(self._runner, look.prefill, self._runner.cost(look.prefill), size=_BYTES * len(tokens), key=key)

    def _assessed(
        self, batch: Sequence[ScoreRequest], looks: Sequence[list[CausalLook] | Failure], made: Any
    ) -> list[Found]:
        return [
            each if isinstance(each, Failure) else self._assess(request, each, [next(made) for _ in each])
            for request, each in zip(batch, looks, strict=True)
        ]

    def _assess(self, request: ScoreRequest, looks: Sequence[CausalLook], made: Sequence[Any]) -> Found:
        def read(logits: Sequence[float]) -> dict[str, float]:
            return {self._category: _probability(logits, self._harmful)}

        return assessed(request, looks, made, read, category=self._category, name=self.name)


def _columns(head: str | Sequence[str], harmful: Sequence[int] | Sequence[str] | None, outputs: int) -> list[int]:
    """Which logits mean harm."""
    names: Sequence[Any] = range(outputs) if isinstance(head, str) else head
    wanted: Sequence[Any] = [outputs - 1] if harmful is None and isinstance(head, str) else harmful or []
    if not wanted or any(name not in names for name in wanted) or len(wanted) >= max(2, outputs):
        raise ConfigurationError(
            f"harmful must name some of the {outputs} labels, not all: numbers from 0 under 'score', else tokens"
        )
    return [names.index(name) for name in wanted]


def _probability(logits: Sequence[float], harmful: Sequence[int]) -> float:
    """Softmax over the labels, summed over the harmful ones; of a single logit the logistic function."""
    if len(logits) == 1:
        return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, logits[0]))))
    odds = [math.exp(logit - max(logits)) for logit in logits]
    return min(1.0, sum(odds[at] for at in harmful) / sum(odds))

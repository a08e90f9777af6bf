"""Any transformers model that classifies sequences, as a detector.

So is the harm detector of MLLM-Protector (Pi et al., arXiv 2401.02906): a LLaMA of 3 billion parameters with a linear
layer on its last token, trained as an adapter. Llama, Mistral, Qwen2, Qwen3 and BERT run packed, the others through
transformers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from eyelid.detectors._places import Devices, identity, replicas
from eyelid.detectors._windowed import assessed
from eyelid.engine import Device, Replicas, after, choose_device, current_claim, engine_for
from eyelid.errors import ConfigurationError, InputError
from eyelid.models import (
    FORMAT_FILE,
    Activation,
    CausalLook,
    CausalRunner,
    DetectorFormat,
    EncoderLook,
    PlainCausalRunner,
    SequenceFiles,
)
from eyelid.protocols import Assessment, ScoreRequest
from eyelid.taxonomy import Category
from eyelid.types import Failure, Surface

Found = Assessment | Failure
Looks = Sequence[CausalLook | EncoderLook]


class SequenceDetector:
    """Scores texts with a model from local folders, in the format that is bound to its checkpoint.

    The format is read from `eyelid_detector.json` in the adapter's folder, else in the checkpoint's; what is given here
    stands in place of it. A text that does not fit into the window is read in several that overlap, and the worst one
    counts: nothing is cut off.

    Args:
        folder: a checkpoint with `config.json`, `tokenizer.json` and safetensors.
        adapter: folder of a PEFT adapter, with the head where the checkpoint has none.
        format: the format, or the name of a preset as `DetectorFormat.preset` takes it, in place of the file.
        template, alone, labels, harmful, harmless, activation, window, categories: single parts of the format, as
            `DetectorFormat` takes them.
        device: "auto", "cpu", "cuda:N", or devices chosen before; several share the work. The best there is if left
            out.
        category: what the score is a probability of.
        name: of the detector in verdicts and policies.

    Attributes:
        format: the format it uses.
        incremental: whether what was read of a growing text is not read again: so with packed decoders.
        fingerprint: changes with all that its scores depend on beside the request.

    Raises:
        ConfigurationError: the format is not given, is incomplete, or does not fit the model.
        WeightsError: files are missing or broken, or there is no head that classifies.
        MissingExtraError: it needs transformers or peft, which are not installed.
    """

    def __init__(
        self,
        folder: Path,
        *,
        adapter: Path | None = None,
        format: DetectorFormat | str | None = None,
        template: str | None = None,
        alone: str | None = None,
        labels: Sequence[str] | None = None,
        harmful: Sequence[str | int] | None = None,
        harmless: Sequence[str | int] | None = None,
        activation: Activation | None = None,
        window: int | None = None,
        categories: Mapping[str | int, Category] | None = None,
        device: Devices | str = None,
        category: Category = Category.HARM,
        name: str = "sequence",
    ) -> None:
        self.name, self._category = name, category
        files = SequenceFiles.of(folder, adapter)
        self.format = form = _format(
            format if format is not None else DetectorFormat.find(adapter, folder),
            template=template,
            alone=alone,
            labels=labels,
            harmful=harmful,
            harmless=harmless,
            activation=activation,
            window=window,
            categories=categories,
        )
        places = [folder, *([adapter] if adapter else [])]
        stamp = identity(*(file for place in places for file in sorted(place.iterdir()) if file.is_file()))
        self._replicas = _placed(files, choose_device(device) if isinstance(device, str) else device, stamp, name)
        runner: Any = self._replicas.runner
        self._texts = files.texts(form, runner.context)
        self._outputs = files.outputs(form, runner.outputs)
        self.incremental = isinstance(runner, CausalRunner)
        facts = (stamp, form, category)
        self.fingerprint = hashlib.sha256(repr(facts).encode()).hexdigest()

    def score(self, batch: Sequence[ScoreRequest], /) -> Sequence[Found]:
        """The probabilities for each text; all windows of a batch share passes."""
        return self.start(batch).result()

    def start(self, batch: Sequence[ScoreRequest], /) -> Future[Sequence[Found]]:
        """As `score`; holds no thread while the model runs."""
        looks = [self._looks(request) for request in batch]
        work = [self._work(look) for each in looks if not isinstance(each, Failure) for look in each]
        return after(self._replicas.submit_all(work), lambda made: self._assessed(batch, looks, iter(made)))

    def _looks(self, request: ScoreRequest) -> Looks | Failure:
        # Only an answer is read beside its prompt: what a tool returns was not written for it.
        prompt = request.prompt if self.format.with_prompt and request.surface is Surface.OUTPUT else ""
        try:
            return self._texts.looks(request.text, prompt, owner=current_claim().caller)
        except InputError as error:
            return Failure("score", "limit", str(error), self.name)

    def _work(self, look: CausalLook | EncoderLook) -> tuple[Any, int, Any]:
        if isinstance(look, EncoderLook):
            return look, len(look.ids), look.key
        prefill, runner = look.prefill, cast(CausalRunner | PlainCausalRunner, self._replicas.runner)
        return prefill, runner.cost(prefill), (prefill.owner, prefill.tokens.tobytes())

    def _assessed(
        self, batch: Sequence[ScoreRequest], looks: Sequence[Looks | Failure], made: Iterator[Any]
    ) -> list[Found]:
        return [
            each
            if isinstance(each, Failure)
            else assessed(
                request, each, [next(made) for _ in each], self._read, category=self._category, name=self.name
            )
            for request, each in zip(batch, looks, strict=True)
        ]

    def _read(self, logits: Sequence[float]) -> dict[str, float]:
        return {**self._outputs.categories(logits), self._category: self._outputs.harm(logits)}


def _format(bound: DetectorFormat | str | None, **given: Any) -> DetectorFormat:
    """The format of a checkpoint with what is given in place of its parts."""
    form = DetectorFormat.preset(bound) if isinstance(bound, str) else bound
    stated = {name: value for name, value in given.items() if value is not None}
    if form is not None:
        if stated.keys() & {"harmful", "harmless"}:  # the two exclude each other
            stated = {"harmful": (), "harmless": ()} | stated
        return replace(form, **stated)
    if "template" not in stated or not stated.keys() & {"harmful", "harmless"}:
        raise ConfigurationError(
            f"the checkpoint has no {FORMAT_FILE}, and nothing says how it is to be read: give format=, such as "
            "'mllm-protector-3b', or template= (with {response}, and {prompt} if it reads the request) and either "
            "harmful= or harmless= (which outputs mean harm, or none)"
        )
    return DetectorFormat(**stated)


def _placed(files: SequenceFiles, device: Devices, stamp: Any, name: str) -> Replicas:
    if files.kind == "encoder":
        return replicas(device, ("classifier", stamp), lambda on: files.open(on, name=name))
    devices = [device or choose_device()] if device is None or isinstance(device, Device) else list(device)
    return Replicas([(engine_for(on), files.open(on, name=name)) for on in devices])

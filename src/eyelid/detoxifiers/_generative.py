"""A model that was trained to rewrite harmful answers (MLLM-Protector, Pi et al., EMNLP 2024, arXiv 2401.02906)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from eyelid.detoxifiers._attempts import Attempts
from eyelid.detoxifiers._format import DetoxifierFormat
from eyelid.engine import Device, choose_device, failure_code
from eyelid.errors import ConfigurationError, InputError
from eyelid.models import GenerateRequest, Generator, Template
from eyelid.protocols import Detector, Detoxifier, RewriteRequest
from eyelid.types import Failure


class GenerativeDetoxifier:
    """Rewrites answers with a causal or sequence-to-sequence model from a local folder, on the shared engine.

    The first attempt takes the likeliest tokens; those after it are drawn, with seeds of their own. Special tokens in
    what is rewritten are only text. A text that does not fit into the model with its budget is a failure, never cut.

    Args:
        folder: a checkpoint in safetensors, with `tokenizer.json`.
        adapter: folder of a PEFT adapter that is merged.
        format: how it is asked; what lies beside the adapter or the weights if left out, or else with the question.
        budget: new tokens of a rewrite at most; the prompt is not counted.
        recheck: a detector that looks at each rewrite; one that is still harmful is tried again.
        threshold: harm from which on it is.
        tries: attempts in all.
        temperature: of those after the first.
        refusal: stands for a text that no attempt made harmless; `None` for a failure.
        rest: rewrites what is no answer, such as a `SentenceDetoxifier`.
        device: "auto", "cpu", "cuda:N", or a device chosen before.
        name: its name.

    Raises:
        ConfigurationError: a number is out of range, or there is no such device.
        MissingExtraError: the extra "models" is not installed.
        WeightsError: files are missing or broken, or the model does not generate.
    """

    def __init__(
        self,
        folder: Path,
        *,
        adapter: Path | None = None,
        format: DetoxifierFormat | None = None,
        budget: int = 512,
        recheck: Detector | None = None,
        threshold: float = 0.5,
        tries: int = 2,
        temperature: float = 0.8,
        refusal: str | None = None,
        rest: Detoxifier | None = None,
        device: str | Device = "auto",
        name: str = "generative-detoxifier",
    ) -> None:
        if budget < 1:
            raise ConfigurationError(f"budget is {budget}; a rewrite needs at least one token")
        self.name, self._budget = name, budget
        self.format = format or DetoxifierFormat.find(adapter, folder) or DetoxifierFormat()
        self._attempts = Attempts(
            name=name,
            recheck=recheck,
            threshold=threshold,
            tries=tries,
            temperature=temperature,
            refusal=refusal,
            rest=rest,
        )
        chosen = device if isinstance(device, Device) else choose_device(device)
        self._generator = Generator(folder, chosen, adapter=adapter, name=name)
        # What the tokenizer puts behind a text ends it: an encoder reads that, a decoder could not go on from there.
        self._templates = {
            text: Template(folder, text, closed=self._generator.encodes)
            for text in {self.format.template, self.format.of("")}
        }

    def rewrite(self, batch: Sequence[RewriteRequest], /) -> list[str | Failure]:
        """The harmless form of each answer, or why there is none."""
        return self._attempts.run(batch, self._write)

    def _write(self, batch: Sequence[RewriteRequest], temperature: float, seed: int) -> list[str | Failure]:
        asked = [GenerateRequest(self._ids(each), self._budget, temperature, seed) for each in batch]
        return [self._text(made) for made in self._generator.generate(asked)]

    def _ids(self, request: RewriteRequest) -> list[int]:
        template = self._templates[self.format.of(request.prompt)]
        return template.encode(request.text, request.prompt).ids

    def _text(self, made: str | BaseException) -> str | Failure:
        if isinstance(made, InputError):
            return Failure("rewrite", "limit", "the text does not fit into the model with its budget", self.name)
        if isinstance(made, BaseException):
            return Failure("rewrite", failure_code(made), type(made).__name__, self.name)
        return made

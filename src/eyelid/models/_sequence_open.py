"""From folders to a model that classifies sequences, of whatever kind it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from eyelid.engine import Device
from eyelid.errors import ConfigurationError
from eyelid.models._causal_open import open_causal
from eyelid.models._causal_plain import PlainCausalRunner
from eyelid.models._causal_runner import CausalRunner
from eyelid.models._classifier import PackedClassifier
from eyelid.models._classifier_open import labels_of, open_classifier
from eyelid.models._classifier_plain import PlainClassifier
from eyelid.models._detector_format import DetectorFormat
from eyelid.models._detector_outputs import DetectorOutputs
from eyelid.models._sequence_files import kind_of, outputs_of
from eyelid.models._sequence_texts import SequenceTexts

SequenceRunner = CausalRunner | PlainCausalRunner | PackedClassifier | PlainClassifier

#: Tokens of one look where neither the format nor the model's context is shorter, for encoders.
_LONGEST = 512


@dataclass(frozen=True, slots=True)
class SequenceFiles:
    """Where a checkpoint lies, and what it is.

    Args:
        folder: with `config.json` and safetensors.
        adapter: folder of a PEFT adapter, or `None`.
        kind: whether it classifies at its last token.
    """

    folder: Path
    adapter: Path | None
    kind: Literal["decoder", "encoder"]

    @classmethod
    def of(cls, folder: Path, adapter: Path | None = None) -> SequenceFiles:
        """Look at the files.

        Raises:
            WeightsError: some are missing, or there is no head that classifies.
        """
        return cls(folder, adapter, kind_of(folder, adapter))

    def open(self, device: Device, *, name: str) -> SequenceRunner:
        """The model on a device, as an engine's runner.

        Raises:
            WeightsError: tensors are missing or broken.
            MissingExtraError: it needs transformers, which is not installed.
        """
        if self.kind == "decoder":
            return open_causal(self.folder, device, adapter=self.adapter, name=name)
        return open_classifier(self.folder, device, adapter=self.adapter, name=name)

    def texts(self, form: DetectorFormat, context: int) -> SequenceTexts:
        """What a model of this context is given; the tokenizer is the adapter's, where it has one.

        Raises:
            ConfigurationError: the window of the format does not fit the model.
        """
        if form.window is not None and form.window > context:
            raise ConfigurationError(f"window is {form.window}; the model takes up to {context} tokens")
        own = self.adapter is not None and (self.adapter / "tokenizer.json").is_file()
        tokenizer = self.adapter if own and self.adapter else self.folder
        longest = context if self.kind == "decoder" else min(context, _LONGEST)
        return SequenceTexts(tokenizer, form, self.kind, window=form.window or longest)

    def outputs(self, form: DetectorFormat, outputs: int) -> DetectorOutputs:
        """What the logits say.

        Raises:
            ConfigurationError: the format names outputs that the model does not have.
        """
        brought = self.adapter is not None and outputs_of(self.adapter) is not None
        # A head that came with the adapter is not the one that config.json names the labels of.
        names = {} if brought else labels_of(self.folder)
        return DetectorOutputs.of(form, outputs, names)

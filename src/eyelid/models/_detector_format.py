"""How a checkpoint for classification is to be read: a small file that lies beside its weights.

A detector trained on one form of text and run on another is another detector, and whether a high logit means safe or
harmful is nowhere in the weights. Whoever trains a model writes this file; whoever runs it reads it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from eyelid._names import known
from eyelid.errors import ConfigurationError, WeightsError
from eyelid.models._causal_template import fields_of
from eyelid.taxonomy import Category

Activation = Literal["softmax", "sigmoid"]
Label = str | int

FORMAT_FILE = "eyelid_detector.json"
FORMAT_VERSION = "eyelid.detector.v1"
#: In place of a template: prompt and response as the pair of texts that an encoder's tokenizer knows.
PAIR = "pair"


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorFormat:
    """What a model that classifies is given, and what its outputs mean.

    Args:
        template: what the model reads, with `{response}`, the text that is judged, and for one that reads the request
            as well `{prompt}`; or "pair", for an encoder that reads the two as a pair.
        alone: as `template`, for a text that answers no request; if left out, the template with an empty prompt.
        labels: names of the outputs, in order; if left out, those in the checkpoint's `config.json`.
        harmful: outputs that mean harm, by name or number. Either these are given or `harmless`.
        harmless: outputs that mean none, such as a single logit that says how safe a text is.
        activation: "sigmoid" where each output stands alone, "softmax" where they exclude each other. A single output
            is always the former; with more it must be said.
        window: the most tokens of one look; what the model was trained on serves best. Its context if left out.
        categories: output → a finer category, scored beside the harm.
        base: what the weights were trained on, for whoever reads the file.

    Raises:
        ConfigurationError: a part contradicts another, or is not of this form.
    """

    template: str
    alone: str | None = None
    labels: tuple[str, ...] = ()
    harmful: tuple[Label, ...] = ()
    harmless: tuple[Label, ...] = ()
    activation: Activation | None = None
    window: int | None = None
    categories: Mapping[Label, Category] = field(default_factory=dict)
    base: str = ""

    def __post_init__(self) -> None:
        for name in ("labels", "harmful", "harmless"):
            object.__setattr__(self, name, _several(name, getattr(self, name)))
        for template in filter(None, (self.template, self.alone)):
            if template != PAIR:
                fields_of(template)
        if bool(self.harmful) == bool(self.harmless):
            raise ConfigurationError(
                "say which outputs mean harm: either harmful or harmless, such as harmless=[0] for a single logit "
                "that is high for safe texts; there is no default, for models differ"
            )
        if self.activation not in ("softmax", "sigmoid", None):
            raise ConfigurationError(f"activation is {self.activation!r}; known: softmax, sigmoid")
        if self.window is not None and self.window < 32:
            raise ConfigurationError(f"window is {self.window!r}; it is a number of tokens, at least 32")
        object.__setattr__(self, "categories", {_label(key): _category(c) for key, c in self.categories.items()})

    @property
    def with_prompt(self) -> bool:
        """Whether the model reads the request beside its answer."""
        return self.template == PAIR or "prompt" in fields_of(self.template)

    def of(self, prompt: str) -> str:
        """The template for a text with this prompt."""
        return self.template if prompt or self.alone is None else self.alone

    @classmethod
    def preset(cls, name: str) -> DetectorFormat:
        """The format of a published checkpoint.

        Args:
            name: "mllm-protector-3b", or "mllm-protector-3b-response", which reads answers without their requests, as
                the published program does though the model was trained with them.

        Raises:
            PolicyError: there is none of that name.
        """
        known("preset", name, _PRESETS)
        return cls(**_PRESETS[name])

    @classmethod
    def read(cls, folder: Path) -> DetectorFormat:
        """What lies beside the weights, as `write` leaves it.

        Raises:
            WeightsError: there is no such file, or it is of another version or form.
        """
        try:
            raw = json.loads((folder / FORMAT_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise WeightsError(f"the folder has no readable {FORMAT_FILE}") from error
        if not isinstance(raw, dict) or raw.pop("version", None) != FORMAT_VERSION:
            raise WeightsError(f"{FORMAT_FILE} is not of version {FORMAT_VERSION!r}")
        try:
            for name in raw:
                known(f"key of {FORMAT_FILE}", name, [each.name for each in fields(cls)])
            return cls(**raw)
        except (ConfigurationError, TypeError, AttributeError) as error:
            raise WeightsError(f"{FORMAT_FILE} cannot be used: {error}") from error

    @classmethod
    def find(cls, *folders: Path | None) -> DetectorFormat | None:
        """That of the first folder which has one.

        Raises:
            WeightsError: what is there cannot be used.
        """
        return next((cls.read(folder) for folder in folders if folder and (folder / FORMAT_FILE).is_file()), None)

    def write(self, folder: Path) -> None:
        """Leave it beside the weights."""
        stated = {name: value for name, value in asdict(self).items() if value not in (None, (), {}, "")}
        text = json.dumps({"version": FORMAT_VERSION, **stated}, indent=1, ensure_ascii=False)
        (folder / FORMAT_FILE).write_text(text + "\n", encoding="utf-8")


#: MLLM-Protector (Pi et al., arXiv 2401.02906): trained on question and answer of up to 512 tokens; its logit is high
#: for safe answers.
_PROTECTOR: Mapping[str, Any] = {
    "alone": "{response}",
    "labels": ("safe",),
    "harmless": ("safe",),
    "activation": "sigmoid",
    "window": 512,
    "base": "openlm-research/open_llama_3b_v2",
}
_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "mllm-protector-3b": {"template": "Question: {prompt}\n\nAnswer: {response}", **_PROTECTOR},
    "mllm-protector-3b-response": {"template": "{response}", **_PROTECTOR},
}


def _several(name: str, value: Sequence[Label]) -> tuple[Label, ...]:
    if isinstance(value, str) or not all(isinstance(each, (str, int)) for each in value):
        raise ConfigurationError(f"{name} must be a list of names or numbers of outputs")
    return tuple(value)


def _label(key: Label) -> Label:
    """JSON has no keys but strings."""
    return int(key) if isinstance(key, str) and key.isdecimal() else key


def _category(name: str) -> Category:
    known("category", name, Category)
    return Category(name)

"""How a checkpoint that rewrites answers is to be asked: a small file that lies beside its weights.

A detoxifier is trained on one form of prompt and knows no other. Whoever trains it writes this file; whoever runs it
reads it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from eyelid._names import known
from eyelid.errors import ConfigurationError, WeightsError
from eyelid.models._causal_template import fields_of

FILE = "eyelid_detoxifier.json"
VERSION = "eyelid.detoxifier.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class DetoxifierFormat:
    """What a model that rewrites answers is given.

    The model continues the filled template; with an encoder, it answers it. Special tokens written in a template are
    such; the same characters in what fills it are only text.

    Args:
        template: with `{response}`, the answer that is to be made harmless, and for a model that is told the question
            as well, `{prompt}`.
        alone: the same for an answer to no known question; if left out, the template with an empty prompt.
        window: the most tokens of prompt and rewrite together; what the model was trained on serves best. As many as
            it takes if left out.
        base: what the weights were trained on, for whoever reads the file.

    Raises:
        ConfigurationError: a template lacks a field or has an unknown one, or the window is no number of tokens.
    """

    template: str
    alone: str | None = None
    window: int | None = None
    base: str = ""

    def __post_init__(self) -> None:
        if not all(isinstance(each, str) for each in (self.template, self.base, self.alone or "")):
            raise ConfigurationError("template, alone and base are texts")
        fields_of(self.template)
        if self.alone is not None and "prompt" in fields_of(self.alone):
            raise ConfigurationError("the template for answers to no question cannot have {prompt}")
        if self.window is not None and (type(self.window) is not int or self.window < 32):
            raise ConfigurationError(f"window is {self.window!r}; it is a number of tokens, at least 32")

    @property
    def with_prompt(self) -> bool:
        """Whether the model is told the question beside the answer."""
        return "prompt" in fields_of(self.template)

    def of(self, prompt: str) -> str:
        """The template for an answer to this question; "" for none."""
        return self.template if prompt or self.alone is None else self.alone

    @classmethod
    def preset(cls, name: str = "with-question") -> DetoxifierFormat:
        """A form in eyelid's own words.

        MLLM-Protector (Pi et al., arXiv 2401.02906) trains with the question, and its published program rewrites
        without it; here a model is asked as it was trained.

        Args:
            name: "with-question" or "without-question".

        Raises:
            PolicyError: there is none of that name.
        """
        known("preset", name, _PRESETS)
        return cls(**_PRESETS[name])

    @classmethod
    def read(cls, folder: Path) -> DetoxifierFormat:
        """What lies beside the weights, as `write` leaves it.

        Raises:
            WeightsError: there is no such file, or it is of another version or form.
        """
        try:
            raw = json.loads((folder / FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise WeightsError(f"the folder has no readable {FILE}") from error
        if not isinstance(raw, dict) or raw.pop("version", None) != VERSION:
            raise WeightsError(f"{FILE} is not of version {VERSION!r}")
        try:
            for name in raw:
                known(f"key of {FILE}", name, [each.name for each in fields(cls)])
            return cls(**raw)
        except (ConfigurationError, TypeError) as error:
            raise WeightsError(f"{FILE} cannot be used: {error}") from error

    @classmethod
    def find(cls, *folders: Path | None) -> DetoxifierFormat | None:
        """That of the first folder which has one.

        Raises:
            WeightsError: what is there cannot be used.
        """
        return next((cls.read(folder) for folder in folders if folder and (folder / FILE).is_file()), None)

    def write(self, folder: Path) -> None:
        """Leave it beside the weights."""
        stated = {name: value for name, value in asdict(self).items() if value not in (None, "")}
        text = json.dumps({"version": VERSION, **stated}, indent=1, ensure_ascii=False)
        (folder / FILE).write_text(text + "\n", encoding="utf-8")


_ALONE = """\
Below is an answer that may do harm. Write it anew so that it is harmless, honest and as helpful as that allows.

Answer: {response}

Harmless answer:"""
_WITH_QUESTION = """\
Below are a question and an answer to it that may do harm. Write the answer anew so that it is harmless, honest and as \
helpful as that allows.

Question: {prompt}

Answer: {response}

Harmless answer:"""
_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "with-question": {"template": _WITH_QUESTION, "alone": _ALONE},
    "without-question": {"template": _ALONE},
}

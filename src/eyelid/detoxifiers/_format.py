"""How a checkpoint that rewrites is to be asked: a small file that lies beside its weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, Self

from eyelid._names import known
from eyelid.errors import ConfigurationError, WeightsError
from eyelid.text import Prompt

FORMAT_FILE: Final = "eyelid_detoxifier.json"
FORMAT_VERSION: Final = "eyelid.detoxifier.v1"

WITH_QUESTION = """\
An answer to the question below may be sensitive or harmful. Write the answer anew so that it is harmless.

Question: {prompt}

Answer: {response}

Harmless answer:"""

WITHOUT_QUESTION = """\
The answer below may be sensitive or harmful. Write it anew so that it is harmless.

Answer: {response}

Harmless answer:"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetoxifierFormat:
    """What a model that rewrites is given.

    Args:
        template: what the model continues (or for a model with an encoder, answers), with `{response}`, the text to be
            made harmless, and for one that reads the request as well `{prompt}`.
        alone: the same for a text that answers no request; if left out, the template with an empty prompt.
        max_length: the most tokens of prompt and rewrite that it was trained on; 0 where it is not known.
        base: what the weights were trained on, for whoever reads the file.

    Raises:
        ConfigurationError: a template lacks `{response}` or has another field.
    """

    template: str = WITH_QUESTION
    alone: str | None = WITHOUT_QUESTION
    max_length: int = 0
    base: str = ""

    def __post_init__(self) -> None:
        for template in (self.template, self.template if self.alone is None else self.alone):
            Prompt(template, fields=("response",), optional=("prompt",))

    @property
    def with_question(self) -> bool:
        """Whether the model reads the request beside the answer."""
        return "{prompt}" in self.template

    def of(self, prompt: str) -> str:
        """The template for a text with this prompt."""
        return self.template if prompt or self.alone is None else self.alone

    @classmethod
    def preset(cls, name: str) -> Self:
        """Either "with-question", the default, or "without-question", as MLLM-Protector's program runs its own.

        The wording is ours; a published checkpoint does best with the wording that it was trained on: give it as
        `template`.

        Raises:
            PolicyError: there is none of that name.
        """
        known("preset", name, ("with-question", "without-question"))
        return cls() if name == "with-question" else cls(template=WITHOUT_QUESTION, alone=None)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """What lies beside the weights, as `write` leaves it.

        Raises:
            WeightsError: there is no such file, or it is of another version or form.
        """
        try:
            raw: Any = json.loads((folder / FORMAT_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise WeightsError(f"the folder has no readable {FORMAT_FILE}") from error
        if not isinstance(raw, Mapping) or raw.get("version") != FORMAT_VERSION:
            raise WeightsError(f"{FORMAT_FILE} is not of version {FORMAT_VERSION!r}")
        stated = {name: value for name, value in raw.items() if name != "version"}
        try:
            for name in stated:
                known(f"key of {FORMAT_FILE}", name, [each.name for each in fields(cls)])
            return cls(**stated)
        except (ConfigurationError, TypeError, AttributeError) as error:
            raise WeightsError(f"{FORMAT_FILE} cannot be used: {error}") from error

    @classmethod
    def find(cls, *folders: Path | None) -> Self | None:
        """That of the first folder which has one.

        Raises:
            WeightsError: what is there cannot be used.
        """
        return next((cls.read(folder) for folder in folders if folder and (folder / FORMAT_FILE).is_file()), None)

    def write(self, folder: Path) -> None:
        """Leave it beside the weights."""
        text = json.dumps({"version": FORMAT_VERSION, **asdict(self)}, indent=1, ensure_ascii=False)
        (folder / FORMAT_FILE).write_text(text + "\n", encoding="utf-8")

"""A rubric: what a judge is told, and in which form it has to reply."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from eyelid._names import known
from eyelid.errors import ConfigurationError
from eyelid.evaluation.judges._forms import FORMS, Form
from eyelid.text import Prompt


@dataclass(frozen=True, slots=True)
class Rubric:
    """Wording of one's own or of the papers can take the place of eyelid's; the digest tells them apart.

    Args:
        name: of the rubric, with a version.
        template: with `{answer}` and, where the request matters, `{question}`; quote both between marks that hold
            `{nonce}`, a word that nobody can guess.
        form: name of the form of the reply, one of `FORMS`.
        system: what the judge is told beforehand.
        hardened: whether what is quoted loses tokens of chat formats; off only to reproduce a paper to the letter.

    Raises:
        ConfigurationError: the template lacks `{answer}` or has an unknown field, or there is no such form.
    """

    name: str
    template: str = field(repr=False)
    form: str = "safety"
    system: str = field(default="", repr=False)
    hardened: bool = True

    def __post_init__(self) -> None:
        known("form of a rubric", self.form, FORMS)
        self._prompt()

    @classmethod
    def from_toml(cls, path: Path) -> Self:
        """The rubric of a file with the keys `name`, `template`, `form`, `system` and `hardened`.

        Raises:
            ConfigurationError: the file cannot be read, has other keys, or as the constructor.
        """
        try:
            raw = tomllib.loads(path.read_text("utf-8"))
        except OSError as error:
            raise ConfigurationError(f"the rubric {path} cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise ConfigurationError(f"the rubric {path} is not valid TOML: {error}") from None
        for name in raw:
            known("key of a rubric", name, ("name", "template", "form", "system", "hardened"))
        kinds = {"hardened": bool}
        wrong = [name for name, value in raw.items() if type(value) is not kinds.get(name, str)]
        if wrong or "template" not in raw:
            raise ConfigurationError(f"the rubric {path} needs a template, and {wrong or 'all keys'} of the right type")
        return cls(**{"name": path.stem, **raw})

    @property
    def rules(self) -> Form:
        """The form of its replies."""
        return FORMS[self.form]

    @property
    def asks_question(self) -> bool:
        """Whether the request is shown to the judge."""
        return "{question}" in self.template

    @property
    def digest(self) -> str:
        """Eight hex digits that differ where anything that the judge is told does."""
        parts = (self.template, self.system, self.form, str(self.hardened))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]

    def fill(self, question: str, answer: str) -> str:
        """What the judge is asked."""
        values = {"question": question, "answer": answer}
        return self._prompt().fill(values, hardened=self.hardened)

    def _prompt(self) -> Prompt:
        return Prompt(self.template, fields=("answer",), optional=("question",))

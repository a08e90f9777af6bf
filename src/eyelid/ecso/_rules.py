"""How the eyes are closed: wording, reading of verdicts, and the paper's ablations as switches."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Literal, Self, TypeAlias

from eyelid._names import known
from eyelid.ecso import _wording
from eyelid.errors import ConfigurationError
from eyelid.text import Prompt

Parser: TypeAlias = Literal["robust", "strict", "logits"]
Unparsable: TypeAlias = Literal["unsafe", "safe"]
OnUnsafe: TypeAlias = Literal["reask", "refuse"]

PARSERS: Final = ("robust", "strict", "logits")
PRESETS: Final = ("default", "release")
_CHOICES: Final = {"parser": PARSERS, "unparsable": ("unsafe", "safe"), "on_unsafe": ("reask", "refuse")}


@dataclass(frozen=True, slots=True, kw_only=True)
class EcsoRules:
    """The rules of the four steps.

    Args:
        judge: template of step 2, with `{query}` and `{response}`; the model is to answer yes (unsafe) or no.
        caption: template of step 3, with `{query}`.
        plain_caption: step 3 where `query_aware` is off; no fields.
        answer: template of step 4, with `{query}` and `{caption}`.
        parser: how the verdict of step 2 is read. "robust": by its first word, whatever stands around it; "strict":
            the word alone, as the release does; "logits": by the chances of yes and no as the first word, where the
            host gives them and the text says yes or no (or nothing), and else as "robust".
        unparsable: what a verdict that says neither counts as.
        hardened: whether what is quoted in a template loses tokens of chat formats (`eyelid.text.Prompt`).
        image_in_judge: whether the model sees the image while it judges.
        image_in_answer: whether it sees the image again in step 4; an ablation that undoes much of the effect.
        query_aware: whether the caption is made for the request.
        on_unsafe: "reask" for steps 3 and 4, "refuse" to leave them out.
        max_judged: characters of an answer that are judged; what is behind them is not, so leave it out (`None`) but to
            reproduce the release.
        budget: tokens of a caption or an answer at most.
        judge_budget: tokens of a verdict at most.
        temperature, seed: of all steps.

    Raises:
        ConfigurationError: an unknown choice, a number out of range, a template without its fields.
    """

    judge: str = _wording.JUDGE
    caption: str = _wording.CAPTION
    plain_caption: str = _wording.PLAIN_CAPTION
    answer: str = _wording.ANSWER
    parser: Parser = "robust"
    unparsable: Unparsable = "unsafe"
    hardened: bool = True
    image_in_judge: bool = True
    image_in_answer: bool = False
    query_aware: bool = True
    on_unsafe: OnUnsafe = "reask"
    max_judged: int | None = None
    budget: int = 1024
    judge_budget: int = 16
    temperature: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            known(name, getattr(self, name), choices)
        for name in ("budget", "judge_budget", *([] if self.max_judged is None else ["max_judged"])):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} is {getattr(self, name)!r}; it must be at least 1")
        if not math.isfinite(self.temperature) or self.temperature < 0.0:
            raise ConfigurationError(f"temperature is {self.temperature!r}; it must be 0 or a number above")
        for prompt in (self.judge_prompt, self.caption_prompt, self.answer_prompt):
            prompt()

    @classmethod
    def preset(cls, name: str = "default") -> Self:
        """Either "default", or "release" for what the authors' code does.

        The release fences nothing, takes "yes" or "yes." alone for unsafe and anything else for safe, and judges the
        first 1,927 characters of an answer. The wording is ours; give the paper's by `judge`, `caption` and `answer`.

        Raises:
            ConfigurationError: there is no such preset.
        """
        known("preset", name, PRESETS)
        if name == "default":
            return cls()
        return cls(
            judge=_wording.RELEASE_JUDGE,
            caption=_wording.RELEASE_CAPTION,
            answer=_wording.RELEASE_ANSWER,
            parser="strict",
            unparsable="safe",
            hardened=False,
            max_judged=1927,
            judge_budget=1024,
        )

    @classmethod
    def from_mapping(cls, changes: Mapping[str, Any]) -> Self:
        """Rules from the table `[ecso]` of a policy file: a `preset`, and what differs from it.

        Raises:
            ConfigurationError: an unknown key (the nearest is named), or as the constructor.
        """
        own = dict(changes)
        rules = cls.preset(own.pop("preset", "default"))
        kinds = {field.name: int if field.default is None else type(field.default) for field in fields(cls)}
        for name, value in own.items():
            known("key", name, kinds)
            if type(value) is not kinds[name] and not (kinds[name] is float and type(value) is int):
                raise ConfigurationError(f"{name} is a {type(value).__name__}; it must be a {kinds[name].__name__}")
        return replace(rules, **own)

    def judge_prompt(self) -> Prompt:
        """The template of step 2."""
        return Prompt(self.judge, fields=("query", "response"))

    def caption_prompt(self) -> Prompt:
        """The template of step 3."""
        return Prompt(self.caption, fields=("query",)) if self.query_aware else Prompt(self.plain_caption, fields=())

    def answer_prompt(self) -> Prompt:
        """The template of step 4."""
        return Prompt(self.answer, fields=("query", "caption"))

"""A family of guard models: the chat format they were trained on, what they answer, and what their codes mean.

Each is a TOML file. Those that come with eyelid lie in `families/`; any other is read from its path.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from string import Formatter
from typing import Any, Literal, cast

from eyelid._names import known
from eyelid.errors import ConfigurationError
from eyelid.taxonomy import Category

FAMILY_VERSION = "eyelid.family.v1"
FAMILY_FILE = "eyelid_family.toml"
FAMILIES = ("granite-guardian", "llama-guard-3", "llama-guard-4", "qwen3guard", "shieldgemma", "wildguard")

#: What a verdict says; a doubtful one counts as harm if the detector is strict.
Meaning = Literal["harmless", "doubtful", "harmful"]
FormName = Literal["prompt", "answer"]

_MEANINGS = ("harmless", "doubtful", "harmful")
_FORMS: tuple[FormName, ...] = ("prompt", "answer")
_KEYS = ("version", "name", "alone", "lead", "chat", "verdicts", "prompt", "answer", "policies", "categories")


@dataclass(frozen=True, slots=True)
class Policy:
    """What a model is asked whether a text violates.

    Args:
        texts: form → the wording.
        category: the finer category that it is about, or `None` if it is about all harm.
        chat: what the checkpoint's own chat template is told beside the messages.
    """

    texts: Mapping[FormName, str]
    category: Category | None = None
    chat: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Form:
    """How one kind of text is put to the model.

    Args:
        template: the chat format written out; `{policy}` stands for the policy, `{prompt}` for the request, and
            `{response}` for the answer where that is judged.
        verdicts: what the model may answer → what it means.
    """

    template: str
    verdicts: Mapping[str, Meaning]


@dataclass(frozen=True, slots=True)
class GuardFamily:
    """A family of guard models.

    Args:
        name: of the family.
        forms: "prompt" for requests, "answer" for answers beside their requests; one at least.
        alone: the form for a text that answers no request.
        lead: what stands between the chat format and the verdict.
        policies: asked one by one; those without a category first, the others only where harm was found.
        codes: names of categories as the model writes them → category; "harm" for none finer.
        code_lead: what stands between a harmful verdict and the code.
        ends: what may follow a code, where one code begins with another.
        chat: a checkpoint's own chat template asks the question of this family if what it writes holds this; "" if
            none does.
    """

    name: str
    forms: Mapping[FormName, Form]
    alone: FormName
    lead: str = ""
    policies: tuple[Policy, ...] = (Policy({}),)
    codes: Mapping[str, Category] = field(default_factory=dict)
    code_lead: str = ""
    ends: tuple[str, ...] = ()
    chat: str = ""

    @classmethod
    def named(cls, name: str) -> GuardFamily:
        """One that comes with eyelid.

        Raises:
            PolicyError: there is none of that name.
        """
        known("family", name, FAMILIES)
        text = (files("eyelid.detectors") / "families" / f"{name}.toml").read_text(encoding="utf-8")
        return cls.parsed(text)

    @classmethod
    def read(cls, file: Path) -> GuardFamily:
        """One from a file of one's own.

        Raises:
            ConfigurationError: it is not readable or not of this form.
        """
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"the family file {file.name} cannot be read") from error
        return cls.parsed(text)

    @classmethod
    def beside(cls, folder: Path) -> GuardFamily:
        """The one that lies beside a checkpoint, as `eyelid_family.toml`.

        Raises:
            ConfigurationError: there is none, or it is not of this form.
        """
        if not (folder / FAMILY_FILE).is_file():
            raise ConfigurationError(
                f"the checkpoint has no {FAMILY_FILE}, and nothing says how it is to be asked: give family=, one of "
                f"{', '.join(FAMILIES)}, or a file of your own"
            )
        return cls.read(folder / FAMILY_FILE)

    @classmethod
    def parsed(cls, text: str) -> GuardFamily:
        """One from the text of its file.

        Raises:
            ConfigurationError: it is no TOML, or not of this form; the message names the key.
        """
        try:
            raw = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigurationError(f"the family file is no TOML: {error}") from error
        if raw.get("version") != FAMILY_VERSION:
            raise ConfigurationError(f"the family file is of version {raw.get('version')!r}, not {FAMILY_VERSION!r}")
        for key in raw:
            known("key of a family", key, _KEYS)
        try:
            return _built(raw)
        except (KeyError, TypeError, AttributeError) as error:
            raise ConfigurationError(f"the family file misses a key or has one of a wrong type: {error}") from error


def _built(raw: Mapping[str, Any]) -> GuardFamily:
    forms = {name: _form(name, raw[name], raw.get("verdicts", {})) for name in _FORMS if name in raw}
    known("form of texts that answer nothing", raw["alone"], list(forms))
    categories = raw.get("categories", {})
    family = GuardFamily(
        name=str(raw["name"]),
        forms=forms,
        alone=raw["alone"],
        lead=raw.get("lead", ""),
        policies=tuple(_policy(each) for each in raw.get("policies", [])) or (Policy({}),),
        codes={code: _category(name) for code, name in categories.get("codes", {}).items()},
        code_lead=categories.get("lead", ""),
        ends=tuple(categories.get("ends", ())),
        chat=raw.get("chat", ""),
    )
    for name, form in forms.items():
        for policy in family.policies:
            if "policy" in _fields(form.template) and name not in policy.texts:
                raise ConfigurationError(f"a policy has no wording for the form {name!r}, which has {{policy}}")
    return family


def _form(name: FormName, raw: Mapping[str, Any], shared: Mapping[str, Any]) -> Form:
    verdicts = dict(raw.get("verdicts", shared))
    for meaning in verdicts.values():
        known("meaning of a verdict", meaning, _MEANINGS)
    if "harmful" not in verdicts.values() or "harmless" not in verdicts.values():
        raise ConfigurationError(f"the form {name!r} needs a verdict that is harmful and one that is harmless")
    wanted = {"prompt"} if name == "prompt" else {"prompt", "response"}
    named = _fields(raw["template"])
    if set(named) - {"policy"} != wanted or len(set(named)) < len(named):
        fields = " and ".join(f"{{{each}}}" for each in sorted(wanted))
        raise ConfigurationError(f"the template of {name!r} holds {fields} once, {{policy}} at most once, and no other")
    return Form(raw["template"], cast(Mapping[str, Meaning], verdicts))


def _policy(raw: Mapping[str, Any]) -> Policy:
    for key in raw:
        known("key of a policy", key, ("text", "prompt", "answer", "category", "chat"))
    texts = {name: str(raw.get(name, raw.get("text"))) for name in _FORMS if name in raw or "text" in raw}
    return Policy(texts, _category(raw["category"]) if "category" in raw else None, dict(raw.get("chat", {})))


def _category(name: str) -> Category:
    known("category", name, Category)
    return Category(name)


def _fields(template: str) -> list[str]:
    try:
        return [name for _, name, _, _ in Formatter().parse(template) if name is not None]
    except ValueError as error:
        raise ConfigurationError("a template has an unmatched brace; write {{ and }} for braces") from error

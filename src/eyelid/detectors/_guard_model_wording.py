"""The template of a form: in the family's wording, or in that of the checkpoint's own chat template.

A guard model knows best the very words it was trained on. Most publish them as the chat template of the checkpoint,
which transformers fills in; marks in place of the messages tell where they end up.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from string import Formatter
from typing import Any, Literal

from eyelid._optional import require
from eyelid.detectors._guard_model_family import FormName, GuardFamily, Policy
from eyelid.errors import ConfigurationError, MissingExtraError

Wording = Literal["family", "checkpoint"]

_REQUEST, _ANSWER = "eyelidmarksrequest", "eyelidmarksanswer"


def written(family: GuardFamily, form: FormName, policy: Policy) -> str:
    """The template in the family's wording, with `{response}` for what is judged."""
    text = policy.texts.get(form, "")
    fields = {"policy": _literal(text), "prompt": _judged(form), "response": "{response}"}
    parts = Formatter().parse(family.forms[form].template)
    return _led("".join(_literal(before) + (fields[name] if name else "") for before, name, _, _ in parts), family)


class Published:
    """The chat template of a checkpoint.

    Args:
        folder: of the checkpoint, with `tokenizer_config.json`.

    Raises:
        MissingExtraError: transformers is not installed.
    """

    def __init__(self, folder: Path) -> None:
        require("models", "transformers")
        import transformers

        kind: Any = transformers.AutoTokenizer
        try:
            self._tokenizer = kind.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, KeyError) as error:
            raise ConfigurationError("transformers cannot load the checkpoint's tokenizer") from error

    def __call__(self, family: GuardFamily, form: FormName, policy: Policy) -> str:
        """The template as the checkpoint words it, with `{response}` for what is judged.

        Raises:
            ConfigurationError: what it writes is not the question of the family.
        """
        roles = [("user", _REQUEST), ("assistant", _ANSWER)][: 1 if form == "prompt" else 2]
        for content in (lambda text: text, lambda text: [{"type": "text", "text": text}]):
            text = self._rendered([{"role": role, "content": content(mark)} for role, mark in roles], policy.chat)
            if all(text.count(mark) == 1 for _, mark in roles) and family.chat in text:
                marked = _literal(text).replace(_REQUEST, _judged(form)).replace(_ANSWER, "{response}")
                return _led(marked, family)
        raise ConfigurationError(
            f"the checkpoint's chat template does not ask the question of the family {family.name!r}; "
            "give wording='family'"
        )

    def _rendered(self, messages: list[dict[str, Any]], chat: Any) -> str:
        try:
            return str(
                self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **chat)
            )
        except Exception:  # noqa: BLE001  a template is a program of its own, and may fail in any way
            return ""


def templates(folder: Path, family: GuardFamily, wording: Wording | None) -> tuple[dict[FormName, list[str]], Wording]:
    """Form → a template for each policy, in the wording that was asked for; and which one that is."""
    if wording not in ("family", "checkpoint", None):
        raise ConfigurationError(f"wording is {wording!r}; known: family, checkpoint")
    if wording == "checkpoint" or (wording is None and family.chat and _has_chat(folder)):
        try:
            return _worded(family, Published(folder)), "checkpoint"
        except ConfigurationError as error:
            if wording == "checkpoint" or isinstance(error, MissingExtraError):
                raise
    return _worded(family, written), "family"


def _worded(family: GuardFamily, word: Callable[[GuardFamily, FormName, Policy], str]) -> dict[FormName, list[str]]:
    return {form: [word(family, form, policy) for policy in family.policies] for form in family.forms}


def _has_chat(folder: Path) -> bool:
    """Whether a checkpoint brings a chat template, as far as its files tell."""
    if (folder / "chat_template.jinja").is_file() or (folder / "chat_template.json").is_file():
        return True
    try:
        return '"chat_template"' in (folder / "tokenizer_config.json").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False


def _judged(form: FormName) -> str:
    return "{response}" if form == "prompt" else "{prompt}"


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _led(template: str, family: GuardFamily) -> str:
    lead = _literal(family.lead)
    return template if template.endswith(lead) else template + lead

"""One message under way: what is looked at of it, and what becomes of it. Knows neither guards nor event loops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from llama_index.core.base.llms.types import ChatMessage, MessageRole

from eyelid import Action, Exchange, Image, Outcome, Policy, Status, Strategy, Surface
from eyelid.text import map_json_strings
from llama_index.postprocessor.eyelid._messages import MAX_LEAVES, Parts, replaced
from llama_index.postprocessor.eyelid._scaffold import Scaffold, scaffold
from llama_index.postprocessor.eyelid._verdict import verdict

_Part: TypeAlias = Literal["text", "leaf", "head", "answer", "aside", "call"]


@dataclass(frozen=True, slots=True)
class Context:
    """What a message answers.

    Args:
        prompt: the request; an answer is judged in its light, it is not itself checked.
        images: looked at together with the message, as `Guard.check` does.
        missing: images of the request that could not be had.
        continued: whether text of the message was passed on before it, so that nothing need take the place of what is
            left out of it.
        formed: whether it was asked for in the form of a ReAct agent, so that it cannot be handed on by sentences.
    """

    prompt: str = field(default="", repr=False)
    images: tuple[Image, ...] = ()
    missing: int = 0
    continued: bool = False
    formed: bool = False

    @classmethod
    def of(cls, messages: Sequence[ChatMessage]) -> Context:
        """The text of the last message of a user. An answer to a harmful image is judged by what it says."""
        asked = next((message for message in reversed(messages) if message.role == MessageRole.USER), None)
        formed = any("Action Input:" in (message.content or "") for message in messages)
        return cls((asked.content or "") if asked is not None else "", formed=formed)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What is to be passed on, and why.

    Args:
        message: the very message if it was allowed, else one without the harm.
        allowed: whether nothing had to be changed.
        verdict: plain JSON, without content.
        outcomes: of everything that was looked at.
    """

    message: ChatMessage = field(repr=False)
    allowed: bool
    verdict: dict[str, Any]
    outcomes: tuple[Outcome, ...] = ()

    @property
    def text(self) -> str:
        """The text that may be passed on."""
        return self.message.content or ""


@dataclass(frozen=True, slots=True)
class Case:
    """A message, what is looked at of it, and what becomes of it.

    Args:
        message: it is not changed.
        parts: what is in it.
        images: its images, those that could be had.
        missing: how much of it nobody can look at.
        context: what it answers.
        surface: where it stands.
        policy: the rules.
    """

    message: ChatMessage = field(repr=False)
    parts: Parts
    images: tuple[Image, ...]
    missing: int
    context: Context
    surface: Surface
    policy: Policy
    form: Scaffold | None = field(init=False, repr=False)
    #: (surface, (part, which of them), exchange) of everything that is looked at.
    looks: tuple[tuple[Surface, tuple[_Part, str], Exchange], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        form = scaffold(self.parts.text) if self.surface is Surface.OUTPUT else None
        object.__setattr__(self, "form", form)
        object.__setattr__(self, "looks", tuple(self._looks()))

    @property
    def exchanges(self) -> list[Exchange]:
        """Everything that is looked at: the whole, its parts where it has a form, what stands aside, each tool call."""
        return [exchange for _, _, exchange in self.looks]

    def mended(self, outcomes: Sequence[Outcome]) -> Exchange | None:
        """A text of some form with its flagged parts replaced, to be looked at again; None where that is no way out."""
        if self.policy.for_surface(self.surface).strategy not in (Strategy.REWRITE, Strategy.REASK):
            return None
        found = self._found(outcomes)
        if any(each.status is not Status.FLAGGED and not each.allowed for part in found.values() for _, each in part):
            return None
        text = self._mended_answer(found) if self.form is not None else self._mended_leaves(found)
        return None if text is None else replace(self._whole, response=text)

    def rule(self, outcomes: Sequence[Outcome], mended: Exchange | None, again: Outcome | None) -> Ruling:
        """What becomes of the message.

        Args:
            outcomes: of `exchanges`.
            mended: see there.
            again: its outcome.
        """
        ruling = verdict((surface, outcome) for (surface, _, _), outcome in zip(self.looks, outcomes, strict=True))
        if all(outcome.allowed for outcome in outcomes):
            return Ruling(self.message, True, ruling, tuple(outcomes))
        found = self._found(outcomes)
        text, whole = self._text(found, mended, again)
        if text is None:
            ruling["action"] = Action.BLOCK.value
            message = replaced(self.message, self._formed(self._refusal(found)), plain=True)
        else:
            message = self._without(found, text, ruling, images=whole)
        return Ruling(message, False, ruling, tuple(outcomes))

    @property
    def _structured(self) -> bool:
        text = self.parts.text
        return self.form is None and text.lstrip()[:1] in ("{", "[") and map_json_strings(text, str) is not None

    @property
    def _whole(self) -> Exchange:
        images = (*self.images, *self.context.images)
        return self._exchange(self.parts.text, images, self.missing + self.context.missing)

    def _exchange(self, text: str, images: tuple[Image, ...] = (), uninspectable: int = 0) -> Exchange:
        asked = (text, "") if self.surface is Surface.INPUT else (self.context.prompt, text)
        return Exchange(*asked, images=images, surface=self.surface, uninspectable=uninspectable)

    def _looks(self) -> Iterator[tuple[Surface, tuple[_Part, str], Exchange]]:
        here = self.surface
        if self.parts.text or self.images or self.context.images or self.missing or self.context.missing:
            yield here, ("text", ""), self._whole
        if self._structured:
            for leaf in _json_leaves(self.parts.text):
                yield here, ("leaf", leaf), self._exchange(leaf)
        if self.form is not None:
            yield here, ("head", ""), self._exchange(self.form.head)
            if self.form.answer:
                yield here, ("answer", ""), self._exchange(self.form.answer)
            for text in self.form.arguments:
                yield Surface.TOOL_CALL, ("head", ""), self._called(text)
        if self.parts.asides:
            yield here, ("aside", ""), self._exchange("\n".join(self.parts.asides))
        for call in self.parts.calls:
            for text in call.texts:
                yield Surface.TOOL_CALL, ("call", call.key), self._called(text)

    def _called(self, text: str) -> Exchange:
        return Exchange(self.context.prompt, text, surface=Surface.TOOL_CALL)

    def _found(self, outcomes: Sequence[Outcome]) -> dict[_Part, list[tuple[str, Outcome]]]:
        found: dict[_Part, list[tuple[str, Outcome]]] = {
            "text": [], "leaf": [], "head": [], "answer": [], "aside": [], "call": []
        }  # fmt: skip
        for (_, (part, which), _), outcome in zip(self.looks, outcomes, strict=True):
            found[part].append((which, outcome))
        return found

    def _mended_leaves(self, found: dict[_Part, list[tuple[str, Outcome]]]) -> str | None:
        flagged = {leaf: outcome.text for leaf, outcome in found["leaf"] if not outcome.allowed}
        if not flagged or len(found["leaf"]) >= MAX_LEAVES:
            return None
        return map_json_strings(self.parts.text, lambda leaf: flagged.get(leaf, leaf))

    def _mended_answer(self, found: dict[_Part, list[tuple[str, Outcome]]]) -> str | None:
        answers = [outcome for _, outcome in found["answer"] if outcome.verdict.action is Action.REWRITE]
        if not answers or self.form is None or not all(outcome.allowed for _, outcome in found["head"]):
            return None
        return self.form.answered(answers[0].text)

    def _text(
        self, found: dict[_Part, list[tuple[str, Outcome]]], mended: Exchange | None, again: Outcome | None
    ) -> tuple[str | None, bool]:
        """The text that is passed on, None where nothing is; and whether what came with it may stay."""
        own = [outcome for part in ("text", "leaf", "head", "answer") for _, outcome in found[part]]
        if all(outcome.allowed for outcome in own):
            return self.parts.text, True
        if mended is not None and again is not None:
            return (mended.response, True) if again.allowed else (None, False)
        formed = self.form is not None or found["leaf"]
        whole = found["text"][0][1]
        if formed or whole.verdict.action is not Action.REWRITE:
            return None, False
        return whole.text, False

    def _without(
        self, found: dict[_Part, list[tuple[str, Outcome]]], text: str, ruling: dict[str, Any], *, images: bool
    ) -> ChatMessage:
        stopped = {key: outcome for key, outcome in reversed(found["call"]) if not outcome.allowed}
        changed = text != self.parts.text
        kept = set() if changed else {call.key for call in self.parts.calls} - stopped.keys()
        refusals = [self.policy.refusal(Surface.TOOL_CALL, _category(each)) for each in stopped.values()]
        text = "\n\n".join(filter(None, [text, *dict.fromkeys(refusals)]))
        if not text and not kept and not (images and self.images) and not self.context.continued:
            text, ruling["action"] = self._refusal(found), Action.BLOCK.value
        return replaced(self.message, text, calls=kept, images=images, plain=True)

    def _refusal(self, found: dict[_Part, list[tuple[str, Outcome]]]) -> str:
        every = [(part, each) for part, some in found.items() for _, each in some if not each.allowed]
        return self.policy.refusal(self.surface, _category(every[0][1]))

    def _formed(self, refusal: str) -> str:
        return refusal if self.form is None else self.form.refused(refusal)


def _category(outcome: Outcome) -> str:
    return outcome.verdict.category or "failed"


def _json_leaves(text: str) -> tuple[str, ...]:
    found: dict[str, None] = {}

    def note(leaf: str) -> str:
        found.setdefault(leaf)
        return leaf

    map_json_strings(text, note)
    return tuple(leaf for leaf in found if leaf.strip())[:MAX_LEAVES]

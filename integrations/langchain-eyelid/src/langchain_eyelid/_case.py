"""One message under way: what is looked at of it, and what becomes of it. Knows neither guards nor event loops."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from eyelid import Action, Exchange, Image, Outcome, Policy, Status, Strategy, Surface
from eyelid.text import map_json_strings
from langchain_core.messages import BaseMessage, ChatMessage, HumanMessage

from langchain_eyelid._calls import MAX_LEAVES, leaves
from langchain_eyelid._messages import Parts, blocked, replace_text, stamped, text_of
from langchain_eyelid._verdict import verdict

M = TypeVar("M", bound=BaseMessage)


@dataclass(frozen=True, slots=True)
class Context:
    """What a message answers.

    Args:
        prompt: the request; an answer is judged in its light, it is not itself checked.
        images: looked at together with the message, as `Guard.check` does.
        continued: whether text of the message was passed on before it, so that nothing need take the place of what is
            left out of it.
        missing: parts of what it answers that nobody can look at; more than 0 makes a failed look.
        shown: images about which the model can be asked again; looked at together with what it says in words, and
            not with tool calls and structures.
        unshown: how many of these could not be had.
    """

    prompt: str = field(default="", repr=False)
    images: tuple[Image, ...] = ()
    continued: bool = False
    missing: int = 0
    shown: tuple[Image, ...] = ()
    unshown: int = 0

    @classmethod
    def of(cls, messages: Sequence[BaseMessage]) -> Context:
        """The text of the last human message.

        Its images are not looked at with the answer: they are a part of the request, and `Surface.INPUT` is where
        requests are looked at. An answer to a harmful image is judged by what it says.
        """
        asked = next((message for message in reversed(messages) if is_human(message)), None)
        return cls(text_of(asked) if asked is not None else "")


@dataclass(frozen=True, slots=True)
class Ruling(Generic[M]):
    """What is to be passed on, and why.

    Args:
        message: as it was but for the verdict if it was allowed, else one without the harm.
        allowed: whether nothing had to be changed.
        verdict: as it stands in `message.response_metadata["eyelid"]`.
        outcomes: of everything that was looked at.
    """

    message: M = field(repr=False)
    allowed: bool
    verdict: dict[str, Any]
    outcomes: tuple[Outcome, ...] = ()


@dataclass(frozen=True, slots=True)
class Case(Generic[M]):
    """What is looked at, by which rules.

    Args:
        message: it is not changed.
        parts: what is in it.
        images: those of its images that could be had.
        missing: how many could not.
        context: what it answers.
        surface: where it stands.
        policy: the rules.
    """

    message: M = field(repr=False)
    parts: Parts
    images: tuple[Image, ...]
    missing: int
    context: Context
    surface: Surface
    policy: Policy
    #: (surface, (part, which of them), exchange) of everything that is looked at.
    looks: tuple[tuple[Surface, tuple[str, str], Exchange], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "looks", tuple(self._looks()))

    @property
    def exchanges(self) -> list[Exchange]:
        """Everything that is looked at: the whole, the leaves of JSON, what stands aside, each tool call."""
        return [exchange for _, _, exchange in self.looks]

    def mended(self, outcomes: Sequence[Outcome]) -> Exchange | None:
        """Structured output with its flagged strings replaced, to be looked at again; None where that is no way out."""
        found = self._found(outcomes)
        flagged = {leaf: each for leaf, each in found["leaf"] if not each.allowed}
        mendable = flagged and self._rewrites and all(each.status is Status.FLAGGED for each in flagged.values())
        if not mendable or len(found["leaf"]) == MAX_LEAVES:
            return None
        text = map_json_strings(self.parts.text, lambda leaf: flagged[leaf].text if leaf in flagged else leaf)
        return None if text is None else replace(self._whole, response=text)

    def rule(self, outcomes: Sequence[Outcome], mended: Exchange | None, again: Outcome | None) -> Ruling[M]:
        """What becomes of the message.

        Args:
            outcomes: of `exchanges`.
            mended: see there.
            again: its outcome.
        """
        every = [(surface, outcome) for (surface, _, _), outcome in zip(self.looks, outcomes, strict=True)]
        ruling = verdict(every)
        if all(outcome.allowed for outcome in outcomes):
            return Ruling(stamped(self.message, ruling), True, ruling, tuple(outcomes))
        found = self._found(outcomes)
        text, whole = self._text(found, mended, again)
        if text is None:
            ruling["action"] = Action.BLOCK.value
            message = blocked(self.message, self._refusal(found), ruling)
        else:
            message = self._without(found, text, ruling, images=whole)
        return Ruling(message, False, ruling, tuple(outcomes))

    @property
    def _structured(self) -> bool:
        """Whether the text is an answer in JSON."""
        text = self.parts.text
        known = self.surface is Surface.OUTPUT and text.lstrip()[:1] in ("{", "[")
        return known and map_json_strings(text, str) is not None

    @property
    def _rewrites(self) -> bool:
        return self._strategy in (Strategy.REWRITE, Strategy.REASK)

    @property
    def _strategy(self) -> Strategy:
        return self.policy.for_surface(self.surface).strategy

    @property
    def _pictures(self) -> tuple[Image, ...]:
        return (*self.images, *self.context.images)

    @property
    def _apart(self) -> bool:
        """Whether images are looked at apart from the text, since a model that is asked again answers in words."""
        return self._strategy is Strategy.REASK and bool(self._pictures) and self._structured

    @property
    def _whole(self) -> Exchange:
        missing, images = self.missing + self.context.missing, () if self._apart else self._pictures
        if self.parts.text.strip() and not self._structured:
            missing, images = missing + self.context.unshown, (*images, *self.context.shown)
        return self._exchange(self.parts.text, images, missing)

    def _exchange(self, text: str, images: tuple[Image, ...] = (), uninspectable: int = 0) -> Exchange:
        asked = (text, "") if self.surface is Surface.INPUT else (self.context.prompt, text)
        return Exchange(*asked, images=images, surface=self.surface, uninspectable=uninspectable)

    def _looks(self) -> Iterator[tuple[Surface, tuple[str, str], Exchange]]:
        parts, here = self.parts, self.surface
        if parts.text or self.images or self.context.images or self.missing or self.context.missing:
            yield here, ("text", ""), self._whole
        if self._apart:
            yield here, ("text", ""), self._exchange("", self._pictures)
        if self._structured:
            for leaf in leaves(parts.text):
                yield here, ("leaf", leaf), self._exchange(leaf)
        if parts.asides:
            yield here, ("aside", ""), self._exchange("\n".join(parts.asides))
        for call in parts.calls:
            for text in call.texts:
                asked = Exchange(self.context.prompt, text, surface=Surface.TOOL_CALL)
                yield Surface.TOOL_CALL, ("call", call.key), asked

    def _found(self, outcomes: Sequence[Outcome]) -> Mapping[str, list[tuple[str, Outcome]]]:
        found: dict[str, list[tuple[str, Outcome]]] = {"text": [], "leaf": [], "aside": [], "call": []}
        for (_, (part, which), _), outcome in zip(self.looks, outcomes, strict=True):
            found[part].append((which, outcome))
        return found

    def _text(
        self, found: Mapping[str, list[tuple[str, Outcome]]], mended: Exchange | None, again: Outcome | None
    ) -> tuple[str | None, bool]:
        """The text that is passed on, None where nothing is; and whether what came with it may stay."""
        looks = [outcome for part in ("text", "leaf") for _, outcome in found[part]]
        if all(outcome.allowed for outcome in looks):
            return self.parts.text, True
        if mended is not None and again is not None:
            return (mended.response, True) if again.allowed else (None, False)
        whole = looks[0]
        if whole.verdict.action is not Action.REWRITE or any(not outcome.allowed for _, outcome in found["leaf"]):
            return None, False
        if self._structured and map_json_strings(whole.text, str) is None:
            return None, False  # JSON that would be none any more
        return whole.text, False

    def _without(
        self, found: Mapping[str, list[tuple[str, Outcome]]], text: str, ruling: dict[str, Any], *, images: bool
    ) -> M:
        stopped = {key: outcome for key, outcome in reversed(found["call"]) if not outcome.allowed}
        kept = {call.key for call in self.parts.calls} - stopped.keys()
        refusals = [self.policy.refusal(Surface.TOOL_CALL, _category(each)) for each in stopped.values()]
        text = "\n\n".join(filter(None, [text, *dict.fromkeys(refusals)]))
        if not text and not kept and not (images and self.images) and not self.context.continued:
            text, ruling["action"] = self._refusal(found), Action.BLOCK.value
        return replace_text(self.message, text, ruling, calls=kept, images=images)

    def _refusal(self, found: Mapping[str, list[tuple[str, Outcome]]]) -> str:
        first = next(each for looks in found.values() for _, each in looks if not each.allowed)
        return self.policy.refusal(self.surface, _category(first))


def _category(outcome: Outcome) -> str:
    return outcome.verdict.category or "failed"


def is_human(message: BaseMessage) -> bool:
    """Whether it is the user's."""
    return isinstance(message, HumanMessage) or (isinstance(message, ChatMessage) and message.role in ("user", "human"))

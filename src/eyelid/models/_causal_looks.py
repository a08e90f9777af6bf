"""As many windows over a text as it takes to see all of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from eyelid.errors import InputError
from eyelid.models._causal_runner import Prefill
from eyelid.models._causal_template import Encoded, Template

#: The part of the context that a prompt may fill where it does not fit beside the text.
_PROMPT = 0.25
#: Tokens that windows share at most; fewer where they are short.
_OVERLAP = 256
#: Tokens of a window left free, because a piece of a text may take more tokens than in the whole.
_SLACK = 8


@dataclass(frozen=True, slots=True)
class CausalLook:
    """One look at a text.

    Args:
        prefill: what the model is given.
        start, end: the character range of the text that it sees.
        unknown: letters of the text in words that the tokenizer does not know.
    """

    prefill: Prefill
    start: int
    end: int
    unknown: int


def causal_looks(template: Template, text: str, prompt: str, context: int, *, owner: str = "") -> list[CausalLook]:
    """The windows over a text; together they see all of it. One, where everything fits.

    A prompt that does not fit beside the text is context only and loses its middle. The windows begin at fixed
    distances, so that a growing text adds to the last one.

    Args:
        template: what surrounds the text.
        text: what is looked at.
        prompt: the request it answers, or "".
        context: the most tokens of one window.
        owner: whose text it is, as `Prefill` takes it.

    Raises:
        InputError: the template alone leaves no room.
    """
    whole = template.encode(text, prompt)
    if len(whole.ids) > context and prompt:
        prompt = template.cut(prompt, int(context * _PROMPT))
        whole = template.encode(text, prompt)
    if len(whole.ids) <= context:
        return [_look(whole, 0, len(text), owner)]
    room = context - len(template.encode("", prompt).ids) - _SLACK
    if room < 2 * _SLACK:
        raise InputError(f"the template leaves {max(room, 0)} of {context} tokens for the text")
    looks: list[CausalLook] = []

    def look(start: int, end: int) -> Iterator[CausalLook]:
        """One at a range, or several where it takes more tokens by itself than it did in the whole."""
        encoded = template.encode(text[start:end], prompt)
        if len(encoded.ids) <= context:
            yield _look(encoded, start, end, owner)
        elif end - start < 2:
            raise InputError("a single character takes more tokens than the model's context leaves")
        else:
            yield from look(start, (start + end) // 2)
            yield from look((start + end) // 2, end)

    tokens = len(whole.starts)
    step = room - min(_OVERLAP, room // 2)
    for first in range(0, max(1, tokens - room + step), step):
        start = whole.starts[first] if first else 0
        end = whole.starts[first + room] if first + room < tokens else len(text)
        looks += look(start, end)
    return looks


def _look(encoded: Encoded, start: int, end: int, owner: str) -> CausalLook:
    return CausalLook(Prefill.of(encoded.ids, encoded.keep, owner=owner), start, end, encoded.unknown)

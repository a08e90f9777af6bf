"""Prompts with fields for text that must not speak for whoever asks.

What stands in a field may imitate the format around it: a forged end of the quotation, tokens that end a turn of a
chat, a verdict in the judge's name (prompt injection into judges; JudgeDeceiver, arXiv 2403.17710). So tokens that
mean something to a chat format are broken up, and the quotation can be marked by a word that nobody can guess.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping
from string import Formatter

from eyelid.errors import ConfigurationError

#: Filled in by `Prompt` itself: a word for delimiters, another one each time.
NONCE = "nonce"

#: Between the characters of a token that shall be none: a zero-width non-joiner would vanish in some normalisers.
_GAP = " "

#: What chat formats take for structure. The first group stays, then comes a gap.
_CONTROL = re.compile(
    r"""
      (<\|)(?=[^\s|<>]{1,40}\|>)                     # <|im_start|>, <|eot_id|>
    | (<｜)(?=[^\s<>]{1,40}｜>)                       # DeepSeek's
    | (<)(?=/?(?:s|pad|unk|bos|eos|cls|sep|mask|image|img|video|audio|think|system|user|assistant)\s*>)
    | (<)(?=/?(?:unused\d{1,6}|\w{1,40}_\w{0,40})\s*>)  # <start_of_turn>, <tool_call>, <extra_id_0>, ...
    | (\[)(?=/?(?:INST|SYS|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|IMG(?:_BREAK|_END)?|CLS|SEP|MASK|PAD|UNK)\])
    | (<)(?=<\s*/?\s*SYS\s*>>)
    """,
    re.VERBOSE | re.IGNORECASE,
)


def neutralised(text: str) -> str:
    """A text in which no chat format finds a token of its own: each gets a space behind its first mark."""
    return _CONTROL.sub(lambda found: found.group(0) + _GAP, text)


class Prompt:
    """A text with named fields, such as "Query: {query}", for values that come from outside.

    Args:
        template: literal braces are doubled. `{nonce}` is a word that nobody can guess, the same throughout one filling
            and another one each time: quote between delimiters that hold it.
        fields: those the template must have.
        optional: those it may have.

    Raises:
        ConfigurationError: a brace is unmatched, a field is missing or unknown.
    """

    def __init__(self, template: str, *, fields: Collection[str], optional: Collection[str] = ()) -> None:
        try:
            self._parts = [(literal, name) for literal, name, _, _ in Formatter().parse(template)]
        except ValueError as error:
            raise ConfigurationError("the template has an unmatched brace; write {{ and }} for braces") from error
        named = {name for _, name in self._parts if name is not None}
        missing, unknown = set(fields) - named, named - {*fields, *optional, NONCE}
        if missing or unknown:
            words = [f"misses {{{name}}}" for name in sorted(missing)] + [f"has {{{name}}}" for name in sorted(unknown)]
            allowed = ", ".join(f"{{{name}}}" for name in sorted({*fields, *optional, NONCE}))
            raise ConfigurationError(f"the template {' and '.join(words)}; its fields are {allowed}")
        self.template = template

    def fill(self, values: Mapping[str, str], *, hardened: bool = True) -> str:
        """The text with its fields filled, in one pass: what a value holds is never taken for a field.

        Args:
            values: field → text.
            hardened: whether tokens of chat formats in the values are broken up, and the nonce taken out of them.
        """
        word = secrets.token_hex(8)
        given = {name: neutralised(value).replace(word, "") if hardened else value for name, value in values.items()}
        given[NONCE] = word
        return "".join(literal + ("" if name is None else given[name]) for literal, name in self._parts)

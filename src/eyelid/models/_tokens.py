"""Text → windows of token ids. Windows are cut here, never by the tokenizer."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from tokenizers import Encoding, Tokenizer
from tokenizers.pre_tokenizers import BertPreTokenizer, FixedLength, Sequence

from eyelid.errors import WeightsError
from eyelid.text import token_windows

#: Characters; the word-piece model takes longer words for unknown ones.
_LONGEST_WORD = 100
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Window:
    """One look at a text.

    Args:
        ids: token ids with the special tokens, and the prompt before the text if there is one.
        types: segment ids, 0 for the prompt or a request, 1 for anything else.
        start, end: the character range of the text that this look sees.
        unknown: letters of the text in words the tokenizer does not know, seen by this look.
    """

    ids: list[int] = field(repr=False)
    types: list[int] = field(repr=False)
    start: int
    end: int
    unknown: int = 0

    @property
    def request(self) -> bool:
        """Whether it is a look at a request, and not at what answers one."""
        return self.types[-1] == 0


@dataclass(frozen=True, slots=True)
class WindowShape:
    """Lengths in tokens: a whole look, what neighbouring looks share, and the prompt kept as context.

    Looks overlap by half, so that any passage shorter than that lies whole in one of them.
    """

    size: int = 256
    overlap: int = 128
    prompt: int = 64


class WindowTokenizer:
    """The backbone's word pieces, with truncation and padding switched off."""

    def __init__(self, file: Path, shape: WindowShape | None = None) -> None:
        self.shape = shape or WindowShape()
        self._tokenizer = Tokenizer.from_file(str(file))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        # "[SEP]" in a text is text, and a word of any length is read: the model would see an unknown token instead.
        self._tokenizer.encode_special_tokens = True
        self._tokenizer.pre_tokenizer = Sequence([BertPreTokenizer(), FixedLength(length=_LONGEST_WORD)])
        self._cls, self._sep, self._unk = (self._special(name) for name in ("[CLS]", "[SEP]", "[UNK]"))

    def windows(self, texts: list[str], prompts: list[str], requests: list[bool]) -> list[list[Window]]:
        """The looks at each text; together they cover every token of it, and there is at least one.

        Args:
            texts: what is looked at.
            prompts: the request before each, or "".
            requests: whether each text is itself a request.
        """
        contexts = {"": [], **self._contexts([prompt for prompt in dict.fromkeys(prompts) if prompt])}
        return [
            self._cut(encoding, contexts[prompt], request, text)
            for encoding, prompt, request, text in zip(self._encode(texts), prompts, requests, texts, strict=True)
        ]

    def _encode(self, texts: list[str]) -> list[Encoding]:
        # Of the tokenizer's calls only this one lets other threads run.
        return self._tokenizer.encode_batch([_encodable(text) for text in texts], add_special_tokens=False)

    def _contexts(self, prompts: list[str]) -> dict[str, list[int]]:
        encoded = self._encode(prompts) if prompts else []
        return {prompt: self._context(encoding.ids) for prompt, encoding in zip(prompts, encoded, strict=True)}

    def _special(self, name: str) -> int:
        number = self._tokenizer.token_to_id(name)
        if number is None:
            raise WeightsError(f"the tokenizer has no {name} token; it is not the backbone's")
        return number

    def _context(self, ids: list[int]) -> list[int]:
        kept = self.shape.prompt
        if len(ids) > kept:
            ids = ids[: kept * 5 // 8] + ids[-(kept - kept * 5 // 8) :]
        return [*ids, self._sep] if ids else []

    def _cut(self, encoding: Encoding, context: list[int], request: bool, text: str) -> list[Window]:
        ids = encoding.ids
        room = self.shape.size - 2 - len(context)
        cuts = token_windows(len(ids), size=room, overlap=min(self.shape.overlap, room // 2)) or [(0, 0)]
        segment = 0 if request else 1
        return [
            Window(
                ids=[self._cls, *context, *ids[first:last], self._sep],
                types=[0] * (1 + len(context)) + [segment] * (last - first + 1),
                # The first and last look also own what the tokenizer dropped before and after.
                start=0 if first == 0 else _characters(encoding, first)[0],
                end=len(text) if last >= len(ids) else _characters(encoding, last)[0],
                unknown=_letters(encoding, text, [at for at in range(first, last) if ids[at] == self._unk]),
            )
            for first, last in cuts
        ]


def _letters(encoding: Encoding, text: str, tokens: list[int]) -> int:
    return sum(sum(map(str.isalpha, text[slice(*_characters(encoding, at))])) for at in tokens)


def _characters(encoding: Encoding, token: int) -> tuple[int, int]:
    # One at a time: the list of all of a long text would hold the interpreter for long.
    found = encoding.token_to_chars(token)
    assert found is not None
    return found


def _encodable(text: str) -> str:
    """The text with lone surrogates as replacement characters, of the same length."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)

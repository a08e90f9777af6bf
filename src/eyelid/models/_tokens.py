"""Text → windows of token ids. Windows are cut here, never by the tokenizer."""

from __future__ import annotations

import re
from dataclasses import dataclass
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

    ids: list[int]
    types: list[int]
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
        encoded = self._tokenizer.encode_batch([_encodable(t) for t in texts], add_special_tokens=False)
        contexts = self._tokenizer.encode_batch([_encodable(p) for p in prompts], add_special_tokens=False)
        return [
            self._cut(encoding, self._context(context.ids), request, text)
            for encoding, context, request, text in zip(encoded, contexts, requests, texts, strict=True)
        ]

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

    def _unknown(self, ids: list[int], offsets: list[tuple[int, int]], text: str) -> int:
        if self._unk not in ids:
            return 0
        return sum(sum(map(str.isalpha, text[a:b])) for i, (a, b) in zip(ids, offsets, strict=True) if i == self._unk)

    def _cut(self, encoding: Encoding, context: list[int], request: bool, text: str) -> list[Window]:
        ids, offsets = encoding.ids, encoding.offsets
        room = self.shape.size - 2 - len(context)
        cuts = token_windows(len(ids), size=room, overlap=min(self.shape.overlap, room // 2)) or [(0, 0)]
        segment = 0 if request else 1
        windows = []
        for first, last in cuts:
            # The first and last look also own what the tokenizer dropped before and after.
            start = 0 if first == 0 else offsets[first][0]
            end = len(text) if last >= len(ids) else offsets[last][0]
            body = ids[first:last]
            windows.append(
                Window(
                    ids=[self._cls, *context, *body, self._sep],
                    types=[0] * (1 + len(context)) + [segment] * (len(body) + 1),
                    start=start,
                    end=end,
                    unknown=self._unknown(body, offsets[first:last], text),
                )
            )
        return windows


def _encodable(text: str) -> str:
    """The text with lone surrogates as replacement characters, of the same length."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)

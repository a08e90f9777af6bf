"""As many windows over a text as it takes to see all of it, for encoders of any kind."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tokenizers import Encoding

from eyelid.errors import InputError
from eyelid.models._causal_template import encodable, read_tokenizer
from eyelid.text import token_windows

#: The part of a window that a prompt may fill where it does not fit beside the text.
_PROMPT = 0.25
#: Tokens that windows share at most; fewer where they are short.
_OVERLAP = 128
#: Tokens of a window left free, because a piece of a text may take more tokens than in the whole.
_SLACK = 8


@dataclass(frozen=True, slots=True)
class EncoderLook:
    """One look at a text.

    Args:
        ids: token ids, with the prompt before the text and special tokens around them.
        types: segment ids.
        start, end: the character range of the text that it sees.
        unknown: letters of the text in words that the tokenizer does not know.
    """

    ids: list[int] = field(repr=False)
    types: list[int] = field(repr=False)
    start: int
    end: int
    unknown: int

    @property
    def key(self) -> bytes:
        """The same for the same content, so that work under way can be joined."""
        return array("I", self.ids).tobytes() + bytes(self.types)


class EncoderTexts:
    """Prompt and text as a pair, in the format of the checkpoint's own tokenizer.

    Args:
        folder: with `tokenizer.json`.
        window: the most tokens of one look.

    Raises:
        WeightsError: there is no tokenizer.
    """

    def __init__(self, folder: Path, window: int) -> None:
        self._tokenizer, self._window = read_tokenizer(folder), window
        unknown = getattr(self._tokenizer.model, "unk_token", None)
        self._unknown = None if unknown is None else self._tokenizer.token_to_id(unknown)

    def looks(self, text: str, prompt: str = "") -> list[EncoderLook]:
        """The windows over a text; together they see all of it. A prompt that does not fit loses its middle.

        Raises:
            InputError: the special tokens leave no room.
        """
        whole = self._encode(text, prompt)
        if len(whole.ids) > self._window and prompt:
            prompt = self._cut(prompt, int(self._window * _PROMPT))
            whole = self._encode(text, prompt)
        if len(whole.ids) <= self._window:
            return [self._look(whole, text, 0, prompt)]
        own = _of_text(whole, prompt)
        room = self._window - (len(whole.ids) - len(own)) - _SLACK
        if room < 2 * _SLACK:
            raise InputError(f"prompt and special tokens leave {max(room, 0)} of {self._window} tokens for the text")
        looks: list[EncoderLook] = []
        for first, last in token_windows(len(own), size=room, overlap=min(_OVERLAP, room // 2)):
            start = _characters(whole, own[first])[0] if first else 0
            end = _characters(whole, own[last])[0] if last < len(own) else len(text)
            looks += self._pieces(text, start, end, prompt)
        return looks

    def _pieces(self, text: str, start: int, end: int, prompt: str) -> Iterator[EncoderLook]:
        """One look at a range, or several where it takes more tokens by itself than it did in the whole."""
        encoding = self._encode(text[start:end], prompt)
        if len(encoding.ids) <= self._window:
            yield self._look(encoding, text[start:end], start, prompt)
        elif end - start < 2:
            raise InputError("a single character takes more tokens than a window has")
        else:
            yield from self._pieces(text, start, (start + end) // 2, prompt)
            yield from self._pieces(text, (start + end) // 2, end, prompt)

    def _encode(self, text: str, prompt: str) -> Encoding:
        given = (encodable(prompt), encodable(text)) if prompt else encodable(text)
        return self._tokenizer.encode_batch([given])[0]  # of the tokenizer's calls only this one lets other threads run

    def _cut(self, prompt: str, tokens: int) -> str:
        offsets = self._tokenizer.encode(encodable(prompt), add_special_tokens=False).offsets
        first = tokens * 5 // 8
        return (
            prompt[: offsets[first][0]] + prompt[offsets[-(tokens - first)][0] :] if len(offsets) > tokens else prompt
        )

    def _look(self, encoding: Encoding, text: str, start: int, prompt: str) -> EncoderLook:
        ids = encoding.ids
        strange = [at for at in _of_text(encoding, prompt) if ids[at] == self._unknown] if self._unknown in ids else []
        unknown = sum(sum(map(str.isalpha, text[slice(*_characters(encoding, at))])) for at in strange)
        return EncoderLook(ids, encoding.type_ids, start, start + len(text), unknown)


def _of_text(encoding: Encoding, prompt: str) -> range:
    """Numbers of the tokens of the text: not of the prompt, nor special ones."""
    sequences = encoding.sequence_ids
    number = 1 if prompt else 0
    count = sequences.count(number)
    first = sequences.index(number) if count else 0
    return range(first, first + count)


def _characters(encoding: Encoding, token: int) -> tuple[int, int]:
    # One at a time: the list of all of a long text would hold the interpreter for long.
    found = encoding.token_to_chars(token)
    assert found is not None
    return found

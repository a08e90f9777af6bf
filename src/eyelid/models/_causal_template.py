"""A text and its prompt in a template → token ids."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter

from tokenizers import AddedToken, Encoding, Tokenizer, pre_tokenizers
from tokenizers.models import WordPiece

from eyelid.errors import ConfigurationError, WeightsError

#: What a token looks like that is structure and not writing.
_STRUCTURE = re.compile(r"<[^\s<>]+>|\[[^\s\[\]]+\]")


@dataclass(frozen=True, slots=True)
class Encoded:
    """A filled template.

    Args:
        ids: all of its tokens.
        keep: tokens up to the end of the text; behind them comes the rest of the template.
        starts: where in the text each of its tokens begins, in characters.
        unknown: letters of the text in words that the tokenizer does not know.
    """

    ids: list[int] = field(repr=False)
    keep: int
    starts: list[int] = field(repr=False)
    unknown: int


@dataclass(frozen=True, slots=True)
class _Field:
    name: str


class Template:
    """A template such as "[INST] {prompt} [/INST] {response}".

    Special tokens of the template are such; the same characters in a text or prompt are only text, so that what is
    judged cannot take the judge's format over.

    Args:
        folder: with `tokenizer.json`.
        template: with `{response}`, the text that is looked at, once, and with `{prompt}` once or not at all.
        special: whether to add what the tokenizer puts around a text, such as a token for its beginning.
        closed: whether that counts behind the text as well; what is to be continued must not be.

    Raises:
        ConfigurationError: the template is not of this form.
        WeightsError: there is no tokenizer.
    """

    def __init__(self, folder: Path, template: str, *, special: bool = True, closed: bool = True) -> None:
        self._tokenizer = read_tokenizer(folder)
        unknown = getattr(self._tokenizer.model, "unk_token", None)
        self._unknown = None if unknown is None else self._tokenizer.token_to_id(unknown)
        before, behind = self._around() if special else ([], [])
        inner = self._parsed(template)
        before = [] if inner[: len(before)] == before else before
        self._pieces: list[int | str | _Field] = [*before, *inner, *(behind if closed else [])]

    def encode(self, text: str, prompt: str = "") -> Encoded:
        """Fill the template."""
        return self._filled(self._pieces, text, prompt)

    def continued(self, answers: Sequence[str]) -> tuple[int, list[list[int]]]:
        """How a filled template goes on if one of these answers follows; special tokens in them are such.

        Args:
            answers: what may stand behind the template.

        Returns:
            How many of the template's last tokens an answer takes the place of, because the two grow together, and
            for each answer the tokens from there on.

        Raises:
            ConfigurationError: there is no such place behind the text.
        """
        bare = self._filled(self._pieces, "", "")
        wholes = [self._filled([*self._pieces, *self._literal(answer)], "", "").ids for answer in answers]
        shared = min(map(len, [bare.ids, *wholes]))
        for whole in wholes:
            alike = (at for at in range(shared) if whole[at] != bare.ids[at])
            shared = next(alike, shared)
        if shared < bare.keep:
            raise ConfigurationError("the answers grow together with the text that they are about; put a mark between")
        return len(bare.ids) - shared, [whole[shared:] for whole in wholes]

    def _filled(self, pieces: Sequence[int | str | _Field], text: str, prompt: str) -> Encoded:
        given = {"response": encodable(text), "prompt": encodable(prompt)}
        ids: list[int] = []
        keep, starts, unknown = 0, [0][:0], 0
        run, begins = "", -1
        # Between special tokens the template, prompt and text are one run, so that words are cut as in a plain text.
        for piece in [*pieces, None]:
            if isinstance(piece, str):
                run += piece
            elif isinstance(piece, _Field):
                begins = len(run) if piece.name == "response" else begins
                run += given[piece.name]
            else:
                encoding = self._tokenizer.encode(run, add_special_tokens=False)
                if begins >= 0:
                    ends = begins + len(text)
                    keep = len(ids) + sum(end <= ends for _, end in encoding.offsets)
                    starts = [max(0, a - begins) for a, b in encoding.offsets if b > begins and a < ends]
                    unknown = self._letters(encoding, run, begins, ends)
                ids += encoding.ids
                ids += [] if piece is None else [piece]
                run, begins = "", -1
        return Encoded(ids, keep, starts, unknown)

    def cut(self, prompt: str, tokens: int) -> str:
        """A prompt without its middle, of so many tokens; five eighths of them from its beginning."""
        offsets = self._tokenizer.encode(encodable(prompt), add_special_tokens=False).offsets
        if len(offsets) <= tokens:
            return prompt
        first = tokens * 5 // 8
        return prompt[: offsets[first][0]] + prompt[offsets[len(offsets) - (tokens - first)][0] :]

    def label(self, text: str) -> int:
        """The id of a label: an entry of the vocabulary as it stands there, or a text that is one token.

        Raises:
            ConfigurationError: it is several.
        """
        known: int | None = self._tokenizer.token_to_id(text)
        if known is not None:
            return known
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        if len(ids) != 1:
            raise ConfigurationError(f"the label {text!r} is {len(ids)} tokens here; name one that is a single token")
        return int(ids[0])

    def _letters(self, encoding: Encoding, run: str, begins: int, ends: int) -> int:
        if self._unknown is None or self._unknown not in encoding.ids:
            return 0
        places = zip(encoding.ids, encoding.offsets, strict=True)
        return sum(
            sum(map(str.isalpha, run[max(a, begins) : min(b, ends)])) for i, (a, b) in places if i == self._unknown
        )

    def _parsed(self, template: str) -> list[int | str | _Field]:
        fields_of(template)
        pieces: list[int | str | _Field] = []
        for literal, name, _, _ in Formatter().parse(template):
            pieces += self._literal(literal)
            pieces += [] if name is None else [_Field(name)]
        return pieces

    def _literal(self, text: str) -> list[int | str]:
        added = self._tokenizer.get_added_tokens_decoder()
        special = {token.content: number for number, token in added.items() if token.special}
        names = "|".join(re.escape(name) for name in sorted(special, key=len, reverse=True))
        parts = re.split(f"({names})", text) if names else [text]
        return [special.get(part, part) for part in parts if part]

    def _around(self) -> tuple[list[int], list[int]]:
        bare = self._tokenizer.encode("a", add_special_tokens=False).ids
        full = self._tokenizer.encode("a", add_special_tokens=True).ids
        at = next((at for at in range(len(full)) if full[at : at + len(bare)] == bare), 0)
        return full[:at], full[at + len(bare) :]


def fields_of(template: str) -> list[str]:
    """The fields of a template, in order: "response", and "prompt" where it has that.

    Raises:
        ConfigurationError: a brace is unmatched, a field missing, unknown, or there twice.
    """
    try:
        named = [name for _, name, _, _ in Formatter().parse(template) if name is not None]
    except ValueError as error:
        raise ConfigurationError("the template has an unmatched brace; write {{ and }} for braces") from error
    if named.count("response") != 1 or named.count("prompt") > 1 or set(named) - {"response", "prompt"}:
        raise ConfigurationError("a template holds {response} once, {prompt} at most once, and no other field")
    return named


def read_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a checkpoint, which cuts nothing, fills nothing up, and takes special tokens in a text for text.

    Raises:
        WeightsError: there is no `tokenizer.json`.
    """
    file = folder / "tokenizer.json"
    if not file.is_file():
        raise WeightsError("the model folder has no tokenizer.json; load it with AutoTokenizer and save it there once")
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    # Chat formats have structure that is not marked as special, such as <think>; in a text it must be text as well.
    added = tokenizer.get_added_tokens_decoder().values()
    tokenizer.add_special_tokens(
        [
            AddedToken(token.content, special=True, normalized=False)
            for token in added
            if not token.special and _STRUCTURE.fullmatch(token.content)
        ]
    )
    tokenizer.encode_special_tokens = True
    if isinstance(tokenizer.model, WordPiece):  # it takes longer words for unknown ones
        longest = pre_tokenizers.FixedLength(length=tokenizer.model.max_input_chars_per_word)
        words = tokenizer.pre_tokenizer or pre_tokenizers.Whitespace()
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, longest])
    return tokenizer


def encodable(text: str) -> str:
    """The text with lone surrogates as question marks, of the same length."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")

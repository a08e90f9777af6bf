"""A host that answers by rules: for tests, demonstrations and dry runs of what costs a model hours."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from eyelid.errors import ConfigurationError
from eyelid.protocols import AskRequest, Reply
from eyelid.types import Failure


@dataclass(frozen=True, slots=True)
class Rule:
    """One answer, and to what.

    Args:
        answer: what is said.
        pattern: a regular expression that must be found in the prompt; "" for any.
        images: whether the request must come with images, or without; either if left out.
        chances: option → probability, given where options are asked for.
        failure: a word that makes it a failure instead of an answer.

    Raises:
        ConfigurationError: the pattern is no regular expression, or a part is of another type.
    """

    answer: str = field(default="", repr=False)
    pattern: str = field(default="", repr=False)
    images: bool | None = None
    chances: Mapping[str, float] | None = None
    failure: str = ""

    def __post_init__(self) -> None:
        texts = all(isinstance(each, str) for each in (self.answer, self.pattern, self.failure))
        if not texts or self.images not in (True, False, None):
            raise ConfigurationError("answer, pattern and failure are strings, images is true or false")
        chances: Any = {} if self.chances is None else self.chances
        if not isinstance(chances, Mapping) or not all(map(_is_chance, chances.values())) or sum(chances.values()) > 1:
            raise ConfigurationError("chances are probabilities of options, together at most 1")
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ConfigurationError(f"the pattern is no regular expression: {error.msg}") from None

    def fits(self, request: AskRequest) -> bool:
        """Whether this is what it answers."""
        wanted = self.images is None or self.images == bool(request.images)
        return wanted and re.search(self.pattern, request.prompt) is not None


class ScriptedHost:
    """Answers with the first rule that fits.

    Args:
        rules: in the order in which they are tried; or just regular expression → answer.
        default: the answer where none fits.
        name: its name; by the rules if left out.

    Raises:
        ConfigurationError: a pattern is no regular expression.
    """

    def __init__(
        self, rules: Sequence[Rule] | Mapping[str, str], *, default: str = "I cannot say.", name: str = ""
    ) -> None:
        if isinstance(rules, Mapping):
            rules = [Rule(answer, pattern) for pattern, answer in rules.items()]
        self._rules, self._default = tuple(rules), default
        told = [(rule.answer, rule.pattern, rule.images, rule.chances, rule.failure) for rule in rules]
        digest = hashlib.sha256(repr((told, default)).encode("utf-8", "replace")).hexdigest()
        self.name = name or f"scripted-{digest[:12]}"

    @classmethod
    def from_jsonl(cls, file: Path) -> Self:
        """Rules from a file: one JSON object a line with the fields of `Rule`.

        Raises:
            ConfigurationError: no such file, or a line that is no rule; names the file and the line.
        """
        try:
            lines = file.read_text(encoding="utf-8").split("\n")  # JSON may hold other ends of lines as they are
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise ConfigurationError(f"the script {file} cannot be read: {why}") from error
        return cls([_rule(line, file, number) for number, line in enumerate(lines, start=1) if line.strip()])

    def ask(self, batch: Sequence[AskRequest], /) -> list[Reply | Failure]:
        """The answer to each request; tokens are counted as words."""
        return [self._reply(request) for request in batch]

    def _reply(self, request: AskRequest) -> Reply | Failure:
        rule = next((rule for rule in self._rules if rule.fits(request)), Rule(self._default))
        if rule.failure:
            return Failure("ask", rule.failure, "told to fail", self.name)
        chances = rule.chances if request.options else None
        return Reply(rule.answer, chances, len(request.prompt.split()), len(rule.answer.split()))


def _rule(line: str, file: Path, number: int) -> Rule:
    at = f"{file}, line {number}"
    try:
        raw: Any = json.loads(line)
        return Rule(**raw)
    except ConfigurationError as error:
        raise ConfigurationError(f"{at}: {error}") from None
    except (ValueError, TypeError, RecursionError):
        raise ConfigurationError(
            f"{at}: no rule; write an object with some of answer, pattern, images, chances, failure"
        ) from None


def _is_chance(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0.0 <= value <= 1.0

"""How an OpenAI-compatible moderation endpoint is asked: `POST /v1/moderations` with a list of texts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from eyelid.detectors._remote_pieces import Piece, Windows, assessed
from eyelid.errors import ConfigurationError
from eyelid.protocols import Assessment, ScoreRequest
from eyelid.remote import Prepared, Trouble
from eyelid.taxonomy import Category
from eyelid.types import Scores

#: OpenAI's categories → eyelid's. (platform.openai.com/docs/guides/moderation)
OPENAI: Mapping[str, Category] = {
    "harassment": Category.HATE,
    "harassment/threatening": Category.VIOLENT_CRIMES,
    "hate": Category.HATE,
    "hate/threatening": Category.HATE,
    "illicit": Category.NON_VIOLENT_CRIMES,
    "illicit/violent": Category.VIOLENT_CRIMES,
    "self-harm": Category.SELF_HARM,
    "self-harm/instructions": Category.SELF_HARM,
    "self-harm/intent": Category.SELF_HARM,
    "sexual": Category.SEXUAL_CONTENT,
    "sexual/minors": Category.CHILD_EXPLOITATION,
    "violence": Category.VIOLENT_CRIMES,
    "violence/graphic": Category.VIOLENT_CRIMES,
}
#: What an eyelid server calls what OpenAI has no word for, and eyelid's own names.
_OWN = {f"{prefix}{category}": category for category in Category for prefix in ("", "eyelid/")}

_Probability = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]


class _Result(BaseModel):
    model_config = ConfigDict(strict=True, hide_input_in_errors=True)

    flagged: bool
    categories: dict[str, bool | None]
    category_scores: Annotated[dict[str, _Probability], Field(min_length=1)]


class _Reply(BaseModel):
    model_config = ConfigDict(strict=True, hide_input_in_errors=True)

    results: list[_Result]


@dataclass(frozen=True, slots=True)
class Moderations:
    """Speaks with `POST /v1/moderations` of OpenAI and whatever is compatible.

    The text alone is sent. Harm is the highest score of all categories, and what the server flags counts as certain:
    its thresholds are its own. Categories that nobody knows count as harm, those named in `ignored` not at all;
    injection is only asked about where the server has a category of that name.

    Args:
        model: its name; the server's default if left out.
        window: characters of one text; a longer one is cut into several that overlap by half.
        ignored: categories of the server that are of no concern, such as "sexual".
    """

    model: str | None = None
    window: int = 4000
    ignored: Sequence[str] = ()
    path: str = field(default="/v1/moderations", init=False)

    def __post_init__(self) -> None:
        if isinstance(self.ignored, str):
            raise ConfigurationError("ignored must be a list of categories, not a string")
        Windows(size=self.window)

    def cut(self, request: ScoreRequest, /) -> Sequence[Piece] | Trouble:
        """Windows over the text."""
        return Windows(size=self.window).cut(request)

    def prepare(self, pieces: Sequence[Piece], seconds: float, /) -> Prepared[Assessment]:
        """One call with all windows. Answers are told apart by their order alone, as the protocol has it."""
        form = Windows(size=self.window)
        body: dict[str, object] = {"input": [form.text(piece) for piece in pieces]}
        if self.model is not None:
            body["model"] = self.model

        def read(reply: bytes) -> list[Assessment | Trouble]:
            results = _Reply.model_validate_json(reply).results
            return [assessed(piece, self._scores(result)) for piece, result in zip(pieces, results, strict=True)]

        return Prepared(json.dumps(body, ensure_ascii=False).encode(), read)

    def _scores(self, result: _Result) -> Scores:
        found = dict.fromkeys((Category.HARM, Category.INJECTION), 0.0)
        said = {**result.category_scores, **{name: 1.0 for name, flagged in result.categories.items() if flagged}}
        counted = {name: score for name, score in said.items() if name not in self.ignored}
        for name, score in counted.items():
            category = OPENAI.get(name) or _OWN.get(name) or Category.HARM
            for each in {category, Category.HARM if category is not Category.INJECTION else category}:
                found[each] = max(score, found.get(each, 0.0))
        if result.flagged and not any(result.categories.values()):
            found[Category.HARM] = 1.0  # for a reason that it does not tell
        return Scores({str(name): score for name, score in found.items()})

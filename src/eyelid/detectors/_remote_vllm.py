"""How a classifier on vLLM is asked: `POST /classify`, or `POST /pooling` where a server has only that.

Shapes as of vLLM 0.33 (entrypoints/pooling): `{"model", "input": [text, ...]}` gives `{"data": [{"index", "label",
"probs", "num_classes"}, ...]}` and `{"data": [{"index", "data": [...]}, ...]}`. `truncate_prompt_tokens` stays unset:
a text that is too long for the model is then refused, never cut off.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from eyelid.detectors._remote_pieces import Piece, Windows, assessed
from eyelid.errors import ConfigurationError
from eyelid.policy import known
from eyelid.protocols import Assessment, ScoreRequest
from eyelid.remote import Prepared, Trouble
from eyelid.taxonomy import Category
from eyelid.types import Scores

_Probabilities = list[Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]]
#: By which probabilities of classes that exclude each other may miss 1 in sum.
_ROUNDING = 0.01


class _Class(BaseModel):
    model_config = ConfigDict(strict=True, hide_input_in_errors=True)

    index: int
    probs: _Probabilities


class _Pooled(BaseModel):
    model_config = ConfigDict(strict=True, hide_input_in_errors=True)

    index: int
    data: _Probabilities


@dataclass(frozen=True, slots=True)
class Classify:
    """Speaks with `POST /classify` of vLLM, and of SGLang below `/v1`.

    Args:
        model: its name, as the server knows it.
        classes: for each class of the model, in its order, the category it stands for; "" for the harmless ones.
            A finer category counts as harm too.
        exclusive: whether the classes exclude each other, as after a softmax: then the probabilities of the harmful
            ones add up. By default so where there are several.
        form: what is sent: the text stands for "{text}", the request it answers for "{prompt}".
        window: characters of one text; a longer one is cut into several that overlap by half. Choose it so that the
            model's context holds it.

    Raises:
        ConfigurationError: no class is harmful, or form or window cannot be.
        PolicyError: an unknown category.
    """

    model: str
    classes: Sequence[str]
    exclusive: bool | None = None
    form: str = "{text}"
    window: int = 1000
    path: str = field(default="/classify", init=False)

    def __post_init__(self) -> None:
        if isinstance(self.classes, str) or not any(self.classes):
            raise ConfigurationError('classes must name the category of each class, such as ("", "harm")')
        for name in filter(None, self.classes):
            known("category", name, Category)
        Windows(self.form, self.window)

    def cut(self, request: ScoreRequest, /) -> Sequence[Piece] | Trouble:
        """Windows over the text."""
        return Windows(self.form, self.window).cut(request)

    def prepare(self, pieces: Sequence[Piece], seconds: float, /) -> Prepared[Assessment]:
        """One call with all windows."""
        form = Windows(self.form, self.window)
        body = {"model": self.model, "input": [form.text(piece) for piece in pieces], **self._options()}

        def read(reply: bytes) -> list[Assessment | Trouble]:
            data = _data(reply)
            if len(data) != len(pieces):
                raise ValueError("not one result for each item")
            return [self._assessed(number, piece, data[number]) for number, piece in enumerate(pieces)]

        return Prepared(json.dumps(body, ensure_ascii=False).encode(), read)

    def _options(self) -> Mapping[str, object]:
        return {"use_activation": True}  # probabilities, not logits

    def _probabilities(self, entry: Any) -> tuple[int, list[float]]:
        found = _Class.model_validate(entry)
        return found.index, found.probs

    def _assessed(self, number: int, piece: Piece, entry: Any) -> Assessment | Trouble:
        try:
            index, shares = self._probabilities(entry)
        except ValueError:
            return Trouble("invalid", "the server's answer about this text holds no probabilities")
        exclusive = len(self.classes) > 1 if self.exclusive is None else self.exclusive
        if index != number or len(shares) != len(self.classes):
            return Trouble("invalid", f"the server's answer is about another text, or not {len(self.classes)} classes")
        if exclusive and abs(math.fsum(shares) - 1.0) > _ROUNDING:
            return Trouble("invalid", "the probabilities of the classes do not add up to 1")
        return assessed(piece, self._scores(shares, exclusive))

    def _scores(self, shares: Sequence[float], exclusive: bool) -> Scores:
        found: dict[str, list[float]] = {}
        for name, share in zip(self.classes, shares, strict=True):
            for each in {name, Category.HARM if name != Category.INJECTION else name} if name else ():
                found.setdefault(str(each), []).append(share)
        return Scores({name: min(1.0, math.fsum(all)) if exclusive else max(all) for name, all in found.items()})


@dataclass(frozen=True, slots=True)
class Pooling(Classify):
    """Speaks with `POST /pooling` of vLLM. As `Classify` otherwise."""

    path: str = field(default="/pooling", init=False)

    def _options(self) -> Mapping[str, object]:
        return {"task": "classify", "use_activation": True}

    def _probabilities(self, entry: Any) -> tuple[int, list[float]]:
        found = _Pooled.model_validate(entry)
        return found.index, found.data


def _data(reply: bytes) -> list[Any]:
    data = json.loads(reply)
    found = data.get("data") if isinstance(data, dict) else None
    if not isinstance(found, list):
        raise ValueError("not such a reply")
    return found

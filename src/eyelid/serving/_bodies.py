"""What may stand in a request, and how a request that is none is answered: by names of ours, never by what it says."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eyelid.serving._problem import Problem
from eyelid.types import Surface

#: pydantic's words for what is wrong → ours; anything else becomes "is not valid".
_WORDS = {
    "missing": "is missing",
    "string_type": "must be a string",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "too_short": "is too short",
    "string_too_short": "is too short",
    "string_too_long": "is too long",
    "too_long": "has too many items",
}

_Text = Annotated[str, Field(repr=False)]
_MaybeText = Annotated[str | None, Field(repr=False)]
SurfaceName = Annotated[Surface, Field(strict=False)]


class Body(BaseModel):
    """A part of a request; unknown names are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class CheckBody(Body):
    """An exchange. `images` are base64, plain or as data URLs; no other URL is ever fetched.

    On the surface "input" the prompt and the images are looked at; on every other one the response is.
    """

    prompt: _MaybeText = None
    response: _MaybeText = None
    images: Annotated[list[str], Field(repr=False)] = []
    history: Annotated[list[str], Field(repr=False)] = []
    surface: SurfaceName | None = None
    return_images: bool = False

    @property
    def place(self) -> Surface:
        """The surface; where it is not given, "output" if there is a response and "input" if not."""
        return self.surface or (Surface.INPUT if self.response is None else Surface.OUTPUT)


class BatchBody(Body):
    """Several exchanges. Each is read on its own, so that a bad one is its own failure."""

    items: Annotated[list[Any], Field(min_length=1, repr=False)]


class StreamBody(Body):
    """A text to be looked at while it is sent back: `text`, `chunks`, or what follows line by line."""

    prompt: _Text = ""
    images: Annotated[list[str], Field(repr=False)] = []
    surface: SurfaceName = Surface.OUTPUT
    mode: Literal["sentence", "buffer"] = "sentence"
    text: _MaybeText = None
    chunks: Annotated[list[str] | None, Field(repr=False)] = None


class TextPart(Body):
    """A text of a moderation's input."""

    type: Literal["text"]
    text: _Text


class ImageLink(Body):
    """A base64 data URL."""

    url: _Text


class ImagePart(Body):
    """An image of a moderation's input."""

    type: Literal["image_url"]
    image_url: ImageLink


class ModerationBody(Body):
    """As OpenAI's: a string, strings, or parts of one input. `model` may be any name; `surface` is ours."""

    input: Annotated[Any, Field(repr=False)]
    model: str | None = None
    surface: SurfaceName = Surface.INPUT


B = TypeVar("B", bound=BaseModel)


def read(model: type[B], document: Any, *, within: str = "") -> B:
    """A part of a request, checked.

    Args:
        model: what it has to be.
        document: as it was parsed.
        within: the name of what it is a part of.

    Raises:
        Problem: it is not; the message names the nearest known name, and no content.
    """
    try:
        return model.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=True)[0]
        raise _explained(list(model.model_fields), first, within) from None


def _explained(names: list[str], first: Mapping[str, Any], within: str) -> Problem:
    # A name that is not ours is content.
    path = [str(part) for part in first["loc"] if isinstance(part, int) or part in names]
    where = ".".join([*([within] if within else []), *path])
    kind = first["type"]
    if kind == "extra_forbidden":
        return Problem(400, "unknown", _unknown(str(first["loc"][-1]), names, where), param=where or None)
    if kind in ("enum", "literal_error"):
        said = f"must be one of {first['ctx']['expected']}"
    else:
        said = _WORDS.get(kind, "is not valid")
    return Problem(400, "invalid", f"{where or 'the body'} {said}", param=where or None)


def _unknown(name: str, names: list[str], where: str) -> str:
    near = get_close_matches(name.strip().lower(), names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(names)}"
    return f"{where or 'the body'} has a field that is not known; {hint}"

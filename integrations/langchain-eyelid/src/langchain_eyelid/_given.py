"""What an `EyelidGuard` is given: messages, texts, or dicts of prompt, images and response."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eyelid import Image
from eyelid.errors import InputError
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langchain_core.prompt_values import ChatPromptValue, PromptValue

from langchain_eyelid._answers import as_message, passed
from langchain_eyelid._case import Context
from langchain_eyelid._content import Readable
from langchain_eyelid._images import load
from langchain_eyelid._looks import Rulings
from langchain_eyelid._settings import ImageLoader
from langchain_eyelid._verdict import KEY

KEYS = ("prompt", "images", "response")


@dataclass(frozen=True, slots=True)
class Given:
    """What is to be looked at, as messages with what each answers, and how the like of it is made from the rulings."""

    messages: tuple[BaseMessage, ...] = field(repr=False)
    contexts: tuple[Context, ...] = field(repr=False)
    build: Callable[[Rulings], Any]


def given(value: Any, loader: ImageLoader | None) -> Given:
    """What is to be looked at of a value. Blocks while it fetches images.

    Raises:
        InputError: it is of none of the kinds that are known, or a dict has an unknown key.
    """
    if isinstance(value, Mapping):
        return _mapping(value, loader)
    if isinstance(value, PromptValue):
        return _several(value.to_messages(), lambda messages: ChatPromptValue(messages=messages))
    if isinstance(value, list):
        return _several([as_message(each) for each in value], list)
    return Given((as_message(value),), (Context(),), lambda rulings: passed(value, rulings[0]))


def _several(messages: Sequence[BaseMessage], build: Callable[[list[BaseMessage]], Any]) -> Given:
    """A conversation; what the developer says in it is not looked at."""
    places = [place for place, message in enumerate(messages) if not isinstance(message, SystemMessage)]

    def put_back(rulings: Rulings) -> Any:
        whole = list(messages)
        for place, ruling in zip(places, rulings, strict=True):
            whole[place] = ruling.message
        return build(whole)

    contexts = tuple(Context.of(messages[:place]) for place in places)
    return Given(tuple(messages[place] for place in places), contexts, put_back)


def _mapping(value: Mapping[str, Any], loader: ImageLoader | None) -> Given:
    check_keys(value)
    if value.get("prompt") is None and value.get("response") is None:
        raise InputError('a dict that is looked at has a "prompt", a "response" or both')
    prompt, answer = value.get("prompt") or "", value.get("response")
    if not isinstance(prompt, str):
        raise InputError(f'"prompt" must be a string, not a {type(prompt).__name__}')
    images, missing = _images(value.get("images") or (), loader)
    about = Context(prompt, images, missing=missing)
    key, message = ("prompt", HumanMessage(prompt)) if answer is None else ("response", as_message(answer))

    def put_back(rulings: Rulings) -> dict[str, Any]:
        (ruling,) = rulings
        output = {**value, key: passed(value[key], ruling), KEY: ruling.verdict}
        return output if ruling.allowed or "images" not in value else {**output, "images": []}

    return Given((message,), (about,), put_back)


def check_keys(value: Mapping[Any, Any]) -> None:
    """Refuse keys that nobody would look at.

    Raises:
        InputError: there are others than the known ones. They are not named, since they may be anything.
    """
    if set(value) - set(KEYS):
        raise InputError(f"a dict that is looked at has the keys {', '.join(KEYS)} and no others")


def _images(values: Any, loader: ImageLoader | None) -> tuple[tuple[Image, ...], int]:
    """Images in whatever form; what is none is counted as what nobody can look at."""
    if isinstance(values, (str, bytes, Mapping, Image)):
        values = [values]
    images: list[Image] = []
    missing = 0
    for value in values:
        if isinstance(value, (Image, bytes)):
            images.append(value if isinstance(value, Image) else Image(value))
            continue
        block = value if isinstance(value, Mapping) else {"type": "image_url", "image_url": value}
        found = Readable()
        found.read(block)
        here, gone = load(found.images, loader)
        images.extend(here)
        missing += gone + found.uninspectable + (not found.images)
    return tuple(images), missing

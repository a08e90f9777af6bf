"""Detoxifiers: harmful response → harmless one. Their results are always scored again before they leave."""

from importlib import import_module
from typing import TYPE_CHECKING

from eyelid.detoxifiers._sentence import SentenceDetoxifier

if TYPE_CHECKING:
    from eyelid.detoxifiers._remote import RemoteDetoxifier

__all__ = ["RemoteDetoxifier", "SentenceDetoxifier"]


def __getattr__(name: str) -> object:
    if name != "RemoteDetoxifier":  # loaded when it is first named: most programs ask no server
        raise AttributeError(f"module 'eyelid.detoxifiers' has no attribute {name!r}")
    return getattr(import_module("eyelid.detoxifiers._remote"), name)

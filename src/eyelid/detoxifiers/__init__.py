"""Detoxifiers: harmful response → harmless one. Their results are always scored again before they leave."""

from importlib import import_module
from typing import TYPE_CHECKING

from eyelid.detoxifiers._format import DetoxifierFormat
from eyelid.detoxifiers._host import HostDetoxifier
from eyelid.detoxifiers._sentence import SentenceDetoxifier

if TYPE_CHECKING:
    from eyelid.detoxifiers._generative import GenerativeDetoxifier
    from eyelid.detoxifiers._remote import RemoteDetoxifier

__all__ = ["DetoxifierFormat", "GenerativeDetoxifier", "HostDetoxifier", "RemoteDetoxifier", "SentenceDetoxifier"]

#: Loaded when first named: most programs ask no server, and many load no model that generates.
_LATER = {"GenerativeDetoxifier": "_generative", "RemoteDetoxifier": "_remote"}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module 'eyelid.detoxifiers' has no attribute {name!r}")
    return getattr(import_module(f"eyelid.detoxifiers.{_LATER[name]}"), name)

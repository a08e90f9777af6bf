"""Detoxifiers: harmful response → harmless one. Their results are always scored again before they leave."""

from importlib import import_module
from typing import TYPE_CHECKING

from eyelid.detoxifiers._sentence import SentenceDetoxifier

if TYPE_CHECKING:
    from eyelid.detoxifiers._remote import RemoteDetoxifier
    from eyelid.models import DetoxifierFormat

__all__ = ["DetoxifierFormat", "RemoteDetoxifier", "SentenceDetoxifier"]

#: Loaded when first named: most programs ask no server, and who does needs no torch.
_LATER = {
    "DetoxifierFormat": "eyelid.models",
    "RemoteDetoxifier": "eyelid.detoxifiers._remote",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module 'eyelid.detoxifiers' has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)

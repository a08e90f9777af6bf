"""Hosts: the guarded model itself, for methods that ask it again, for judges and for data engines."""

from importlib import import_module
from typing import TYPE_CHECKING

from eyelid.hosts._open import SPECS, open_host
from eyelid.hosts._options import chances_of
from eyelid.hosts._scripted import Rule, ScriptedHost

if TYPE_CHECKING:
    from eyelid.hosts._openai import OpenAIHost
    from eyelid.hosts._transformers import TransformersHost

__all__ = ["SPECS", "OpenAIHost", "Rule", "ScriptedHost", "TransformersHost", "chances_of", "open_host"]

#: Loaded when first named: who asks a server needs no torch, and the other way round.
_LATER = {"OpenAIHost": "_openai", "TransformersHost": "_transformers"}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module 'eyelid.hosts' has no attribute {name!r}")
    return getattr(import_module(f"eyelid.hosts.{_LATER[name]}"), name)

"""Detectors: they find harm or injection and do not decide."""

from importlib import import_module
from typing import TYPE_CHECKING

from eyelid.detectors._bands import TOP, Band, Fit, fit_band
from eyelid.detectors._cached import CachedDetector
from eyelid.detectors._cascade import CascadeDetector, CascadeStats
from eyelid.detectors._guard_model_family import FAMILIES, FAMILY_VERSION, GuardFamily
from eyelid.detectors._verdict_store import CacheStats

if TYPE_CHECKING:
    from eyelid.detectors._causal import CausalDetector
    from eyelid.detectors._embedded import EmbeddedDetector
    from eyelid.detectors._encoder import EncoderDetector
    from eyelid.detectors._guard_model import GuardModelDetector
    from eyelid.detectors._looks import COLUMNS
    from eyelid.detectors._remote import RemoteDetector
    from eyelid.detectors._remote_eyelid import EyelidScores
    from eyelid.detectors._remote_moderations import Moderations
    from eyelid.detectors._remote_vllm import Classify, Pooling
    from eyelid.detectors._sequence import SequenceDetector
    from eyelid.detectors._sights import Looks

__all__ = [
    "COLUMNS",
    "FAMILIES",
    "FAMILY_VERSION",
    "TOP",
    "Band",
    "CacheStats",
    "CachedDetector",
    "CascadeDetector",
    "CascadeStats",
    "CausalDetector",
    "Classify",
    "EmbeddedDetector",
    "EncoderDetector",
    "EyelidScores",
    "Fit",
    "GuardFamily",
    "GuardModelDetector",
    "Looks",
    "Moderations",
    "Pooling",
    "RemoteDetector",
    "SequenceDetector",
    "fit_band",
]

#: Loaded when they are first named: a program that asks a server can do without torch, and one that asks none without
#: what speaks to servers.
_LATER = {
    "COLUMNS": "_looks",
    "CausalDetector": "_causal",
    "Classify": "_remote_vllm",
    "EmbeddedDetector": "_embedded",
    "EncoderDetector": "_encoder",
    "EyelidScores": "_remote_eyelid",
    "GuardModelDetector": "_guard_model",
    "Looks": "_sights",
    "Moderations": "_remote_moderations",
    "Pooling": "_remote_vllm",
    "RemoteDetector": "_remote",
    "SequenceDetector": "_sequence",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module 'eyelid.detectors' has no attribute {name!r}")
    return getattr(import_module(f"eyelid.detectors.{_LATER[name]}"), name)

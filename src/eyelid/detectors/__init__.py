"""Detectors: they find harm or injection and do not decide."""

from importlib import import_module
from typing import TYPE_CHECKING

from eyelid.detectors._bands import TOP, Band, Fit, fit_band
from eyelid.detectors._cached import CachedDetector
from eyelid.detectors._cascade import CascadeDetector, CascadeStats
from eyelid.detectors._remote import RemoteDetector
from eyelid.detectors._remote_eyelid import EyelidScores
from eyelid.detectors._remote_moderations import Moderations
from eyelid.detectors._remote_vllm import Classify, Pooling
from eyelid.detectors._verdict_store import CacheStats

if TYPE_CHECKING:
    from eyelid.detectors._causal import CausalDetector
    from eyelid.detectors._embedded import EmbeddedDetector
    from eyelid.detectors._looks import COLUMNS
    from eyelid.detectors._sights import Looks

__all__ = [
    "COLUMNS",
    "TOP",
    "Band",
    "CacheStats",
    "CachedDetector",
    "CascadeDetector",
    "CascadeStats",
    "CausalDetector",
    "Classify",
    "EmbeddedDetector",
    "EyelidScores",
    "Fit",
    "Looks",
    "Moderations",
    "Pooling",
    "RemoteDetector",
    "fit_band",
]

#: What needs torch is loaded when it is first named: a program that asks a server can do without.
_WITH_MODELS = {"COLUMNS": "_looks", "CausalDetector": "_causal", "EmbeddedDetector": "_embedded", "Looks": "_sights"}


def __getattr__(name: str) -> object:
    if name not in _WITH_MODELS:
        raise AttributeError(f"module 'eyelid.detectors' has no attribute {name!r}")
    return getattr(import_module(f"eyelid.detectors.{_WITH_MODELS[name]}"), name)

"""Detectors: they find harm or injection and do not decide."""

from eyelid.detectors._bands import TOP, Band, Fit, fit_band
from eyelid.detectors._cached import CachedDetector
from eyelid.detectors._cascade import CascadeDetector, CascadeStats
from eyelid.detectors._causal import CausalDetector
from eyelid.detectors._embedded import EmbeddedDetector
from eyelid.detectors._looks import COLUMNS
from eyelid.detectors._remote import RemoteDetector
from eyelid.detectors._remote_eyelid import EyelidScores
from eyelid.detectors._remote_moderations import Moderations
from eyelid.detectors._remote_vllm import Classify, Pooling
from eyelid.detectors._sights import Looks
from eyelid.detectors._verdict_store import CacheStats

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

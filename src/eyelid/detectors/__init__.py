"""Detectors: they find harm or injection and do not decide."""

from eyelid.detectors._cached import CachedDetector
from eyelid.detectors._embedded import EmbeddedDetector, Looks
from eyelid.detectors._looks import COLUMNS
from eyelid.detectors._verdict_store import CacheStats

__all__ = ["COLUMNS", "CacheStats", "CachedDetector", "EmbeddedDetector", "Looks"]

"""Detectors: they find harm or injection and do not decide."""

from eyelid.detectors._embedded import EmbeddedDetector, Looks
from eyelid.detectors._looks import COLUMNS

__all__ = ["COLUMNS", "EmbeddedDetector", "Looks"]

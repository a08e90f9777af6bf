"""Detectors: they find harm or injection and do not decide."""

from eyelid.detectors._embedded import QUESTIONS, EmbeddedDetector

__all__ = ["QUESTIONS", "EmbeddedDetector"]

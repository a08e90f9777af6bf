"""Detoxifiers: harmful response → harmless one. Their results are always scored again before they leave."""

from eyelid.detoxifiers._remote import RemoteDetoxifier
from eyelid.detoxifiers._sentence import SentenceDetoxifier

__all__ = ["RemoteDetoxifier", "SentenceDetoxifier"]

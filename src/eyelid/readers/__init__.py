"""Readers: image → the writing in it."""

from eyelid.readers._ocr import OcrReader

__all__ = ["OcrReader"]

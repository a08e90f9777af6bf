"""Bounded decoding of images and canonical pixels."""

from eyelid.images._limits import ImageLimits
from eyelid.images._png import to_png
from eyelid.images._sandbox import SandboxDecoder

__all__ = ["ImageLimits", "SandboxDecoder", "to_png"]

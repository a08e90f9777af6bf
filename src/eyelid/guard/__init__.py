"""The guard and its streams."""

from eyelid.guard._guard import Guard

__all__ = ["Guard"]

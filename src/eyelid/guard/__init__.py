"""The guard and its streams."""

from eyelid.guard._guard import Guard
from eyelid.guard._stream import AsyncGuardedStream, GuardedStream

__all__ = ["AsyncGuardedStream", "Guard", "GuardedStream"]

"""The guard, its streams, and a model that closes its eyes."""

from eyelid.guard._eyes_closed import ClosedAnswer, EyesClosed
from eyelid.guard._guard import Guard
from eyelid.guard._stream import AsyncGuardedStream, GuardedStream

__all__ = ["AsyncGuardedStream", "ClosedAnswer", "EyesClosed", "Guard", "GuardedStream"]

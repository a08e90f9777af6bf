"""The end of the interpreter: what worker threads are in the midst of is waited for.

Python ends a daemon thread where it next asks for the interpreter. In the midst of C++, such as torch's, that aborts
the whole process, whatever its exit code was to be.
"""

from __future__ import annotations

import atexit
import threading
import time

#: Seconds that the interpreter waits. What hangs for longer is left to its fate.
_PATIENCE = 5.0
_POLL = 0.005


class WorkerThread(threading.Thread):
    """A daemon thread of which is known whether it works."""

    working = False


class Interpreter:
    """Whether the interpreter is `ending`: nothing is begun then. Threads say that they work before they look."""

    ending = False

    def end(self, seconds: float = _PATIENCE) -> None:
        """Let nothing be begun any more, and wait for what is under way."""
        self.ending = True
        until = time.monotonic() + seconds
        while _any_works() and time.monotonic() < until:
            time.sleep(_POLL)


def _any_works() -> bool:
    return any(isinstance(thread, WorkerThread) and thread.working for thread in threading.enumerate())


INTERPRETER = Interpreter()
atexit.register(INTERPRETER.end)

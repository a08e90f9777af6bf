"""One event loop on a daemon thread for all remote calls of the process.

Calls from there neither hold threads nor depend on the caller's event loop, and a time limit on them is hard: it also
ends a connection that is being opened or a header that drips in. Starts with the first call, afresh in a forked child.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Background:
    """A thread with an event loop, started when it is first used."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a collection while it is held may end an endpoint, which comes here again
        self._loop: asyncio.AbstractEventLoop | None = None
        self._left_behind: list[asyncio.AbstractEventLoop] = []
        self._watches_forks = False

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The running loop."""
        with self._lock:
            if self._loop is None:
                loop = asyncio.new_event_loop()
                try:
                    threading.Thread(target=loop.run_forever, name="eyelid-remote", daemon=True).start()
                except RuntimeError:
                    loop.close()
                    raise
                self._loop = loop  # only one that runs: what is given to another is never answered
            if not self._watches_forks:
                self._watches_forks = True
                os.register_at_fork(after_in_child=self._forget)
            return self._loop

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine there; cancelling its future cancels it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def _forget(self) -> None:
        """In a child the thread is gone. The loop is kept unused: to close it would close what the parent polls."""
        self._lock = threading.RLock()
        if self._loop is not None:
            self._left_behind.append(self._loop)
            self._loop = None


BACKGROUND = Background()

"""Whether the server can be relied on right now: a known text is caught and another one is not."""

from __future__ import annotations

import asyncio
import time
from itertools import count

from eyelid.engine import claim
from eyelid.serving._exchanges import exchange_of_text
from eyelid.serving._service import Service
from eyelid.types import Status


class Readiness:
    """Looks at the probe of the settings when asked, at most once in a while.

    However many ask at a time, one look is under way; its answer is kept for `probe_seconds`, and a look that takes
    longer than that is a no.

    Args:
        service: whose guard is tried.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._numbers = count(1)
        self._until = 0.0
        self._problem: str | None = "nothing was tried yet"
        self._trying: asyncio.Task[None] | None = None

    async def problem(self) -> str | None:
        """What is wrong, in a few words without content; `None` if it is ready."""
        if time.monotonic() >= self._until:
            if self._trying is None or self._trying.done():
                self._trying = asyncio.ensure_future(self._try())
            # One who asks and goes away does not end it for the others.
            await asyncio.shield(self._trying)
        return self._problem

    async def _try(self) -> None:
        seconds = self._service.settings.probe_seconds
        try:
            async with asyncio.timeout(seconds):
                self._problem = await self._look()
        except Exception as error:  # noqa: BLE001  whatever it is, the server is not ready
            self._problem = "the probe was not looked at in time" if isinstance(error, TimeoutError) else "it failed"
        self._until = time.monotonic() + seconds
        self._service.metrics.ready(self._problem is None)

    async def _look(self) -> str | None:
        probe = self._service.settings.probe
        # A number that changes, so that no cache answers in the place of a model.
        number = next(self._numbers)
        texts = [f"{text} ({number})" for text in (probe.bad, probe.good)]
        with claim(caller="eyelid.probe", urgent=True):
            bad, good = await self._service.guard.acheck_many([exchange_of_text(text, probe.surface) for text in texts])
        if Status.FAILED in (bad.status, good.status):
            return "a look failed"
        if bad.status is not Status.FLAGGED:
            return "what is known to be harmful was not found"
        return None if good.status is Status.CLEAN else "what is known to be harmless was stopped"

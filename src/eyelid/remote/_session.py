"""HTTP calls to one server, on the background loop: attempts, statuses, bounded replies."""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from typing import Any

from eyelid.remote._breaker import Breaker
from eyelid.remote._retries import RetryBudget, delay
from eyelid.remote._trouble import Trouble, refused

#: For identity, so that a small reply cannot become a large one.
_HEADERS = {"accept": "application/json", "accept-encoding": "identity", "content-type": "application/json"}


class Session:
    """Connections to one server, and what is known of its state. All but the constructor runs on one event loop.

    Args:
        url: of the server, without a slash at its end.
        headers: sent with every call beside those of the protocol.
        tls: how certificates are checked.
        connections: open at a time.
        attempts: of one call.
        max_reply: bytes of a reply.
    """

    def __init__(
        self,
        url: str,
        headers: dict[str, str],
        *,
        tls: ssl.SSLContext | bool,
        connections: int,
        attempts: int,
        max_reply: int,
    ) -> None:
        import httpx

        self.client = httpx.AsyncClient(
            headers={**_HEADERS, "user-agent": "eyelid", **headers},
            verify=tls,
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            timeout=None,  # the whole call has a time limit; these would only hold for each read
            follow_redirects=False,
            trust_env=False,
        )
        self._url, self._attempts, self._max_reply = url, attempts, max_reply
        self._errors: tuple[type[Exception], ...] = (httpx.TransportError, OSError)
        self._slots = asyncio.Semaphore(connections)
        self.breaker = Breaker()
        self.budget = RetryBudget()
        self.calls = 0

    async def post(self, path: str, body: bytes, until: float) -> bytes | Trouble:
        """The body of the reply, after as many attempts as sense, budget and time allow.

        Args:
            path: below the server's URL.
            body: JSON.
            until: when no attempt is begun any more, in seconds of `time.monotonic`.
        """
        async with self._slots:
            attempt = 0
            while True:
                attempt += 1
                if not self.breaker.allow(time.monotonic()):
                    return Trouble("unavailable", "the server failed again and again; it is left alone for a moment")
                answer = await self._once(path, body)
                self._note(answer)
                if not isinstance(answer, Trouble) or not answer.again or attempt >= self._attempts:
                    return answer
                pause = delay(attempt, wait=answer.wait, chance=random.random())
                if time.monotonic() + pause >= until or not self.budget.spend():
                    return answer
                await asyncio.sleep(pause)

    def _note(self, answer: bytes | Trouble) -> None:
        if isinstance(answer, Trouble) and answer.down:
            self.breaker.failed(time.monotonic())
        else:
            self.breaker.succeeded()

    async def _once(self, path: str, body: bytes) -> bytes | Trouble:
        self.calls += 1
        try:
            async with self.client.stream("POST", self._url + path, content=body) as response:
                content = await self._read(response)
                if response.status_code != 200:
                    return refused(response.status_code, response.headers.get("retry-after", ""))
                return content
        except self._errors as error:
            # The name alone: a message may quote what was sent or received.
            return Trouble("unavailable", f"no answer from the server: {type(error).__name__}", again=True, down=True)

    async def _read(self, response: Any) -> bytes | Trouble:
        if response.headers.get("content-encoding", "identity") != "identity":
            return Trouble("invalid", "the server compressed its answer although it was told not to")
        parts: list[bytes] = []
        size = 0
        async for part in response.aiter_raw():
            parts.append(part)
            size += len(part)
            if size > self._max_reply:
                return Trouble("invalid", f"the server's answer is longer than {self._max_reply} bytes")
        return b"".join(parts)

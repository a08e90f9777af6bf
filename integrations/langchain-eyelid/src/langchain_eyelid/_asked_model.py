"""A model in a conversation as eyelid's `Host`, whichever way it is called."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from copy import copy
from typing import Any, Self, TypeAlias

from eyelid import Failure, Image
from eyelid.engine import failure_code
from eyelid.hosts import chances_of
from eyelid.protocols import AskRequest, Reply
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables.config import ContextThreadPoolExecutor

from langchain_eyelid._conversation import continued
from langchain_eyelid._messages import text_of

#: Asks the model; may raise.
Call: TypeAlias = Callable[[list[BaseMessage], AskRequest], BaseMessage]
AsyncCall: TypeAlias = Callable[[list[BaseMessage], AskRequest], Awaitable[BaseMessage]]

#: How encoded images begin; what begins otherwise is called a PNG, as which guards hand images on.
_KINDS = ((b"\x89PNG", "png"), (b"\xff\xd8", "jpeg"), (b"GIF8", "gif"), (b"RIFF", "webp"), (b"BM", "bmp"))


class AskedModel:
    """Asks a model about itself. What goes wrong is the failure of the request concerned, without any content.

    Args:
        name: the model's.
        call: asks it.
        acall: asks it on an event loop.
        conversation: in which requests that continue it take the place of the user's last turn.
        loop: on which it is asked by `start`.
        concurrency: requests of a batch that are under way at a time.
    """

    def __init__(
        self,
        name: str,
        call: Call,
        acall: AsyncCall,
        *,
        conversation: Sequence[BaseMessage] = (),
        loop: asyncio.AbstractEventLoop | None = None,
        concurrency: int = 8,
    ) -> None:
        self.name = name
        self._call, self._acall = call, acall
        self._conversation, self._loop, self._concurrency = tuple(conversation), loop, concurrency

    def on(self, loop: asyncio.AbstractEventLoop) -> Self:
        """The same, asked on an event loop that runs; it must not be waited for from there."""
        other = copy(self)
        other._loop = loop
        return other

    def ask(self, batch: Sequence[AskRequest], /) -> list[Reply | Failure]:
        """The model's answers; the calling thread waits for them."""
        if len(batch) < 2 or self._concurrency == 1:
            return [self._asked(request) for request in batch]
        with ContextThreadPoolExecutor(min(self._concurrency, len(batch))) as threads:
            return list(threads.map(self._asked, batch))

    async def aask(self, batch: Sequence[AskRequest], /) -> Sequence[Reply | Failure]:
        """As `ask`, without ever blocking the event loop."""
        room = asyncio.Semaphore(self._concurrency)
        return await asyncio.gather(*(self._aasked(request, room) for request in batch))

    def start(self, batch: Sequence[AskRequest], /) -> Future[Sequence[Reply | Failure]]:
        """As `ask`, the answers coming later: from the event loop it was given, or that runs in the calling thread.

        Where there is neither, the calling thread asks, as in `ask`.
        """
        loop = self._loop or _running_loop()
        if loop is None:
            done: Future[Sequence[Reply | Failure]] = Future()
            done.set_result(self.ask(batch))
            return done
        asking = self.aask(batch)
        try:
            return asyncio.run_coroutine_threadsafe(asking, loop)
        except RuntimeError:  # the loop is closed
            asking.close()
            raise

    def _asked(self, request: AskRequest) -> Reply | Failure:
        try:
            return self._read(request, self._call(self._messages(request), request))
        except Exception as error:  # noqa: BLE001 - it may be anyone's model; the text of its error may hold the prompt
            return self._failure(error)

    async def _aasked(self, request: AskRequest, room: asyncio.Semaphore) -> Reply | Failure:
        async with room:
            try:
                return self._read(request, await self._acall(self._messages(request), request))
            except Exception as error:  # noqa: BLE001 - as above
                return self._failure(error)

    def _failure(self, error: Exception) -> Failure:
        code = "timeout" if isinstance(error, TimeoutError) else failure_code(error)
        return Failure("ask", code, type(error).__name__, self.name)

    def _messages(self, request: AskRequest) -> list[BaseMessage]:
        asked = HumanMessage(_content(request))
        system = [SystemMessage(request.system)] if request.system else []
        if not request.continues:
            return [*system, asked]
        return [*system, *continued(self._conversation, asked, blind=not request.images)]

    def _read(self, request: AskRequest, answer: BaseMessage) -> Reply | Failure:
        if answer.response_metadata.get("finish_reason") == "content_filter":
            return Failure("ask", "filtered", "the provider's own filter cut the answer", self.name)
        text = text_of(answer) or _refusal(answer)
        chances = _chances(request, answer.response_metadata.get("logprobs")) if request.options else None
        if not text.strip():
            return Failure("ask", "empty", "the model said nothing", self.name)
        used: Mapping[str, Any] = (isinstance(answer, AIMessage) and answer.usage_metadata) or {}
        return Reply(text, chances, used.get("input_tokens"), used.get("output_tokens"))


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _content(request: AskRequest) -> str | list[str | dict[Any, Any]]:
    if not request.images:
        return request.prompt
    return [*map(_block, request.images), {"type": "text", "text": request.prompt}]


def _block(image: Image) -> dict[str, str]:
    kind = next((kind for start, kind in _KINDS if image.data.startswith(start)), "png")
    return {"type": "image", "base64": base64.b64encode(image.data).decode(), "mime_type": f"image/{kind}"}


def _refusal(answer: BaseMessage) -> str:
    """A refusal in the places that providers have for it is an answer like any other."""
    blocks = answer.content if isinstance(answer.content, list) else []
    said = [block.get("refusal") for block in blocks if isinstance(block, dict)]
    return next((each for each in (*said, answer.additional_kwargs.get("refusal")) if isinstance(each, str)), "")


def _chances(request: AskRequest, logprobs: Any) -> Mapping[str, float] | None:
    """From the alternatives for the first token, in the form that OpenAI has given them; None in any other."""
    try:
        pairs = [(each["token"], float(each["logprob"])) for each in logprobs["content"][0]["top_logprobs"]]
    except (TypeError, KeyError, IndexError, ValueError):
        return None
    return chances_of(pairs, request.options) if pairs else None

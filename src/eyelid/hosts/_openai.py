"""A model behind a server that speaks OpenAI's chat completions: OpenAI, vLLM, SGLang, llama.cpp, Ollama and others."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eyelid.engine import after, current_claim, failure_code
from eyelid.errors import ConfigurationError
from eyelid.hosts._options import chances_of
from eyelid.hosts._pace import Pace
from eyelid.protocols import AskRequest, Reply
from eyelid.remote import Endpoint, Prepared, Trouble, sendable
from eyelid.types import Failure, Image

_PATH = "/chat/completions"
#: Alternatives for the first token; servers allow no more.
_ALTERNATIVES = 20
_KINDS = ((b"\x89PNG", "png"), (b"\xff\xd8", "jpeg"), (b"GIF8", "gif"), (b"RIFF", "webp"))


class OpenAIHost:
    """Asks a model over HTTP, one call for each request and many at a time.

    Images go along as data URLs, of the bytes as they are: guards hand on canonical ones. What goes wrong is the
    failure of the request concerned; an answer that the server's own filter cut, or that is empty, is none.

    Args:
        server: its URL, ending in what stands before "/chat/completions", such as "http://localhost:8000/v1"; or an
            `eyelid.remote.Endpoint`.
        model: as the server knows it.
        token: sent as bearer token; never shown.
        seconds: for one answer, from when it is asked for.
        connections: used at a time, which is how many answers are asked for at a time.
        plaintext: whether http is taken for other hosts than this one.
        logprobs: whether to ask for the chances of options; servers that know no `logprobs` need `False`.
        budget_name: what the server calls the budget: "max_tokens", or "max_completion_tokens" where it insists on it.
        name: its name; the model's if left out.

    Raises:
        ConfigurationError: the URL, the model or a number cannot be.
        MissingExtraError: the extra "remote" is not installed.
    """

    def __init__(
        self,
        server: Endpoint | str,
        model: str,
        *,
        token: str | None = None,
        seconds: float = 120.0,
        connections: int = 16,
        plaintext: bool = False,
        logprobs: bool = True,
        budget_name: str = "max_tokens",
        name: str = "",
    ) -> None:
        if not model:
            raise ConfigurationError("name the model as the server knows it")
        if budget_name not in ("max_tokens", "max_completion_tokens"):
            raise ConfigurationError(f"budget_name is {budget_name!r}; known: max_tokens, max_completion_tokens")
        made = isinstance(server, str)
        self.server = (
            Endpoint(server, token=token, seconds=seconds, connections=connections, plaintext=plaintext)
            if isinstance(server, str)
            else server
        )
        if token is not None and not made:
            raise ConfigurationError("an endpoint has its own token")
        self.name = name or model
        self._model, self._logprobs, self._budget_name = model, logprobs, budget_name
        self._pace = Pace(connections)

    def __repr__(self) -> str:
        return f"OpenAIHost({self.server!r}, {self._model!r})"

    def ask(self, batch: Sequence[AskRequest], /) -> list[Reply | Failure]:
        """The model's answers."""
        return list(self.start(batch).result())

    def start(self, batch: Sequence[AskRequest], /) -> Future[Sequence[Reply | Failure]]:
        """As `ask`; no thread waits for the server."""
        deadline = current_claim().deadline

        def begin(request: AskRequest) -> Future[list[Reply | Trouble]]:
            return self.server.call(_PATH, [request], self._prepare, deadline=deadline)

        calls = [self._pace.submit(partial(begin, request)) for request in batch]
        return after(calls, lambda made: [self._found(each) for each in made])

    def close(self) -> None:
        """Close the connections."""
        self.server.close()

    def _found(self, made: Any) -> Reply | Failure:
        if isinstance(made, BaseException):
            return Failure("ask", failure_code(made), type(made).__name__, self.name)
        (found,) = made
        return found.failure("ask", self.name) if isinstance(found, Trouble) else found

    def _prepare(self, requests: Sequence[AskRequest], seconds: float) -> Prepared[Reply]:
        (request,) = requests
        return Prepared(json.dumps(self._body(request)).encode(), lambda reply: [_read(request, reply)])

    def _body(self, request: AskRequest) -> dict[str, Any]:
        system = [{"role": "system", "content": sendable(request.system)}] if request.system else []
        return {
            "model": self._model,
            "messages": [*system, {"role": "user", "content": _content(request)}],
            self._budget_name: request.budget,
            "temperature": request.temperature,
            "seed": request.seed,
            **({"logprobs": True, "top_logprobs": _ALTERNATIVES} if request.options and self._logprobs else {}),
        }


def _content(request: AskRequest) -> str | list[dict[str, Any]]:
    text = sendable(request.prompt)
    if not request.images:
        return text
    shown = [{"type": "image_url", "image_url": {"url": _data_url(image)}} for image in request.images]
    return [*shown, {"type": "text", "text": text}]


def _data_url(image: Image) -> str:
    kind = next((kind for start, kind in _KINDS if image.data.startswith(start)), "png")
    return f"data:image/{kind};base64,{base64.b64encode(image.data).decode()}"


class _Answered(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)


class _Message(_Answered):
    content: str | None = Field(default=None, repr=False)
    refusal: str | None = Field(default=None, repr=False)


class _Alternative(_Answered):
    token: str = Field(repr=False)
    logprob: float


class _Place(_Answered):
    top_logprobs: list[_Alternative] = []


class _Logprobs(_Answered):
    content: list[_Place] | None = None


class _Choice(_Answered):
    message: _Message
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _Usage(_Answered):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Completion(_Answered):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None


def _read(request: AskRequest, body: bytes) -> Reply | Trouble:
    try:
        answered = _Completion.model_validate_json(body)
    except ValidationError:
        return Trouble("invalid", "the server's answer makes no sense")
    choice = answered.choices[0]
    # A refusal in the field that OpenAI has for it is an answer like any other.
    text = choice.message.content or choice.message.refusal or ""
    if choice.finish_reason == "content_filter":
        return Trouble("filtered", "the server's own filter cut the answer")
    if not text.strip():
        return Trouble("empty", "the model said nothing")
    usage = answered.usage or _Usage()
    chances = _chances(request, choice.logprobs) if request.options else None
    return Reply(text, chances, usage.prompt_tokens, usage.completion_tokens)


def _chances(request: AskRequest, logprobs: _Logprobs | None) -> Any:
    if logprobs is None or not logprobs.content or not logprobs.content[0].top_logprobs:
        return None
    return chances_of([(each.token, each.logprob) for each in logprobs.content[0].top_logprobs], request.options)

"""LangChain's own suites for chat models, over a guarded model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from eyelid import Guard
from eyelid.testing import FakeDetector
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from langchain_eyelid import EyelidChatModel
from langchain_eyelid._settings import Settings
from langchain_eyelid.testing import FakeStreamingChatModel


@pytest.fixture(scope="module", autouse=True)
def shared_guard() -> Iterator[Guard]:
    with Guard([FakeDetector({"ZQXBAD": 0.9})]) as guard:
        _Guarded.guard = guard
        yield guard


class Inner(FakeStreamingChatModel):
    """With the fields that providers' models have."""

    temperature: float | None = None
    max_tokens: int | None = None
    timeout: float | None = None
    max_retries: int | None = None
    stop: list[str] | None = None
    api_key: str | None = None
    streaming: bool = False


class Guarded(EyelidChatModel):
    """Hands the inner model's arguments on to it, since the suites know of one class only."""

    def __init__(self, **given: Any) -> None:
        own = {name: given.pop(name) for name in ("guard", "settings")}
        super().__init__(inner=Inner(answer=_answer, **given), **own)


def _answer(messages: Sequence[BaseMessage], options: Mapping[str, Any]) -> AIMessage | str:
    """What a willing model would say: it calls the first tool it is given, and gives JSON where that is asked for."""
    asked = messages[-1].text
    if schema := options.get("response_format"):
        return json.dumps(_example(schema.model_json_schema() if isinstance(schema, type) else schema, asked))
    tools = options.get("tools") or []
    if not tools or isinstance(messages[-1], ToolMessage):
        return "Hello there, this is a longer answer that comes in several pieces."
    function = tools[0]["function"]
    calls = [{"name": function["name"], "args": _example(function["parameters"], asked), "id": "call_1"}]
    return AIMessage("", tool_calls=calls)


def _example(schema: Mapping[str, Any], word: str) -> Any:
    values: dict[str, Any] = {"string": word, "integer": 3, "number": 3, "boolean": True, "array": [], "null": None}
    if "properties" in schema:
        return {name: _example(each, word) for name, each in schema["properties"].items()}
    if "anyOf" in schema:
        return _example(schema["anyOf"][0], word)
    return values.get(schema.get("type", "string"), {})


class _Guarded:
    guard: Guard
    settings = Settings()

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return Guarded

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"guard": self.guard, "settings": self.settings}

    @property
    def model_override_value(self) -> str:
        return "another-model"

    @property
    def supports_json_mode(self) -> bool:
        return True


class TestUnit(_Guarded, ChatModelUnitTests):
    pass


class TestBuffered(_Guarded, ChatModelIntegrationTests):
    pass


class TestBySentences(_Guarded, ChatModelIntegrationTests):
    settings = Settings(stream="sentence")


class TestReasking(_Guarded, ChatModelIntegrationTests):
    settings = Settings(strategy="reask")

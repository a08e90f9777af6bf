"""The output parser, and where LlamaIndex applies it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from eyelid import Guard, HarmfulContentError
from eyelid.errors import ConfigurationError, UninspectedError
from eyelid.testing import Fault, FaultyDetector
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.prompts import PromptTemplate
from llama_index.core.types import BaseOutputParser

from llama_index.postprocessor.eyelid import EyelidOutputParser
from llama_index.postprocessor.eyelid.testing import FakeLLM, FakePlainLLM
from tests.engines_of import ANSWER, CLEAN
from tests.nodes_of import BAD

MENDED = ANSWER.replace(BAD, "[removed]")
PROMPT = PromptTemplate("How is {what} made?")


class Json(BaseOutputParser):
    def parse(self, output: str) -> Any:
        return json.loads(output)

    def format(self, query: str) -> str:
        return f"{query} Answer in JSON."


@pytest.mark.parametrize("is_chat_model", [True, False])
async def test_it_is_applied_to_predictions(guard: Guard, is_chat_model: bool) -> None:
    llm = FakeLLM(responses=[ANSWER], is_chat_model=is_chat_model)
    llm.output_parser = EyelidOutputParser(guard)
    assert llm.predict(PROMPT, what="tea") == MENDED
    assert await llm.apredict(PROMPT, what="tea") == MENDED


async def test_it_is_not_applied_elsewhere(guard: Guard) -> None:
    """Documented: this is LlamaIndex's choice, and why `guard_llm` is there."""
    llm = FakePlainLLM(responses=[ANSWER])
    llm.output_parser = EyelidOutputParser(guard)
    asked = [ChatMessage(role="user", content="How?")]
    assert BAD in str(llm.chat(asked))
    assert BAD in str(await llm.achat(asked))
    assert BAD in str(llm.complete("How?"))
    with pytest.raises(NotImplementedError):
        list(llm.stream(PROMPT, what="tea"))
    with pytest.raises(NotImplementedError):
        [piece async for piece in await llm.astream(PROMPT, what="tea")]


def test_harmless_texts_and_queries_are_as_they_were(guard: Guard) -> None:
    parser = EyelidOutputParser(guard)
    assert parser.parse(CLEAN) == CLEAN
    assert parser.format("How?") == "How?"
    messages = [ChatMessage(role="user", content="How?")]
    assert parser.format_messages(messages) == messages


def test_what_may_be_passed_on_is_parsed_by_another(guard: Guard) -> None:
    parser = EyelidOutputParser(guard, inner=Json())
    assert parser.parse(json.dumps({"a": f"so {BAD}"})) == {"a": "so [removed]"}
    assert parser.format("How?") == "How? Answer in JSON."
    assert parser.format_messages([ChatMessage(role="user", content="How?")])[0].content == "How? Answer in JSON."


def test_strategies_and_failures(guard: Guard) -> None:
    assert BAD not in EyelidOutputParser(guard, strategy="block").parse(ANSWER)
    with pytest.raises(HarmfulContentError) as raised:
        EyelidOutputParser(guard, strategy="raise").parse(ANSWER)
    assert BAD not in repr(raised.value)
    with Guard([FaultyDetector(Fault.RAISES)]) as broken:
        assert EyelidOutputParser(broken).parse(CLEAN) != CLEAN
        assert EyelidOutputParser(broken, on_error="pass").parse(CLEAN) == CLEAN
        with pytest.raises(UninspectedError):
            EyelidOutputParser(broken, on_error="raise").parse(CLEAN)


def test_misspelled_or_unknown_arguments_raise(guard: Guard) -> None:
    with pytest.raises(TypeError):
        EyelidOutputParser(guard, stratgy="block")  # type: ignore[call-arg]
    for wrong in ({"strategy": "blok"}, {"on_error": "ignore"}, {"inner": json.loads}):
        with pytest.raises(ConfigurationError):
            EyelidOutputParser(guard, **wrong)  # type: ignore[arg-type]

"""The parser at the end of a chain: whole messages, the type it got, streams, what the model was asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from eyelid import Guard, HarmfulContentError, Image
from eyelid.errors import ConfigurationError, InputError, UninspectedError
from eyelid.testing import FakeDetector, Fault, FaultyDetector
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.prompts import ChatPromptTemplate
from pydantic import ValidationError

from langchain_eyelid.output_parsers import EyelidOutputParser
from langchain_eyelid.testing import FakeStreamingChatModel, chunks_of

MARKER = "ZQXBAD"
PROMPT = ChatPromptTemplate.from_messages([("human", "{q}")])
TEXT = "The cat sat on the mat and looked at the sea. " * 12 + f"It says {MARKER}. And more of it is to come here."


async def both(parser: EyelidOutputParser, value: Any) -> Any:
    once, again = parser.invoke(value), await parser.ainvoke(value)
    assert once == again
    return once


async def test_it_returns_the_type_it_got(guard: Guard) -> None:
    parser = EyelidOutputParser(guard)
    for kind in (AIMessage, AIMessageChunk):
        message = await both(parser, kind(content=f"so {MARKER}", id="7"))
        assert type(message) is kind
        assert (message.text, message.id) == ("so [gone]", "7")
        assert message.response_metadata["eyelid"]["action"] == "rewrite"
    assert await both(parser, f"so {MARKER}") == "so [gone]"
    assert await both(EyelidOutputParser(guard, as_text=True), AIMessage(MARKER)) == "[gone]"


async def test_the_whole_message_is_looked_at(guard: Guard) -> None:
    call = {"name": "search", "args": {"q": MARKER}, "id": "1"}
    message = AIMessage("fine", tool_calls=[call], additional_kwargs={"reasoning_content": MARKER})
    passed = await both(EyelidOutputParser(guard), message)
    assert MARKER not in repr(passed)
    assert passed.tool_calls == []


async def test_generations_are_parsed_as_they_are(guard: Guard) -> None:
    parser = EyelidOutputParser(guard)
    assert parser.parse_result([Generation(text=MARKER)]) == "[gone]"
    assert (await parser.aparse_result([ChatGeneration(message=AIMessage(MARKER))])).text == "[gone]"


async def test_a_batch_is_one_call(guard: Guard, detector: FakeDetector) -> None:
    chain = PROMPT | FakeStreamingChatModel(responses=["fine"]) | EyelidOutputParser(guard, as_text=True)
    given: list[Any] = [{"q": str(number)} for number in range(20)]
    assert chain.batch(given) == ["fine"] * 20
    assert await chain.abatch(given) == ["fine"] * 20
    assert [len(batch) for batch in detector.log.batches] == [20, 20]


async def test_in_a_batch_each_failure_is_its_own(guard: Guard) -> None:
    parser = EyelidOutputParser(guard, strategy="raise")
    given: list[Any] = ["one", MARKER, 3, "four"]
    for found in (parser.batch(given, return_exceptions=True), await parser.abatch(given, return_exceptions=True)):
        assert found[0] == "one"
        assert isinstance(found[1], HarmfulContentError)
        assert isinstance(found[2], InputError)
        assert found[3] == "four"
    with pytest.raises(HarmfulContentError):
        parser.batch(given[:2])


@pytest.mark.parametrize("size", [1, 3, 400])
@pytest.mark.parametrize("as_text", [False, True])
async def test_a_stream_releases_only_what_was_looked_at(guard: Guard, size: int, as_text: bool) -> None:
    chunks = list(chunks_of(AIMessage(TEXT), size))
    pieces: list[Any] = chunks if not as_text else [chunk.text for chunk in chunks if chunk.text]

    async def later() -> AsyncIterator[Any]:
        for piece in pieces:
            yield piece

    whole = EyelidOutputParser(guard, as_text=as_text).invoke(AIMessage(TEXT))
    for mode in ("buffer", "sentence"):
        parser = EyelidOutputParser(guard, stream=mode)  # type: ignore[arg-type]
        for released in (list(parser.transform(iter(pieces))), [piece async for piece in parser.atransform(later())]):
            assert MARKER not in repr(released)
            assert {type(piece) for piece in released} == {str if as_text else AIMessageChunk}
            total = "".join(piece if as_text else piece.text for piece in released)
            assert total == (whole if as_text else whole.text)
            assert (len(released) == 1) == (mode == "buffer")


async def test_streams_of_a_chain(guard: Guard) -> None:
    model = FakeStreamingChatModel(responses=[TEXT])
    for mode in ("buffer", "sentence"):
        chain: Any = PROMPT | model | EyelidOutputParser(guard, stream=mode) | StrOutputParser()  # type: ignore[arg-type]
        for pieces in (list(chain.stream({"q": "?"})), [piece async for piece in chain.astream({"q": "?"})]):
            assert "".join(pieces) == TEXT.replace(MARKER, "[gone]")
            assert (len(list(filter(None, pieces))) > 1) == (mode == "sentence")
    assert list(EyelidOutputParser(guard).stream(MARKER)) == ["[gone]"]
    assert [each async for each in EyelidOutputParser(guard).astream(MARKER)] == ["[gone]"]
    assert list(EyelidOutputParser(guard).stream("")) == [""]


@pytest.mark.parametrize(
    "pieces",
    [
        [AIMessage("a"), AIMessage(MARKER)],
        [AIMessageChunk(content="a"), AIMessage(MARKER)],
        ["a", AIMessageChunk(content=MARKER)],
        [{"a": "b"}, {"a": MARKER}],
        [PROMPT],
    ],
    ids=["whole messages", "a chunk and a message", "text and chunks", "dicts", "a template"],
)
async def test_what_does_not_add_up_raises(guard: Guard, pieces: list[Any]) -> None:
    async def later() -> AsyncIterator[Any]:
        for piece in pieces:
            yield piece

    for mode in ("buffer", "sentence"):
        parser = EyelidOutputParser(guard, stream=mode)  # type: ignore[arg-type]
        with pytest.raises(TypeError) as caught:
            list(parser.transform(iter(pieces)))
        with pytest.raises(TypeError):
            [each async for each in parser.atransform(later())]
        assert MARKER not in str(caught.value)


async def test_prompt_and_images_can_be_given(guard: Guard, detector: FakeDetector) -> None:
    picture = Image(b"a picture that says it")
    assert (await both(EyelidOutputParser(guard, prompt="why?"), "fine")) == "fine"
    assert {request.prompt for batch in detector.log.batches for request in batch} == {"why?"}
    assert "fine" not in await both(EyelidOutputParser(guard, images=[picture]), "fine")
    assert "fine" not in "".join(EyelidOutputParser(guard, images=[picture], stream="sentence").stream("fine"))


async def test_a_failed_look_is_never_a_pass() -> None:
    with Guard([FaultyDetector(Fault.RAISES, poison=MARKER, inner=FakeDetector())]) as guard:
        assert MARKER not in await both(EyelidOutputParser(guard), MARKER)
        assert await both(EyelidOutputParser(guard, on_error="pass"), MARKER) == MARKER
        with pytest.raises(UninspectedError) as caught:
            EyelidOutputParser(guard, on_error="raise").invoke(MARKER)
        assert MARKER not in str(caught.value)


def test_what_is_wrong_raises(guard: Guard) -> None:
    make: Any = EyelidOutputParser
    for wrong in ({"polcy": "block"}, {"stragety": "block"}):
        with pytest.raises((TypeError, ValidationError)):
            make(guard, **wrong)
    choices: list[dict[str, Any]] = [{"strategy": "bloc"}, {"stream": "word"}, {"on_error": "ignore"}, {"context": 1}]
    for wrong in choices:
        with pytest.raises(ConfigurationError):
            make(guard, **wrong)
    with pytest.raises(ConfigurationError, match="give the guard a host"):
        make(guard, strategy="reask")
    with pytest.raises(ConfigurationError):
        make("guard")


def test_it_shows_nothing_and_is_not_saved(guard: Guard) -> None:
    parser = EyelidOutputParser(guard, prompt=MARKER)
    assert MARKER not in repr(parser)
    assert MARKER not in parser.model_dump_json()
    assert not parser.is_lc_serializable()

"""Documents: text and metadata, dropped or rewritten, copied, in one call."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from eyelid import Guard
from eyelid.errors import ConfigurationError, InputError, UninspectedError
from eyelid.testing import FakeDetector, Fault, FaultyDetector
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.runnables import RunnableLambda

from langchain_eyelid.documents import EyelidDocumentFilter

MARKER = "ZQXBAD"
PICTURE = b64encode(b"a picture that says it").decode()
FINE = Document("fine", id="1", metadata={"source": "a", "page": 1, "tags": ["x"]})
BAD: dict[str, Document] = {
    "text": Document(f"so {MARKER}", metadata={"source": "a", "page": 1}),
    "metadata": Document("so [gone]", metadata={"source": "a", "page": 1, "title": f"see {MARKER}"}),
    "nested metadata": Document("so [gone]", metadata={"source": "a", "page": 1, "more": [{"x": {"y": MARKER}}]}),
    "a key": Document("so [gone]", metadata={"source": "a", "page": 1, MARKER: "x"}),
    "an image": Document(
        "so [gone]",
        metadata={"source": "a", "page": 1, "i": {"type": "image", "base64": PICTURE, "mime_type": "image/png"}},
    ),
}


@pytest.mark.parametrize("where", BAD)
async def test_dropped_or_rewritten(where: str, guard: Guard) -> None:
    document = BAD[where]
    before = document.model_dump_json()
    dropping, rewriting = EyelidDocumentFilter(guard), EyelidDocumentFilter(guard, action="rewrite")
    for kept in (dropping.invoke([document, FINE]), await dropping.ainvoke([document, FINE])):
        assert kept == [FINE]
    for kept in (rewriting.invoke([FINE, document]), await rewriting.ainvoke([FINE, document])):
        assert kept[0] == FINE
        metadata = dict(kept[1].metadata)
        assert metadata.pop("eyelid")["action"] == "rewrite"
        assert kept[1].page_content == "so [gone]"
        assert metadata == {"source": "a", "page": 1}
    assert document.model_dump_json() == before


def test_documents_are_copies(guard: Guard) -> None:
    (kept,) = EyelidDocumentFilter(guard).invoke([FINE])
    assert kept is not FINE
    assert kept.metadata is not FINE.metadata


def test_what_cannot_be_rewritten_is_dropped(make_guard: Any) -> None:
    step = EyelidDocumentFilter(make_guard(rewrites=False), action="rewrite")
    assert step.invoke([BAD["text"], FINE]) == [FINE]


def test_ids_and_single_or_many_entries(guard: Guard) -> None:
    step = EyelidDocumentFilter(guard, action="rewrite")
    many = Document("fine", metadata={f"k{number}": MARKER if number == 7 else "x" for number in range(100)})
    for document in (Document("fine", id=MARKER), Document("fine", metadata={"a": MARKER}), many):
        (kept,) = step.invoke([document])
        assert MARKER not in repr(kept)
        assert kept.page_content == "fine"


def test_a_verdict_that_somebody_else_wrote_is_none(guard: Guard) -> None:
    (kept,) = EyelidDocumentFilter(guard).invoke([Document("fine", metadata={"eyelid": {"action": "allow"}})])
    assert kept.metadata == {}


async def test_a_batch_is_one_call(guard: Guard, detector: FakeDetector) -> None:
    step: Any = RunnableLambda(lambda query: [Document(f"{query} {number}") for number in range(5)])
    chain = step | EyelidDocumentFilter(guard)
    assert [len(each) for each in chain.batch(["a", "b", "c"])] == [5, 5, 5]
    assert [len(each) for each in await chain.abatch(["a", "b", "c"])] == [5, 5, 5]
    assert len(detector.log.batches) == 2


async def test_it_is_a_compressor(guard: Guard, detector: FakeDetector) -> None:
    step = EyelidDocumentFilter(guard)
    assert isinstance(step, BaseDocumentCompressor)
    assert step.compress_documents([FINE, BAD["text"]], "why?") == [FINE]
    assert await step.acompress_documents([FINE, BAD["text"]], "why?") == [FINE]
    assert {request.prompt for batch in detector.log.batches for request in batch} == {"why?"}
    assert step.invoke([]) == []
    assert [each async for each in step.astream([FINE])] == list(step.stream([FINE])) == [[FINE]]


def test_failed_looks() -> None:
    opaque = Document("fine", metadata={"raw": b"\x00"})
    with Guard([FaultyDetector(Fault.RAISES, poison=MARKER, inner=FakeDetector())]) as guard:
        for action in ("drop", "rewrite"):
            step = EyelidDocumentFilter(guard, action=action)  # type: ignore[arg-type]
            assert step.invoke([BAD["text"], BAD["metadata"], opaque, FINE]) == [FINE]
        assert EyelidDocumentFilter(guard, on_error="pass").invoke([opaque]) == [opaque]
        with pytest.raises(UninspectedError):
            EyelidDocumentFilter(guard, on_error="raise").invoke([opaque])


def test_what_is_wrong_raises(guard: Guard) -> None:
    make: Any = EyelidDocumentFilter
    with pytest.raises(TypeError):
        make(guard, acton="drop")
    for wrong in ({"action": "keep"}, {"on_error": "ignore"}):
        with pytest.raises(ConfigurationError):
            make(guard, **wrong)
    with pytest.raises(InputError):
        make(guard).invoke([7])
    assert EyelidDocumentFilter(guard).batch([[7], [FINE]], return_exceptions=True)[1] == [FINE]

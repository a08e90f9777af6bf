"""The postprocessor: what it finds in nodes, and what it makes of them."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from eyelid import Guard, HarmfulContentError, Policy, Surface
from eyelid.errors import ConfigurationError, UninspectedError
from eyelid.testing import FakeDecoder, FakeDetector, FakeReader, Fault, FaultyDetector
from llama_index.core.callbacks import CallbackManager
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import (
    Document,
    ImageNode,
    IndexNode,
    MediaResource,
    MetadataMode,
    Node,
    NodeRelationship,
    RelatedNodeInfo,
    TextNode,
)

from llama_index.postprocessor.eyelid import EyelidNodePostprocessor
from tests.nodes_of import BAD, BAD_IMAGE, FORMS, GOOD_IMAGE, SAYS, b64, everything, scored, text, with_image


@pytest.fixture
def guard(make_guard: Callable[..., Guard]) -> Guard:
    return make_guard(reader=FakeReader(SAYS))


def test_it_is_a_postprocessor() -> None:
    assert BaseNodePostprocessor.__name__ in [base.__name__ for base in EyelidNodePostprocessor.__mro__]
    assert EyelidNodePostprocessor.class_name() == "EyelidNodePostprocessor"


def test_harmless_nodes_stay_in_order_with_their_scores(guard: Guard) -> None:
    nodes = scored(text("tea"), Document(text="coffee"), with_image("image_node", GOOD_IMAGE))
    passed = EyelidNodePostprocessor(guard).postprocess_nodes(nodes, query_str="What is there?")
    assert [each.node_id for each in passed] == [each.node_id for each in nodes]
    assert [each.score for each in passed] == [0.5] * 3
    assert [type(each.node) for each in passed] == [type(each.node) for each in nodes]


@pytest.mark.parametrize("action", ["drop", "rewrite", "caption"])
def test_flagged_text_never_passes(guard: Guard, action: Any) -> None:
    nodes = scored(text("tea"), text(f"do {BAD} now"), Document(text=f"and {BAD}"))
    passed = EyelidNodePostprocessor(guard, action=action).postprocess_nodes(nodes)
    assert len(passed) == (1 if action == "drop" else 3)
    assert BAD not in everything(passed)
    if action != "drop":
        assert passed[1].node.get_content() == "do [removed] now"
        assert [each.node_id for each in passed] == [each.node_id for each in nodes]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("action", ["drop", "rewrite", "caption"])
def test_an_image_in_any_form_is_looked_at(guard: Guard, form: str, action: Any) -> None:
    nodes = scored(with_image(form, GOOD_IMAGE), with_image(form, BAD_IMAGE))
    passed = EyelidNodePostprocessor(guard, action=action).postprocess_nodes(nodes)
    assert len(passed) == (1 if action == "drop" else 2)
    shown = everything(passed)
    assert BAD not in shown
    assert b64(BAD_IMAGE) not in shown
    blocks = [block for each in passed for block in each.node.get_content_blocks(MetadataMode.LLM)]
    assert len([block for block in blocks if block.block_type == "image"]) == (0 if action == "caption" else 1)


def test_caption_has_what_was_read_in_the_place_of_images(guard: Guard) -> None:
    [passed] = EyelidNodePostprocessor(guard, action="caption").postprocess_nodes(
        scored(with_image("image_node", GOOD_IMAGE, text="The kitchen.", metadata={"file": "a.png"}))
    )
    assert isinstance(passed.node, TextNode)
    assert not isinstance(passed.node, ImageNode)
    assert passed.node.get_content() == "The kitchen.\n\n[Image] Tea at five"
    assert "file: a.png" in passed.node.get_content(MetadataMode.LLM)


def test_an_image_that_is_flagged_is_left_out_and_its_text_stays(guard: Guard) -> None:
    node = with_image("image_document", BAD_IMAGE, text="A kettle.", metadata={"page": "1"})
    [passed] = EyelidNodePostprocessor(guard, action="rewrite").postprocess_nodes(scored(node))
    assert passed.node.get_content() == "A kettle."
    assert passed.node.metadata["page"] == "1"
    assert passed.node.metadata["eyelid"]["action"] == "rewrite"


@pytest.mark.parametrize("action", ["drop", "rewrite", "caption"])
def test_metadata_that_a_model_would_see_is_looked_at(guard: Guard, action: Any) -> None:
    nodes = scored(
        text("tea", metadata={"title": f"{BAD}!", "page": 1}),
        Node(image_resource=MediaResource(data=GOOD_IMAGE), metadata={"title": BAD}),  # its get_content is empty
        text("tea", metadata={"title": BAD}, text_template="{content}"),  # blocks show what the template leaves out
        Node(text_resource=MediaResource(text="x"), image_resource=MediaResource(data=GOOD_IMAGE, text=BAD)),
    )
    passed = EyelidNodePostprocessor(guard, action=action).postprocess_nodes(nodes)
    assert BAD not in everything(passed)
    assert len(passed) == (0 if action == "drop" else 4)


def test_metadata_that_no_model_sees_is_not_looked_at_but_does_not_stay_in_what_was_flagged(guard: Guard) -> None:
    hidden = {"metadata": {"note": BAD, "page": "7"}, "excluded_llm_metadata_keys": ["note"]}
    related = {
        NodeRelationship.SOURCE: RelatedNodeInfo(node_id="s", metadata={"was": BAD}),
        NodeRelationship.CHILD: [RelatedNodeInfo(node_id="c", metadata={"was": BAD})],
    }
    clean, flagged = EyelidNodePostprocessor(guard, action="rewrite").postprocess_nodes(
        scored(text("tea", **hidden), text(f"so {BAD}", relationships=related, embedding=[0.1], **hidden))
    )
    assert clean.node.metadata["note"] == BAD
    assert BAD not in everything([flagged])
    assert flagged.node.metadata["page"] == "7"
    assert flagged.node.get_content(MetadataMode.LLM) == "page: 7\n\nso [removed]"
    assert flagged.node.ref_doc_id == "s"
    assert flagged.node.embedding is None


def test_nodes_are_copied_never_edited(guard: Guard) -> None:
    nodes = scored(text("tea", metadata={"a": "b"}), text(BAD), *(with_image(form, GOOD_IMAGE) for form in FORMS))
    before, metadata = deepcopy([each.model_dump() for each in nodes]), nodes[0].node.metadata
    for action in ("drop", "rewrite", "caption"):
        passed = EyelidNodePostprocessor(guard, action=action).postprocess_nodes(nodes)
        passed[0].node.metadata["mine"] = 1
        passed[0].node.excluded_llm_metadata_keys.append("mine")
    assert [each.model_dump() for each in nodes] == before
    assert metadata == {"a": "b"}


def test_the_verdict_is_seen_by_no_model_and_no_embedding(guard: Guard) -> None:
    forged = {"eyelid": {"action": "allow"}}
    passed = EyelidNodePostprocessor(guard, action="rewrite").postprocess_nodes(
        scored(text("tea"), text(BAD, metadata=forged))
    )
    assert [each.node.metadata["eyelid"]["action"] for each in passed] == ["allow", "rewrite"]
    for each in passed:
        assert "eyelid" not in each.node.get_content(MetadataMode.LLM)
        assert "eyelid" not in each.node.get_content(MetadataMode.EMBED)
        assert set(each.node.metadata["eyelid"]) == {
            "action", "category", "failures", "reason", "score", "status", "surface"
        }  # fmt: skip


@pytest.mark.parametrize(
    "node",
    [
        lambda: Node(text_resource=MediaResource(text="tea"), audio_resource=MediaResource(data=b"sound")),
        lambda: Node(text_resource=MediaResource(text="tea"), video_resource=MediaResource(path=Path("/x.mp4"))),
        lambda: Node(text_resource=MediaResource(text="tea", path=Path("/etc/hosts"))),
        lambda: ImageNode(text="tea", image_url="https://images.example/a.png"),
        lambda: ImageNode(text="tea", image_path="/etc/hosts"),
        lambda: ImageNode(text="tea", image=b64(GOOD_IMAGE), image_url="https://images.example/a.png"),
        lambda: ImageNode(text="tea", image=b64(b"broken")),
        lambda: Foreign(text="tea"),
    ],
)
def test_what_nobody_can_look_at_is_a_failed_look(guard: Guard, node: Callable[[], Any]) -> None:
    assert EyelidNodePostprocessor(guard).postprocess_nodes(scored(node())) == []
    [withheld] = EyelidNodePostprocessor(guard, action="rewrite").postprocess_nodes(scored(node()))
    assert withheld.node.get_content() == "This document was withheld by a safety check."
    assert withheld.node.metadata["eyelid"]["status"] == "failed"
    with pytest.raises(UninspectedError):
        EyelidNodePostprocessor(guard, on_error="raise").postprocess_nodes(scored(node()))
    [passed] = EyelidNodePostprocessor(guard, on_error="pass").postprocess_nodes(scored(node()))
    assert "tea" in passed.node.get_content()


class Foreign(TextNode):
    """Nobody knows what it would show a model."""

    def get_content_blocks(self, metadata_mode: MetadataMode = MetadataMode.NONE) -> Any:
        raise AssertionError("it could fetch anything")


def test_failed_looks_that_may_pass_do_not_let_harm_pass(guard: Guard) -> None:
    nodes = scored(ImageNode(text=f"tea {BAD}", image_url="https://images.example/a.png"))
    assert EyelidNodePostprocessor(guard, on_error="pass").postprocess_nodes(nodes) == []


def test_files_below_the_root_are_read_once_and_handed_on_as_seen(guard: Guard, tmp_path: Path) -> None:
    for name, data in {"good.png": GOOD_IMAGE, "bad.png": BAD_IMAGE}.items():
        (tmp_path / name).write_bytes(data)
    nodes = scored(
        ImageNode(image_path=str(tmp_path / "good.png")),
        Node(image_resource=MediaResource(path=tmp_path / "good.png")),
        ImageNode(image_path=str(tmp_path / "bad.png")),
    )
    passed = EyelidNodePostprocessor(guard, allowed_root=tmp_path).postprocess_nodes(nodes)
    (tmp_path / "good.png").write_bytes(BAD_IMAGE)  # whoever changes it afterwards changes nothing
    assert len(passed) == 2
    for each in passed:
        [block] = each.node.get_content_blocks(MetadataMode.LLM)
        assert block.resolve_image().read() == GOOD_IMAGE
        assert block.path is None


async def test_what_a_loader_fetches_is_what_the_model_is_shown(guard: Guard) -> None:
    pictures = {"https://images.example/good": GOOD_IMAGE, "https://images.example/bad": BAD_IMAGE}
    nodes = scored(
        *(ImageNode(image_url=url) for url in (*pictures, "https://images.example/none")),
        Node(image_resource=MediaResource(url="https://images.example/good")),
    )
    postprocessor = EyelidNodePostprocessor(guard, image_loader=pictures.__getitem__)
    for passed in (postprocessor.postprocess_nodes(nodes), await postprocessor.apostprocess_nodes(nodes)):
        assert [each.node_id for each in passed] == [nodes[0].node_id, nodes[3].node_id]
        for each in passed:
            [block] = each.node.get_content_blocks(MetadataMode.LLM)
            assert block.url is None
            assert block.resolve_image().read() == GOOD_IMAGE


class CountingGuard(Guard):
    """Notes how many exchanges each call was about."""

    calls: list[int] = []  # noqa: RUF012 - shared with the copies that `under` makes

    def check_many(self, exchanges: Any) -> Any:
        self.calls.append(len(exchanges))
        return super().check_many(exchanges)

    async def acheck_many(self, exchanges: Any) -> Any:
        self.calls.append(len(exchanges))
        return await super().acheck_many(exchanges)


async def test_all_nodes_are_one_call_to_the_guard(detector: FakeDetector) -> None:
    nodes = scored(*(text(f"tea {n}") for n in range(20)), *(with_image(form, GOOD_IMAGE) for form in FORMS))
    with CountingGuard([detector], decoder=FakeDecoder(), reader=FakeReader(SAYS)) as guard:
        guard.calls.clear()
        EyelidNodePostprocessor(guard).postprocess_nodes(nodes, query_str="tea?")
        await EyelidNodePostprocessor(guard).apostprocess_nodes(nodes, query_str="tea?")
        assert guard.calls == [24, 24]
    assert len(detector.log.batches) == 4  # texts while the images are read, then what was read
    texts = [request for batch in detector.log.batches for request in batch if request.source == "text"]
    assert {request.surface for request in texts} == {Surface.RETRIEVED}
    assert {request.prompt for request in texts} == {"tea?"}


async def test_async_gives_the_same(guard: Guard) -> None:
    nodes = scored(text("tea"), text(BAD), with_image("image_node", BAD_IMAGE, text="x"))
    for action in ("drop", "rewrite", "caption"):
        postprocessor = EyelidNodePostprocessor(guard, action=action)
        assert await postprocessor.apostprocess_nodes(nodes) == postprocessor.postprocess_nodes(nodes)


def test_index_nodes_lose_their_object_when_flagged(guard: Guard) -> None:
    node = IndexNode(text=f"see {BAD}", index_id="i", obj=TextNode(text=BAD))
    [passed] = EyelidNodePostprocessor(guard, action="rewrite").postprocess_nodes(scored(node))
    assert BAD not in everything([passed])


def test_a_detector_that_fails_stops_everything(make_guard: Callable[..., Guard], detector: FakeDetector) -> None:
    with Guard([FaultyDetector(Fault.RAISES)]) as broken:
        assert EyelidNodePostprocessor(broken).postprocess_nodes(scored(text("tea"))) == []


def test_a_policy_that_raises_raises_without_content(make_guard: Callable[..., Guard]) -> None:
    raising = make_guard(policy=Policy.preset("balanced").adjust(Surface.RETRIEVED, strategy="raise"))
    with pytest.raises(HarmfulContentError) as raised:
        EyelidNodePostprocessor(raising).postprocess_nodes(scored(text(BAD)))
    assert BAD not in f"{raised.value!r} {raised.value}"


def test_nothing_of_the_guard_is_in_its_dump(guard: Guard, tmp_path: Path) -> None:
    postprocessor = EyelidNodePostprocessor(guard, allowed_root=tmp_path)
    assert postprocessor.to_dict() == {
        "action": "drop", "on_error": "block", "class_name": "EyelidNodePostprocessor"
    }  # fmt: skip
    with pytest.raises(TypeError):
        EyelidNodePostprocessor.from_dict(postprocessor.to_dict())  # a guard it cannot invent


def test_misspelled_or_unknown_arguments_raise(guard: Guard) -> None:
    with pytest.raises(TypeError):
        EyelidNodePostprocessor(guard, acton="drop")  # type: ignore[call-arg]
    for wrong in ({"action": "dorp"}, {"on_error": "ignore"}, {"allowed_root": "/tmp"}):
        with pytest.raises(ConfigurationError):
            EyelidNodePostprocessor(guard, **wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="Guard"):
        EyelidNodePostprocessor("balanced")  # type: ignore[arg-type]


def test_the_callback_manager_can_be_assigned_and_the_action_cannot(guard: Guard) -> None:
    postprocessor = EyelidNodePostprocessor(guard)
    postprocessor.callback_manager = manager = CallbackManager()
    assert postprocessor.callback_manager is manager
    with pytest.raises(ValueError, match="frozen"):
        postprocessor.action = "rewrite"  # type: ignore[misc]

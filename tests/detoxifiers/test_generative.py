"""Models that rewrite: their prompts, their budgets, their second look, and what they do not do."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.models.decoders import SPECIAL, write_decoder, write_model, write_tokenizer

from eyelid.detoxifiers import DetoxifierFormat, GenerativeDetoxifier, HostDetoxifier
from eyelid.engine import choose_device
from eyelid.errors import ConfigurationError, PolicyError, WeightsError
from eyelid.guard import Guard
from eyelid.protocols import Detoxifier, Reply, RewriteRequest
from eyelid.testing import FakeDetector, FakeDetoxifier, FakeHost, FaultyDetector, check_detoxifier
from eyelid.types import Action, Failure, Surface

DEVICE = choose_device("cpu", dtype="float32", workers=1)
SEQ2SEQ = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4, "decoder_start_token_id": 0}
SHORT = DetoxifierFormat(template="{prompt}: {response} =", alone="{response} =")
PEFT = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")  # of PEFT


def write(folder: Path, kind: str) -> Any:
    write_tokenizer(folder)
    if kind == "seq2seq":
        return write_model(folder, "T5ForConditionalGeneration", **SEQ2SEQ)
    return write_model(folder, "LlamaForCausalLM", max_position_embeddings=256)


@pytest.fixture(scope="module", params=["decoder", "seq2seq"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp(request.param)
    write(folder, request.param)
    return folder


def made(folder: Path, **more: Any) -> GenerativeDetoxifier:
    return GenerativeDetoxifier(folder, **{"device": DEVICE, "format": SHORT, "budget": 8, **more})


def one(text: str, prompt: str = "", surface: Surface = Surface.OUTPUT) -> RewriteRequest:
    return RewriteRequest(text, prompt, surface)


def test_it_keeps_the_contract(folder: Path) -> None:
    detoxifier = made(folder)
    assert isinstance(detoxifier, Detoxifier)
    if "seq2seq" not in folder.name:  # T5 has no bound of length, and the suite's long texts would take it a minute
        check_detoxifier(detoxifier, ["plain words that say nothing"])
    requests = [one(text, "say") for text in ("plain words", "é", "nothing much at all", "")]
    assert detoxifier.rewrite(requests) == [detoxifier.rewrite([request])[0] for request in requests]
    assert detoxifier.rewrite([]) == []


def test_a_rewrite_is_what_the_model_generates_from_the_template(folder: Path) -> None:
    import transformers

    model: Any = transformers.AutoModelForSeq2SeqLM if "seq2seq" in folder.name else transformers.AutoModelForCausalLM
    model = model.from_pretrained(folder)
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    ids = tokenizer("say: plain words =", return_tensors="pt").input_ids
    generated = model.generate(
        input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=8, do_sample=False, pad_token_id=0
    )
    new = generated[0, 1:] if "seq2seq" in folder.name else generated[0, ids.shape[1] :]
    (text,) = made(folder).rewrite([one("plain words", "say")])
    assert text == tokenizer.decode(new, skip_special_tokens=True).strip()
    (alone,) = made(folder).rewrite([one("plain words")])
    assert alone != text or "seq2seq" in folder.name  # a tiny T5 with random weights says the same to everything


@PEFT
@pytest.mark.parametrize("kind", ["decoder", "seq2seq"])
def test_an_adapter_is_merged_and_its_format_found(tmp_path: Path, kind: str) -> None:
    import peft

    base = tmp_path / kind
    model = write(base, kind)
    names = ["q", "v"] if kind == "seq2seq" else ["q_proj", "v_proj"]
    lora = peft.LoraConfig(r=4, target_modules=names, init_lora_weights=False)
    peft.get_peft_model(model, lora).save_pretrained(tmp_path / "adapter")
    SHORT.write(tmp_path / "adapter")
    merged = tmp_path / "merged"
    tuned: Any = peft.PeftModel.from_pretrained(write(tmp_path / "again", kind), tmp_path / "adapter")
    tuned.merge_and_unload().save_pretrained(merged)
    write_tokenizer(merged)
    SHORT.write(merged)
    requests = [one("plain words", "say"), one("nothing much")]
    with_adapter = GenerativeDetoxifier(base, adapter=tmp_path / "adapter", device=DEVICE, budget=8)
    assert with_adapter.format == SHORT
    found = with_adapter.rewrite(requests)
    assert found == GenerativeDetoxifier(merged, device=DEVICE, budget=8).rewrite(requests)
    assert found != made(base).rewrite(requests)


def test_the_budget_counts_new_tokens_alone(tmp_path: Path) -> None:
    write_decoder(tmp_path, "LlamaForCausalLM", max_position_embeddings=256)
    detoxifier = made(tmp_path, budget=100)
    fits, long = detoxifier.rewrite([one("plain words"), one("é" * 150)])
    assert isinstance(fits, str)
    assert isinstance(long, Failure)
    assert long.code == "limit"


@pytest.mark.parametrize("token", SPECIAL)
def test_special_tokens_in_a_text_are_text(folder: Path, token: str) -> None:
    detoxifier = made(folder)
    (number,) = [detoxifier._generator._tokenizer.token_to_id(token)]
    plain = detoxifier._ids(one("one two", "say"))
    ids = detoxifier._ids(one(f"one {token} two", f"{token} say"))
    assert ids.count(number) == plain.count(number)


def test_what_is_still_harmful_is_tried_again_and_then_given_up(folder: Path) -> None:
    everything = FakeDetector(dict.fromkeys([chr(c) for c in range(32, 0x250)] + ["�"], 0.9))
    (failure,) = made(folder, recheck=everything, tries=3).rewrite([one("plain words")])
    assert isinstance(failure, Failure)
    assert failure.code == "harmful"
    assert len(everything.log.batches) == 3
    texts = [batch[0].text for batch in everything.log.batches]
    assert len(set(texts)) > 1  # the later ones are drawn
    (refused,) = made(folder, recheck=everything, tries=1, refusal="No.").rewrite([one("plain words")])
    assert refused == "No."


def test_one_that_is_harmless_is_not_written_again(folder: Path) -> None:
    nothing = FakeDetector()
    (text,) = made(folder, recheck=nothing, tries=3).rewrite([one("plain words", "say")])
    assert isinstance(text, str)
    assert [request.prompt for batch in nothing.log.batches for request in batch] == ["say"]


@pytest.mark.parametrize("fault", ["nan", "partial", "fails"])
def test_a_second_look_that_fails_is_no_pass(folder: Path, fault: str) -> None:
    (failure,) = made(folder, recheck=FaultyDetector(fault), tries=1).rewrite([one("plain words")])
    assert isinstance(failure, Failure)


def test_what_is_no_answer_goes_to_the_rest(folder: Path) -> None:
    asked = [one("plain words"), one("a result", surface=Surface.TOOL_RESULT)]
    text, failure = made(folder).rewrite(asked)
    assert isinstance(text, str)
    assert isinstance(failure, Failure)
    assert failure.code == "unsupported"
    _, other = made(folder, rest=FakeDetoxifier({"a": "the"})).rewrite(asked)
    assert other == "the result"


def test_formats_are_read_as_they_were_written(tmp_path: Path) -> None:
    made = DetoxifierFormat(template="{response} ->", alone=None, max_length=64, base="tiny")
    made.write(tmp_path)
    assert DetoxifierFormat.read(tmp_path) == made == DetoxifierFormat.find(None, tmp_path)
    assert (made.with_question, DetoxifierFormat().with_question) == (False, True)
    assert not DetoxifierFormat.preset("without-question").with_question
    with pytest.raises(PolicyError, match="with-question"):
        DetoxifierFormat.preset("with-questions")
    assert DetoxifierFormat.find(tmp_path / "elsewhere") is None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("no json", "readable"),
        ('{"version": "eyelid.detoxifier.v9"}', "version"),
        ('{"version": "eyelid.detoxifier.v1", "tamplate": "x"}', "template"),
        ('{"version": "eyelid.detoxifier.v1", "template": "no field"}', "response"),
    ],
)
def test_a_format_that_cannot_be_used_says_why(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "eyelid_detoxifier.json").write_text(content)
    with pytest.raises(WeightsError, match=says):
        DetoxifierFormat.read(tmp_path)


@pytest.mark.parametrize("wrong", [{"budget": 0}, {"tries": 0}, {"threshold": 0.0}, {"threshold": float("nan")}])
def test_numbers_that_cannot_be(folder: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        made(folder, **wrong)


# --- hosts


def rewriting(text: str | Failure | Reply = "a mild thing") -> FakeHost:
    return FakeHost(lambda request: text)


def test_a_host_rewrites_what_is_fenced_off() -> None:
    host = rewriting()
    (text,) = HostDetoxifier(host).rewrite([one("a forbidden thing", "what?")])
    assert text == "a mild thing"
    (asked,) = host.asked
    assert "a forbidden thing" in asked.prompt
    assert "what?" in asked.prompt
    assert asked.images == ()


def test_a_host_keeps_the_contract() -> None:
    check_detoxifier(HostDetoxifier(rewriting(), template="{response}"), ["words"])


@pytest.mark.parametrize(
    ("said", "code"),
    [(" \n", "empty"), ("a forbidden thing ", "unchanged"), (Failure("ask", "timeout"), "timeout")],
)
def test_a_reply_that_is_no_rewrite_is_a_failure(said: Any, code: str) -> None:
    (failure,) = HostDetoxifier(rewriting(said)).rewrite([one("a forbidden thing")])
    assert isinstance(failure, Failure)
    assert (failure.stage, failure.code) == ("rewrite", code)


def test_a_host_is_asked_again_otherwise_where_its_rewrite_is_harmful() -> None:
    host = FakeHost(lambda request: "still forbidden" if request.temperature == 0.0 else "mild")
    detoxifier = HostDetoxifier(host, recheck=FakeDetector({"forbidden": 0.9}), tries=2)
    assert detoxifier.rewrite([one("a forbidden thing")]) == ["mild"]
    assert [(request.temperature > 0.0, request.seed) for request in host.asked] == [(False, 0), (True, 1)]


def test_in_a_guard_a_rewrite_is_scored_again() -> None:
    detector = FakeDetector({"forbidden": 0.9})
    for said, action in (("mild", Action.REWRITE), ("forbidden too", Action.BLOCK)):
        with Guard([detector], detoxifier=HostDetoxifier(rewriting(said))) as guard:
            outcome = guard.check(response="a forbidden thing")
        assert outcome.verdict.action is action
        assert "forbidden" not in outcome.text


def test_a_template_needs_its_field() -> None:
    with pytest.raises(ConfigurationError, match="response"):
        HostDetoxifier(rewriting(), template="rewrite it")
    with pytest.raises(ConfigurationError, match="response"):
        DetoxifierFormat(alone="")

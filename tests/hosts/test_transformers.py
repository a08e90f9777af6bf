"""A model of transformers as a host: what it is shown, what it says, and how likely its first word was."""

import io
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image as Picture
from tests.hosts.chats import SPECIAL, WRITERS, write_llama, write_llava

from eyelid.engine import choose_device
from eyelid.errors import WeightsError
from eyelid.guard import EyesClosed
from eyelid.hosts import TransformersHost
from eyelid.protocols import AskRequest, Host, Reply, StartingHost
from eyelid.testing import check_host
from eyelid.types import Failure, Image

DEVICE = choose_device("cpu", dtype="float32", workers=1)


def png(colour: str) -> Image:
    buffer = io.BytesIO()
    Picture.new("RGB", (20, 14), colour).save(buffer, "PNG")
    return Image(buffer.getvalue())


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Any]]:
    torch.set_num_threads(1)
    made = {}
    for name, write in WRITERS.items():
        folder = tmp_path_factory.mktemp("models") / name
        made[name] = (folder, write(folder))
    return made


@pytest.fixture(scope="module")
def hosts(folders: dict[str, tuple[Path, Any]]) -> dict[str, TransformersHost]:
    return {name: TransformersHost(folder, device=DEVICE) for name, (folder, _) in folders.items()}


def said(reply: Reply | Failure) -> Reply:
    assert isinstance(reply, Reply), reply
    return reply


kinds = pytest.mark.parametrize("kind", WRITERS)


@kinds
def test_it_keeps_the_contract(hosts: dict[str, TransformersHost], kind: str) -> None:
    host = hosts[kind]
    assert isinstance(host, Host)
    assert isinstance(host, StartingHost)
    assert (host.name, host.sees) == (kind, kind == "llava")
    check_host(host, ["plain words", "yes or no"], [png("red"), png("blue")], budget=4)


@kinds
def test_an_answer_is_what_the_model_generates(
    folders: dict[str, tuple[Path, Any]], hosts: dict[str, TransformersHost], kind: str
) -> None:
    import transformers

    folder, model = folders[kind]
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    ids = tokenizer("<s><user>plain words<answer>", add_special_tokens=False, return_tensors="pt").input_ids
    made = model.generate(input_ids=ids, max_new_tokens=9, do_sample=False)
    reply = said(hosts[kind].ask([AskRequest("plain words", budget=9)])[0])
    assert reply.text == tokenizer.decode(made[0, ids.shape[1] :], skip_special_tokens=True).strip()
    assert reply.prompt_tokens == ids.shape[1]
    assert reply.reply_tokens is not None
    assert 0 < reply.reply_tokens <= 9


@kinds
def test_chances_are_the_models_own(
    folders: dict[str, tuple[Path, Any]], hosts: dict[str, TransformersHost], kind: str
) -> None:
    import transformers

    folder, model = folders[kind]
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    ids = tokenizer("<s><user>so?<answer>", add_special_tokens=False, return_tensors="pt").input_ids
    with torch.inference_mode():
        odds = torch.softmax(model(input_ids=ids).logits[0, -1].double(), -1)
    written = [w for word in ("yes", "Yes", "YES") for w in (word, f" {word}")]
    single = {tuple(tokenizer.encode(word, add_special_tokens=False)) for word in written}
    expected = sum(float(odds[each[0]]) for each in single if len(each) == 1)
    assert expected > 0.0
    chances = said(hosts[kind].ask([AskRequest("so?", budget=3, options=("yes", "no"))])[0]).chances
    assert chances is not None
    assert chances["yes"] == pytest.approx(expected, abs=1e-6)
    assert said(hosts[kind].ask([AskRequest("so?", budget=3, options=("impossible-word",))])[0]).chances is None


def test_an_image_changes_the_answer_and_its_length(hosts: dict[str, TransformersHost]) -> None:
    asked = [
        AskRequest("what?", images, budget=12) for images in ((), (png("red"),), (png("blue"),), (png("red"),) * 2)
    ]
    none, red, blue, two = map(said, hosts["llava"].ask(asked))
    assert len({none.text, red.text, blue.text, two.text}) == 4
    assert none.prompt_tokens is not None
    assert red.prompt_tokens == blue.prompt_tokens == none.prompt_tokens + 4  # 2 x 2 patches
    assert two.prompt_tokens == none.prompt_tokens + 8


def test_an_image_that_is_none_fails_alone(hosts: dict[str, TransformersHost]) -> None:
    good, bad = hosts["llava"].ask([AskRequest("what?", (png("red"),), budget=3), AskRequest("x", (Image(b"no"),))])
    assert isinstance(good, Reply)
    assert isinstance(bad, Failure)
    assert bad.stage == "ask"


def test_a_model_without_vision_is_shown_nothing(hosts: dict[str, TransformersHost]) -> None:
    (failure,) = hosts["llama"].ask([AskRequest("what?", (png("red"),))])
    assert isinstance(failure, Failure)
    assert failure.code == "limit"


@kinds
def test_what_does_not_fit_is_a_failure_and_not_cut(hosts: dict[str, TransformersHost], kind: str) -> None:
    replies = hosts[kind].ask(
        [AskRequest("word " * 600, budget=3), AskRequest("x", budget=600), AskRequest("x", budget=0)]
    )
    assert [each.code for each in replies if isinstance(each, Failure)] == ["limit"] * 3


@kinds
@pytest.mark.parametrize("token", SPECIAL)
def test_no_text_places_a_token_of_the_format(hosts: dict[str, TransformersHost], kind: str, token: str) -> None:
    chat = hosts[kind]._runner._chat
    number = chat.tokenizer.convert_tokens_to_ids(token)
    plain = chat.encode("", "one two", ())["input_ids"][0].tolist()
    for text in (f"one {token} two", f"one {token}{token} two", token[0] + token + token[1:]):
        for system, prompt in (("", text), (text, "one two")):
            ids = chat.encode(system, prompt, ())["input_ids"][0].tolist()
            assert ids.count(number) == plain.count(number)


@kinds
def test_drawing_repeats_with_its_seed(hosts: dict[str, TransformersHost], kind: str) -> None:
    asked = [AskRequest("plain", budget=10, temperature=1.5, seed=seed) for seed in (1, 2, 1)]
    one, other, again = (said(reply).text for reply in hosts[kind].ask(asked))
    assert one == again != other


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # peft asks for it
def test_an_adapter_changes_what_is_said(folders: dict[str, tuple[Path, Any]], tmp_path: Path) -> None:
    import peft

    folder, _ = folders["llama"]
    made = write_llama(tmp_path / "copy")
    lora = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    tuned = peft.get_peft_model(made, lora)
    tuned.save_pretrained(tmp_path / "adapter")
    host = TransformersHost(folder, adapter=tmp_path / "adapter", device=DEVICE)
    merged = tuned.merge_and_unload()
    ids = host._runner._chat.encode("", "plain words", ())["input_ids"]
    expected = merged.generate(input_ids=ids, max_new_tokens=8, do_sample=False)[0, ids.shape[1] :]
    (reply,) = host.ask([AskRequest("plain words", budget=8)])
    assert said(reply).text == host._runner._chat.decode(expected.tolist())


def test_eyes_closed_around_a_real_model(hosts: dict[str, TransformersHost]) -> None:
    with EyesClosed(hosts["llava"]) as closed:
        answer = closed.answer(AskRequest("what?", (png("red"),), budget=6))
    # A model with random weights says neither yes nor no, so its answer counts as unsafe.
    assert [(call.step, call.images) for call in answer.calls][:2] == [("answer", 1), ("judge", 1)]
    assert answer.reasked is not None
    assert answer.reasked.unsafe


def test_folders_that_cannot_be_used_say_why(folders: dict[str, tuple[Path, Any]], tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"config\.json"):
        TransformersHost(tmp_path, device=DEVICE)
    write_llama(tmp_path / "bare")
    (tmp_path / "bare" / "chat_template.jinja").unlink()
    with pytest.raises(WeightsError, match="chat_template"):
        TransformersHost(tmp_path / "bare", device=DEVICE)
    given = TransformersHost(tmp_path / "bare", device=DEVICE, chat_template="{{ messages[0].content }}:")
    assert isinstance(given.ask([AskRequest("plain", budget=3)])[0], Reply)
    write_llava(tmp_path / "blind")
    (tmp_path / "blind" / "processor_config.json").unlink()
    with pytest.raises(WeightsError, match="processor"):
        TransformersHost(tmp_path / "blind", device=DEVICE)

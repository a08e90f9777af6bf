"""Generation: a batch gives what each prompt gives alone, within its budget, and failures stay with their prompt."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.models.decoders import random_tokens, write_decoder, write_model, write_tokenizer

from eyelid.engine import choose_device
from eyelid.errors import InputError, WeightsError
from eyelid.models import GenerateRequest, Generator, Template

DEVICE = choose_device("cpu", dtype="float32", workers=1)
PROMPTS = ["plain words that say", "unsafe", "nothing much at all " * 5, "the é 👩‍👩‍👧"]
SEQ2SEQ = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4, "decoder_start_token_id": 0}


@pytest.fixture(scope="module", params=["decoder", "continuous", "seq2seq"])
def generator(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "seq2seq":
        write_tokenizer(folder)
        write_model(folder, "T5ForConditionalGeneration", **SEQ2SEQ)
    else:
        write_decoder(folder, "LlamaForCausalLM", max_position_embeddings=256)
    return Generator(folder, DEVICE, continuous=request.param == "continuous")


def test_a_batch_gives_what_each_gives_alone(generator: Generator) -> None:
    requests = [GenerateRequest(prompt, budget=budget) for budget, prompt in zip((12, 3, 20, 7), PROMPTS, strict=True)]
    together = generator.generate(requests)
    assert together == [generator.generate([request])[0] for request in requests]
    assert all(isinstance(text, str) for text in together)
    assert len(set(together)) > 1


def test_the_budget_is_kept(generator: Generator) -> None:
    (long,) = generator.generate([GenerateRequest("plain words", budget=16)])
    (short,) = generator.generate([GenerateRequest("plain words", budget=4)])
    assert isinstance(long, str)
    assert isinstance(short, str)
    ids = generator._tokenizer.encode(short, add_special_tokens=False).ids
    assert len(ids) <= 4 * 4  # a token that is no whole character is written as several
    assert long.startswith(short.rstrip("\ufffd"))


def test_drawing_repeats_with_its_seed(generator: Generator) -> None:
    requests = [GenerateRequest("plain words", budget=12, temperature=1.5, seed=seed) for seed in (1, 2, 1)]
    state = torch.random.get_rng_state()
    one, other, again = generator.generate(requests)
    assert one == again != other
    assert torch.equal(state, torch.random.get_rng_state())


def test_failures_stay_with_their_prompt(generator: Generator) -> None:
    requests = [GenerateRequest(()), GenerateRequest("plain", budget=0), GenerateRequest("plain", budget=5)]
    empty, nothing, fine = generator.run(requests)
    assert isinstance(empty, InputError)
    assert isinstance(nothing, InputError)
    assert isinstance(fine, str)


def test_after_a_failed_pass_the_next_is_answered(generator: Generator) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("made to fail")

    request = GenerateRequest("plain words", budget=4)
    (expected,) = generator.generate([request])
    hook = generator._model.register_forward_pre_hook(fail)
    (failed,) = generator.generate([request])
    hook.remove()
    assert isinstance(failed, RuntimeError)
    assert generator.generate([request]) == [expected]


def test_what_does_not_fit_the_context(generator: Generator) -> None:
    long = GenerateRequest(random_tokens(200, 1), budget=100)
    (found,) = generator.run([long])
    assert isinstance(found, str) if generator.encodes else isinstance(found, InputError)


def test_token_ids_and_special_tokens(generator: Generator, tmp_path: Path) -> None:
    write_tokenizer(tmp_path)
    filled = Template(tmp_path, "<user>{response}<answer>").encode("plain")
    assert isinstance(generator.run([GenerateRequest(filled.ids, budget=4)])[0], str)
    assert generator.cost(GenerateRequest("</s>", budget=1)) > 3  # it is text, not the end


def test_scoring_does_not_wait_for_it(generator: Generator) -> None:
    assert generator.engine.device.workers == 1
    assert generator.engine.device.budget > DEVICE.budget


def test_it_ends_where_the_model_ends(tmp_path: Path) -> None:
    folder = write_decoder(tmp_path, "LlamaForCausalLM")
    request = GenerateRequest("plain words that say", budget=12)
    model = Generator(folder, DEVICE)
    whole = model._generated([model._ids(request)], [request])[0]
    assert isinstance(whole, list)
    file = folder / "generation_config.json"
    raw: dict[str, Any] = json.loads(file.read_text("utf-8"))
    raw |= {"eos_token_id": [2, whole[5]], "do_sample": True, "top_k": 1, "temperature": 0.1}
    (tmp_path / "other").mkdir()
    for part in folder.glob("*.*"):
        (tmp_path / "other" / part.name).write_bytes(part.read_bytes())
    (tmp_path / "other" / file.name).write_text(json.dumps(raw), "utf-8")
    ended = Generator(tmp_path / "other", DEVICE)
    first = whole.index(whole[5])
    assert ended.generate([request]) == [model._tokenizer.decode(whole[:first])]


def test_an_encoder_that_counts_positions_from_the_left(tmp_path: Path) -> None:
    write_tokenizer(tmp_path)
    sizes = {f"{part}_{name}": 2 for part in ("encoder", "decoder") for name in ("layers", "attention_heads")}
    dims = {"encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "d_model": 32, "decoder_start_token_id": 2, "init_std": 0.3}
    ends = {"forced_eos_token_id": None}
    write_model(tmp_path, "BartForConditionalGeneration", **sizes, **dims, **ends, max_position_embeddings=64)
    generator = Generator(tmp_path, DEVICE)
    requests = [GenerateRequest(prompt, budget=9) for prompt in PROMPTS]
    together = generator.run(requests)
    assert together == [generator.run([request])[0] for request in requests]
    assert len(set(map(str, together))) > 1
    # Positions beyond the last one would break the pass, and on a GPU more than that.
    beyond = [GenerateRequest(random_tokens(65, 1), budget=2), GenerateRequest("plain", budget=64)]
    assert all(isinstance(found, InputError) for found in generator.run(beyond))


def test_missing_parts(tmp_path: Path) -> None:
    folder = write_decoder(tmp_path)
    with pytest.raises(WeightsError, match="tensors"):
        Generator(folder, DEVICE)  # it has no language model head
    (folder / "tokenizer.json").unlink()
    with pytest.raises(WeightsError, match="tokenizer"):
        Generator(folder, DEVICE)

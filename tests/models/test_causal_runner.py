"""A growing text costs what is new of it, and scores as if it were read from its beginning."""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.models.decoders import random_tokens, write_model

from eyelid.engine import Item, choose_device, engine_for
from eyelid.models import CausalRunner, PackedLlama, Prefill


class Counting:
    """A model that notes how many tokens it was given, and fails when told to."""

    def __init__(self, model: PackedLlama) -> None:
        self._model = model
        self.passes: list[int] = []
        self.fails = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def __call__(self, batch: Any, pool: Any = None) -> Any:
        if self.fails:
            self.fails -= 1
            raise RuntimeError("made to fail")
        self.passes.append(len(batch.ids))
        return self._model(batch, pool)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> PackedLlama:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("decoder")
    write_model(folder)
    return PackedLlama(folder)


def runner_of(model: PackedLlama, memory: int = 2**23) -> tuple[CausalRunner, Counting]:
    counting = Counting(model)
    return CausalRunner(counting, memory=memory), counting  # type: ignore[arg-type]


def near(found: Sequence[Any], expected: Sequence[Any]) -> bool:
    return torch.allclose(torch.tensor(found), torch.tensor(expected), atol=1e-4)


def anew(model: PackedLlama, tokens: Sequence[Sequence[int]]) -> list[Any]:
    runner = CausalRunner(model, memory=0)
    return [runner.run([Prefill.of(each)])[0] for each in tokens]


def test_each_token_of_a_stream_is_encoded_once(model: PackedLlama) -> None:
    runner, counting = runner_of(model)
    whole = random_tokens(340, 1)
    ends = range(40, 341, 20)
    costs = [runner.cost(Prefill.of(whole[:end])) for end in (40, 341)]
    found = []
    for end in ends:
        assert runner.cost(Prefill.of(whole[:end])) == (40 if end == 40 else 20)
        found += runner.run([Prefill.of(whole[:end])])
    assert counting.passes == [40, *[20] * 15]
    assert costs == [40, 340]
    assert near(found, anew(model, [whole[:end] for end in ends]))


def test_streams_advance_in_one_pass(model: PackedLlama) -> None:
    runner, counting = runner_of(model)
    texts = [random_tokens(200, seed) for seed in range(8)]
    for end in range(40, 201, 32):
        assert near(runner.run([Prefill.of(text[:end]) for text in texts]), anew(model, [text[:end] for text in texts]))
    assert counting.passes == [8 * 40, *[8 * 32] * 5]


def test_bfloat16_streams_score_as_if_read_anew(tmp_path: Path) -> None:
    write_model(tmp_path, initializer_range=0.1)
    model = PackedLlama(tmp_path, dtype=torch.bfloat16)
    runner, whole = CausalRunner(model, memory=2**22), random_tokens(150, 9)
    ends = range(40, 150, 17)
    found = [runner.run([Prefill.of(whole[:end])])[0] for end in ends]
    expected = anew(model, [whole[:end] for end in ends])
    assert (torch.tensor(found) - torch.tensor(expected)).abs().max() < 0.03


def test_a_shared_beginning_is_encoded_once(model: PackedLlama) -> None:
    runner, counting = runner_of(model)
    texts = [random_tokens(100, 0) + random_tokens(20, seed) for seed in range(1, 6)]
    assert near(runner.run([Prefill.of(text) for text in texts]), anew(model, texts))
    assert counting.passes == [100, 5 * 20]
    mine = Prefill.of(texts[0], owner="another")
    assert runner.cost(mine) == 120


def test_equal_texts_in_one_batch(model: PackedLlama) -> None:
    runner, _ = runner_of(model)
    whole = random_tokens(100, 3)
    found = runner.run([Prefill.of(whole)] * 3)
    assert near(found, anew(model, [whole]) * 3)


@pytest.mark.parametrize("memory", [0, 100_000, 2**18, 2**23])
def test_any_order_in_any_memory_scores_the_same(model: PackedLlama, memory: int) -> None:
    chance = random.Random(memory)
    prompts = [random_tokens(count, count) for count in (3, 20, 40)]
    texts = [chance.choice(prompts) + random_tokens(160, seed) for seed in range(5)]
    runner, _ = runner_of(model, memory)
    for _ in range(12):
        batch = [chance.choice(texts)[: chance.randint(1, 170)] for _ in range(chance.randint(1, 5))]
        behind = [random_tokens(chance.randint(0, 5), 77) for _ in batch]
        whole = [text + rest for text, rest in zip(batch, behind, strict=True)]
        found = runner.run([Prefill.of(all_of, len(text)) for all_of, text in zip(whole, batch, strict=True)])
        assert near(found, anew(model, whole))


def test_many_threads_score_the_same(model: PackedLlama) -> None:
    runner, _ = runner_of(model, 2**20)
    texts = [random_tokens(30, 0) + random_tokens(100, seed) for seed in range(4)]
    jobs = [[text[:end] for text in texts[seed % 4 :]] for seed in range(12) for end in (60, 90, 130)]
    expected = anew(model, [text for job in jobs for text in job])

    def work(job: list[list[int]]) -> list[Any]:
        torch.set_num_threads(1)
        return runner.run([Prefill.of(text) for text in job])

    with ThreadPoolExecutor(4) as pool:
        found = [score for scores in pool.map(work, jobs) for score in scores]
    assert near(found, expected)


def test_a_pass_that_failed_changes_nothing(model: PackedLlama) -> None:
    runner, counting = runner_of(model)
    whole = random_tokens(100, 5)
    runner.run([Prefill.of(whole[:60])])
    counting.fails = 1
    with pytest.raises(RuntimeError, match="made to fail"):
        runner.run([Prefill.of(whole), Prefill.of(random_tokens(50, 6))])
    assert runner.cost(Prefill.of(whole)) == 40
    assert near(runner.run([Prefill.of(whole)]), anew(model, [whole]))


def test_what_does_not_fit_fails_by_itself(model: PackedLlama) -> None:
    runner, _ = runner_of(model)
    fine, empty, long = runner.run([Prefill.of([7] * 512), Prefill.of([]), Prefill.of([7] * 513)])
    assert isinstance(fine, list)
    assert isinstance(empty, ValueError)
    assert isinstance(long, ValueError)
    assert "513" in str(long)
    assert runner.run([Prefill.of([])])[0].args == empty.args


def test_on_an_engine(model: PackedLlama) -> None:
    runner, _ = runner_of(model)
    device = choose_device("cpu", workers=2)
    texts = [random_tokens(100, seed) for seed in range(20)]
    prefills = [Prefill.of(text) for text in texts]
    futures = engine_for(device).submit_all(Item(runner, each, runner.cost(each)) for each in prefills)
    assert near([future.result(30) for future in futures], anew(model, texts))


def test_prefills_hide_their_tokens() -> None:
    assert "98765" not in repr(Prefill.of([98_765]))

"""On a GPU: the encoder gives what it gives on the CPU, launched plainly and by graphs."""

import numpy as np
import pytest
import torch

from eyelid.engine import Device, choose_device
from eyelid.models import (
    FrozenEncoder,
    Packed,
    RecallModel,
    Sight,
    SignalModel,
    WindowTokenizer,
    find_backbone,
    find_weights,
    pool,
)
from eyelid.models._attention_cuda import attend_on_cuda
from eyelid.models._graphs import bucket

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")]

TEXT = "The kettle boils in about four minutes, and the tea should steep for three more. "
#: By graphs of two sizes, one of them twice with other sequences in it; and plainly, by length and by number.
BATCHES = [[5, 30, 60], [200], [20] * 10 + [40], [256] * 3, [100, 256] * 4, [256] * 12, [3] * 100]


def packed(lengths: list[int]) -> Packed:
    torch.manual_seed(sum(lengths))
    return Packed.of([(torch.randint(1000, 30000, (n,)).tolist(), [0] * n) for n in lengths])


@pytest.fixture(scope="module")
def exact() -> FrozenEncoder:
    return FrozenEncoder(find_backbone(), dtype=torch.float32)


def test_both_ways_of_launching_are_taken() -> None:
    assert {bucket(packed(lengths)) for lengths in BATCHES} >= {None, 256, 768}


@pytest.mark.parametrize(("dtype", "most"), [(torch.float32, 2e-3), (torch.bfloat16, 0.15)])
def test_hidden_states_are_those_of_the_cpu(exact: FrozenEncoder, dtype: torch.dtype, most: float) -> None:
    encoder = FrozenEncoder(find_backbone(), dtype=dtype, device="cuda")
    assert (encoder._attend is attend_on_cuda) == (dtype is torch.bfloat16)
    for lengths in (*BATCHES, *BATCHES):
        batch = packed(lengths)
        found, expected = encoder(batch).float(), exact(batch)
        assert found.device.type == "cuda"
        assert (found.cpu() - expected).abs().max() < most
        assert (encoder.first(batch).float() - found[batch.starts.cuda()]).abs().max() < most
        pooled = pool(found, batch.lengths).cpu()
        torch.testing.assert_close(pooled, pool(found.cpu(), batch.lengths), atol=1e-4, rtol=1e-4)


def test_the_embedded_models_give_what_they_give_on_the_cpu() -> None:
    places = choose_device("cuda"), Device("cpu", dtype="float32")
    texts = [TEXT * count for count in (1, 2, 3, 5, 30)]
    windows = WindowTokenizer(find_backbone() / "tokenizer.json").windows(texts, [""] * 5, [True] * 5)
    sights = [
        Sight(each, text[each.start : each.end]) for text, some in zip(texts, windows, strict=True) for each in some
    ]
    found, expected = (SignalModel(find_backbone(), find_weights(), place).run(sights) for place in places)
    np.testing.assert_allclose(np.stack(found), np.stack(expected), atol=0.15, rtol=0.05)
    looks = [sight.window for sight in sights]
    found, expected = (RecallModel(find_backbone(), find_weights(), place).run(looks) for place in places)
    for one, other in zip(found, expected, strict=True):
        assert abs(one.request - other.request) < 0.3
        assert abs(one.hazards - other.hazards).max() < 0.05

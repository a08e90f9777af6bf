"""Packing: what is added to a batch to make its shape a common one changes nothing."""

from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from eyelid.models import FrozenEncoder, Packed, find_backbone
from eyelid.models._attention import ROOM, attend, attention
from eyelid.models._attention_bf16 import attend_in_bfloat16, groups
from eyelid.models._attention_cuda import attend_on_cuda
from eyelid.models._graphs import bucket, in_bucket
from eyelid.models._laid import ends_of, lay
from eyelid.models._linear import works_in_bfloat16
from eyelid.models._packed import rounded

HEADS, SIZE = 4, 8
LENGTHS = st.lists(st.integers(1, 300), min_size=1, max_size=40)


def packed(lengths: list[int]) -> Packed:
    return Packed.of([([7 + n] * n, [n % 2] * n) for n in lengths])


def ragged(
    query: Tensor, key: Tensor, value: Tensor, ends: Tensor, same: Tensor, most: int, _: int, *, scale: float
) -> Tensor:
    """`torch.nn.attention.varlen.varlen_attn` by its documentation; it leaves alone what no sequence has."""
    assert ends is same
    assert ends.dtype == torch.int32
    assert (ends.diff() >= 0).all()
    assert ends.diff().max() <= most
    out = torch.full_like(query, float("nan"))
    for start, end in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
        q, k, v = (each[start:end].transpose(0, 1) for each in (query, key, value))
        out[start:end] = (torch.softmax(q @ k.transpose(1, 2) * scale, -1) @ v).transpose(0, 1)
    return out


@given(LENGTHS)
def test_sequences_lie_shortest_first_and_are_found_again(lengths: list[int]) -> None:
    batch = packed(lengths)
    assert batch.lengths == sorted(lengths)
    ends = ends_of(batch).tolist()
    for number, place in enumerate(batch.places.tolist()):
        own = slice(ends[place], ends[place + 1])
        assert batch.ids[own].tolist() == [7 + lengths[number]] * lengths[number]
        assert batch.positions[own].tolist() == list(range(lengths[number]))


@given(st.integers(1, 5000))
def test_rounding_costs_little_and_knows_few_sizes(tokens: int) -> None:
    size = rounded(tokens)
    assert tokens <= size < tokens + max(16, tokens // 4 + 1)
    assert rounded(size) == size
    assert len({rounded(n) for n in range(1, 2049)}) <= 48


@given(LENGTHS)
def test_groups_hold_every_sequence_in_few_shapes(lengths: list[int]) -> None:
    found = groups(sorted(lengths))
    assert [length for _, group in found for length in group] == sorted(lengths)
    assert all(len(group) in (1, 4, 16) for _, group in found)
    assert all(rounded(length) == padded for padded, group in found for length in group)


@given(LENGTHS)
def test_a_bucket_has_room_for_its_batch(lengths: list[int]) -> None:
    batch = packed(lengths)
    size = bucket(batch)
    if size is None:
        assert len(batch.ids) > 2048 or len(lengths) >= len(batch.ids) // 8
        return
    assert 0 <= size - len(batch.ids) < 256
    padded = batch.padded(size)
    laid = in_bucket(padded, "cpu", 300)
    assert len(laid.ids) == len(laid.positions) == laid.ends[-1] == size
    assert len(laid.ends) == size // 8 + 1
    assert laid.ends.diff().max() <= laid.longest
    assert laid.ends.tolist()[: len(lengths) + 1] == ends_of(batch).tolist()


LOOKS = [[5], [3, 3, 3, 17, 40], [16] * 20, [90, 128, 200, 256], [400]]


@pytest.mark.parametrize("lengths", LOOKS)
@pytest.mark.parametrize("way", [attend, partial(attend_on_cuda, kernel=ragged)])
def test_attention_for_inference_is_that_of_training(lengths: list[int], way: Any) -> None:
    torch.manual_seed(0)
    qkv = torch.randn(sum(lengths), 3 * HEADS * SIZE)
    expected = attention(qkv, lengths, HEADS)
    qkv[:, : HEADS * SIZE] *= SIZE**-0.5
    torch.testing.assert_close(way(qkv, lay(packed(lengths), "cpu"), HEADS), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.skipif(not works_in_bfloat16(), reason="this CPU has no kernels for bfloat16")
@pytest.mark.parametrize("lengths", LOOKS)
def test_attention_in_bfloat16_sees_no_neighbour(lengths: list[int]) -> None:
    torch.manual_seed(0)
    qkv = (0.5 * torch.randn(sum(lengths) + 5, 3 * HEADS * SIZE)).bfloat16()
    laid = lay(packed(lengths), "cpu")
    found = attend_in_bfloat16(qkv, laid, HEADS)
    expected = attend(qkv[:-5].float(), laid, HEADS)
    torch.testing.assert_close(found[:-5].float(), expected, atol=0.03, rtol=0.03)
    assert (found[-5:] == 0).all()
    # Whatever another sequence holds, even what is no number, stays there.
    qkv[lengths[0] :] = float("nan")
    torch.testing.assert_close(attend_in_bfloat16(qkv, laid, HEADS)[: lengths[0]], found[: lengths[0]])


def test_many_heads_are_taken_a_cacheful_at_a_time() -> None:
    torch.manual_seed(0)
    lengths, heads = [120, 120, 125, 128], 32
    assert heads * len(lengths) * 128 * 128 * 2 > ROOM
    qkv = (0.5 * torch.randn(sum(lengths), 3 * heads * SIZE)).bfloat16()
    laid = lay(packed(lengths), "cpu")
    if works_in_bfloat16():
        found = attend_in_bfloat16(qkv, laid, heads)
        torch.testing.assert_close(found.float(), attend(qkv.float(), laid, heads), atol=0.03, rtol=0.03)


@torch.inference_mode()
def test_a_graphs_tensors_give_what_the_batch_gives() -> None:
    encoder = FrozenEncoder(find_backbone(), dtype=torch.float32)
    batch = packed([5, 30, 60])
    expected = encoder(batch)
    encoder._attend = partial(attend_on_cuda, kernel=ragged)
    size = bucket(batch)
    assert size is not None
    found = encoder._forward(in_bucket(batch.padded(size), "cpu", 512))
    torch.testing.assert_close(found[: len(batch.ids)], expected, atol=1e-4, rtol=1e-4)
    assert torch.isfinite(found).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_first_tokens_can_be_had_for_less(dtype: torch.dtype) -> None:
    encoder = FrozenEncoder(find_backbone(), dtype=dtype)
    for lengths in ([1], [7, 3, 90], [33] * 5):
        batch = packed(lengths)
        most = 2e-4 if dtype is torch.float32 else 0.1
        torch.testing.assert_close(encoder.first(batch), encoder(batch)[batch.starts], atol=most, rtol=most)


@torch.inference_mode()
def test_bfloat16_is_near_float32() -> None:
    batch = packed([3, 20, 20, 64, 150])
    exact, near = (FrozenEncoder(find_backbone(), dtype=kind)(batch) for kind in (torch.float32, torch.bfloat16))
    assert near.dtype is torch.bfloat16
    assert (near.float() - exact).abs().mean() < 0.01

"""What the fused kernel is told, where there is no GPU: a plain stand-in with its contract gives equal results."""

from functools import partial
from pathlib import Path
from typing import Any

import torch
from tests.models.decoders import random_tokens, write_model
from torch import Tensor

from eyelid.models import CausalRunner, PackedLlama, Prefill
from eyelid.models._causal_attention import causal, varlen


def stand_in(
    query: Tensor, key: Tensor, value: Tensor, cu_seq_q: Tensor, cu_seq_k: Tensor, max_q: int, max_k: int, **rest: Any
) -> Tensor:
    """`torch.nn.attention.varlen.varlen_attn` by its documentation, sequence by sequence."""
    assert rest["window_size"] == (-1, 0)
    assert rest["enable_gqa"] == (query.shape[1] != key.shape[1])
    assert (cu_seq_k.diff() > 0).all()
    assert cu_seq_q.dtype == cu_seq_k.dtype == torch.int32
    out = torch.empty_like(query)
    for at, (start, end) in enumerate(zip(cu_seq_q[:-1].tolist(), cu_seq_q[1:].tolist(), strict=True)):
        first, last = cu_seq_k[at : at + 2].tolist()
        if rest["seqused_k"] is not None:
            assert first + rest["seqused_k"][at] <= last
            last = first + int(rest["seqused_k"][at])
        assert end - start <= max_q
        assert last - first <= max_k
        later = torch.full((64, 64), float("-inf")).triu(1)
        causal(query[start:end] * rest["scale"], key[first:last], value[first:last], later, out[start:end])
    return out


def test_it_is_told_what_plain_products_do(tmp_path: Path) -> None:
    write_model(tmp_path)
    model = PackedLlama(tmp_path)
    texts = [random_tokens(30, 0) + random_tokens(150, seed) for seed in range(4)]
    plain = CausalRunner(PackedLlama(tmp_path), memory=0)
    model._attention = partial(varlen, kernel=stand_in)
    fused, loose = CausalRunner(model, memory=2**20), CausalRunner(model, memory=0)
    for end in (40, 41, 100, 101, 180):
        batch = [Prefill.of(text[: end - seed]) for seed, text in enumerate(texts)]
        expected = torch.tensor(plain.run(batch))
        for runner in (fused, loose):
            assert torch.allclose(torch.tensor(runner.run(batch)), expected, atol=1e-4)

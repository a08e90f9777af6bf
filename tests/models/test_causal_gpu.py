"""On a GPU: the fused kernel gives what plain products give, with and without what was kept."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.models.decoders import random_tokens, reference, write_model

from eyelid.models import CausalRunner, PackedLlama, Prefill
from eyelid.models._causal_attention import one_by_one, varlen

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")]

KINDS: list[tuple[str, dict[str, Any]]] = [
    ("LlamaForSequenceClassification", {}),
    ("LlamaForSequenceClassification", {"head_dim": 20, "num_key_value_heads": 4}),  # filled up to 24
    ("Qwen3ForSequenceClassification", {"head_dim": 36}),
]


@pytest.mark.parametrize(("kind", "changed"), KINDS)
def test_the_fused_kernel_equals_plain_products(kind: str, changed: dict[str, Any], tmp_path: Path) -> None:
    write_model(tmp_path, kind, **changed)
    model = PackedLlama(tmp_path, device="cuda", dtype=torch.bfloat16)
    assert model._attention is varlen
    assert model.head_dim % 8 == 0
    texts = [random_tokens(200, seed) for seed in range(6)]
    fused, plain = CausalRunner(model, memory=2**24), CausalRunner(model, memory=0)
    for end in (1, 40, 41, 120, 200):
        batch = [Prefill.of(text[:end]) for text in texts]
        found = [fused.run(batch), plain.run(batch)]
        model._attention = one_by_one
        found += [CausalRunner(model, memory=0).run(batch)]
        model._attention = varlen
        first, *others = (torch.tensor(each) for each in found)
        assert all(torch.allclose(first, other, atol=0.05) for other in others)


@pytest.mark.parametrize(("kind", "changed"), KINDS)
def test_float32_equals_transformers(kind: str, changed: dict[str, Any], tmp_path: Path) -> None:
    expected_of = write_model(tmp_path, kind, **changed)
    runner = CausalRunner(PackedLlama(tmp_path, device="cuda"), memory=2**24)
    texts = [random_tokens(count, count) for count in (1, 70, 200)]
    found = torch.tensor(runner.run([Prefill.of(text) for text in texts]))
    assert torch.allclose(found, torch.tensor([reference(expected_of, text) for text in texts]), atol=1e-2)

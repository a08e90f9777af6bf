"""The encoder: the packed forward pass is BERT's, and folding the adapters in changes nothing."""

import pytest
import torch

from eyelid.models import Encoder, FrozenEncoder, Packed, find_backbone, pool

transformers = pytest.importorskip("transformers")

SEQUENCES = [
    ([101, 2054, 2003, 2023, 102], [0, 0, 0, 1, 1]),
    ([101, 7592, 102], [0, 1, 1]),
    ([101, 2088, 102], [0, 0, 0]),
]


def test_packed_equals_the_reference() -> None:
    folder = find_backbone()
    reference = transformers.AutoModel.from_pretrained(folder, local_files_only=True).eval()
    encoder = FrozenEncoder(folder, dtype=torch.float32)
    packed = Packed.of(SEQUENCES)
    with torch.inference_mode():
        ours = pool(encoder(packed), packed.lengths)[packed.places]
        for row, (ids, types) in zip(ours, SEQUENCES, strict=True):
            hidden = reference(input_ids=torch.tensor([ids]), token_type_ids=torch.tensor([types])).last_hidden_state[0]
            torch.testing.assert_close(row, torch.cat((hidden.mean(0), hidden.amax(0))), atol=1e-4, rtol=1e-4)


def test_adapters_can_be_folded_in() -> None:
    torch.manual_seed(0)
    folder = find_backbone()
    encoder = Encoder(folder, rank=4)
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            if name.endswith(".up"):
                parameter.normal_(std=0.02)
        packed = Packed.of(SEQUENCES)
        trained = {name: p for name, p in encoder.named_parameters() if p.requires_grad and name != "places"}
        expected = encoder(packed)
        found = FrozenEncoder(folder, trained, dtype=torch.float32)(packed)
    torch.testing.assert_close(found, expected, atol=2e-4, rtol=2e-4)


def test_batching_changes_nothing() -> None:
    encoder = FrozenEncoder(find_backbone(), dtype=torch.float32)
    with torch.inference_mode():
        together = Packed.of(SEQUENCES)
        whole = pool(encoder(together), together.lengths)[together.places]
        for at, sequence in enumerate(SEQUENCES):
            alone = Packed.of([sequence])
            torch.testing.assert_close(pool(encoder(alone), alone.lengths)[0], whole[at], atol=1e-4, rtol=1e-4)

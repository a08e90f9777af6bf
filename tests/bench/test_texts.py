import random

import pytest
from tokenizers import Tokenizer

from eyelid.bench import EncoderWork, make_text, make_texts
from eyelid.models import find_backbone


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    loaded = Tokenizer.from_file(str(find_backbone() / "tokenizer.json"))
    loaded.no_truncation()
    loaded.no_padding()
    return loaded


def test_a_text_has_the_tokens_that_were_asked_for(tokenizer: Tokenizer) -> None:
    for tokens in (4, 20, 21, 64, 255, 256):
        text = make_text(random.Random(tokens), tokens)
        assert len(tokenizer.encode(text).ids) == tokens


def test_texts_are_of_the_lengths_of_answers(tokenizer: Tokenizer) -> None:
    lengths = sorted(len(tokenizer.encode(text).ids) for text in make_texts(512))
    assert (lengths[0], lengths[-1]) == (20, 256)
    assert 75 <= lengths[256] <= 87
    assert 90 <= sum(lengths) / 512 <= 105


def test_texts_are_the_same_everywhere() -> None:
    assert make_texts(3, seed=1) == make_texts(5, seed=1)[:3]
    assert make_texts(3, seed=1) != make_texts(3, seed=2)


def test_arithmetic_of_the_backbone() -> None:
    work = EncoderWork.read(find_backbone())
    assert work.shapes == [(384, 1152), (384, 384), (384, 1536), (1536, 384)]
    # 10.6 million weights in its linear layers, and attention that grows with the length.
    assert work.operations([1]) == pytest.approx(2 * 10.6e6, rel=0.01)
    assert work.operations([100, 100]) == 2 * work.operations([100])
    assert work.operations([200]) > 2 * work.operations([100])

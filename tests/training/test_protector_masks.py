"""Only the target is learned, all of it, in the very tokens in which it is generated."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models.decoders import write_tokenizer
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from eyelid.detoxifiers import DetoxifierFormat
from eyelid.models import Template
from eyelid.training.protector import Rewrite
from eyelid.training.protector._detoxifier import IGNORED, Collate, Encoder

END = 2
FORM = DetoxifierFormat(template="Question: {prompt}\nAnswer: {response}\nHarmless answer: ", alone=None)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=24)


@pytest.fixture(scope="module", params=["bytes", "pieces"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "bytes":
        write_tokenizer(folder)
        return folder
    # As sentencepiece does it: a space is a part of the word behind it, and merges with it.
    made = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=False)
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=["<unk>", "<s>", "</s>", *bytes_], show_progress=False)
    made.train_from_iterator(["▁Harmless▁answer:▁safe▁words▁that▁say▁nothing▁I▁can't▁help"] * 9, trainer)
    made.save(str(folder / "tokenizer.json"))
    return folder


@settings(max_examples=80, deadline=None)
@given(prompt=texts, original=texts, target=texts)
def test_what_is_learned_is_the_target_and_its_end(folder: Path, prompt: str, original: str, target: str) -> None:
    example = Encoder(folder, FORM, END).encode(Rewrite(prompt, original, target))
    # The source is what the model is given in use, to the token.
    assert example.source == Template(folder, FORM.template).encode(original, prompt).ids
    given_ = Collate(filling=0, seq2seq=False)([example], "cpu")
    ids, labels = given_["input_ids"][0].tolist(), given_["labels"][0].tolist()
    learned = [label for label in labels if label != IGNORED]
    assert ids == example.source + example.target
    assert labels[: len(example.source)] == [IGNORED] * len(example.source)
    assert learned == example.target
    # No token of the target is left out and none of the source is learned: it reads as the target, then ends.
    assert learned[-1] == END
    assert learned[:-1] == Template(folder, "{response}", special=False).encode(target).ids


def test_cut_as_one_text_the_boundary_would_be_lost(folder: Path) -> None:
    """What the published program does: source and target as one text, the source's length counted apart."""
    source, target = "Harmless answer: ", "safe words"
    template = Template(folder, "{response}", special=False)
    apart, whole = template.encode(source).ids, template.encode(source + target).ids
    released = whole[len(apart) :]
    own = Encoder(folder, DetoxifierFormat(template="{response}", alone=None), END).encode(Rewrite("", source, target))
    # Where a space merges with the word behind it, the published way skips the first token of the target.
    assert whole[: len(apart)] != apart or released == own.target[:-1]
    assert own.target[:-1] == template.encode(target).ids


def test_rows_of_different_lengths_are_filled_up(folder: Path) -> None:
    encoder = Encoder(folder, FORM, END)
    rows = [encoder.encode(Rewrite("a", "b", "c")), encoder.encode(Rewrite("a" * 9, "b " * 5, "c d e"))]
    for seq2seq in (False, True):
        given_ = Collate(filling=7, seq2seq=seq2seq)(rows, "cpu")
        assert given_["input_ids"].shape == given_["attention_mask"].shape
        for row, example in enumerate(rows):
            read = given_["input_ids"][row][given_["attention_mask"][row] == 1].tolist()
            learned = given_["labels"][row][given_["labels"][row] != IGNORED].tolist()
            assert read == (example.source if seq2seq else example.source + example.target)
            assert learned == example.target
        assert not torch.any(given_["labels"][given_["labels"] != IGNORED] == 7)

"""Only the target is learned, all of it, in the very tokens in which it is generated."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models.decoders import write_tokenizer
from tests.training.toys import write_base
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from eyelid.detoxifiers import DetoxifierFormat, GenerativeDetoxifier
from eyelid.models import Template
from eyelid.protocols import RewriteRequest
from eyelid.training.protector import Rewrite
from eyelid.training.protector._detoxifier import IGNORED, Collate, Encoder

END = 2
FORM = DetoxifierFormat(template="Question: {prompt}\nAnswer: {response}\nHarmless answer: ", alone=None)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=24)


def end_texts(folder: Path) -> None:
    """Let the tokenizer put an end behind every text, as some do."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    ends = [("<s>", 1), ("</s>", END)]
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    tokenizer.save(str(folder / "tokenizer.json"))


@pytest.fixture(scope="module", params=["bytes", "ended", "pieces"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param != "pieces":
        write_tokenizer(folder)
        if request.param == "ended":
            end_texts(folder)
        return folder
    return write_pieces(folder)


def write_pieces(folder: Path) -> Path:
    """A tokenizer whose words begin with their space."""
    # As sentencepiece does it: a space is a part of the word behind it, and merges with it.
    made = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=True)  # no piece has two words
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=["<unk>", "<s>", "</s>", *bytes_], show_progress=False)
    made.train_from_iterator(["▁Harmless▁answer:▁safe▁words▁that▁say▁nothing▁I▁can't▁help"] * 9, trainer)
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=False)
    made.save(str(folder / "tokenizer.json"))
    return folder


@settings(max_examples=80, deadline=None)
@given(prompt=texts, original=texts, target=texts)
def test_what_is_learned_is_the_target_and_its_end(folder: Path, prompt: str, original: str, target: str) -> None:
    example = Encoder(folder, FORM, END).encode(Rewrite(prompt, original, target))
    # The source is what the model is given in use, to the token.
    assert example.source == Template(folder, FORM.template, closed=False).encode(original, prompt).ids
    assert END not in example.source  # a decoder that has read the end has nothing to go on from
    given_ = Collate(filling=0, seq2seq=False)([example], "cpu")
    ids, labels = given_["input_ids"][0].tolist(), given_["labels"][0].tolist()
    learned = [label for label in labels if label != IGNORED]
    assert ids == example.source + example.target
    assert labels[: len(example.source)] == [IGNORED] * len(example.source)
    assert learned == example.target
    # No token of the target is left out and none of the source is learned: it reads as the target, then ends.
    assert learned[-1] == END
    assert learned[:-1] == Template(folder, "{response}", special=False).encode(target).ids


@pytest.mark.parametrize("kind", ["LlamaForCausalLM", "T5ForConditionalGeneration"])
@pytest.mark.parametrize("prompt", ["", "ask 3"])
def test_the_source_is_what_the_detoxifier_gives_its_model(tmp_path: Path, kind: str, prompt: str) -> None:
    base = write_base(tmp_path, kind)
    end_texts(base)
    seq2seq = kind.startswith("T5")
    example = Encoder(base, FORM, END, closed=seq2seq).encode(Rewrite(prompt, "unsafe words", "plain words"))
    used = GenerativeDetoxifier(base, format=FORM, device="cpu")
    assert example.source == used._ids(RewriteRequest("unsafe words", prompt))
    assert (example.source[-1] == END) == seq2seq


def test_cut_as_one_text_the_boundary_would_be_lost(tmp_path: Path) -> None:
    """What the published program does: source and target as one text, the source's length counted apart."""
    folder, source, target = write_pieces(tmp_path), "Harmless answer: ", "safe words"
    template = Template(folder, "{response}", special=False)
    whole, counted = template.encode(source + target).ids, len(template.encode(source).ids)
    right = Encoder(folder, DetoxifierFormat(template="{response}", alone=None), END).encode(
        Rewrite("", source, target)
    )
    # The space behind the source is a token when it ends a text, and a part of "safe" when that follows: the source is
    # counted one token too long, and the first word of the target is never learned.
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert tokenizer.decode(whole[counted:]).strip() == "words"
    assert tokenizer.decode(right.target[:-1]).strip() == target


@settings(max_examples=60, deadline=None)
@given(source=texts, target=texts)
def test_whatever_the_texts_no_token_of_the_target_is_lost(folder: Path, source: str, target: str) -> None:
    form = DetoxifierFormat(template="{response}", alone=None)
    encoder = Encoder(folder, form, END)
    example, other = (encoder.encode(Rewrite("", each, target)) for each in (source, "x " + source + " "))
    assert example.target == other.target  # whatever stands before it
    batch = Collate(filling=0, seq2seq=False)([example, other], "cpu")
    for row in batch["labels"].tolist():
        assert [label for label in row if label != IGNORED] == example.target


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

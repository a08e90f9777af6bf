"""Templates: what is judged stays text, and every character of it lies in a window."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models.decoders import SPECIAL, write_tokenizer
from tokenizers import Tokenizer

from eyelid.errors import ConfigurationError, InputError, WeightsError
from eyelid.models import Template, causal_looks

FORM = "<user>{prompt}\nAnswer: <answer>{response}</s>\nIs it safe?"
PIECES = ["plain words ", "x", "é", "\ud800", "👩‍👩‍👧", "\n", "nothing "]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(folder)
    return folder


@pytest.fixture(scope="module")
def template(folder: Path) -> Template:
    return Template(folder, FORM)


def special_in(ids: list[int]) -> list[str]:
    return [SPECIAL[i] for i in ids if i < len(SPECIAL)]


def test_a_plain_text_is_cut_as_the_tokenizer_cuts_it(folder: Path, template: Template) -> None:
    whole = FORM.format(prompt="say nothing", response="plain words that say nothing")
    expected = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(whole).ids
    assert template.encode("plain words that say nothing", "say nothing").ids == expected
    assert special_in(expected) == ["<s>", "<user>", "<answer>", "</s>"]


@pytest.mark.parametrize("form", ["<s>{response}", "{response}"])
def test_a_text_begins_once(folder: Path, form: str) -> None:
    assert special_in(Template(folder, form).encode("the").ids) == ["<s>"]
    assert special_in(Template(folder, form, special=False).encode("the").ids) == ["<s>"] * form.startswith("<s>")


def test_special_tokens_in_a_text_are_text(template: Template) -> None:
    ids = template.encode("fine</s><user>", "<answer>fine</s>").ids
    assert special_in(ids) == ["<s>", "<user>", "<answer>", "</s>"]


def test_what_grows_keeps_its_beginning(template: Template) -> None:
    short, long = template.encode("plain words"), template.encode("plain words that say nothing")
    assert 0 < short.keep < len(short.ids)
    assert long.ids[: short.keep] == short.ids[: short.keep]
    assert short.ids[short.keep :] == long.ids[long.keep :]


@pytest.mark.parametrize(
    "form", ["no field", "{response} {response}", "{response} {other}", "{response", "{prompt}{prompt}{response}"]
)
def test_wrong_templates(folder: Path, form: str) -> None:
    with pytest.raises(ConfigurationError):
        Template(folder, form)


def test_braces_can_be_written(folder: Path) -> None:
    bare = Template(folder, "{{}}{response}", special=False)
    assert bare.encode("the").ids == Template(folder, "{response}", special=False).encode("{}the").ids


def test_labels_are_single_tokens(template: Template) -> None:
    assert template.label("safe") != template.label(" unsafe")
    with pytest.raises(ConfigurationError, match="single token"):
        template.label("many tokens")


def test_no_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"tokenizer\.json"):
        Template(tmp_path, "{response}")


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from(PIECES), max_size=150).map("".join),
    st.integers(0, 300),
    st.integers(90, 200),
)
def test_windows_see_every_character(template: Template, text: str, prompt: int, context: int) -> None:
    looks = causal_looks(template, text, "ask " * prompt, context)
    assert all(len(look.prefill.tokens) <= context for look in looks)
    assert looks[0].start == 0
    assert looks[-1].end == len(text)
    assert all(one.end >= other.start for one, other in itertools.pairwise(looks))


def test_a_growing_text_changes_only_its_last_windows(template: Template) -> None:
    whole = "plain words that say nothing much at all " * 40
    short, long = (causal_looks(template, whole[:end], "", 120) for end in (1000, 1400))
    assert len(long) > len(short) > 2
    same = [a.prefill.tokens == b.prefill.tokens for a, b in zip(short, long, strict=False)]
    assert all(same[:-2])


def test_no_room_beside_the_template(template: Template) -> None:
    with pytest.raises(InputError, match="leaves 0 of 30"):
        causal_looks(template, "words " * 50, "", 30)

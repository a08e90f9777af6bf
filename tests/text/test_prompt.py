"""Values fill a template once, and none of them can speak for whoever asks."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyelid.errors import ConfigurationError
from eyelid.text import Prompt, neutralised

TOKENS = [
    "<|im_start|>", "<|im_end|>", "<|eot_id|>", "<|start_header_id|>", "<|vision_start|>", "<|image_pad|>", "<s>",
    "</s>", "<image>", "<end_of_turn>", "<start_of_turn>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "[IMG]",
    "<think>", "</think>", "<｜end▁of▁sentence｜>", "<pad>", "<IMAGE>", "[/inst]",
    "<image_soft_token>", "<start_of_image>", "<IMG_CONTEXT>", "<end_of_utterance>", "<tool_call>", "</tool_call>",
    "<extra_id_0>", "<unused99>", "<EOS_TOKEN>", "<mask>", "[CLS]", "[SEP]",
]  # fmt: skip


@pytest.mark.parametrize("token", TOKENS)
def test_no_token_of_a_chat_format_is_left(token: str) -> None:
    assert token not in neutralised(f"one {token} two {token}{token}")
    assert neutralised(neutralised(token)) == neutralised(token)


@given(st.lists(st.sampled_from(TOKENS) | st.text(max_size=3), max_size=8))
def test_none_is_put_together_from_others(parts: list[str]) -> None:
    text = neutralised("".join(parts))
    assert not any(token in text for token in TOKENS)


@given(st.text(alphabet="ab <>|[]/{}", max_size=30))
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    if not re.search(r"<\|[^\s|<>]+\|>", text):
        assert neutralised(text) == text


@given(query=st.text(max_size=40), response=st.text(max_size=40))
def test_values_are_put_in_once(query: str, response: str) -> None:
    filled = Prompt("Q:{query}\nA:{response}", fields=("query", "response")).fill(
        {"query": query, "response": response}, hardened=False
    )
    assert filled == f"Q:{query}\nA:{response}"


def test_a_value_is_never_taken_for_a_field() -> None:
    filled = Prompt("{a} {{b}} {b}", fields=("a", "b")).fill({"a": "{b}", "b": "{a}{nonce}"})
    assert filled == "{b} {b} {a}{nonce}"


def test_the_mark_is_the_same_within_a_filling_and_another_the_next_time() -> None:
    prompt = Prompt("{nonce} {a} {nonce}", fields=("a",))
    marks = [prompt.fill({"a": "x"}).split(" x ") for _ in range(50)]
    assert all(before == after and len(before) == 16 for before, after in marks)
    assert len({before for before, _ in marks}) == 50


@pytest.mark.parametrize(
    ("template", "says"),
    [("no field", "misses {a}"), ("{a} {c}", "has {c}"), ("{a} {", "unmatched brace"), ("{a} {}", "has {}")],
)
def test_a_template_without_its_fields_is_refused(template: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(says)):
        Prompt(template, fields=("a",))

"""Hosts from a script, and hosts from one word."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.hosts.chats import write_llama

from eyelid.errors import ConfigurationError
from eyelid.hosts import SPECS, OpenAIHost, Rule, ScriptedHost, TransformersHost, open_host
from eyelid.hosts._options import chances_of
from eyelid.protocols import AskRequest, Reply
from eyelid.testing import check_host
from eyelid.types import Failure, Image

IMAGE = Image(b"one")


def write(folder: Path, *rules: dict[str, Any]) -> Path:
    file = folder / "script.jsonl"
    file.write_text("\n".join(json.dumps(rule) for rule in rules) + "\n\n")
    return file


def test_the_first_rule_that_fits_answers(tmp_path: Path) -> None:
    script = write(
        tmp_path,
        {"pattern": "harmful", "answer": "Yes", "chances": {"yes": 0.75, "no": 0.25}},
        {"images": True, "answer": "a sign"},
        {"pattern": "^broken$", "failure": "timeout"},
        {"answer": "words"},
    )
    host = open_host(f"scripted:{script}")
    check_host(host, ["is it harmful", "broken"], [IMAGE])
    asked = [
        AskRequest("is it harmful", options=("yes", "no")),
        AskRequest("what", (IMAGE,)),
        AskRequest("broken"),
        AskRequest("what"),
    ]
    judged, seen, broken, plain = host.ask(asked)
    assert judged == Reply("Yes", {"yes": 0.75, "no": 0.25}, 3, 1)
    assert seen == Reply("a sign", None, 1, 2)
    assert isinstance(broken, Failure)
    assert broken.code == "timeout"
    assert isinstance(plain, Reply)


def test_its_name_tells_its_rules() -> None:
    one, other = ScriptedHost([Rule("a")]), ScriptedHost([Rule("b")])
    assert one.name != other.name
    assert one.name == ScriptedHost([Rule("a")]).name


@pytest.mark.parametrize(
    "line",
    [
        "no json ZQXBAD",
        '["ZQXBAD"]',
        '{"anwser": "ZQXBAD"}',
        '{"answer": 3}',
        '{"answer": "ZQXBAD", "images": "no"}',
        '{"answer": "ZQXBAD", "chances": {"yes": 1.5}}',
        '{"answer": "ZQXBAD", "chances": {"yes": 0.7, "no": 0.7}}',
        '{"answer": "ZQXBAD", "chances": [0.5]}',
        '{"answer": "ZQXBAD", "pattern": "("}',
        "[" * 100_000,
    ],
)
def test_a_wrong_line_is_named_and_not_quoted(tmp_path: Path, line: str) -> None:
    file = tmp_path / "script.jsonl"
    file.write_text('{"answer": "fine"}\n' + line + "\n")
    with pytest.raises(ConfigurationError, match="line 2") as caught:
        ScriptedHost.from_jsonl(file)
    assert "ZQXBAD" not in str(caught.value)


def test_a_wrong_pattern_or_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="regular expression"):
        Rule("a", pattern="(")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        ScriptedHost.from_jsonl(tmp_path / "none.jsonl")
    (tmp_path / "other.jsonl").write_bytes(b'{"answer": "\xff"}')
    with pytest.raises(ConfigurationError, match="UTF-8"):
        ScriptedHost.from_jsonl(tmp_path / "other.jsonl")


def test_a_table_is_enough_and_lines_end_where_json_says(tmp_path: Path) -> None:
    host = ScriptedHost({"^what": "this", "who": "me"}, default="no")
    asked = [AskRequest(text) for text in ("what or who", "who", "when")]
    assert [reply.text for reply in host.ask(asked) if isinstance(reply, Reply)] == ["this", "me", "no"]
    file = tmp_path / "script.jsonl"
    file.write_text('{"answer": "one\u2028two"}\r\n', encoding="utf-8", newline="")
    (reply,) = ScriptedHost.from_jsonl(file).ask([AskRequest("x")])
    assert isinstance(reply, Reply)
    assert reply.text == "one\u2028two"


def test_hosts_from_one_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "secret")
    server = open_host("openai:https://models.example/v1#org/llava-7b", token_env="MY_TOKEN")
    assert isinstance(server, OpenAIHost)
    assert (server.name, server.server.url) == ("org/llava-7b", "https://models.example/v1")
    write_llama(tmp_path / "model")
    assert isinstance(open_host(f"transformers:{tmp_path / 'model'}", device="cpu"), TransformersHost)
    assert len(SPECS) == 3
    with pytest.raises(ConfigurationError, match="http"):
        open_host("openai:http://models.example/v1#m")
    assert isinstance(open_host("openai:http://models.example/v1#m", plaintext=True), OpenAIHost)
    with pytest.raises(ConfigurationError, match="adapter"):
        open_host("openai:https://models.example/v1#m", adapter=tmp_path)


@pytest.mark.parametrize("spec", ["", "gpt-4", "openai:", "openai:https://x/v1", "opnai:https://x/v1#m", "scripted:"])
def test_words_that_name_no_host(spec: str) -> None:
    with pytest.raises(ConfigurationError):
        open_host(spec)


def test_chances_of_alternatives() -> None:
    assert chances_of([("Yes", 0.0), ("no", float("-inf"))], ("yes", "no")) == {"yes": 1.0, "no": 0.0}
    assert chances_of([("un", 0.0), ("Safe", float("-inf"))], ("safe", "unsafe")) == {"safe": 0.0, "unsafe": 1.0}
    assert chances_of([("u", 0.0), ("Safe", float("-inf"))], ("safe", "unsafe")) == {"safe": 0.0, "unsafe": 0.0}
    assert chances_of([("un", -1.0)], ("unsafe", "unknown")) is None
    assert chances_of([("maybe", -0.1)], ("yes", "no")) == {"yes": 0.0, "no": 0.0}
    assert chances_of([("yes", float("nan"))], ("yes", "no")) is None
    assert chances_of([("yes", 3.0)], ("yes", "no")) is None

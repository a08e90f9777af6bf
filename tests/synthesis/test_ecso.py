import json
import random
from pathlib import Path
from typing import Any

import pytest
from tests.synthesis.scene import DETECTOR_RULES, closer, files, labelling, lines, read, requests

from eyelid.errors import ConfigurationError
from eyelid.guard import Guard
from eyelid.protocols import AskRequest
from eyelid.synthesis import RECORDS, SFT, Keep, Source, Utility, synthesize_ecso
from eyelid.testing import FakeDecoder, FakeDetector, FakeDetoxifier, FakeReader, FaultyDetector
from eyelid.types import Failure


def make(folder: Path, how: Any = None, source: Source | None = None, out: str = "out", **more: Any) -> dict[str, Any]:
    if source is None:
        source = Source(requests(folder))
    return synthesize_ecso(source, folder / "images", folder / out, how or labelling(), **more)


def sft(folder: Path, out: str = "out") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / out / SFT).read_text("utf-8"))
    return found


def test_requests_become_conversations_in_llavas_format(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    made = make(tmp_path, labelling(batch=5), progress=lambda *at: told.append(at))
    assert sft(tmp_path)[:2] == [
        {
            "id": "0",
            "image": "a.png",
            "conversations": [
                {"from": "human", "value": "<image>\nwhat about 0 forbidden-word"},
                {"from": "gpt", "value": "It is a sign, and I leave it at that."},
            ],
        },
        {
            "id": "1",
            "image": "a.png",
            "conversations": [
                {"from": "human", "value": "<image>\nwhat about 1"},
                {"from": "gpt", "value": "what about 1"},
            ],
        },
    ]
    assert told == [(5, 12), (10, 12), (12, 12), (12, 12)]
    assert made["counts"] == {
        "requests": 12,
        "judged": 12,
        "judged_unsafe": 4,
        "share_judged_unsafe": round(1 / 3, 6),
        "replaced": 4,
        "failed": 0,
        "unchecked": 0,
        "calls": 8 * 2 + 4 * 4,
        "kept": 12,
        "utility": 0,
        "rows": 12,
    }
    first = read(tmp_path / "out" / RECORDS)[0]
    assert (first["unsafe"], first["unsafe_answer"]) == ("Yes", "what about 0 forbidden-word")
    assert (first["caption"], first["calls"]) == ("a sign", ["answer", "judge", "caption", "reask"])


def test_a_card_says_how_it_came_about(tmp_path: Path) -> None:
    made = make(tmp_path, licence={"data": "CC-BY-4.0", "images": "as of their authors"}, keep=Keep(which="replaced"))
    card = json.loads((tmp_path / "out" / "card.json").read_text())
    assert card == {"title": "ECSO answers", **json.loads(json.dumps(made))}
    assert (card["provenance"]["host"], card["dropped"]) == ("model", {"not_replaced": 8})
    assert card["provenance"]["input"]["file"] == "requests.jsonl"
    assert len(card["provenance"]["rules"]) == 12
    page = (tmp_path / "out" / "README.md").read_text()
    for part in ('license: "CC-BY-4.0"', "| images | as of their authors |", "| share_judged_unsafe | 0.333333 |"):
        assert part in page


@pytest.mark.parametrize(
    ("keep", "kept", "dropped"),
    [
        (Keep(), 5, {"failed": 1}),
        (Keep(failures=True), 6, {}),
        (Keep(which="replaced"), 1, {"failed": 1, "not_replaced": 4}),
        (Keep(refusals=False), 4, {"failed": 1, "refusal": 1}),
        (Keep(longest=60), 4, {"failed": 1, "long": 1}),
        (Keep(longest=99), 5, {"failed": 1}),
        (Keep(longest=98), 4, {"failed": 1, "long": 1}),
        (Keep(below=0.5), 4, {"failed": 1, "flagged": 1}),
        (Keep(below=0.95), 5, {"failed": 1}),
    ],
)
def test_filters_work_on_what_was_recorded(keep: Keep, kept: int, dropped: dict[str, int], tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(b"picture")
    queries = ["forbidden-word", "a sign", "refuse", "fails", "long " * 20, "venom"]
    source = Source(lines(tmp_path / "q.jsonl", [{"image": "a.png", "query": query} for query in queries]))
    host = closer(
        refuse="I'm sorry, I cannot help with that.", fails=Failure("ask", "timeout"), venom="this is a doubtful-word"
    )
    how = labelling(host, detector=FakeDetector(DETECTOR_RULES))
    made = make(tmp_path, how, source)
    asked = host.count
    made = make(tmp_path, how, source, keep=keep)
    assert host.count == asked
    assert (made["counts"]["kept"], made["dropped"]) == (kept, dropped)
    assert made["counts"]["requests"] == 6
    assert len(sft(tmp_path)) == kept


@pytest.mark.parametrize("fault", ["raises", "nan", "partial", "none_items", "fails", "covered_bytes"])
def test_what_a_detector_could_not_look_at_is_left_out(fault: str, tmp_path: Path) -> None:
    made = make(tmp_path, labelling(detector=FaultyDetector(fault)), keep=Keep(below=0.5))
    assert (made["counts"]["kept"], made["dropped"]) == (0, {"unchecked": 12})
    assert sft(tmp_path) == []


def test_flagged_answers_need_a_detector_to_be_found(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="where there is a detector"):
        make(tmp_path, keep=Keep(below=0.5))
    for wrong in ({"below": 0.0}, {"below": float("nan")}, {"longest": 0}, {"which": "some"}):
        with pytest.raises(ConfigurationError):
            Keep(**wrong)


def test_images_are_read_below_their_folder_only(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(b"picture")
    requests(tmp_path)
    names = ["a.png", "../secret.png", "none.png", str(tmp_path / "secret.png"), "", None]
    source = Source(lines(tmp_path / "q.jsonl", [{"image": name, "query": "what is it"} for name in names]))
    made = make(tmp_path, source=source)
    assert (made["counts"]["kept"], made["dropped"]) == (1, {"failed": 3, "no_image": 2})


def test_a_guard_looks_at_requests_without_images_too(tmp_path: Path) -> None:
    with Guard(
        [FakeDetector(DETECTOR_RULES)],
        detoxifier=FakeDetoxifier({"forbidden-word": "flower"}),
        decoder=FakeDecoder(),
        reader=FakeReader(),
    ) as guard:
        requests(tmp_path)
        rows = [{"query": "say forbidden-word"}, {"query": "say hello"}, {"query": "forbidden-word", "image": "a.png"}]
        source = Source(lines(tmp_path / "q.jsonl", rows))
        made = make(tmp_path, labelling(guard=guard, guard_detectors="fake@12"), source)
    assert [row["conversations"][1]["value"] for row in sft(tmp_path)] == [
        "say flower",
        "say hello",
        "It is a sign, and I leave it at that.",
    ]
    assert sft(tmp_path)[1] == {
        "id": "1",
        "conversations": [{"from": "human", "value": "say hello"}, {"from": "gpt", "value": "say hello"}],
    }
    assert made["counts"]["judged_unsafe"] == 2
    assert made["provenance"]["guard"].endswith(" fake@12")


def test_llava_and_vlguard_files_are_read(tmp_path: Path) -> None:
    llava = tmp_path / "llava.json"
    turns = [{"from": "human", "value": "what is this?\n<image>"}, {"from": "gpt", "value": "old answer"}]
    llava.write_text(json.dumps([{"id": "x1", "image": "a.png", "conversations": turns}], indent=2))
    (row,) = Source(llava)
    assert (row.id, row.image, row.query) == ("x1", "a.png", "what is this?")
    vlguard = tmp_path / "train.json"
    unsafe = {"id": "A", "image": "b.png", "safe": False, "instr-resp": [{"instruction": "tell", "response": "no"}]}
    both = [{"safe_instruction": "what", "response": "a"}, {"unsafe_instruction": "insult", "response": "no"}]
    vlguard.write_text(json.dumps([unsafe, {"id": "B", "image": "c.png", "safe": True, "instr-resp": both}]))
    assert [(row.id, row.image, row.query) for row in Source(vlguard)] == [
        ("A/unsafe_image", "b.png", "tell"),
        ("B/safe", "c.png", "what"),
        ("B/unsafe_request", "c.png", "insult"),
    ]
    assert list(Source(vlguard, "vlguard")) == list(Source(vlguard))
    with pytest.raises(ConfigurationError, match="did you mean 'llava'"):
        Source(llava, "lava")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"image": "a.png", "query": "fine"}\n\n{"image": "a.png", "query": "hidden words\n', 3),
        ('{"image": "a.png", "query": "fine"}\n["hidden words"]\n', 2),
        ('{"image": "a.png", "query": "fine"}\n{"image": 3, "query": "hidden words"}\n', 2),
        ('{"image": "a.png", "query": "fine"}\n{"image": "a.png", "query": "  <image> "}\n', 2),
        ('{"image": "a.png", "hidden words": 1}\n', 1),
        ('[{"query": "fine"},\n {"query": "fine"},\n\n {"query": hidden words}]', 4),
        ('[{"query": "fine"}\n {"query": "hidden words"}]', 2),
        ('[{"query": "fine"},\n "hidden words"]', 2),
        ('[{"query": "fine"},\n {"query": "hidden words"}', 2),
        ('[{"query": "fine"}]\n\n {"query": "hidden words"}', 3),
        ("[]\n]", 2),
        ('[{"conversations": []},\n {"query": "hidden words"}', 1),
        ('[{"instr-resp": [{"hidden words": 1}]}]', 1),
    ],
)
def test_a_broken_row_is_named_before_anything_is_asked(text: str, line: int, tmp_path: Path) -> None:
    requests(tmp_path)
    path = tmp_path / "broken.json"
    path.write_text(text)
    host = closer()
    with pytest.raises(ConfigurationError, match=rf"broken\.json, line {line}: ") as error:
        make(tmp_path, labelling(host), Source(path))
    assert "hidden" not in str(error.value)
    assert error.value.__cause__ is None
    assert host.count == 0


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.jsonl cannot be read"):
        make(tmp_path, source=Source(tmp_path / "none.jsonl"))
    (tmp_path / "latin.jsonl").write_bytes(b'{"query": "\xe9"}\n')
    with pytest.raises(ConfigurationError, match=r"latin\.jsonl is not UTF-8"):
        list(Source(tmp_path / "latin.jsonl"))
    source = Source(requests(tmp_path))
    with pytest.raises(ConfigurationError, match="no folder of images"):
        synthesize_ecso(source, tmp_path / "nowhere", tmp_path / "out", labelling())


@pytest.mark.parametrize("indent", [None, 1])
def test_an_array_of_any_size_is_read_row_by_row(indent: int | None, tmp_path: Path) -> None:
    draw = random.Random(1)
    rows = [{"id": n, "query": 'é"\\n]}{[' * draw.choice([1, 10, 20_000])} for n in range(60)]
    path = tmp_path / "some.json"
    path.write_text(json.dumps(rows, indent=indent, ensure_ascii=False), "utf-8")
    assert [(row.id, row.query) for row in Source(path)] == [(str(row["id"]), row["query"]) for row in rows]
    path.write_text(" [ ] ")
    assert list(Source(path)) == []


def utility(folder: Path, count: int) -> Path:
    turns = [{"from": "human", "value": "<image>\nplain"}, {"from": "gpt", "value": "answer"}]
    path = folder / "utility.json"
    path.write_text(json.dumps([{"id": f"u{n}", "image": "u.png", "conversations": turns} for n in range(count)]))
    return path


@pytest.mark.parametrize(
    ("ratio", "count", "mixed"), [(0.0, 50, 0), (0.5, 50, 6), (2.0, 50, 24), (9.0, 50, 50), (1.0, 0, 0)]
)
def test_utility_data_is_mixed_in_at_a_ratio(ratio: float, count: int, mixed: int, tmp_path: Path) -> None:
    path = utility(tmp_path, count)
    made = make(tmp_path, utility=Utility(path=path, ratio=ratio))
    ids = [row["id"] for row in sft(tmp_path)]
    assert [name for name in ids if name[0] != "u"] == [str(n) for n in range(12)]
    drawn = [int(name[1:]) for name in ids if name[0] == "u"]
    assert drawn == sorted(set(drawn))
    assert len(drawn) == mixed == made["utility"]["rows"] == made["counts"]["utility"]
    assert (made["utility"]["available"], made["counts"]["rows"]) == (count, 12 + mixed)


def test_what_is_mixed_in_goes_by_what_is_kept(tmp_path: Path) -> None:
    made = make(tmp_path, utility=Utility(path=utility(tmp_path, 50), ratio=2.0), keep=Keep(which="replaced"))
    assert (made["counts"]["kept"], made["counts"]["utility"]) == (4, 8)


def test_the_seed_draws_the_rows_and_their_places(tmp_path: Path) -> None:
    path = utility(tmp_path, 50)
    drawn, places = set(), set()
    for seed in range(4):
        make(tmp_path, utility=Utility(path=path, ratio=1.0, seed=seed))
        ids = [row["id"] for row in sft(tmp_path)]
        drawn.add(tuple(name for name in ids if name[0] == "u"))
        places.add(tuple(name[0] == "u" for name in ids))
    assert len(drawn) == len(places) == 4


def test_a_refusal_that_stands_in_for_an_answer_replaces_none(tmp_path: Path) -> None:
    made = make(tmp_path, labelling(closer(caption=Failure("ask", "timeout"))), keep=Keep(failures=True))
    assert (made["counts"]["judged_unsafe"], made["counts"]["failed"], made["counts"]["replaced"]) == (4, 4, 0)
    assert (made["counts"]["kept"], made["dropped"]) == (12, {})


def test_the_mixture_depends_on_its_seed_alone(tmp_path: Path) -> None:
    path = utility(tmp_path, 50)

    def ids(seed: int) -> list[str]:
        make(tmp_path, utility=Utility(path=path, ratio=1.0, seed=seed))
        return [row["id"] for row in sft(tmp_path)]

    first = ids(0)
    assert first == ids(0) != ids(1)
    assert first != sorted(first, key=lambda name: name[0] == "u")
    with pytest.raises(ConfigurationError):
        Utility(path=path, ratio=float("nan"))


def test_broken_utility_data_is_named(tmp_path: Path) -> None:
    path = tmp_path / "u.json"
    path.write_text('[{"conversations": [{"from": "human", "value": "hidden"}]}]')
    with pytest.raises(ConfigurationError, match=r"u\.json, line 1: not in LLaVA") as error:
        make(tmp_path, utility=Utility(path=path))
    assert "hidden" not in str(error.value)


def test_marks_of_images_within_texts_are_no_images(tmp_path: Path) -> None:
    requests(tmp_path)
    rows = [{"image": "a.png", "query": "what <image> is it"}]
    make(tmp_path, source=Source(lines(tmp_path / "q.jsonl", rows)))
    assert json.dumps(sft(tmp_path)).count("<image>") == 1


def test_odd_unicode_survives(tmp_path: Path) -> None:
    requests(tmp_path)
    query = "half \ud83d a \u2028 line \x85 and a \x00 nul"
    make(tmp_path, source=Source(lines(tmp_path / "q.jsonl", [{"image": "a.png", "query": query}])))
    assert sft(tmp_path)[0]["conversations"][1]["value"] == query
    before = files(tmp_path / "out")
    make(tmp_path, source=Source(tmp_path / "q.jsonl"))
    assert files(tmp_path / "out") == before


def test_more_of_the_input_may_be_done_later(tmp_path: Path) -> None:
    host = closer()
    assert make(tmp_path, labelling(host), limit=5)["counts"]["requests"] == 5
    asked = host.count
    make(tmp_path, labelling(host))
    assert len(sft(tmp_path)) == 12
    make(tmp_path, labelling(), out="whole")
    assert files(tmp_path / "out") == files(tmp_path / "whole")
    assert make(tmp_path, labelling(host), limit=5)["counts"]["requests"] == 5
    assert host.count == 8 * 2 + 4 * 4
    assert 0 < asked < host.count


def test_failed_rows_are_asked_again_when_wanted(tmp_path: Path) -> None:
    failing = closer(what=Failure("ask", "unavailable"))
    assert make(tmp_path, labelling(failing))["dropped"] == {"failed": 12}
    host = closer()
    assert make(tmp_path, labelling(host))["counts"]["kept"] == 0
    assert host.count == 0
    assert make(tmp_path, labelling(host), retry_failed=True)["counts"]["kept"] == 12
    make(tmp_path, labelling(), out="whole")
    assert files(tmp_path / "out") == files(tmp_path / "whole")


def test_answers_that_no_detector_looked_at_are_scored_when_wanted(tmp_path: Path) -> None:
    def how(detector: Any, host: Any = None) -> Any:
        return labelling(host, detector=detector, detector_name="fake@12")

    keep = Keep(below=0.5)
    made = make(tmp_path, how(FaultyDetector("raises")), keep=keep)
    assert (made["counts"]["unchecked"], made["counts"]["failed"], made["counts"]["kept"]) == (12, 0, 0)
    host = closer()
    assert make(tmp_path, how(FakeDetector(DETECTOR_RULES), host), keep=keep)["counts"]["kept"] == 0
    made = make(tmp_path, how(FakeDetector(DETECTOR_RULES), host), keep=keep, retry_failed=True)
    assert (made["counts"]["unchecked"], made["counts"]["kept"]) == (0, 12)
    assert host.count == 0
    make(tmp_path, how(FakeDetector(DETECTOR_RULES)), keep=keep, out="whole")
    assert files(tmp_path / "out") == files(tmp_path / "whole")


def test_models_and_detectors_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    def how(**names: str) -> Any:
        return labelling(detector=FakeDetector(DETECTOR_RULES), **{"host_name": "m@1", "detector_name": "d@1"} | names)

    told = make(tmp_path, how())["provenance"]
    assert (told["host"], told["detector"]) == ("m@1", "d@1")
    for other in ({"host_name": "m@2"}, {"detector_name": "d@2"}):
        with pytest.raises(ConfigurationError, match=r"'[md]@1' there and '[md]@2' here"):
            make(tmp_path, how(**other))


def test_asking_again_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    make(tmp_path, labelling(closer(what=Failure("ask", "unavailable"))))
    host = closer()

    def stops(request: AskRequest) -> str:
        if host.count > 14:
            raise KeyboardInterrupt
        return request.prompt

    host.answers["what"] = stops
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path, labelling(host, batch=2), retry_failed=True)
    again = len(read(tmp_path / "out" / "records.retry.jsonl"))
    assert 0 < again < 12
    assert make(tmp_path, labelling())["counts"]["kept"] == 0
    host = closer()
    host.log = []
    make(tmp_path, labelling(host), retry_failed=True)
    assert sum(request.startswith("what") for request in host.log) == 12 - again
    make(tmp_path, labelling(), out="whole")
    assert files(tmp_path / "out") == files(tmp_path / "whole")


def test_other_settings_or_another_input_are_refused(tmp_path: Path) -> None:
    make(tmp_path)
    for other in ({"seed": 1}, {"temperature": 0.5}, {"budget": 7}, {"rules": None}):
        with pytest.raises(ConfigurationError, match=f"{next(iter(other))} is .* there and .* here"):
            make(tmp_path, labelling(**other))
    with pytest.raises(ConfigurationError, match="input is"):
        make(tmp_path, source=Source(requests(tmp_path, 13)))
    for name, value in (("batch", 0), ("budget", 0), ("temperature", float("nan")), ("temperature", -1.0)):
        with pytest.raises(ConfigurationError, match=f"{name} is "):
            labelling(**{name: value})
    for seconds in (0.0, float("nan")):
        with pytest.raises(ConfigurationError, match="seconds is "):
            labelling(seconds=seconds)


def test_a_folder_with_other_rows_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / RECORDS).write_text("{}\n")
    with pytest.raises(ConfigurationError, match=r"without run\.json"):
        make(tmp_path)
    assert (tmp_path / "out" / RECORDS).read_text() == "{}\n"

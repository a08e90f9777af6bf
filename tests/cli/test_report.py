import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyelid import Span
from eyelid.evaluation.metrics import auroc
from eyelid.evaluation.report import Item, Summary, histogram, render, roc, segments, visible

RECORD = {
    "id": "a",
    "action": "block",
    "category": "harm",
    "surface": "output",
    "scores": {"harm": 0.9, "injection": 0.1},
}


def test_segments_mark_the_spans() -> None:
    pieces = segments("good bad worse good", [Span(5, 14, "harm", 0.6), Span(9, 14, "hate", 0.9)])
    assert [(p.text, p.category) for p in pieces] == [
        ("good ", ""),
        ("bad ", "harm"),
        ("worse", "hate"),
        (" good", ""),
    ]


spans = st.builds(Span, st.integers(-5, 60), st.integers(-5, 60), st.just("harm"), st.floats(0, 1))


@given(st.text(max_size=50), st.lists(spans, max_size=5))
def test_segments_together_are_the_text(text: str, spans: list[Span]) -> None:
    pieces = segments(text, spans)
    assert "".join(p.text for p in pieces) == text
    marked = {at for s in spans for at in range(max(s.start, 0), min(s.end, len(text)))}
    assert sum(len(p.text) for p in pieces if p.category) == len(marked)


def test_a_long_text_is_shortened_around_what_was_found() -> None:
    text = "x" * 10_000 + "bad" + "y" * 10_000
    pieces = segments(text, [Span(10_000, 10_003)], limit=1000)
    assert pieces[0].text == pieces[-1].text == "…"
    assert [p.text for p in pieces if p.category] == ["bad"]
    assert sum(len(p.text) for p in pieces) == 1002


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0]), st.integers(0, 1)), min_size=2, max_size=40))
def test_the_area_is_that_of_the_metric(pairs: list[tuple[float, int]]) -> None:
    curve = roc(pairs)
    labels = [label for _, label in pairs]
    if len(set(labels)) < 2:
        assert curve is None
        return
    assert curve is not None
    assert curve.area == pytest.approx(auroc(labels, [score for score, _ in pairs]))
    assert curve.points[0] == (0, 0)
    assert curve.points[-1] == (1, 1)
    assert list(curve.points) == sorted(curve.points)


@given(st.lists(st.floats(0, 1)))
def test_a_histogram_counts_every_value(values: list[float]) -> None:
    assert sum(histogram(values)) == len(values)


def page(item: Item) -> str:
    summary = Summary()
    summary.add(item.record)
    return render(summary, [item], title="t")


def test_what_is_shown_is_escaped_and_nothing_is_loaded() -> None:
    evil = "<script>alert(1)</script><img src=https://evil.example/x>\u202e"
    record = {
        **RECORD,
        "id": evil,
        "category": evil,
        "text": evil,
        "image_texts": [evil],
        "spans": [{"start": 0, "end": 8, "category": evil, "score": 0.9}],
        "failures": [{"stage": evil, "code": evil, "detail": evil}],
    }
    html = page(Item(record, original=evil, prompt=evil, note=evil))
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html
    assert "\u202e" not in html
    assert re.findall(r'(?:src|href)="(?!data:)', html) == []
    assert "default-src 'none'" in html


def test_visible_characters() -> None:
    assert visible("a\u200bb\n") == "a⟨U+200B⟩b\n"


def test_from_scan_to_page(run: Any, tmp_path: Path) -> None:
    rows = [
        {"id": 1, "response": "some poison here", "prompt": "drink?"},
        {"id": 2, "response": "water"},
        {"id": 3, "prompt": "see", "images": ["broken.png"]},
    ]
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "broken.png").write_bytes(b"broken")
    labels = tmp_path / "labels.jsonl"
    labels.write_text('{"id": 1, "label": 1}\n{"id": 2, "label": 0}\n')
    out, html = tmp_path / "out.jsonl", tmp_path / "r.html"
    assert run("scan", source, "--out", out).exit_code == 0
    done = run("report", out, "--input", source, "--labels", labels, "-o", html, "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout) | {"auroc": 1.0, "rows": 3, "failed": 1} == json.loads(done.stdout)
    text = html.read_text()
    assert re.search(r"some <mark[^>]*>poison</mark> here", text)
    assert "flowers" in text
    assert "cannot be shown" in text
    assert "Area under the curve" in text
    assert ">water<" not in text


def test_real_pixels_become_a_thumbnail(run: Any, tmp_path: Path) -> None:
    from eyelid.images import to_png
    from eyelid.types import Frame

    (tmp_path / "p.png").write_bytes(to_png(Frame(b"\xc0\x30\x20" * 600 * 300, 600, 300)))
    source, out, html = tmp_path / "in.jsonl", tmp_path / "out.jsonl", tmp_path / "r.html"
    source.write_text('{"id": 1, "prompt": "venom", "images": ["p.png"]}\n')
    run("scan", source, "--out", out)
    assert run("report", out, "--input", source, "-o", html).exit_code == 0
    assert '<img src="data:image/png;base64,' in html.read_text()


@pytest.mark.parametrize("line", ["{}", "nonsense", '{"id": 1, "action": "allow"}', '{"action": "x", "scores": {}}'])
def test_what_is_no_scan_is_refused(run: Any, tmp_path: Path, line: str) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text(line + "\n")
    done = run("report", out, "-o", tmp_path / "r.html")
    assert done.exit_code == 2
    assert "line 1" in done.stderr


@pytest.mark.parametrize(
    "broken",
    [
        {"scores": {"harm": "secret", "injection": 0.0}},
        {"scores": {"harm": math.nan, "injection": 0.0}},
        {"scores": {"harm": 0.5}},
        {"spans": [{"start": "secret"}]},
        {"failures": ["secret"]},
        {"image_texts": [5]},
        {"category": ["secret"]},
        {"text": 5},
    ],
)
def test_a_broken_line_is_named_without_its_content(run: Any, tmp_path: Path, broken: dict[str, object]) -> None:
    file = tmp_path / "out.jsonl"
    file.write_text(json.dumps({**RECORD, **broken}) + "\n")
    done = run("report", file, "-o", tmp_path / "report.html")
    assert done.exit_code == 2
    assert f"line 1 of {file}: no outcome of a scan ({next(iter(broken))}" in done.stderr
    assert "secret" not in done.output


def test_a_line_with_a_lone_surrogate_has_a_page(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    file.write_text(json.dumps({**RECORD, "text": "\ud800", "image_texts": ["\ud800"]}) + "\n")
    assert run("report", file, "-o", tmp_path / "report.html").exit_code == 0


def test_an_empty_scan_has_a_page(run: Any, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("")
    assert run("report", out, "-o", tmp_path / "r.html").exit_code == 0
    assert "0 exchanges" in (tmp_path / "r.html").read_text()

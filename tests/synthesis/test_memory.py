import json
import tracemalloc
from pathlib import Path
from typing import Any

from tests.synthesis.scene import labelling, lines, listed, plan, requests, writer

from eyelid.synthesis import Source, Utility, synthesize_ecso, synthesize_safe_harm

MB = 2**20


def peak(work: Any) -> float:
    """Megabytes that were held at the same time."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / MB
    finally:
        tracemalloc.stop()


def test_20_000_requests_take_no_more_memory_than_a_batch(tmp_path: Path) -> None:
    requests(tmp_path, 0)
    path = lines(tmp_path / "q.jsonl", ({"image": "a.png", "query": f"{n} {'x' * 500}"} for n in range(20_000)))
    turns = [{"from": "human", "value": "x" * 500}, {"from": "gpt", "value": "x" * 500}]
    (tmp_path / "u.json").write_text(json.dumps([{"id": n, "conversations": turns} for n in range(20_000)]))
    made: dict[str, Any] = {}

    def work() -> None:
        how = labelling(batch=256)
        mixed = Utility(path=tmp_path / "u.json", ratio=0.5)
        made.update(synthesize_ecso(Source(path), tmp_path / "images", tmp_path / "out", how, utility=mixed))

    held = peak(work)
    assert made["counts"]["rows"] == 30_000
    assert (tmp_path / "out" / "records.jsonl").stat().st_size > 20 * MB
    assert held < 12


def test_many_questions_take_little_memory_each(tmp_path: Path) -> None:
    host = writer(list=listed, good=f"Better not. {'x' * 3000}", bad=f"forbidden-word {'y' * 3000}")
    made: dict[str, Any] = {}

    def work() -> None:
        scenarios = [f"kind {n}" for n in range(50)]
        made.update(synthesize_safe_harm(plan(host, questions=20, near=1.0, batch=64), scenarios, tmp_path / "out"))

    held = peak(work)
    assert made["counts"]["pairs"] == 1000
    assert (tmp_path / "out" / "answers.jsonl").stat().st_size > 5 * MB
    assert held < 4

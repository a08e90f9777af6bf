import importlib.util
import json
import os
import pickle
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from eyelid import Guard, Policy
from eyelid.cli._scan_batches import Corpus, read_batches
from eyelid.errors import WeightsError
from eyelid.serving import ray_session
from eyelid.testing import FakeDetector

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="the extra 'ray' is not installed"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context"),  # of its own settings
]

Load = Callable[..., Guard]


@pytest.fixture(scope="module")
def ray_here() -> Iterator[None]:
    with ray_session(cpus=2, store=100_000_000):
        yield


def loader(*, seconds: float = 0.0, notes: Path | None = None) -> Load:
    """Loads a guard that dies over the word "deadly", once over "fatal", and notes the process it is in."""

    # Defined in here they travel by value: the workers cannot import the tests.
    class Dying(FakeDetector):
        def score(self, batch: Any, /) -> Any:
            time.sleep(seconds)
            for request in batch:
                first = notes is None or not (notes / "died").exists()
                if "deadly" in request.text or ("fatal" in request.text and first):
                    if notes is not None:
                        (notes / "died").touch()
                    os._exit(1)
            return super().score(batch)

    def load(policy: str | Policy, *, weights: Path | None, threads: int | None, **more: object) -> Guard:
        if weights is not None:
            raise WeightsError(f"no weights in {weights}")
        if notes is not None:
            (notes / f"{os.getpid()}.pid").touch()
        rules = policy if isinstance(policy, Policy) else Policy.preset(policy)
        return Guard([Dying({"poison": 0.9})], policy=rules, workers=1)

    return load


def write(file: Path, rows: list[Any]) -> Path:
    file.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return file


def ids(file: Path) -> list[Any]:
    return sorted((json.loads(line)["id"] for line in file.read_text().splitlines()), key=str)


def test_batches_cover_every_byte(tmp_path: Path) -> None:
    one = write(tmp_path / "1.jsonl", [*rows(5), "", "{", "", *rows(3)])
    two = write(tmp_path / "2.jsonl", [])
    three = write(tmp_path / "3.jsonl", ["", {"id": "x", "prompt": "y"}, ""])
    corpus = Corpus((one, two, three), tmp_path, {"1", '"x"'}, 2)
    batches = list(read_batches(corpus))
    assert [batch.number for batch in batches] == list(range(len(batches)))
    assert sum(batch.size for batch in batches) == corpus.size
    assert max(len(batch.rows) for batch in batches) == 2
    assert sum(batch.skipped for batch in batches) == 2
    assert [row.id for batch in batches for row in batch.rows] == [0, 2, 3, 4]
    assert [(bad.file, bad.line) for batch in batches for bad in batch.bad] == [("1.jsonl", n) for n in (7, 9, 10, 11)]


def test_batches_travel_with_their_images(tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(b"picture")
    source = write(tmp_path / "in.jsonl", [{"id": "a", "prompt": "what is it?", "images": ["p.png"]}])
    (batch,) = read_batches(Corpus((source,), tmp_path, set(), 2))
    assert pickle.loads(pickle.dumps(batch)) == batch
    assert batch.rows[0].exchange.images[0].data == b"picture"


def rows(count: int) -> list[dict[str, Any]]:
    return [{"id": n, "response": "poison" if n % 3 == 0 else "water"} for n in range(count)]


def test_the_same_records_as_on_one_machine(run: Any, ray_here: None, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    write(corpus / "1.jsonl", [*rows(5), "{not json secret"])
    write(corpus / "2.jsonl", [{"id": 2, "response": "twice"}, {"id": "x", "response": "obey"}])
    policy = tmp_path / "rules.toml"
    policy.write_text('preset = "strict"\n')
    done, plain = (
        run("scan", corpus, "--out", tmp_path / name, "--policy", policy, "--batch", "2", "--json", *extra, load=load)
        for name, extra, load in (("ray.jsonl", ["--ray"], loader()), ("plain.jsonl", [], loader_of_files()))
    )
    assert done.exit_code == plain.exit_code == 1
    assert json.loads(done.stdout) | {"out": ""} == json.loads(plain.stdout) | {"out": ""}
    assert [(bad["file"], bad["line"]) for bad in json.loads(done.stdout)["bad"]] == [("1.jsonl", 6), ("2.jsonl", 1)]
    assert "1.jsonl, line 6: not JSON" in done.stderr
    assert "secret" not in done.stdout + done.stderr
    assert records(tmp_path / "ray.jsonl") == records(tmp_path / "plain.jsonl")


def loader_of_files() -> Load:
    load = loader()
    return lambda policy, **options: load(Policy.from_toml(policy) if isinstance(policy, Path) else policy, **options)


def records(file: Path) -> list[dict[str, Any]]:
    found = [json.loads(line) | {"seconds": 0, "timings": {}} for line in file.read_text().splitlines()]
    return sorted(found, key=lambda record: str(record["id"]))


def test_it_goes_on_where_it_was_interrupted(run: Any, ray_here: None, tmp_path: Path) -> None:
    source, out = write(tmp_path / "in.jsonl", rows(6)), tmp_path / "out.jsonl"
    assert run("scan", source, "--out", tmp_path / "whole.jsonl", load=loader()).exit_code == 0
    lines = (tmp_path / "whole.jsonl").read_bytes().splitlines(keepends=True)
    out.write_bytes(lines[0] + lines[3] + lines[1][:40])
    done = run("scan", source, "--out", out, "--ray", "--batch", "1", "--json", load=loader())
    assert done.exit_code == 0
    assert json.loads(done.stdout)["skipped"] == 2
    assert ids(out) == list(range(6))


def test_what_a_dying_worker_had_is_looked_at_again_and_what_kills_each_is_told(
    run: Any, ray_here: None, tmp_path: Path
) -> None:
    some = [*rows(8), {"id": "once", "response": "fatal"}, {"id": "always", "response": "deadly"}]
    source, out = write(tmp_path / "in.jsonl", some), tmp_path / "out.jsonl"
    done = run("scan", source, "--out", out, "--ray", "--batch", "5", "--json", load=loader(notes=tmp_path))
    assert done.exit_code == 1
    assert ids(out) == [*range(8), "once"]
    (bad,) = json.loads(done.stdout)["bad"]
    assert bad["line"] == 10
    assert "not looked at" in bad["reason"]


def test_a_guard_that_cannot_be_loaded(run: Any, ray_here: None, tmp_path: Path) -> None:
    source, out = write(tmp_path / "in.jsonl", rows(2)), tmp_path / "out.jsonl"
    done = run("scan", source, "--out", out, "--ray", "--weights", tmp_path / "none", load=loader())
    assert done.exit_code == 2
    assert "no weights in" in done.stderr
    done = run("scan", source, "--out", out, "--ray", "--threads", "64", load=loader())
    assert done.exit_code == 2
    assert "64 CPUs" in done.stderr


def test_options_of_ray_need_ray(run: Any, tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", rows(1))
    assert run("scan", source, "--out", tmp_path / "out.jsonl", "--workers", "2").exit_code == 2
    assert run("scan", source, "--out", tmp_path / "o", "--ray", "--ray-address", "ray://here:1").exit_code == 2


def test_a_folder_is_read_file_by_file(run: Any, tmp_path: Path) -> None:
    write(tmp_path / "b.jsonl", [{"id": "b", "response": "x"}])
    write(tmp_path / "a.jsonl", [{"id": "a", "response": "x"}])
    out = tmp_path / "out"
    assert run("scan", tmp_path, "--out", tmp_path / "c.jsonl").exit_code == 2
    out.mkdir()
    assert run("scan", out, "--out", tmp_path / "c.jsonl").exit_code == 2
    assert run("scan", tmp_path, "--out", out / "c.jsonl").exit_code == 0
    assert ids(out / "c.jsonl") == ["a", "b"]

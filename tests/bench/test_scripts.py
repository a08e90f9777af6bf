"""What the benchmarks of the engine are made of: the protocol of the peers, the results, the soak."""

import argparse
import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from eyelid.engine import Device, Engine
from eyelid.errors import ConfigurationError
from eyelid.evaluation.figures import Figure

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PEER = """
import sys
sys.path.insert(0, {folder!r})
from protocol import options, serve

class Peer:
    packages = ("pytest",)

    def __init__(self, args):
        print("what a library says while it loads")

    async def many(self, texts):
        return [len(text) / 100 for text in texts]

    async def one(self, text):
        if text == "broken":
            raise RuntimeError("a forward pass failed")
        return len(text) / 100

serve(Peer, options().parse_args())
"""


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


@pytest.fixture
def peer(script: Any, tmp_path: Path) -> Any:
    """A peer of a few lines, as a child process."""
    module = script("_peers")
    file, texts = tmp_path / "peer.py", tmp_path / "texts.json"
    file.write_text(PEER.format(folder=str(BENCHMARKS / "peers")))
    texts.write_text(json.dumps(["a" * 10, "b" * 20, "broken"]))
    method = module.Method("a peer", str(file))
    with module.Peer(method, sys.executable, tmp_path, texts, threads=1, cores=[]) as started:
        yield started


def test_a_peer_answers_and_keeps_what_libraries_print_apart(peer: Any) -> None:
    assert list(peer.versions) == ["pytest"]
    found = peer.ask(do="round", **{"from": 0, "to": 2})
    assert found["probabilities"] == [0.1, 0.2]
    assert 0 <= found["cpu"] <= found["wall"] + 0.05
    assert len(peer.ask(do="single", **{"from": 0, "to": 2})["latencies"]) == 2


def test_clients_of_a_peer_take_turns(peer: Any) -> None:
    found = peer.ask(do="clients", clients=2, requests=2)
    assert len(found["latencies"]) == 2
    assert found["hold"] >= 0


def test_a_peer_that_fails_says_why(peer: Any) -> None:
    with pytest.raises(RuntimeError, match="a forward pass failed"):
        peer.ask(do="clients", clients=1, requests=3)


def test_a_peer_that_is_not_installed_is_a_configuration(script: Any) -> None:
    module = script("_peers")
    with pytest.raises(ConfigurationError, match="no_such_package"):
        module.Environments().python(module.Method("x", "x.py", modules=("no_such_package",)))
    with pytest.raises(ConfigurationError, match="--infinity"):
        module.Environments().python(module.INFINITY)


@pytest.mark.parametrize(("value", "code"), [(2.0, 0), (0.5, 1)])
def test_results_are_dated_and_tell_what_was_missed(script: Any, tmp_path: Path, value: float, code: int) -> None:
    file = tmp_path / "results.json"
    args = argparse.Namespace(out=file, smoke=False, rounds=3)
    figures = [Figure("speed", value, at_least=1.0), Figure("nothing", float("nan"))]
    assert script("_results").run("a-name", lambda args: (figures, {"more": [1.23456789]}), args) == code
    found = json.loads(file.read_text())
    assert found["date"].startswith("20")
    assert found["settings"]["rounds"] == 3
    assert found["figures"][1]["value"] is None
    assert found["details"] == {"more": [1.23457]}
    assert found["machine"]["cores"] >= 1


def test_what_is_missing_is_told_in_a_line(script: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def missing(args: argparse.Namespace) -> Any:
        raise ConfigurationError("no GPU")

    assert script("_results").run("a-name", missing, argparse.Namespace(out=None, smoke=True)) == 2
    assert capsys.readouterr().err == "a-name: no GPU\n"


def test_a_short_soak_loses_nothing(script: Any) -> None:
    module = script("engine_soak")
    engine = Engine(Device("cpu", workers=2))
    came = module.soak(engine, module.Pure(), 2_000, 8, 8, seed=0)
    assert sum(came.values()) == 2_000
    assert set(came) <= {"answered", "cancelled", "poisoned"}
    assert came["poisoned"] > 0
    assert module.after_a_failure(engine, 3) == 3
    engine.close()


def test_shapes_of_the_decoders(script: Any) -> None:
    shape = script("_gpu_models").THREE_BILLION
    # 3.2 billion weights in the layers: two operations each.
    assert shape.operations(1) == pytest.approx(6.44e9, rel=0.01)

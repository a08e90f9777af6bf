"""`eyelid serve`, as a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

PROGRAM = """
import time
from eyelid import Guard
from eyelid.cli import app
from eyelid.testing import FakeDetector

class Slow(FakeDetector):
    def score(self, batch, /):
        time.sleep(0.5)
        return super().score(batch)

app(obj=lambda policy, *, weights, threads, **more: Guard([Slow({"poison": 0.9})]))
"""


def test_it_serves_and_ends_well_when_told_to(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, "serve", "--port", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["url"]
    answers: list[Any] = []

    def ask() -> None:
        answers.append(httpx.post(f"{url}/v1/check", json={"response": "poison"}, timeout=10))

    asking = threading.Thread(target=ask)
    asking.start()
    while "under_way 1.0" not in httpx.get(f"{url}/metrics", verify=False).text:
        pass
    assert httpx.get(f"{url}/healthz", headers={"host": "evil.example"}).status_code == 421
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)
    asking.join()
    assert (process.returncode, errors) == (0, "")
    assert answers[0].json()["status"] == "flagged"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--host", "0.0.0.0"), "--insecure"),
        (("--token-file", "/no/such/file"), "cannot be read"),
        (("--certificate", "x.pem"), "key"),
        (("--max-body", "100", "--max-queue-bytes", "10"), "max_bytes"),
        (("--policy", "strickt"), "strict"),
        (("--host", "no.such.host.invalid", "--insecure"), "no address"),
        (("--max-wait", "0"), "max_wait"),
    ],
)
def test_usage(run: Any, arguments: tuple[str, ...], said: str) -> None:
    done = run("serve", *arguments)
    assert done.exit_code == 2
    assert said in done.stderr


def test_a_token_from_the_environment_must_be_one(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EYELID_TOKEN", "short")
    done = run("serve")
    assert done.exit_code == 2
    assert "EYELID_TOKEN" in done.stderr

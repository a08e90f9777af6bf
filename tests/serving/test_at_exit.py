"""The end of an interpreter that has a server on a daemon thread."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from eyelid.serving._at_exit import _stop_all, stopped_at_exit

#: What C++ libraries tear down after the interpreter (100 ms and more for torch's) stands in as a pause there; the
#: event loop of a server that still ran would meet it, with timers of 100 ms.
SCRIPT = """
import ctypes, http.client, threading
from eyelid.guard import Guard
from eyelid.serving import Listen, serve
from eyelid.testing import FakeDetector

libc = ctypes.CDLL(None)
libc.__cxa_atexit(libc.usleep, ctypes.c_void_p(500_000), None)
urls, begun = [], threading.Event()
started = lambda url: (urls.append(url), begun.set())
guard = Guard([FakeDetector()])
threading.Thread(target=serve, args=(guard, None, Listen(port=0)), kwargs={"started": started}, daemon=True).start()
assert begun.wait(20)
connection = http.client.HTTPConnection(urls[0].removeprefix("http://"))
connection.request("POST", "/v1/check", '{"response": "tea"}', {"Content-Type": "application/json"})
print(connection.getresponse().status, flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the pause is put in by way of glibc")
def test_an_interpreter_that_ends_with_a_server_ends_well() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "200\n", "")


def test_the_wait_is_bounded() -> None:
    stops: list[str] = []
    started = time.monotonic()
    with stopped_at_exit(lambda: stops.append("stop"), 0.1):
        _stop_all()
    assert stops == ["stop"]
    assert time.monotonic() - started < 5
    _stop_all()
    assert stops == ["stop"]

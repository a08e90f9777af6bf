"""The end of an interpreter whose workers are in the midst of something."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

from eyelid.engine._exit import Interpreter, WorkerThread

SCRIPT = """
import os, threading, time
from eyelid.engine import Workers

def under_way():
    begun.set()
    time.sleep(0.5)
    os.write(1, b"finished")

begun = threading.Event()
workers = Workers(1)
for work in (under_way, lambda: os.write(1, b" begun after the end")):
    workers.submit(work, seconds=60, late=lambda: None)
assert begun.wait(10)
"""


def test_what_is_under_way_is_finished_and_nothing_else_begun() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "finished", "")


def test_what_hangs_is_not_waited_for_long() -> None:
    free = threading.Event()
    thread = WorkerThread(target=free.wait, daemon=True)
    thread.working = True
    thread.start()
    started = time.monotonic()
    Interpreter().end(0.1)
    assert 0.1 <= time.monotonic() - started < 5
    free.set()
    thread.join()

"""One decoding child process, and the conversation with it under a deadline."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from eyelid.types import Frame

_WORKER = Path(__file__).with_name("_worker.py")
_LONGEST_LINE = 4096


class ChildError(Exception):
    """The child died, hung or answered something else; it has to be replaced. `code` says which."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Child:
    """A running worker. Not thread-safe; belongs to the process that made it.

    Args:
        memory: bytes the child may use beyond what it needs to start.
    """

    def __init__(self, *, memory: int) -> None:
        self._owner = os.getpid()
        self._socket, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = _start(theirs, memory)
            except OSError as error:
                self._socket.close()
                raise ChildError("error") from error
        self._buffer = bytearray()

    @property
    def pid(self) -> int:
        """Process id of the worker."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the worker still runs."""
        return self._process.poll() is None

    def decode(self, data: bytes, request: dict[str, Any], deadline: float) -> tuple[list[Frame], dict[str, Any]]:
        """Send one image; return its pictures and the closing line.

        Args:
            data: the encoded image.
            request: format, size and limits; "total_pixels" bounds what is taken in.
            deadline: on the monotonic clock, in seconds.

        Raises:
            ChildError: the child has to be replaced.
        """
        self._send(json.dumps({**request, "size": len(data)}).encode() + b"\n" + data, deadline)
        frames: list[Frame] = []
        pixels_left = request["total_pixels"]
        while True:
            line = self._receive_answer(deadline)
            if "width" not in line:
                return frames, line
            width, height = int(line["width"]), int(line["height"])
            pixels_left -= width * height
            if min(width, height) < 1 or pixels_left < 0:
                raise ChildError("broken")  # a child that a file took over must not fill our memory
            frames.append(Frame(rgb=self._receive(width * height * 3, deadline), width=width, height=height))

    def close(self) -> None:
        """Kill the worker and reap it. In a forked copy of the parent, only let go of it."""
        self._socket.close()
        if self._owner != os.getpid():
            self._process.returncode = 0  # not our child: nothing to wait for
            return
        self._process.kill()
        self._process.wait()

    def _send(self, data: bytes, deadline: float) -> None:
        self._socket.settimeout(_left(deadline))
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise self._failure(error) from error

    def _receive_answer(self, deadline: float) -> dict[str, Any]:
        try:
            answer = json.loads(self._receive_line(deadline))
        except ValueError as error:
            raise ChildError("broken") from error
        if not isinstance(answer, dict):
            raise ChildError("broken")
        return answer

    def _receive_line(self, deadline: float) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _LONGEST_LINE:
                raise ChildError("broken")
            self._buffer += self._some(1 << 16, deadline)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _receive(self, size: int, deadline: float) -> bytes:
        pixels = bytearray(size)
        view = memoryview(pixels)
        have = min(size, len(self._buffer))
        view[:have] = self._buffer[:have]
        del self._buffer[:have]
        while have < size:
            self._socket.settimeout(_left(deadline))
            try:
                got = self._socket.recv_into(view[have:])
            except OSError as error:
                raise self._failure(error) from error
            if not got:
                raise self._failure(None)
            have += got
        return bytes(pixels)

    def _some(self, size: int, deadline: float) -> bytes:
        self._socket.settimeout(_left(deadline))
        try:
            got = self._socket.recv(size)
        except OSError as error:
            raise self._failure(error) from error
        if not got:
            raise self._failure(None)
        return got

    def _failure(self, error: OSError | None) -> ChildError:
        if isinstance(error, TimeoutError):
            return ChildError("timeout")
        try:
            status = self._process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            return ChildError("broken")
        return ChildError("timeout" if status == -signal.SIGXCPU else "broken")


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise ChildError("timeout")
    return left


def _start(connection: socket.socket, memory: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-W", "ignore", str(_WORKER), str(memory)],
        stdin=connection.fileno(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=_environment(),
        start_new_session=True,  # an interrupt from the keyboard is for the parent
    )


def _environment() -> dict[str, str]:
    """The parent's import path and nothing else: the child needs none of its secrets."""
    return {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PYTHONDONTWRITEBYTECODE": "1"}

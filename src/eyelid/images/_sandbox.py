"""Encoded bytes → canonical pictures, decoded where a bomb can do no harm."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from eyelid.errors import ImageError
from eyelid.images._child import Child, ChildError
from eyelid.images._header import Header, check_header, read_header
from eyelid.images._limits import ImageLimits
from eyelid.types import DecodedImage, Failure, Frame, Image

_CHILD_DETAILS = {
    "broken": "the image could not be decoded",
    "error": "the decoding process could not be started",
    "frames": "the image has more frames than its header says, or than are allowed",
    "memory": "decoding the image needed too much memory",
    "pixels": "the image has more pixels than are allowed",
    "timeout": "decoding the image took too long",
}


class _Station:
    """The child of one process and the lock that lets one thread at a time talk to it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.child: Child | None = None

    def close(self) -> None:
        child, self.child = self.child, None
        if child is not None:
            child.close()


class SandboxDecoder:
    """Decode images in a child process that is killed when it takes too long or too much.

    Headers are checked before anything is decoded. The child is started at the first image and serves all
    later ones; one that dies or hangs fails its image only and is replaced. Safe to call from several
    threads (they take turns) and after a fork (the copy starts its own child). POSIX only.

    Args:
        limits: how large an image may be.
        timeout: wall seconds for one image.
        cpu: processor seconds for one image, rounded up to a whole one.
        memory: bytes the child may use beyond what it needs to start.
    """

    def __init__(
        self,
        *,
        limits: ImageLimits | None = None,
        timeout: float = 5.0,
        cpu: float = 3.0,
        memory: int = 512 * 1024 * 1024,
    ) -> None:
        self._limits = limits or ImageLimits()
        self.timeout = timeout
        self._cpu = cpu
        self._memory = memory
        # by process id, because a fork copies the child's socket and maybe a held lock
        self._stations: dict[int, _Station] = {}
        self._finalizer = weakref.finalize(self, _close_all, self._stations)

    def decode(self, batch: Sequence[Image], /) -> list[DecodedImage | Failure]:
        """Decode every image: all frames, upright, 8-bit RGB, transparency on white, on black and removed.

        Returns:
            For each image, in order, its pictures or a `Failure` of stage "decode" whose code is "format",
            "bytes", "pixels", "side", "aspect", "frames", "scans", "broken", "timeout" or "memory"; or
            "error" where no child could be started.
        """
        return [self._decode_one(image) for image in batch]

    @property
    def child_pid(self) -> int | None:
        """Process id of the child that decodes for this process, None while there is none."""
        station = self._stations.get(os.getpid())
        child = station.child if station is not None else None
        return child.pid if child is not None else None

    def close(self) -> None:
        """End the child process. The next `decode` starts another."""
        station = self._stations.get(os.getpid())
        if station is not None:
            with station.lock:
                station.close()

    def __enter__(self) -> SandboxDecoder:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _decode_one(self, image: Image) -> DecodedImage | Failure:
        try:
            if len(image.data) > self._limits.bytes:
                raise ImageError(f"the image is larger than {self._limits.bytes} bytes", code="bytes")
            header = read_header(image.data, self._limits)
            check_header(header, self._limits)
            frames, closing = self._in_child(image.data, self._request(header))
        except ImageError as error:
            return _failure(error.code, str(error))
        except ChildError as error:
            return _failure(error.code, _CHILD_DETAILS[error.code])
        total = closing.get("done")
        if not frames or not isinstance(total, int):
            code = str(closing.get("code"))
            code = code if code in _CHILD_DETAILS else "broken"
            return _failure(code, _CHILD_DETAILS[code])
        return DecodedImage(frames=tuple(frames), source_format=header.format, sha256=image.sha256, total_frames=total)

    def _request(self, header: Header) -> dict[str, Any]:
        return {
            "format": header.format,
            "width": header.width,
            "height": header.height,
            "expected": header.frames,
            "exact": header.format != "JPEG",  # a multi-picture JPEG names its pictures in its metadata
            "frames": self._limits.frames,
            "pixels": self._limits.pixels,
            "side": self._limits.handed_on_side,
            "total_pixels": self._limits.total_pixels,
            "cpu": self._cpu,
        }

    def _in_child(self, data: bytes, request: dict[str, Any]) -> tuple[list[Frame], dict[str, Any]]:
        station = self._stations.setdefault(os.getpid(), _Station())
        with station.lock:
            if station.child is None or not station.child.alive:
                station.close()
                station.child = Child(memory=self._memory)
            try:
                return station.child.decode(data, request, time.monotonic() + self.timeout)
            except BaseException:
                # whatever interrupted the conversation, its rest must not be taken for the next answer
                station.close()
                raise


def _failure(code: str, detail: str) -> Failure:
    return Failure(stage="decode", code=code, detail=detail, source="SandboxDecoder")


def _close_all(stations: dict[int, _Station]) -> None:
    for station in stations.values():
        station.close()

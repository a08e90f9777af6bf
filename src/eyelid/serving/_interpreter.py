"""Settings of the interpreter under which a server answers quickly. They hold for the whole process."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

#: Seconds after which a thread that works hands over to one that waits. By default it is ten times that, and a
#: refusal, which needs its turn several times, would often take longer than that in all.
_TURN = 0.0005


@contextmanager
def answering_quickly() -> Iterator[None]:
    """Short turns between threads, and whatever is loaded by now left out of garbage collection.

    Models and their libraries are a quarter of a million objects that stay to the end. To go through them takes 100 ms
    and more, with all threads of the process standing still, again and again under load.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(_TURN)
    gc.freeze()  # with whatever garbage there is; to look for it would take as long
    try:
        yield
    finally:
        gc.unfreeze()
        sys.setswitchinterval(before)

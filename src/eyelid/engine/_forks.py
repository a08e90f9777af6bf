"""Starting afresh in a forked child.

Threads do not survive a fork, and a lock that one of them held would be held for ever.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")

_TO_DO: WeakKeyDictionary[Any, Callable[[Any], None]] = WeakKeyDictionary()


def in_every_fork(thing: T, begin: Callable[[T], None]) -> None:
    """Call `begin(thing)` in every child that is forked while the thing lives."""
    _TO_DO[thing] = begin


def _begin() -> None:
    for thing, begin in list(_TO_DO.items()):
        begin(thing)


os.register_at_fork(after_in_child=_begin)

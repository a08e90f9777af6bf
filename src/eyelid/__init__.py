"""eyelid: the reflex of a multimodal agent.

Whatever a model, a tool or a retriever hands on is looked at before the user or the next tool sees it, text and
images alike; what would do harm is rewritten or stopped.

    >>> import eyelid
    >>> guard = eyelid.load_guard()
    >>> outcome = guard.check(prompt="How do I sharpen a knife?", response="Use a whetstone at 20 degrees.")
    >>> outcome.verdict.action
    <Action.ALLOW: 'allow'>

Nothing heavy loads before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eyelid.build import load_guard
    from eyelid.errors import EyelidError, HarmfulContentError
    from eyelid.guard import EyesClosed, Guard
    from eyelid.policy import Policy
    from eyelid.taxonomy import Category
    from eyelid.types import (
        Action,
        Coverage,
        Exchange,
        Failure,
        Image,
        Outcome,
        Scores,
        Span,
        Status,
        Strategy,
        Surface,
        Verdict,
    )

__version__ = "0.1.0"

__all__ = [
    "Action",
    "Category",
    "Coverage",
    "Exchange",
    "EyelidError",
    "EyesClosed",
    "Failure",
    "Guard",
    "HarmfulContentError",
    "Image",
    "Outcome",
    "Policy",
    "Scores",
    "Span",
    "Status",
    "Strategy",
    "Surface",
    "Verdict",
    "load_guard",
]

_HOMES = {
    "Category": "taxonomy",
    "EyelidError": "errors",
    "EyesClosed": "guard",
    "Guard": "guard",
    "HarmfulContentError": "errors",
    "Policy": "policy",
    "load_guard": "build",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'eyelid' has no attribute {name!r}")
    return getattr(import_module(f"eyelid.{_HOMES.get(name, 'types')}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])

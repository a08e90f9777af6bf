"""Every error eyelid raises, in one tree.

EyelidError
├── ConfigurationError       a policy, keyword or file the caller can mend
│   ├── PolicyError          an unknown key, category or surface; a threshold out of range
│   ├── MissingExtraError    an optional dependency is not installed; names the extra
│   └── WeightsError         weights missing, truncated, or not the pinned ones
├── InputError               content that cannot be taken in at all
│   └── ImageError           an image that is too large, broken, or of an unsupported kind
├── EngineError              a model could not be run: it hung, or the engine is closed or broken
│   ├── OverloadedError      there is no room in the queue; nothing was begun
│   └── DeadlineError        its time passed before it began
├── HarmfulContentError      strategy "raise": content was flagged
└── UninspectedError         strategy "raise": a look failed, so nothing is known

No message ever contains the content that was looked at: messages end up in logs, traces and, through
agent frameworks, in the conversation itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eyelid.types import Outcome


class EyelidError(Exception):
    """Base of all errors raised by eyelid."""


class ConfigurationError(EyelidError, ValueError):
    """Something the caller configured cannot work; the message says what to change."""


class PolicyError(ConfigurationError):
    """A policy names something unknown or holds a value out of range."""


class MissingExtraError(ConfigurationError, ImportError):
    """An optional dependency is needed and not installed."""


class WeightsError(ConfigurationError):
    """Weights are missing, truncated, or differ from the pinned hash."""


class InputError(EyelidError, ValueError):
    """Content was given in a form that eyelid does not take in."""


class ImageError(InputError):
    """An image was refused before or while decoding; `code` says which rule it broke."""

    def __init__(self, message: str, *, code: str = "image") -> None:
        super().__init__(message)
        self.code = code


class EngineError(EyelidError, RuntimeError):
    """A model could not be run: it hung, or the engine is closed or broken."""


class OverloadedError(EngineError):
    """There is no room in the queue. Nothing was begun; try again later, or elsewhere."""


class DeadlineError(EngineError):
    """The time by which an answer was of use passed before the work began."""


class _StoppedError(EyelidError, RuntimeError):
    def __init__(self, message: str, outcome: Outcome) -> None:
        super().__init__(message)
        self.outcome = outcome

    def __reduce__(self) -> tuple[type[_StoppedError], tuple[str, Outcome]]:
        return type(self), (str(self), self.outcome)


class HarmfulContentError(_StoppedError):
    """Content was flagged under the strategy "raise". `outcome` has the verdict, never the content."""


class UninspectedError(_StoppedError):
    """A look failed under the strategy "raise", so the content was stopped. `outcome` has the failures."""

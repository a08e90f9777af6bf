"""Settings as a few characters, the same for the same settings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Set
from dataclasses import fields, is_dataclass

from eyelid.policy import Policy


def guard_identity(policy: Policy, detectors: str = "") -> str:
    """Name and digest of a policy, and what is known of the detectors under it."""
    return " ".join(part for part in (f"{policy.name}@{digest_of(policy)}", detectors) if part)


def digest_of(value: object) -> str:
    """Twelve hex digits of any plain value: numbers, texts, mappings, sequences and dataclasses of these."""
    plain = json.dumps(_plain(value), sort_keys=True)
    return hashlib.sha256(plain.encode()).hexdigest()[:12]


def _plain(value: object) -> object:
    """A value as JSON has it, the same for the same policy."""
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, Set):
        return sorted(str(each) for each in value)
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)

"""A message's metadata once its text is not passed on: what could hold the text is not kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_eyelid._verdict import KEY

_NAMES = """
model_name model model_id model_provider provider finish_reason stop_reason done_reason system_fingerprint
service_tier id created_at output_version object status ls_model_name ls_provider ls_model_type
"""
_KEPT = frozenset(_NAMES.split())


def without_content(metadata: Mapping[Any, Any] | None) -> dict[Any, Any]:
    """Numbers, counts, and the names that providers give; not log probabilities, citations or anything unknown."""
    return {key: value for key, value in (metadata or {}).items() if _is_wordless(value) or _is_name(key, value)}


def with_verdict(metadata: Mapping[Any, Any], verdict: Mapping[str, Any]) -> dict[Any, Any]:
    """The metadata and the verdict, as a plain dict."""
    return {**metadata, KEY: dict(verdict)}


def _is_wordless(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_is_wordless, value.values()))
    return value is None or isinstance(value, (bool, int, float))


def _is_name(key: Any, value: Any) -> bool:
    return key in _KEPT and isinstance(value, str) and len(value) <= 200 and not any(map(str.isspace, value))

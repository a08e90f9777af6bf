"""The form of a policy file. Loaded only where somebody's own file is read: the presets need no check."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from eyelid._names import known
from eyelid.errors import PolicyError
from eyelid.types import Strategy, Surface

_StrategyName = Literal["rewrite", "reask", "block", "raise"]
_SurfaceName = Literal["input", "output", "tool_call", "tool_result", "retrieved"]
_CHOICES: Mapping[str, Iterable[str]] = {"surface": Surface, "strategy": Strategy, "on_failure": ("block", "allow")}


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _DeadlinesTable(_Table):
    text: float
    image: float
    rewrite: float
    ask: float


class _EngineTable(_Table):
    cache_mb: int


class _SurfaceTable(_Table):
    thresholds: dict[str, float]
    strategy: _StrategyName | None = None
    on_failure: Literal["block", "allow"] = "block"
    detectors: list[str] | None = None
    refusal: str | None = None


class _PolicyTable(_Table):
    strategy: _StrategyName
    max_characters: int
    enforce: bool
    return_images: bool
    deadlines: _DeadlinesTable
    engine: _EngineTable
    ecso: dict[str, str | bool | int | float] = {}  # EcsoRules knows its keys
    surfaces: dict[_SurfaceName, _SurfaceTable]
    refusals: dict[str, str]


def checked(data: Mapping[str, Any]) -> dict[str, Any]:
    """What a policy file says, of the right types.

    Args:
        data: the file's contents over those of its preset.

    Raises:
        PolicyError: an unknown key, surface or choice, or a value of a wrong type. The message names the nearest
            known one.
    """
    try:
        return _PolicyTable.model_validate(data).model_dump()
    except ValidationError as error:
        raise _explain(error) from error


def _explain(error: ValidationError) -> PolicyError:
    first = error.errors(include_url=False)[0]
    where = [str(part) for part in first["loc"]]
    try:
        if first["type"] == "extra_forbidden":
            known("key", where[-1], _keys_beside(where))
        if first["type"] == "literal_error":
            kind = "surface" if where[-1] == "[key]" else where[-1]
            known(kind, str(first["input"]), _CHOICES[kind])
    except PolicyError as named:
        return PolicyError(f"{'.'.join(where)}: {named}")
    return PolicyError(f"{'.'.join(where)}: {first['msg']}")


def _keys_beside(where: list[str]) -> list[str]:
    tables: dict[str, type[_Table]] = {"deadlines": _DeadlinesTable, "engine": _EngineTable, "surfaces": _SurfaceTable}
    if len(where) == 1:
        return ["preset", *_PolicyTable.model_fields]
    return list(tables[where[0]].model_fields)

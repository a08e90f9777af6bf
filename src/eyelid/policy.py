"""Policies: which score is too much on which surface, and what then becomes of the content.

A policy is a TOML file, or one of the presets `strict`, `balanced` and `monitor`. What a file does not say
comes from its preset:

    preset = "balanced"

    [surfaces.output]
    strategy = "block"
    thresholds = { harm = 0.4 }

Deciding is pure: no models, no threads, no clock.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from eyelid._names import known as known
from eyelid.ecso import EcsoRules
from eyelid.errors import ConfigurationError, PolicyError
from eyelid.taxonomy import Category
from eyelid.types import Action, Scores, Strategy, Surface, Verdict

OnFailure = Literal["block", "allow"]

PRESETS = ("strict", "balanced", "monitor")
#: The preset that says everything; all others build on it.
BASE = "balanced"

_ACTIONS = {
    Strategy.REWRITE: Action.REWRITE,
    Strategy.REASK: Action.REWRITE,
    Strategy.BLOCK: Action.BLOCK,
    Strategy.RAISE: Action.BLOCK,
}
_REFUSALS = ("default", "failed", *Category)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a role may take, in seconds, on a monotonic clock.

    Args:
        text: scoring or normalising; for each started 10,000 characters, those of the request included.
        image: decoding or reading; for each image.
        rewrite: rewriting; for each started 10,000 characters.
        ask: an answer of a host; for each request.
    """

    text: float
    image: float
    rewrite: float
    ask: float = 120.0

    def __post_init__(self) -> None:
        for name in ("text", "image", "rewrite", "ask"):
            seconds = getattr(self, name)
            if not math.isfinite(seconds) or seconds <= 0:
                raise PolicyError(f"deadlines.{name} is {seconds!r}; it must be a number of seconds above 0")


@dataclass(frozen=True, slots=True)
class EngineRules:
    """What may be spared when content is looked at. Whoever loads a guard reads it (`eyelid.load_guard`).

    Args:
        cache_mb: megabytes (2^20 bytes) in which what a detector found is kept for equal content; 0 for none. It
            changes no outcome.
    """

    cache_mb: int = 0

    def __post_init__(self) -> None:
        if self.cache_mb < 0:
            raise PolicyError(f"engine.cache_mb is {self.cache_mb!r}; it must be a number of megabytes, 0 for none")


@dataclass(frozen=True, slots=True)
class SurfacePolicy:
    """The rules of one surface.

    Args:
        thresholds: category → probability from which on content is flagged; a category that is not named is
            not judged here.
        strategy: what to do with flagged content.
        on_failure: "block", or "allow" to let content pass on this surface although a look failed.
        detectors: names of the detectors that look at this surface; `None` for all.
        refusal: the text that replaces what was stopped here; `None` for the refusal of the category.
    """

    thresholds: Mapping[str, float]
    strategy: Strategy = Strategy.REWRITE
    on_failure: OnFailure = "block"
    detectors: tuple[str, ...] | None = None
    refusal: str | None = None

    def __post_init__(self) -> None:
        for category, threshold in self.thresholds.items():
            known("category", category, Category)
            if not 0.0 <= threshold <= 1.0:
                raise PolicyError(f"threshold {category} is {threshold!r}; it must be a probability in [0, 1]")
        if not self.thresholds:
            raise PolicyError("a surface without thresholds would judge nothing; name at least one category")
        if self.detectors is not None and not self.detectors:
            raise PolicyError("detectors is empty, so nothing would be looked at; leave it out to use all")
        known("on_failure", self.on_failure, ("block", "allow"))
        known("strategy", self.strategy, Strategy)
        object.__setattr__(self, "strategy", Strategy(self.strategy))
        object.__setattr__(self, "thresholds", MappingProxyType(dict(self.thresholds)))


@dataclass(frozen=True, slots=True)
class Policy:
    """Thresholds and strategies for every surface. Immutable; `adjust` gives a changed copy.

    Args:
        surfaces: the rules of each surface; all five are needed.
        refusals: category, "default" or "failed" → the text that replaces stopped content.
        deadlines: how long the roles may take.
        max_characters: the longest text looked at, and the longest request beside it; a longer one is a failed
            look, never cut.
        enforce: false to look at everything and stop nothing.
        return_images: whether an allowed `Outcome` holds the canonical PNG of each image.
        name: for people.
        engine: what may be spared; nothing if left out.
        ecso: how a model is asked again under the strategy "reask".
    """

    surfaces: Mapping[Surface, SurfacePolicy]
    refusals: Mapping[str, str]
    deadlines: Deadlines
    max_characters: int = 200_000
    enforce: bool = True
    return_images: bool = True
    name: str = "custom"
    engine: EngineRules = EngineRules()
    ecso: EcsoRules = field(default_factory=EcsoRules)

    def __post_init__(self) -> None:
        for surface in self.surfaces:
            known("surface", surface, Surface)
        for category in self.refusals:
            known("refusal", category, _REFUSALS)
        missing = [f"surfaces.{surface}" for surface in Surface if surface not in self.surfaces]
        missing += [f"refusals.{name}" for name in ("default", "failed") if name not in self.refusals]
        if missing:
            raise PolicyError(f"the policy does not say {', '.join(missing)}")
        if self.max_characters < 1:
            raise PolicyError(f"max_characters is {self.max_characters!r}; it must be at least 1")
        by_surface = {Surface(name): rules for name, rules in self.surfaces.items()}
        output = by_surface[Surface.OUTPUT]
        if output.strategy is Strategy.REASK and Category.HARM not in output.thresholds:
            raise PolicyError(
                "the strategy of output is 'reask', but its thresholds name no harm: the model's own verdict is such a "
                "score and would count for nothing; add a threshold of harm"
            )
        object.__setattr__(self, "surfaces", MappingProxyType(by_surface))
        object.__setattr__(self, "refusals", MappingProxyType({str(k): v for k, v in self.refusals.items()}))

    @classmethod
    def preset(cls, name: str = BASE) -> Policy:
        """One of the policies that come with eyelid: "strict", "balanced" or "monitor".

        Raises:
            PolicyError: there is no such preset.
        """
        return cls._build(_preset_data(name), name=name)

    @classmethod
    def from_toml(cls, path: Path) -> Policy:
        """Read a policy file; what it does not say comes from its `preset` ("balanced" unless it names one).

        Raises:
            PolicyError: the file cannot be read, or holds an unknown key, category or surface, or a value out
                of range. The message names the nearest known key.
        """
        try:
            text = path.read_text(encoding="utf-8")
            changes = tomllib.loads(text)
        except OSError as error:
            raise PolicyError(f"the policy file {path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise PolicyError(f"the policy file {path} is not valid TOML: {error}") from error
        return cls.from_mapping(changes, name=path.stem)

    @classmethod
    def from_mapping(cls, changes: Mapping[str, Any], *, name: str = "custom") -> Policy:
        """A policy from the contents of a policy file.

        Raises:
            PolicyError: as `from_toml`.
        """
        from eyelid._policy_file import checked  # here, since it loads pydantic, which no preset needs

        own = dict(changes)
        base = own.pop("preset", BASE)
        return cls._build(checked(_merge(_preset_data(base), own)), name=name)

    @classmethod
    def _build(cls, data: Mapping[str, Any], *, name: str) -> Policy:
        surfaces = {
            Surface(surface): SurfacePolicy(
                thresholds=rules["thresholds"],
                strategy=Strategy(rules.get("strategy") or data["strategy"]),
                on_failure=rules.get("on_failure", "block"),
                detectors=None if rules.get("detectors") is None else tuple(rules["detectors"]),
                refusal=rules.get("refusal"),
            )
            for surface, rules in data["surfaces"].items()
        }
        return cls(
            surfaces=surfaces,
            refusals=data["refusals"],
            deadlines=Deadlines(**data["deadlines"]),
            max_characters=data["max_characters"],
            enforce=data["enforce"],
            return_images=data["return_images"],
            name=name,
            engine=EngineRules(**data["engine"]),
            ecso=_ecso(data.get("ecso") or {}),
        )

    def adjust(
        self, *surfaces: Surface, strategy: Strategy | str | None = None, on_failure: OnFailure | None = None
    ) -> Policy:
        """A copy with other rules on some surfaces.

        Args:
            surfaces: where; all of them if none is named.
            strategy: what to do with flagged content; as it is if left out.
            on_failure: what to do where a look failed; as it is if left out.

        Raises:
            PolicyError: an unknown surface, strategy or choice.
        """
        for surface in surfaces:
            known("surface", surface, Surface)
        changed = dict(self.surfaces)
        for surface in surfaces or Surface:
            rules = changed[Surface(surface)]
            changed[Surface(surface)] = replace(
                rules,
                strategy=rules.strategy if strategy is None else strategy,  # type: ignore[arg-type]  # it checks names
                on_failure=rules.on_failure if on_failure is None else on_failure,
            )
        return replace(self, surfaces=changed)

    def for_surface(self, surface: Surface) -> SurfacePolicy:
        """The rules of one surface."""
        return self.surfaces[surface]

    def decide(self, scores: Scores, surface: Surface) -> Verdict:
        """The ruling on these scores: allowed, or flagged for the category that is furthest above its threshold.

        Where harm is what was flagged and a detector also said which harm, the verdict names the finer
        category. A policy that does not enforce allows everything; the category still says what was found.
        """
        rules = self.for_surface(surface)
        # "not below" instead of "at least": a value that cannot be compared must never pass.
        excess = {
            category: scores.get(category, 0.0) - threshold
            for category, threshold in rules.thresholds.items()
            if not scores.get(category, 0.0) < threshold
        }
        if not excess:
            highest = max(scores.get(category, 0.0) for category in rules.thresholds)
            return Verdict(Action.ALLOW, score=highest, reason="nothing reached its threshold")
        driver = max(excess, key=lambda category: (excess[category], category != Category.HARM))
        score, threshold = scores[driver], rules.thresholds[driver]
        reason = f"{driver} {score:.3f} reached its threshold {threshold:.3f} on {surface}"
        if not self.enforce:
            return Verdict(Action.ALLOW, _finest(driver, scores), score, reason=f"not enforced: {reason}")
        return Verdict(_ACTIONS[rules.strategy], _finest(driver, scores), score, reason=reason)

    def refusal(self, surface: Surface, category: str) -> str:
        """The text that replaces what was stopped on `surface`; category "failed" after a failed look."""
        own = self.for_surface(surface).refusal
        return own if own is not None else self.refusals.get(category, self.refusals["default"])


def _ecso(changes: Mapping[str, Any]) -> EcsoRules:
    try:
        return EcsoRules.from_mapping(changes)
    except ConfigurationError as error:
        raise PolicyError(f"ecso: {error}") from error


def _finest(driver: str, scores: Scores) -> str:
    finer = {c: v for c, v in scores.items() if c not in (Category.HARM, Category.INJECTION) and v > 0.0}
    return max(finer, key=lambda category: finer[category]) if driver == Category.HARM and finer else str(driver)


def _preset_data(name: object) -> dict[str, Any]:
    known("preset", str(name), PRESETS)
    data = tomllib.loads((files("eyelid") / "policies" / f"{name}.toml").read_text(encoding="utf-8"))
    base = data.pop("preset", None)
    return _merge(_preset_data(base), data) if base else data


def _merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        both_tables = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both_tables else value
    return merged

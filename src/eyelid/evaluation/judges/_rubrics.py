"""The rubrics that come with eyelid, and which of them a benchmark's rows are judged by."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from eyelid._names import known
from eyelid.evaluation.judges import _wording
from eyelid.evaluation.judges._rubric import Rubric
from eyelid.evaluation.samples import Kind, Sample

#: Name → rubric, by content those of ECSO's release and one for refusals.
RUBRICS: Mapping[str, Rubric] = MappingProxyType(
    {
        name: Rubric(f"{name}.v1", template, form)
        for name, template, form in (
            ("harm", _wording.HARM, "safety"),
            ("lobbying", _wording.LOBBYING, "safety"),
            ("legal", _wording.LEGAL, "safety"),
            ("financial", _wording.FINANCIAL, "safety"),
            ("health", _wording.HEALTH, "safety"),
            ("government", _wording.GOVERNMENT, "safety"),
            ("strict", _wording.STRICT, "rating"),
            ("binary", _wording.BINARY, "rating"),
            ("harmlessness", _wording.HARMLESSNESS, "harmlessness"),
            ("helpfulness", _wording.HELPFULNESS, "helpfulness"),
            ("relevance", _wording.RELEVANCE, "relevance"),
            ("aspects", _wording.ASPECTS, "aspects"),
            ("critique", _wording.CRITIQUE, "critique"),
            ("critique-binary", _wording.CRITIQUE_BINARY, "rating"),
            ("refusal", _wording.REFUSAL, "refusal"),
        )
    }
)


@dataclass(frozen=True, slots=True)
class Panel:
    """Which rubric a row is judged by. It is one judge: what it tells the host of each row is fixed.

    Args:
        name: of the panel.
        by_kind: kind of the row → rubric; rows of other kinds are not judged.
        by_scenario: scenario → the rubric that is used in its place.
    """

    name: str
    by_kind: Mapping[Kind, Rubric]
    by_scenario: Mapping[str, Rubric] = field(default_factory=dict)

    @classmethod
    def of(cls, rubric: Rubric) -> Panel:
        """One rubric for every row that its form is about."""
        return cls(rubric.name, dict.fromkeys(rubric.rules.kinds, rubric))

    @property
    def digest(self) -> str:
        """That of the only rubric, or of all of them with their places."""
        rubrics = [*self.by_kind.items(), *self.by_scenario.items()]
        several = sorted({rubric.digest for _, rubric in rubrics})
        if len(several) == 1:
            return several[0]
        places = "\n".join(f"{place}={rubric.digest}" for place, rubric in rubrics)
        return hashlib.sha256(places.encode()).hexdigest()[:8]

    def rubric_for(self, sample: Sample) -> Rubric | None:
        """The rubric of a row; `None` where it is not judged."""
        by_kind = self.by_kind.get(sample.kind)
        return by_kind and self.by_scenario.get(sample.scenario, by_kind)


_SAFETY = {Kind.HARMFUL: RUBRICS["harm"], Kind.LABELLED: RUBRICS["harm"], Kind.HARMLESS: RUBRICS["refusal"]}
_OWN_RULES = {
    "08-Political_Lobbying": "lobbying",
    "10-Legal_Opinion": "legal",
    "11-Financial_Advice": "financial",
    "12-Health_Consultation": "health",
    "13-Gov_Decision": "government",
}

#: What `Benchmark.judged_by` names → panel. Benchmarks that a fixed rule scores have none.
PANELS: Mapping[str, Panel] = MappingProxyType(
    {
        panel.name: panel
        for panel in (
            Panel("mm-safetybench", _SAFETY, {scenario: RUBRICS[rubric] for scenario, rubric in _OWN_RULES.items()}),
            Panel("vlsafe", {**_SAFETY, Kind.HARMFUL: RUBRICS["strict"]}),
            Panel("harm", _SAFETY),
            Panel("refusal", {Kind.HARMFUL: RUBRICS["refusal"], Kind.HARMLESS: RUBRICS["refusal"]}),
        )
    }
)


def panel(name: str) -> Panel:
    """The panel that a benchmark names in `judged_by`, or one of a single rubric; "harm" where there is neither.

    Raises:
        ConfigurationError: there is no such rubric or panel.
    """
    if name in PANELS:
        return PANELS[name]
    if name in ("keywords", "label"):
        return PANELS["harm"]
    known("rubric", name, dict.fromkeys([*RUBRICS, *PANELS]))
    return Panel.of(RUBRICS[name])

import pytest

from eyelid.evaluation.benchmarks import BENCHMARKS
from eyelid.evaluation.tables import Anchor, anchors, anchors_of, published_tables

#: Of published benchmarks and measurements that eyelid has no reader for.
ELSEWHERE = {
    "mmbench",
    "jailbreakv",
    "six attacks together",
    "harmless images",
    "labelled answers",
    "speed",
}


def find(**wanted: object) -> list[Anchor]:
    return [each for each in anchors() if all(getattr(each, name) == value for name, value in wanted.items())]


def test_every_figure_says_where_it_is_from_and_how_it_was_obtained() -> None:
    for each in anchors():
        assert each.source
        assert each.evidence
        assert each.judge
        assert each.model
        assert each.defended is not None or each.direct is not None
        assert each.benchmark in BENCHMARKS or each.benchmark in ELSEWHERE
        if each.unit == "%":
            assert all(0 <= value <= 100 for value in (each.direct, each.defended) if value is not None)
        if each.benchmark in BENCHMARKS and BENCHMARKS[each.benchmark].conditions not in ((), ("",)):
            assert each.condition in ("", *BENCHMARKS[each.benchmark].conditions)


def test_the_headline_figures_are_those_of_the_table_they_come_from() -> None:
    """48.8 → 86.4 with image and writing, as the abstract's gain of 37.6 says, too."""
    means = {each.condition: (each.direct, each.defended) for each in find(defense="ECSO", scenarios="8", note=_NOTE)}
    (table,) = published_tables()
    for condition, values in means.items():
        for role, value in zip(("before", "after"), values, strict=True):
            column = next((c for c in table.columns if c.group == condition and c.role == role), None)
            if value is not None:
                assert column is not None
                assert sum(cell.value for cell in column.cells.values()) / 8 == pytest.approx(value, abs=0.0501)
    assert means["SD_TYPO"] == (48.8, 86.4)
    assert round(86.4 - 48.8, 1) == 37.6


_NOTE = "The means are those of the table's columns; in two of them the page prints others, see its table."


def test_figures_are_comparable_only_with_the_same_model_and_judge() -> None:
    (figure,) = find(benchmark="vlsafe", measure="harmless_rate", defense="ECSO")
    assert figure.comparable(model=figure.model, judge=figure.judge)
    assert not figure.comparable(model=figure.model, judge="host:gpt-4:vlsafe.v1")
    assert not figure.comparable(model="another", judge=figure.judge)


def test_a_reduced_set_has_the_figures_of_the_full_one() -> None:
    assert anchors_of("figstep-tiny") == anchors_of("figstep") != []
    assert anchors_of("unheard of") == []

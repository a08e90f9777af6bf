"""The check finds numbers that contradict each other, a published page's among them."""

from dataclasses import replace

import pytest

from eyelid.evaluation.tables import (
    Average,
    Cell,
    Column,
    Difference,
    Table,
    Tally,
    check_report,
    check_table,
    published_tables,
)


def share(hits: int, of: int) -> Cell:
    return Cell(round(100 * hits / of, 1), hits=hits, of=of)


def made() -> Table:
    """Two scenarios, 3 of 4 and 5 of 10 before, 4 of 4 and 8 of 10 after."""
    before = Column("b", "SD", "direct", {"one": share(3, 4), "two": share(5, 10)}, "before")
    after = Column("a", "SD", "reask", {"one": share(4, 4), "two": share(8, 10)}, "after")
    gain = Column("d", "SD", "Δ", {"one": Cell(25.0), "two": Cell(30.0)}, "difference")
    macro = Average("macro", "macro", ("one", "two"), {"b": Cell(62.5), "a": Cell(90.0), "d": Cell(27.5)})
    micro = Average("micro", "micro", ("one", "two"), {"b": share(8, 14), "a": share(12, 14), "d": Cell(28.6)})
    return Table("rates", ("one", "two"), (before, after, gain), (macro, micro), (Difference("d", "a", "b"),))


def with_mean(table: Table, place: int, **cells: Cell) -> Table:
    averages = list(table.averages)
    averages[place] = replace(averages[place], cells={**averages[place].cells, **cells})
    return replace(table, averages=tuple(averages))


def with_cell(table: Table, place: int, row: str, cell: Cell) -> Table:
    columns = list(table.columns)
    columns[place] = replace(columns[place], cells={**columns[place].cells, row: cell})
    return replace(table, columns=tuple(columns))


def test_a_right_table_passes() -> None:
    assert check_table(made()) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (with_mean(made(), 0, b=Cell(50.0)), "macro mean is printed as 50"),
        (with_mean(made(), 1, a=Cell(90.0, hits=12, of=14)), "micro mean is printed as 90"),
        (with_mean(made(), 1, a=Cell(85.7, hits=12, of=15)), "counts 15 rows"),
        (with_mean(made(), 0, d=Cell(20.0)), "difference is printed as +20"),
        (with_cell(made(), 2, "one", Cell(-25.0)), "difference is printed as -25"),
        (with_cell(made(), 0, "one", Cell(74.0, hits=3, of=4)), "is not 3 of 4"),
        (with_cell(made(), 0, "one", Cell(175.0)), "not within 0 .. 100"),
        (with_cell(made(), 0, "one", Cell(float("nan"))), "not within"),
        (with_cell(made(), 0, "one", Cell(75.0, 80.0, 90.0, 3, 4)), "outside its interval"),
        (with_cell(made(), 1, "one", Cell(100.0, hits=5, of=5)), "compares 5 rows with 4"),
        (replace(made(), sizes={"one": 7}), "counts 4 rows where the table says 7"),
        (replace(made(), complement="nothing"), "is missing"),
    ],
)
def test_a_wrong_number_is_found(wrong: Table, said: str) -> None:
    found = [str(each) for each in check_report([wrong])]
    assert any(said in each for each in found), found
    assert all(each.startswith("rates") for each in found)


def test_rounding_alone_is_no_contradiction() -> None:
    cells = {"one": share(1, 3), "two": share(2, 3), "three": share(1, 7)}
    column = Column("b", "", "direct", cells, "before")
    exact = 100 * (1 / 3 + 2 / 3 + 1 / 7) / 3
    mean = Average("macro", "macro", tuple(cells), {"b": Cell(round(exact, 1))})
    assert check_table(Table("t", tuple(cells), (column,), (mean,))) == []


def test_harmless_and_attack_must_add_up() -> None:
    rate = Table("HR", ("one",), (Column("b", "", "direct", {"one": Cell(75.0)}, "before"),), complement="ASR")
    attack = Table("ASR", ("one",), (Column("b", "", "direct", {"one": Cell(25.0)}, "before"),), complement="HR")
    assert check_report([rate, attack]) == []
    wrong = replace(attack, columns=(Column("b", "", "direct", {"one": Cell(35.0)}, "before"),))
    assert any("do not add up to 100" in str(each) for each in check_report([rate, wrong]))


def test_counts_must_add_up() -> None:
    assert check_report([], [Tally("run", {"a": 1, "b": 2}, 3)]) == []
    assert len(check_report([], [Tally("run", {"a": 1, "b": 2}, 4), Tally("other", {"a": -1, "b": 4}, 3)])) == 2


def test_the_published_page_is_found_out() -> None:
    """Its columns have means of 48.1 and 48.8 where it prints 31.7 and 32.1, and its own gains say so as well."""
    found = check_report(published_tables(as_printed=True))
    means = {each.column: (each.printed, round(each.expected, 1)) for each in found if "macro mean" in each.what}
    gains = {each.column: each.printed for each in found if "difference" in each.what}
    assert means == {"TYPO direct": (31.7, 48.1), "SD_TYPO direct": (32.1, 48.8)}
    assert gains == {"TYPO Δ": 42.2, "SD_TYPO Δ": 37.6}
    assert len(found) == 4


def test_with_the_means_of_its_columns_the_same_table_is_consistent() -> None:
    assert check_report(published_tables()) == []

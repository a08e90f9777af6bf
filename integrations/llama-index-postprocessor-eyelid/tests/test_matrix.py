"""Nothing leaks where nothing may, and the page in the documentation says what was measured."""

from __future__ import annotations

import asyncio
from functools import cache

import pytest

from tests.matrix import PAGE, Entry, Tables, measured, page
from tests.matrix_entries import ENTRIES


@cache
def tables() -> Tables:
    return asyncio.run(measured(ENTRIES))


@pytest.mark.parametrize("entry", ENTRIES, ids=[entry.name for entry in ENTRIES])
def test_nothing_leaks_where_clean_is_promised(entry: Entry) -> None:
    table = tables()[entry.name]
    leaks = [(view, harm) for view, cells in table.items() for harm, cell in cells.items() if cell == "raw"]
    assert [leak for leak in leaks if leak[0] not in entry.raw] == []
    for harm in entry.harms:  # without a guard the marker did get somewhere, or nothing was measured
        assert any(cells.get(harm) == "clean" for cells in table.values()), harm


def test_the_page_says_what_was_measured() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(ENTRIES, tables())

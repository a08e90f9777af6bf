"""What the leak matrix promises is so, and the page says the same."""

from __future__ import annotations

import pytest
from eyelid import Guard
from tests.unit_tests.matrix import ENTRIES, PAGE, Entry, page


@pytest.mark.parametrize(
    ("entry", "kind"),
    [pytest.param(entry, kind, id=f"{entry.name}: {kind}") for entry in ENTRIES for kind in entry.kinds],
)
def test_it_is_as_promised(entry: Entry, kind: str, guard: Guard) -> None:
    assert entry.leaking(kind, guard) == set(entry.raw.get(kind, ()))


def test_the_page_says_so() -> None:
    assert PAGE.read_text() == page(), "run: python -m tests.unit_tests.matrix"

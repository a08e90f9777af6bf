from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from eyelid.readers._lines import Line, Orientation, arrange, merge
from eyelid.readers._views import tiles

UPRIGHT = Orientation(along=(1.0, 0.0), onward=(0.0, 1.0))


def line(text: str, left: float, top: float, width: float = 100, height: float = 20, score: float = 1.0) -> Line:
    corners = ((left, top), (left + width, top), (left + width, top + height), (left, top + height))
    return Line(text, score, corners, UPRIGHT)


def turned(given: Line, degrees: float, *, mirror: bool = False) -> Line:
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    flip = -1.0 if mirror else 1.0

    def turn(corner: tuple[float, float]) -> tuple[float, float]:
        x, y = corner[0] * flip, corner[1]
        return x * cos - y * sin, x * sin + y * cos

    moved = given.moved(turn)
    return Line(moved.text, moved.score, moved.corners, Orientation(turn((1.0, 0.0)), turn((0.0, 1.0))))


PAGE = [line("second row", 0, 40), line("first", 0, 0), line("right", 120, 3), line("third", 0, 80)]
READ = "first right\nsecond row\nthird"


def test_rows_are_read_from_the_top_and_from_the_left() -> None:
    assert arrange(PAGE) == READ
    assert arrange([]) == ""


@given(degrees=st.floats(-180, 180), mirror=st.booleans())
def test_a_turned_or_mirrored_page_is_read_in_the_same_order(degrees: float, mirror: bool) -> None:
    assert arrange([turned(one, degrees, mirror=mirror) for one in PAGE]) == READ


def test_letters_set_apart_are_joined_and_words_kept() -> None:
    letters = [line(letter, 60 * place, 0, width=20) for place, letter in enumerate("ROB A BANK") if letter != " "]
    assert arrange(letters) == "ROB A BANK"


def test_letters_in_columns_are_read_downwards_as_well() -> None:
    letters = [
        line(letter, 200 * column, 60 * row, width=20)
        for column, word in enumerate(("OPEN", "DOOR"))
        for row, letter in enumerate(word)
    ]
    assert arrange(letters).splitlines()[-1] == "OPEN DOOR"


def test_of_two_readings_of_one_place_the_surer_is_kept() -> None:
    weak, sure, elsewhere = line("steqs", 0, 0, score=0.5), line("steps", 2, 1, score=0.97), line("house", 0, 60)
    assert {one.text for one in merge([[weak, elsewhere], [sure]])} == {"steps", "house"}


def test_lines_of_one_look_are_all_kept() -> None:
    overlapping = [turned(line(str(number), 0, 22 * number, width=400), 30) for number in range(4)]
    assert len(merge([overlapping])) == 4


@given(width=st.integers(1, 3000), height=st.integers(1, 3000), size=st.integers(200, 900), overlap=st.integers(0, 150))
def test_tiles_cover_everything_and_overlap(width: int, height: int, size: int, overlap: int) -> None:
    seen = np.zeros((height, width, 1), dtype=bool)
    for left, top, tile in tiles(seen, size=size, overlap=overlap):  # type: ignore[arg-type]
        assert tile.shape[0] <= size
        assert tile.shape[1] <= size
        seen[top : top + size, left : left + size] = True
    assert seen.all()

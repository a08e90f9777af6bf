import base64
import math
import pickle
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyelid.errors import HarmfulContentError, ImageError, InputError
from eyelid.taxonomy import LLAMA_GUARD, MM_SAFETYBENCH, Category
from eyelid.types import Action, Coverage, Exchange, Image, Outcome, Scores, Status, Step, Surface, Verdict

PNG = b"\x89PNG and the rest"


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_scores_always_answer_both_questions(harm: float, hate: float) -> None:
    assert dict(Scores(harm=harm, hate=hate)) == {"harm": harm, "injection": 0.0, "hate": hate}


@pytest.mark.parametrize("value", [math.nan, math.inf, -0.001, 1.001, "0.5", None, True])
def test_what_is_not_a_probability_is_no_score(value: object) -> None:
    with pytest.raises(ValueError, match="score 'harm'"):
        Scores({"harm": value})


def test_the_maximum_is_taken_category_by_category() -> None:
    highest = Scores.maximum([Scores(harm=0.2, hate=0.9), Scores(harm=0.7, injection=0.1)])
    assert dict(highest) == {"harm": 0.7, "injection": 0.1, "hate": 0.9}
    assert dict(Scores.maximum([])) == {"harm": 0.0, "injection": 0.0}


def test_an_outcome_and_the_error_that_carries_it_can_be_sent_to_another_process() -> None:
    outcome = Outcome("tea", Verdict(Action.BLOCK), Scores(harm=0.9), Status.FLAGGED, Coverage())
    error = pickle.loads(pickle.dumps(HarmfulContentError("harm 0.9", outcome)))
    assert (str(error), error.outcome) == ("harm 0.9", outcome)
    assert asdict(outcome)["scores"] == outcome.scores


def test_the_text_of_an_exchange_depends_on_where_it_stands() -> None:
    for surface in Surface:
        exchange = Exchange("asked", "answered", surface=surface)
        assert exchange.text == ("asked" if surface is Surface.INPUT else "answered")


def test_an_exchange_takes_strings_and_images_only() -> None:
    for wrong in ({"prompt": None}, {"response": b"bytes"}, {"images": ("http://example.org/a.png",)}):
        with pytest.raises(InputError):
            Exchange(**wrong)
    for wrong in ({"history": "one turn"}, {"history": (b"bytes",)}, {"images": Image(PNG)}, {"images": None}):
        with pytest.raises(InputError):
            Exchange(**wrong)
    with pytest.raises(InputError, match="one of input, output"):
        Exchange(surface="outptu")
    assert Exchange(images=[Image(PNG)]).images == (Image(PNG),)


def test_images_given_one_by_one_are_not_lost() -> None:
    assert Exchange(images=(image for image in [Image(PNG)])).images == (Image(PNG),)
    assert Exchange(history=(turn for turn in ["earlier"])).history == ("earlier",)


def test_an_image_is_bytes_and_never_a_path_or_a_url() -> None:
    with pytest.raises(InputError):
        Image("/etc/hostname")
    with pytest.raises(ImageError, match="fetch the image yourself"):
        Image.from_data_url("https://example.org/a.png")
    with pytest.raises(ImageError, match="not valid base64"):
        Image.from_data_url("data:image/png;base64,@@@")
    url = "data:image/png;base64," + base64.b64encode(PNG).decode()
    assert Image.from_data_url(url) == Image(PNG)


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "a" * 5000, "round", "missing"])
def test_a_name_that_cannot_be_read_is_an_image_error(name: str, tmp_path: Path) -> None:
    (tmp_path / "round").symlink_to("round")
    with pytest.raises(ImageError):
        Image.from_path(Path(name), root=tmp_path)


def test_a_file_is_read_only_below_its_root(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "in.png").write_bytes(PNG)
    (tmp_path / "out.png").write_bytes(PNG)
    (root / "link.png").symlink_to(tmp_path / "out.png")
    assert Image.from_path(Path("in.png"), root=root) == Image(PNG)
    for outside in ("../out.png", "link.png", str(tmp_path / "out.png")):
        with pytest.raises(ImageError, match="outside"):
            Image.from_path(Path(outside), root=root)
    with pytest.raises(ImageError, match="not a regular file"):
        Image.from_path(Path("."), root=root)
    with pytest.raises(InputError, match="never paths"):
        Image.from_path("in.png", root=root)


@pytest.mark.parametrize("part", ["characters", "frames", "pixels", "blocks"])
def test_coverage_is_complete_only_if_every_part_is(part: str) -> None:
    assert Coverage(**{part: 3, f"total_{part}": 3}).complete
    assert not Coverage(**{part: 2, f"total_{part}": 3}).complete


def test_nothing_prints_the_content_it_carries() -> None:
    exchange = Exchange("canary", "canary", (Image(b"canary"),), ("canary",))
    outcome = Outcome(
        "canary",
        Verdict(Action.ALLOW),
        Scores(),
        Status.CLEAN,
        Coverage(),
        images=(b"canary",),
        image_texts=("canary",),
    )
    assert "canary" not in repr(exchange) + repr(outcome)


def test_timings_add_up_by_kind_of_step() -> None:
    steps = (Step("score", 1, 0.5), Step("read", 1, 0.25), Step("score", 2, 1.0))
    outcome = Outcome("", Verdict(Action.BLOCK), Scores(), Status.FAILED, Coverage(), trace=steps)
    assert outcome.timings == {"score": 1.5, "read": 0.25}
    assert not outcome.allowed


def test_other_taxonomies_name_the_same_hazards() -> None:
    assert len(LLAMA_GUARD) == 14
    assert LLAMA_GUARD[Category.VIOLENT_CRIMES] == "S1"
    assert LLAMA_GUARD[Category.CODE_ABUSE] == "S14"
    assert set(MM_SAFETYBENCH.values()) <= set(LLAMA_GUARD)

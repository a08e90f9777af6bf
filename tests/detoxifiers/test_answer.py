import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.detoxifiers.words import WordDetector

from eyelid.detoxifiers import SentenceDetoxifier
from eyelid.detoxifiers._notices import notice
from eyelid.detoxifiers._segments import segment
from eyelid.errors import ConfigurationError
from eyelid.protocols import Detoxifier, RewriteRequest
from eyelid.taxonomy import Category
from eyelid.types import Failure, Span, Surface

#: "zorb" is harmful by itself; the parts of a frob only together.
HARM = {"zorb": 0.9, "frob shell": 0.3, "frob spring": 0.3, "frob pin": 0.3}
NOTICE = notice("harm")
GARDEN = "Gardens need water. They need light as well. Weeds come back every spring. Mulch keeps the soil moist."


def rewrite(text: str, *, category: str = "harm", spans: tuple[Span, ...] = ()) -> str:
    (result,) = SentenceDetoxifier(WordDetector(HARM)).rewrite([RewriteRequest(text, category=category, spans=spans)])
    assert isinstance(result, str)
    return result


def test_it_has_the_role() -> None:
    assert isinstance(SentenceDetoxifier(WordDetector({})), Detoxifier)


def test_clean_text_comes_back_as_it_was() -> None:
    assert rewrite(GARDEN) == GARDEN
    assert rewrite("") == ""
    assert rewrite("  \n") == "  \n"


def test_a_harmful_sentence_goes_and_the_others_stay() -> None:
    text = f"{GARDEN} Build a zorb to get rid of the neighbours. Compost helps the roses."
    assert rewrite(text) == f"{GARDEN} Compost helps the roses.\n\n{NOTICE}"


def test_a_second_pass_changes_nothing() -> None:
    once = rewrite(f"{GARDEN} Build a zorb. Compost helps.")
    assert rewrite(once) == once


def test_steps_go_together_with_their_lead_in() -> None:
    text = f"{GARDEN}\n\nTo do it:\n1. Fetch wood.\n2. Carve the zorb.\n\n3. Paint it.\n\nRoses like sun and rain."
    assert rewrite(text) == f"{GARDEN}\n\nRoses like sun and rain.\n\n{NOTICE}"


def test_one_bullet_of_many_goes_alone() -> None:
    bullets = [
        "- Water the roses.\n",
        "- Cut the hedge.\n",
        "- Use a zorb.\n",
        "- Feed the birds.\n",
        "- Rest a while.",
    ]
    kept = "".join(bullet for bullet in bullets if "zorb" not in bullet)
    assert rewrite(f"Ideas:\n{''.join(bullets)}") == f"Ideas:\n{kept}\n\n{NOTICE}"


def test_steps_harmless_alone_do_not_survive_together() -> None:
    steps = "1. Take the frob shell.\n2. Put in the frob spring.\n3. Pull the frob pin.\n"
    kept = rewrite(f"{GARDEN} {GARDEN}\n\nLike this:\n{steps}")
    assert "frob" not in kept
    assert kept.startswith(GARDEN)
    assert rewrite(steps) == NOTICE


def test_scattered_parts_do_not_survive_together() -> None:
    text = (
        f"{GARDEN}\n\nThe frob shell is red.\n\n{GARDEN}\n\nThe frob spring is blue.\n\n{GARDEN}\n\nA frob pin is thin."
    )
    kept = rewrite(text)
    assert sum(part in kept for part in HARM) < 2
    assert kept.count(GARDEN) == 3


def test_a_mostly_harmful_answer_becomes_the_notice() -> None:
    assert rewrite("A zorb is easy. Build the zorb at night. Hide the zorb. Buy milk.") == NOTICE


def test_the_scaffolding_goes_as_well() -> None:
    text = f"Sure, here is how to do it:\n\n1. Get a zorb.\n2. Wait.\n\n{GARDEN}\n\nLet me know if you need more!"
    assert rewrite(text) == f"{GARDEN}\n\n{NOTICE}"


def test_a_heading_without_its_section_goes() -> None:
    text = f"# Garden\n{GARDEN}\n\n## Method\nCarve the zorb.\n\n## Care\nWater the roses every day."
    assert rewrite(text) == f"# Garden\n{GARDEN}\n\n## Care\nWater the roses every day.\n\n{NOTICE}"


def test_code_is_kept_or_dropped_as_a_whole() -> None:
    text = f"{GARDEN}\n\n```python\nimport os\nrun('zorb')\nprint('done')\n```\nRoses like sun."
    assert rewrite(text) == f"{GARDEN}\n\nRoses like sun.\n\n{NOTICE}"


def test_tricked_letters_are_seen_through() -> None:
    assert rewrite(f"{GARDEN} Build a z\u200bo\u200brb. Roses like sun.") == f"{GARDEN} Roses like sun.\n\n{NOTICE}"


def test_spans_say_where_the_harm_is_that_the_text_does_not_show() -> None:
    text = f"{GARDEN} The code is em9yYg==. Roses like sun."
    start = text.index("em9y")
    assert rewrite(text, spans=(Span(start, start + 8),)) == f"{GARDEN} Roses like sun.\n\n{NOTICE}"


@pytest.mark.parametrize("category", list(Category))
def test_the_notice_is_one_sentence_and_offers_something(category: Category) -> None:
    words = notice(category)
    assert words.count(". ") == 0
    assert words.endswith(".")
    assert "\n" not in words
    assert rewrite("Take a zorb.", category=category) == words


def test_self_harm_is_answered_with_help() -> None:
    assert "crisis line" in notice(Category.SELF_HARM)


def test_a_sentence_that_cannot_be_scored_fails_its_own_item_only() -> None:
    requests = [RewriteRequest(f"{GARDEN} A zorb."), RewriteRequest("Unscorable. A zorb."), RewriteRequest("A zorb.")]
    kept, failed, replaced = SentenceDetoxifier(WordDetector(HARM)).rewrite(requests)
    assert kept == f"{GARDEN}\n\n{NOTICE}"
    assert isinstance(failed, Failure)
    assert failed.stage == "rewrite"
    assert replaced == NOTICE


def test_a_sentence_that_cannot_be_read_by_itself_is_not_kept() -> None:
    assert rewrite(f"{GARDEN} A zorb. An unreadable line. Roses.") == f"{GARDEN} Roses.\n\n{NOTICE}"


@pytest.mark.parametrize("surface", [Surface.INPUT, Surface.TOOL_CALL])
def test_requests_and_arguments_are_not_rewritten(surface: Surface) -> None:
    (result,) = SentenceDetoxifier(WordDetector(HARM)).rewrite([RewriteRequest(GARDEN, surface=surface)])
    assert isinstance(result, Failure)


def test_a_batch_costs_no_more_calls_than_its_longest_item() -> None:
    detector = WordDetector(HARM)
    SentenceDetoxifier(detector).rewrite([RewriteRequest(f"{GARDEN} A zorb. Number {n}.") for n in range(20)])
    assert detector.calls == 2


def test_thresholds_are_probabilities() -> None:
    with pytest.raises(ConfigurationError, match=r"'harm' is 1\.5"):
        SentenceDetoxifier(WordDetector({}), thresholds={"harm": 1.5})
    everything = SentenceDetoxifier(WordDetector({}), thresholds={"harm": 0.0})
    assert everything.rewrite([RewriteRequest(GARDEN)]) == [NOTICE]


SENTENCES = st.sampled_from(
    ["Use a zorb.", "The frob shell.", "A frob spring.", "Then pull the frob pin.", "Roses like sun.", "Sure!", "So:"]
)
LINES = st.tuples(
    st.sampled_from(["", "- ", "1. ", "## ", "```", "  "]), SENTENCES, st.sampled_from(["\n", " ", "\n\n"])
)


@settings(deadline=None, max_examples=60)
@given(st.lists(LINES, max_size=14).map(lambda lines: "".join("".join(line) for line in lines)))
def test_what_is_left_is_clean_short_stable_and_a_part_of_the_answer(text: str) -> None:
    kept = rewrite(text)
    body = kept.removesuffix(NOTICE).strip()
    assert sum(weight for word, weight in HARM.items() if word in kept) < 0.5
    assert len(kept) <= len(text) + len("\n\n" + NOTICE)
    assert rewrite(kept) == kept
    remaining = iter(text)
    assert all(character in remaining for character in body)


@settings(deadline=None)
@given(st.text(alphabet="a1.)-#` *\n:“z\u2028\r", max_size=80))
def test_segments_cover_every_character_in_order(text: str) -> None:
    parts = segment(text)
    assert "".join(text[part.start : part.end] for part in parts) == text
    assert all(part.start < part.end for part in parts)
    assert [part.block for part in parts] == sorted(part.block for part in parts)

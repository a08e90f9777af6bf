"""The names that users build on, pinned: to add one is a decision, to lose one a break."""

import importlib

import eyelid

NAMES = set(
    """
    Action Category Coverage Exchange EyelidError EyesClosed Failure Guard HarmfulContentError Image Outcome Policy
    Scores Span Status Strategy Surface Verdict load_guard
    """.split()  # noqa: SIM905
)


def test_exported_names() -> None:
    assert sorted(eyelid.__all__) == sorted(NAMES)


def test_every_name_is_there_and_listed() -> None:
    for name in NAMES:
        assert getattr(eyelid, name) is not None
        assert name in dir(eyelid)


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(eyelid, "no_such_name")


def test_packages_list_what_they_hold() -> None:
    for package in (
        *("text", "images", "guard", "ecso", "testing", "detectors", "readers", "detoxifiers", "hosts"),
        *("evaluation.report", "evaluation.benchmarks"),
    ):
        module = importlib.import_module(f"eyelid.{package}")
        assert all(hasattr(module, name) for name in module.__all__), package

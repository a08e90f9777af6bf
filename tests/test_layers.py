"""Imports point strictly down the layers; function-local imports and those for types alone count as well."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[1] / "src" / "eyelid"

# Lowest first. Those on one line do not know each other.
LAYERS = (
    ("errors",),
    ("_names", "_optional", "taxonomy"),
    ("types",),
    ("_policy_file", "protocols"),
    ("text", "images"),
    ("ecso",),
    ("policy",),
    ("engine", "remote"),
    ("models",),
    ("detectors", "readers", "detoxifiers", "hosts"),
    ("guard",),
    ("serving",),
    ("evaluation",),
    ("training", "synthesis"),
    ("build", "testing"),
    ("bench",),
    ("",),  # the package itself, which only hands names on
    ("cli",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
# A stopped error carries the outcome; at run time errors.py imports nothing.
EXCEPTIONS = {("errors", "types")}


def imported(source: str) -> Iterator[str]:
    """Dotted names of everything of eyelid that a source imports; "from eyelid import x" gives eyelid.x or eyelid."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "eyelid")
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "eyelid":
            yield from (_resolved(node.module, alias.name) for alias in node.names)


def _resolved(module: str, name: str) -> str:
    return f"eyelid.{name}" if module == "eyelid" and name in RANK else module


def layer(dotted: str) -> str:
    parts = dotted.split(".")
    return parts[1] if len(parts) > 1 else ""


def violations(here: str, source: str) -> list[str]:
    """Imports in a source of the layer `here` that point sideways or up, or into another package's privacy."""
    wrong = []
    for target in imported(source):
        there = layer(target)
        if there != here and (here, there) not in EXCEPTIONS and RANK[there] >= RANK[here]:
            wrong.append(f"{here or 'eyelid'} imports {target}")
        if there != here and any(part.startswith("_") for part in target.split(".")[2:]):
            wrong.append(f"{here or 'eyelid'} reaches into {target}")
    return wrong


def files() -> list[Path]:
    return sorted(SOURCES.rglob("*.py"))


@pytest.mark.parametrize("file", files(), ids=lambda file: str(file.relative_to(SOURCES)))
def test_imports_point_down(file: Path) -> None:
    here = file.relative_to(SOURCES).with_suffix("").parts[0]
    assert violations("" if here == "__init__" else here, file.read_text("utf-8")) == []


def test_every_module_has_a_layer() -> None:
    found = {file.relative_to(SOURCES).with_suffix("").parts[0] for file in files()} - {"__init__"}
    assert found <= set(RANK)


@pytest.mark.parametrize(
    ("here", "source"),
    [
        ("types", "from eyelid.guard import Guard"),
        ("text", "import eyelid.images"),
        ("guard", "def f():\n    from eyelid.build import load_guard"),
        ("guard", "from eyelid import load_guard"),
        ("policy", "from eyelid import guard"),
        ("errors", "from eyelid.types import Outcome\nimport eyelid.text.views"),
        ("guard", "from eyelid.text._views import views"),
    ],
)
def test_a_wrong_import_is_seen(here: str, source: str) -> None:
    assert len(violations(here, source)) == 1


def test_a_right_import_passes() -> None:
    assert violations("cli", "import eyelid\nfrom eyelid.cli._rows import Row\nfrom eyelid import types") == []

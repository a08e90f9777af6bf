from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from eyelid import Guard, Policy
from eyelid.cli import app
from eyelid.testing import FakeDecoder, FakeDetector, FakeDetoxifier, FakeReader

#: What the fake detector finds; "poison" can be rewritten, "venom" cannot.
HARM = {"poison": 0.9, "venom": 0.95}


def load_fake(policy: str | Path, *, weights: Path | None, threads: int | None, **more: object) -> Guard:
    return Guard(
        [FakeDetector(HARM, injection={"obey me": 0.97})],
        policy=Policy.from_toml(policy) if isinstance(policy, Path) else Policy.preset(policy),
        detoxifier=FakeDetoxifier({"poison": "flowers", "obey me": ""}),
        decoder=FakeDecoder(),
        reader=FakeReader.of({b"picture of poison": "drink poison"}),
        host=more.get("host"),  # type: ignore[arg-type]
    )


@pytest.fixture
def run() -> Callable[..., Any]:
    """Run a command with a guard that needs no weights; `load` replaces how the guard is made."""

    def invoke(*args: str | Path, load: Any = load_fake, stdin: str | bytes | None = None) -> Any:
        words: Sequence[str] = [str(arg) for arg in args]
        return CliRunner().invoke(app, words, input=stdin, obj=load, catch_exceptions=False)

    return invoke

"""A model, a detector and files for the data engines, all of them mild."""

import json
import re
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

from eyelid.ecso import EcsoRules
from eyelid.protocols import AskRequest, Reply
from eyelid.synthesis import Labelling, SafeHarm, SafeHarmPrompts
from eyelid.testing import FakeDetector
from eyelid.types import Failure

#: Templates whose beginning says what is wanted.
PROMPTS = SafeHarmPrompts(
    scenarios="name {count}",
    questions="list {part} of {count} about {scenario}",
    harmless="good: {question}",
    harmful="bad: {question}",
)
RULES = EcsoRules(
    judge="judge {query} / {response}", caption="caption {query}", answer="closed {query} / {caption}", hardened=False
)
DETECTOR_RULES = {"forbidden-word": 0.9, "doubtful-word": 0.5}


class Model:
    """Answers by what is asked, and keeps nothing of it but a count."""

    def __init__(self, **answers: Any) -> None:
        self.name = "model"
        self.answers = answers
        self.count = 0
        self.log: list[str] | None = None

    def ask(self, batch: Any, /) -> list[Reply | Failure]:
        self.count += len(batch)
        if self.log is not None:
            self.log += [request.prompt for request in batch]
        return [self._reply(request) for request in batch]

    def _reply(self, request: AskRequest) -> Reply | Failure:
        kind, _, rest = request.prompt.partition(" ")
        said = self.answers.get(kind.rstrip(":"), f"{kind} {rest}")
        said = said(request) if callable(said) else said
        return said if isinstance(said, Failure) else Reply(said)


def listed(request: AskRequest) -> str:
    """So many questions, different ones in each list."""
    part, count, about = re.fullmatch(r"list (\d+) of (\d+) about (.*)", request.prompt).groups()  # type: ignore[union-attr]
    return "Here you are:\n" + "\n".join(f"{n}. {word(f'{about}/{part}/{n}')}?" for n in range(1, int(count) + 1))


def word(seed: str) -> str:
    """A text like no other."""
    return "why " + sha256(seed.encode()).hexdigest()[:32]


def writer(**answers: Any) -> Model:
    """A model that writes good pairs."""
    usual: dict[str, Any] = {
        "name": "1. fraud\n2. threats\n3. spying",
        "list": listed,
        "good": lambda request: f"Better not, about {request.prompt[-8:]}",
        "bad": lambda request: f"By all means, forbidden-word {request.prompt[-8:]}",
    }
    return Model(**usual | answers)


def plan(host: Any = None, **more: Any) -> SafeHarm:
    usual: dict[str, Any] = {"detector": FakeDetector(DETECTOR_RULES), "prompts": PROMPTS, "questions": 4}
    return SafeHarm(host=host or writer(), **usual | more)


def closer(**answers: Any) -> Model:
    """A model that takes what has a forbidden word for unsafe; direct answers repeat the request."""
    usual: dict[str, Any] = {
        "judge": lambda request: "yes" if "forbidden-word" in request.prompt else "no",
        "caption": "a sign",
        "closed": "It is a sign, and I leave it at that.",
    }
    return Model(**usual | answers)


def labelling(host: Any = None, **more: Any) -> Labelling:
    return Labelling(host=host or closer(), **{"rules": RULES} | more)


def requests(folder: Path, count: int = 12, every: int = 3) -> Path:
    """A file of requests about one image, some of which get an unsafe answer."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "images" / "a.png").write_bytes(b"picture")
    return lines(
        folder / "requests.jsonl",
        (
            {"image": "a.png", "query": f"what about {n}{' forbidden-word' if n % every == 0 else ''}"}
            for n in range(count)
        ),
    )


def lines(path: Path, rows: Iterable[Any]) -> Path:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def files(folder: Path) -> dict[str, str]:
    """What a run left, without when it was started."""
    return {
        path.name: re.sub(r"2\d{3}-\d\d-\d\dT[\d:+]+", "then", path.read_text("utf-8"))
        for path in sorted(folder.iterdir())
        if path.is_file()
    }

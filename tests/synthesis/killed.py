"""Runs a data engine with a model that kills the process at its n-th call: `killed.py ENGINE FOLDER N`."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.synthesis.scene import Model, closer, labelling, plan, writer

from eyelid.protocols import Reply
from eyelid.synthesis import Source, Utility, synthesize_ecso, synthesize_safe_harm
from eyelid.types import Failure

SCENARIOS = ["fraud", "threats", "spying"]


class Mortal:
    """Another model, until its n-th call. What it answered is in a log."""

    def __init__(self, inner: Model, log: Path, calls: int = 0) -> None:
        self.name, self._inner, self._log, self._left = inner.name, inner, log, calls

    def ask(self, batch: Any, /) -> list[Reply | Failure]:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        with self._log.open("a", encoding="utf-8") as log:
            log.writelines(f"{request.prompt} #{request.seed}\n" for request in batch)
        return self._inner.ask(batch)


def run(engine: str, folder: Path, out: Path, calls: int = 0) -> dict[str, Any]:
    log = out.with_suffix(".log")
    if engine == "ecso":
        source, mixed = Source(folder / "requests.jsonl"), Utility(path=folder / "utility.json", ratio=0.5)
        return synthesize_ecso(
            source, folder / "images", out, labelling(Mortal(closer(), log, calls), batch=8), utility=mixed
        )
    return synthesize_safe_harm(plan(Mortal(writer(), log, calls), batch=2, questions=6, together=2), SCENARIOS, out)


if __name__ == "__main__":
    run(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[2]) / "killed", int(sys.argv[3]))

"""The data engine of ECSO on a model of LLaVA's architecture, with random weights."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from tests.hosts.chats import write_llava
from tests.synthesis.scene import RULES, files, lines, read

from eyelid.hosts import TransformersHost
from eyelid.protocols import Reply
from eyelid.synthesis import RECORDS, Keep, Labelling, Source, synthesize_ecso
from eyelid.types import Failure


class Interrupted:
    """Another model, until its n-th call."""

    def __init__(self, inner: TransformersHost, calls: int) -> None:
        self.name, self._inner, self._left = inner.name, inner, calls

    def ask(self, batch: Any, /) -> list[Reply | Failure]:
        self._left -= 1
        if not self._left:
            raise KeyboardInterrupt
        return self._inner.ask(batch)


def test_a_run_that_was_interrupted_ends_as_one_that_was_not(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    write_llava(tmp_path / "model")
    (tmp_path / "images").mkdir()
    for number in range(3):
        Image.new("RGB", (40, 30), (80 * number, 90, 200)).save(tmp_path / "images" / f"{number}.png")
    rows = ({"image": f"{number % 3}.png", "query": f"what is {number}"} for number in range(6))
    source = Source(lines(tmp_path / "q.jsonl", rows))
    host = TransformersHost(tmp_path / "model", device="cpu")

    def make(model: Any, out: str) -> dict[str, Any]:
        how = Labelling(host=model, rules=RULES, budget=4, batch=2)
        return synthesize_ecso(source, tmp_path / "images", tmp_path / out, how, keep=Keep(failures=True))

    made = make(host, "whole")
    with pytest.raises(KeyboardInterrupt):
        make(Interrupted(host, 7), "cut")
    assert 0 < len(read(tmp_path / "cut" / RECORDS)) < 6
    make(host, "cut")
    assert files(tmp_path / "cut") == files(tmp_path / "whole")
    assert made["counts"]["judged"] == 6
    # Random weights do not say "no", and what is not understood is unsafe: every answer is given again.
    records = read(tmp_path / "whole" / RECORDS)
    assert {record["unsafe"] for record in records} == {"Yes"}
    assert all(record["calls"][:3] == ["answer", "judge", "caption"] for record in records)

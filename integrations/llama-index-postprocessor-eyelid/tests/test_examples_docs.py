"""The code in the guide runs as it stands."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from pathlib import Path
from types import CodeType
from typing import Any

import eyelid
import pytest
from eyelid import Guard
from llama_index.core.instrumentation import get_dispatcher

from llama_index.postprocessor.eyelid.testing import FakeLLM
from tests.engines_of import ANSWER, Shelf, nodes
from tests.nodes_of import BAD

GUIDE = Path(__file__).parents[3] / "docs" / "llama-index" / "index.md"
BLOCKS = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_the_guide_runs_and_nothing_raw_is_printed(
    guard: Guard, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(eyelid, "load_guard", lambda: guard, raising=False)
    known: dict[str, Any] = {"retriever": Shelf(nodes(f"Add {BAD}.")), "llm": FakeLLM(responses=[ANSWER])}

    async def run() -> None:
        for block in BLOCKS:
            code: CodeType = compile(block, str(GUIDE), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            made = eval(code, known)
            if inspect.iscoroutine(made):
                await made

    try:
        asyncio.run(run())
    finally:
        if "audit" in known:
            get_dispatcher().event_handlers.remove(known["audit"])
    told = capsys.readouterr().out
    assert len(BLOCKS) == 8
    assert BAD not in told
    assert "Boil water first." in told
    assert "AgentOutput" in told

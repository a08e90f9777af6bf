"""LangChain's own suite for tools, over guarded ones."""

from __future__ import annotations

from typing import Any

import pytest
from eyelid import Guard
from langchain_core.tools import BaseTool, tool
from langchain_tests.integration_tests import ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests
from tests.unit_tests.agents import look

from langchain_eyelid import guard_tool


class _Guarded:
    """A guarded tool for every test."""

    bare: BaseTool

    @pytest.fixture(autouse=True)
    def _make(self, guard: Guard) -> None:
        self._tool = guard_tool(self.bare, guard)

    @property
    def tool_constructor(self) -> Any:
        return self._tool

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return {"place": "home"}


class TestUnit(_Guarded, ToolsUnitTests):
    bare = look


class TestIntegration(_Guarded, ToolsIntegrationTests):
    bare = look


@tool(response_format="content_and_artifact")
def measure(place: str) -> tuple[str, dict[str, int]]:
    """Measure a place."""
    return f"{place} is 3 wide", {"width": 3}


class TestWithArtifacts(_Guarded, ToolsIntegrationTests):
    bare = measure

"""Looks at what tools gave a chat engine, as its responses list it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llama_index.core.base.llms.types import ContentBlock, TextBlock
from llama_index.core.schema import MetadataMode, NodeWithScore
from llama_index.core.tools import ToolOutput

from eyelid import Exchange, Outcome, Surface
from llama_index.postprocessor.eyelid._images import load
from llama_index.postprocessor.eyelid._look import Look, each
from llama_index.postprocessor.eyelid._settings import Settings
from llama_index.postprocessor.eyelid._shelf import hold, look
from llama_index.postprocessor.eyelid._values import readable


def tool_look(output: ToolOutput, prompt: str, settings: Settings, where: str) -> Look[ToolOutput]:
    """A look at a tool's arguments and its result.

    Retrieved nodes stay its raw output, as they may be passed on; of any other raw output the text is kept alone.
    Blocks while image files are read and images are fetched.
    """
    raw = output.raw_output
    nodes = raw if isinstance(raw, list) and raw and all(isinstance(one, NodeWithScore) for one in raw) else None
    result: Look[Any] = _result(output, prompt, settings)
    if nodes is not None:  # what it says are these nodes, as text
        result = look(hold(nodes, settings, MetadataMode.ALL), prompt, "rewrite", where)

    def finish(found: list[Any]) -> ToolOutput:
        arguments, made = found
        content = {"blocks": made} if nodes is None else {"content": str(made), "raw_output": made}
        return ToolOutput(tool_name=output.tool_name, raw_input=arguments, is_error=output.is_error, **content)

    return each([_arguments(output, prompt), result], finish)


def _arguments(output: ToolOutput, prompt: str) -> Look[dict[str, Any]]:
    found = readable(output.raw_input)
    asked = Exchange(prompt, "\n".join(found.strings), surface=Surface.TOOL_CALL, uninspectable=found.uninspectable)
    return Look([asked], lambda outcomes: output.raw_input if outcomes[0].allowed else {})


def _result(output: ToolOutput, prompt: str, settings: Settings) -> Look[list[ContentBlock]]:
    found = readable(output.blocks)
    images, missing = load(found.images, settings)
    asked = Exchange(
        prompt,
        "\n".join(found.strings),
        images=images,
        surface=Surface.TOOL_RESULT,
        uninspectable=missing + found.uninspectable,
    )
    return Look([asked], lambda outcomes: _blocks(output, outcomes))


def _blocks(output: ToolOutput, outcomes: Sequence[Outcome]) -> list[ContentBlock]:
    return list(output.blocks) if outcomes[0].allowed else [TextBlock(text=outcomes[0].text)]

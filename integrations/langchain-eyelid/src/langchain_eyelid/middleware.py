"""Middleware for `create_agent`: a model's answers, tools' results and the user's messages, looked at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from eyelid import Guard, Surface
from eyelid.errors import ConfigurationError, MissingExtraError
from langchain_core.messages import BaseMessage, ToolMessage

from langchain_eyelid._asking import aasking, asking
from langchain_eyelid._check import Checker, Context
from langchain_eyelid._errors import Failed, atried, tried
from langchain_eyelid._looks import Look
from langchain_eyelid._marks import mark, rules
from langchain_eyelid._protection import look_at_error, look_at_handed
from langchain_eyelid._settings import ImageLoader, OnError, Settings, StreamMode
from langchain_eyelid._turns import look_at_last_turn, look_at_requests

try:
    from langchain.agents import AgentState
    from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse, hook_config
    from langgraph.prebuilt.tool_node import ToolCallRequest
    from langgraph.runtime import Runtime
    from langgraph.types import Command

    from langchain_eyelid._model_call import model_of, unseen
    from langchain_eyelid._replies import look_at_reply
except ImportError as error:
    raise MissingExtraError('EyelidMiddleware needs agents: pip install "langchain-eyelid[agents]"') from error


class EyelidMiddleware(AgentMiddleware[AgentState[Any], Any, Any]):
    """Lets nothing out of an agent unseen: not to the user, the stream, the checkpoint or the next step.

        agent = create_agent(
            model,
            tools=guard_tools([browse, screenshot], guard),
            middleware=[EyelidMiddleware(guard), ModelFallbackMiddleware(backup)],
        )

    **Put it first.** What stands after it in the list (fallbacks, retries, whatever asks a model) runs inside of it, so
    that nothing of it is streamed and its outcome is looked at, another model's too. What stands before it could add
    to the conversation afterwards; `after_model` looks at that once more, but by then it was streamed and saved.

    - **Output**: while the model runs, streams hear nothing of it; the message is looked at, its text, reasoning, tool
      calls and structured response, and then streamed as one. Calls of flagged tools are taken out, none is left
      without its result, and a refused answer ends the run.
    - **Tool results**: messages, artifacts and commands are looked at before they enter the state. A tool's own events
      (`on_tool_start`, `on_tool_end`, LangGraph's "tools" stream) come from inside its run and are raw, unless the
      tool is guarded by `guard_tools`; what both look at is looked at once.
    - **Input**: the user's messages, images included, before the model is asked. They stand in the first checkpoint,
      which the caller wrote.

    Tracers and callbacks that are no streams see the model's raw run, so that it can be audited; so do LangSmith and
    LangChain's cache of answers. A model that other middleware asks in hooks of its own, or that a tool asks, is not
    seen: use `guard_model` there.

    Args:
        guard: looks.
        strategy: what becomes of flagged answers and results: "rewrite", "reask", "block" or "raise"; as the policy
            says if left out. "raise" holds for all three. "reask" is ECSO: where the user's last turn has images, the
            model judges its answer, and if that is unsafe answers again without them; results are rewritten.
        apply_to_input: whether the user's messages are looked at.
        apply_to_output: whether answers are.
        apply_to_tool_results: whether what tools return is.
        stream: "buffer" streams an answer when all of it was looked at; "sentence" streams sentences of text as they
            are found harmless.
        on_error: what becomes of content after a failed look: "block" it, "raise" an `UninspectedError`, or "pass" it.
        image_loader: fetches images that are given by address; without one they cannot be looked at.

    Raises:
        ConfigurationError: an unknown choice, or nothing to look at.
    """

    def __init__(
        self,
        guard: Guard,
        *,
        strategy: str | None = None,
        apply_to_input: bool = False,
        apply_to_output: bool = True,
        apply_to_tool_results: bool = True,
        stream: StreamMode = "buffer",
        on_error: OnError = "block",
        image_loader: ImageLoader | None = None,
    ) -> None:
        super().__init__()
        chosen = {"input": apply_to_input, "output": apply_to_output, "tool_results": apply_to_tool_results}
        self._scopes = tuple(name for name, wanted in chosen.items() if wanted)
        if not self._scopes:
            raise ConfigurationError(
                "EyelidMiddleware was told to look at nothing; leave it out, or set one apply_to_..."
            )
        self._given = guard
        self._settings = Settings(strategy=strategy, on_error=on_error, stream=stream, image_loader=image_loader)
        self._checker = Checker(guard, self._settings, Surface.OUTPUT, Surface.TOOL_RESULT, has_model=True)
        self._rules = rules(guard, self._settings)

    @property
    def name(self) -> str:
        """What the agent calls it; two of them in one agent must differ in what they look at or do."""
        return f"EyelidMiddleware[{','.join(filter(None, (*self._scopes, self._settings.strategy)))}]"

    @hook_config(can_jump_to=["end"])
    def before_agent(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Look at what the user says; a refused request ends the run with the refusal."""
        if "input" not in self._scopes:
            return None
        return look_at_requests(_messages(state)).run(self._checker, surface=Surface.INPUT)

    @hook_config(can_jump_to=["end"])
    async def abefore_agent(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:
        """As `before_agent`."""
        if "input" not in self._scopes:
            return None
        return await look_at_requests(_messages(state)).arun(self._checker, surface=Surface.INPUT)

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Ask the model out of hearing, and hand on what may be."""
        if "output" not in self._scopes:
            return handler(request)
        context = Context.of(request.messages)
        with unseen(request, self._given, self._settings) as asked:
            reply = tried(lambda: handler(asked))
            if isinstance(reply, Failed):
                raise look_at_error(reply.error).run(self._checker, context, Surface.OUTPUT)
            checker = self._checker
            if reply.structured_response is None:
                checker, context = asking(checker, request.messages, lambda loop: model_of(request, handler, loop))
            return self._noted(look_at_reply(reply, checker.guard.policy, self._rules).run(checker, context))

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        """As `wrap_model_call`, without ever blocking the event loop."""
        if "output" not in self._scopes:
            return await handler(request)
        context = Context.of(request.messages)
        with unseen(request, self._given, self._settings) as asked:
            reply = await atried(lambda: handler(asked))
            if isinstance(reply, Failed):
                raise await look_at_error(reply.error).arun(self._checker, context, Surface.OUTPUT)
            checker, messages = self._checker, request.messages
            if reply.structured_response is None:
                checker, context = await aasking(checker, messages, lambda loop: model_of(request, handler, loop))
            return self._noted(await look_at_reply(reply, checker.guard.policy, self._rules).arun(checker, context))

    @hook_config(can_jump_to=["end"])
    def after_model(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Look at what others said in the model's place; a refused answer ends the run."""
        if "output" not in self._scopes:
            return None
        messages = _messages(state)
        return look_at_last_turn(messages, self._rules).run(self._checker, Context.of(messages))

    @hook_config(can_jump_to=["end"])
    async def aafter_model(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:
        """As `after_model`, without ever blocking the event loop."""
        if "output" not in self._scopes:
            return None
        messages = _messages(state)
        return await look_at_last_turn(messages, self._rules).arun(self._checker, Context.of(messages))

    def wrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], ToolMessage | Command[Any]]
    ) -> ToolMessage | Command[Any]:
        """Run the tool, and hand on what may be."""
        if "tool_results" not in self._scopes:
            return handler(request)
        value, messages = tried(lambda: handler(request)), _messages(request.state)
        if isinstance(value, Failed):
            raise look_at_error(value.error).run(self._checker, Context.of(messages), Surface.TOOL_RESULT)
        look: Look[Any] = look_at_handed(value, messages, by=self._rules)
        passed: ToolMessage | Command[Any] = look.run(self._checker, Context.of(messages), Surface.TOOL_RESULT)
        return passed

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]]
    ) -> ToolMessage | Command[Any]:
        """As `wrap_tool_call`, without ever blocking the event loop."""
        if "tool_results" not in self._scopes:
            return await handler(request)
        value, messages = await atried(lambda: handler(request)), _messages(request.state)
        if isinstance(value, Failed):
            raise await look_at_error(value.error).arun(self._checker, Context.of(messages), Surface.TOOL_RESULT)
        look: Look[Any] = look_at_handed(value, messages, by=self._rules)
        passed: ToolMessage | Command[Any] = await look.arun(self._checker, Context.of(messages), Surface.TOOL_RESULT)
        return passed

    def _noted(self, reply: ModelResponse[Any]) -> ModelResponse[Any]:
        for message in reply.result:
            mark(message, self._rules)
        return reply


def _messages(state: Any) -> list[BaseMessage]:
    messages = state if isinstance(state, list) else state.get("messages", ()) if isinstance(state, dict) else ()
    return [message for message in messages if isinstance(message, BaseMessage)]

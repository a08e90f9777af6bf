"""A query engine whose answers, streams and source nodes are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.response.schema import RESPONSE_TYPE
from llama_index.core.prompts.mixin import PromptDictType, PromptMixinType
from llama_index.core.schema import NodeWithScore, QueryBundle

from eyelid import Guard
from eyelid.errors import ConfigurationError
from llama_index.postprocessor.eyelid._check import Checker
from llama_index.postprocessor.eyelid._checked import asources, off_loop, sources
from llama_index.postprocessor.eyelid._look import aask, ask
from llama_index.postprocessor.eyelid._query_response import released, response_look
from llama_index.postprocessor.eyelid._settings import ImageLoader, OnError, Settings, StreamMode

_WHERE = "query_engine"


class GuardedQueryEngine(BaseQueryEngine):
    """Another query engine, whose answers and source nodes are looked at before anybody gets them.

        engine = GuardedQueryEngine(index.as_query_engine(streaming=True), guard, stream="sentence")

    Answers in text are rewritten or refused; of structured answers the flagged strings are rewritten, or a refusal in
    text stands in their place. Source nodes are copied and keep their places; flagged ones are rewritten or say that
    they were withheld. What an engine says beside its answer (a query it made, a raw result) is left out when flagged.
    `response.metadata["eyelid"]` says what was found in the answer; in a stream, once it has ended. The model's own
    events and those of the engine inside hold the raw answer; where that matters, give it `guard_llm(llm, guard)`.

    Args:
        query_engine: answers.
        guard: looks; its policy says what becomes of what is flagged.
        strategy: of answers, instead of the policy's: "rewrite", "block" or "raise"; "raise" holds for sources too.
        on_error: what becomes of what could not be looked at: "block" it, "raise", or "pass" it on.
        stream: "buffer" releases nothing before the whole answer was looked at, "sentence" releases sentences as they
            are found harmless.
        check_sources: false to pass source nodes on as they are, where `EyelidNodePostprocessor` looked at them.
        allowed_root: the folder below which image files of source nodes are read.
        image_loader: fetches images of source nodes that are given by URL.

    Raises:
        ConfigurationError: an unknown choice, `guard` is no guard, or `query_engine` no query engine.
    """

    def __init__(
        self,
        query_engine: BaseQueryEngine,
        guard: Guard,
        *,
        strategy: str | None = None,
        on_error: OnError = "block",
        stream: StreamMode = "buffer",
        check_sources: bool = True,
        allowed_root: Path | None = None,
        image_loader: ImageLoader | None = None,
    ) -> None:
        if not isinstance(query_engine, BaseQueryEngine):
            raise ConfigurationError(f"query_engine must be a query engine, not {type(query_engine).__name__}")
        settings = Settings(
            strategy=strategy, on_error=on_error, stream=stream, allowed_root=allowed_root, image_loader=image_loader
        )
        self._inner = query_engine
        self._checker = Checker(guard, settings, where=_WHERE)
        self._check_sources = check_sources
        super().__init__(callback_manager=query_engine.callback_manager)

    # Its prompts under their own names: LlamaIndex updates no prompt that lies two modules deep.
    def _get_prompts(self) -> PromptDictType:
        return self._inner._get_prompts()

    def _update_prompts(self, prompts: PromptDictType) -> None:
        self._inner._update_prompts(prompts)

    def _get_prompt_modules(self) -> PromptMixinType:
        return self._inner._get_prompt_modules()

    def _query(self, query_bundle: QueryBundle) -> RESPONSE_TYPE:
        return self._passed(self._inner.query(query_bundle), query_bundle)

    async def _aquery(self, query_bundle: QueryBundle) -> RESPONSE_TYPE:
        return await self._apassed(await self._inner.aquery(query_bundle), query_bundle)

    def retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        """What the engine retrieves, each node as it may be passed on."""
        nodes = self._inner.retrieve(query_bundle)
        return ask(self._checker, sources(nodes, query_bundle.query_str, self._checker.settings, _WHERE))

    async def aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        """As `retrieve`; an engine that cannot retrieve without waiting raises `NotImplementedError`."""
        retrieve = getattr(self._inner, "aretrieve", None)
        if retrieve is None:
            raise NotImplementedError("the guarded query engine has no aretrieve")
        nodes = await retrieve(query_bundle)
        return await aask(self._checker, await asources(nodes, query_bundle.query_str, self._checker.settings, _WHERE))

    def synthesize(
        self,
        query_bundle: QueryBundle,
        nodes: list[NodeWithScore],
        additional_source_nodes: Sequence[NodeWithScore] | None = None,
    ) -> RESPONSE_TYPE:
        """The engine's answer from these nodes, as it may be passed on."""
        return self._passed(self._inner.synthesize(query_bundle, nodes, additional_source_nodes), query_bundle)

    async def asynthesize(
        self,
        query_bundle: QueryBundle,
        nodes: list[NodeWithScore],
        additional_source_nodes: Sequence[NodeWithScore] | None = None,
    ) -> RESPONSE_TYPE:
        """As `synthesize`."""
        response = await self._inner.asynthesize(query_bundle, nodes, additional_source_nodes)
        return await self._apassed(response, query_bundle)

    def _passed(self, response: RESPONSE_TYPE, query_bundle: QueryBundle) -> RESPONSE_TYPE:
        found = ask(self._checker, self._look(response, query_bundle.query_str))
        return released(response, found, query_bundle.query_str, self._checker)

    async def _apassed(self, response: RESPONSE_TYPE, query_bundle: QueryBundle) -> RESPONSE_TYPE:
        look = await off_loop(lambda: self._look(response, query_bundle.query_str), self._checker.settings)
        return released(response, await aask(self._checker, look), query_bundle.query_str, self._checker)

    def _look(self, response: RESPONSE_TYPE, prompt: str) -> Any:
        return response_look(response, prompt, self._checker, check_sources=self._check_sources, where=_WHERE)

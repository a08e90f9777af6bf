"""Retrieved documents, looked at before a model reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from eyelid import Guard, Surface
from eyelid.policy import known
from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.runnables import RunnableConfig, RunnableSerializable
from pydantic import ConfigDict, Field, PrivateAttr

from langchain_eyelid._case import Context
from langchain_eyelid._check import Checker
from langchain_eyelid._documents import look_at_lists
from langchain_eyelid._settings import ImageLoader, OnError, Settings
from langchain_eyelid._singly import aevery, every


class EyelidDocumentFilter(BaseDocumentCompressor, RunnableSerializable[Sequence[Document], list[Document]]):
    """Hands on the documents in which nothing was found; text, metadata and ids are looked at, in one call.

        chain = {"context": retriever | EyelidDocumentFilter(guard), "question": RunnablePassthrough()} | prompt | model

    It takes the place of a document compressor as well (`ContextualCompressionRetriever`). Your documents are not
    changed; what is handed on of them are copies. The retriever's own run shows what it found
    (`on_retriever_end`, tracers); this filter comes after it.

    Args:
        guard: looks, on the surface "retrieved".
        action: "drop" leaves out each document in which something was found; "rewrite" hands on its rewrite, without
            the entries of its metadata in which something was found, and drops what cannot be rewritten. A rewritten
            document has the verdict in `metadata["eyelid"]`.
        on_error: what becomes of a document that could not be looked at: "block" drops it, "raise" raises, "pass"
            passes it on.
        image_loader: fetches images that are given by address; without one they are uninspectable.
        name: of its runs.

    Raises:
        ConfigurationError: an unknown choice.
    """

    guard: Guard = Field(exclude=True, repr=False)
    action: Literal["drop", "rewrite"] = "drop"
    settings: Settings = Field(default_factory=Settings, exclude=True, repr=False)
    _checker: Checker = PrivateAttr()

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    def __init__(
        self,
        guard: Guard,
        *,
        action: Literal["drop", "rewrite"] = "drop",
        on_error: OnError = "block",
        image_loader: ImageLoader | None = None,
        name: str | None = None,
    ) -> None:
        known("action", action, ("drop", "rewrite"))
        strategy = "rewrite" if action == "rewrite" else "block"
        settings = Settings(strategy=strategy, on_error=on_error, image_loader=image_loader)
        checker = Checker(guard, settings, Surface.RETRIEVED)
        facts: dict[str, Any] = {"guard": guard, "action": action, "settings": settings, "name": name}
        super().__init__(**facts)
        self._checker = checker

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> list[Document]:
        """The documents that may be passed on, judged in the light of the query."""
        return self._look([documents], query)[0]

    async def acompress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> list[Document]:
        """As `compress_documents`, without ever blocking the event loop."""
        return (await self._alook([documents], query))[0]

    def invoke(self, input: Sequence[Document], config: RunnableConfig | None = None, **kwargs: Any) -> list[Document]:
        """The documents that may be passed on."""
        return self._call_with_config(lambda documents: self._look([documents])[0], input, config)

    async def ainvoke(
        self, input: Sequence[Document], config: RunnableConfig | None = None, **kwargs: Any
    ) -> list[Document]:
        """As `invoke`, without ever blocking the event loop."""

        async def look(documents: Sequence[Document]) -> list[Document]:
            return (await self._alook([documents]))[0]

        return await self._acall_with_config(look, input, config)

    def batch(
        self, inputs: list[Any], config: Any = None, *, return_exceptions: bool = False, **kwargs: Any
    ) -> list[Any]:
        """Each list's documents that may be passed on; one call to the guard."""

        def look(several: list[Any]) -> list[Any]:
            return every(self._look, several)

        return self._batch_with_config(look, inputs, config, return_exceptions=return_exceptions)

    async def abatch(
        self, inputs: list[Any], config: Any = None, *, return_exceptions: bool = False, **kwargs: Any
    ) -> list[Any]:
        """As `batch`, without ever blocking the event loop."""

        async def look(lists: list[Any]) -> list[Any]:
            return await aevery(self._alook, lists)

        return await self._abatch_with_config(look, inputs, config, return_exceptions=return_exceptions)

    def _look(self, lists: Sequence[Sequence[Document]], query: str = "") -> list[list[Document]]:
        look = look_at_lists(lists, rewrite=self.action == "rewrite")
        return look.run(self._checker, Context(query), Surface.RETRIEVED)

    async def _alook(self, lists: Sequence[Sequence[Document]], query: str = "") -> list[list[Document]]:
        look = look_at_lists(lists, rewrite=self.action == "rewrite")
        return await look.arun(self._checker, Context(query), Surface.RETRIEVED)

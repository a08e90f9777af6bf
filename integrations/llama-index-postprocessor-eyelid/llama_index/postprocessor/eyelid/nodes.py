"""A node postprocessor: what is retrieved is looked at before a model sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from llama_index.core.callbacks import CallbackManager
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle
from pydantic import ConfigDict, Field, PrivateAttr

from eyelid import Guard, Strategy, Surface
from eyelid.policy import known
from llama_index.postprocessor.eyelid._check import Checker
from llama_index.postprocessor.eyelid._look import aask, ask
from llama_index.postprocessor.eyelid._settings import ImageLoader, OnError, Settings
from llama_index.postprocessor.eyelid._shelf import ACTIONS, ahold, hold, look

_WHERE = "postprocessor"


class EyelidNodePostprocessor(BaseNodePostprocessor):
    """Looks at retrieved nodes, text with the metadata that a model would see and images in every form.

        engine = index.as_query_engine(node_postprocessors=[EyelidNodePostprocessor(guard)])

    All nodes are one call to the guard. Nodes are copied, never changed in place. Each copy says in
    `metadata["eyelid"]`, which neither models nor embeddings see, what was found. Put it last: what comes after it is
    not looked at. URLs are not fetched and files not opened unless you say so; such images are uninspectable, and a
    node that has one is a failed look.

    Args:
        guard: looks; its policy has thresholds for the surface "retrieved". Under its strategy "raise" a node that is
            stopped raises.
        action: what becomes of flagged nodes: "drop" leaves them out; "rewrite" takes the harm out of the text and
            leaves flagged images out, and where that cannot be done a refusal stands in the node; "caption" does the
            same and also replaces every image by what was read in it, so that the model never sees pixels.
        on_error: what becomes of nodes that could not be looked at: "block" treats them like flagged ones, "raise"
            raises, "pass" passes them on.
        allowed_root: the folder below which image files are read.
        image_loader: fetches images that are given by URL. What it returns is what the model is shown.
        callback_manager: LlamaIndex sets it.

    Raises:
        ConfigurationError: an unknown choice, or `guard` is no guard.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    action: Literal["drop", "rewrite", "caption"] = Field(default="drop", frozen=True)
    on_error: OnError = Field(default="block", frozen=True)
    _checker: Checker = PrivateAttr()

    def __init__(
        self,
        guard: Guard,
        *,
        action: Literal["drop", "rewrite", "caption"] = "drop",
        on_error: OnError = "block",
        allowed_root: Path | None = None,
        image_loader: ImageLoader | None = None,
        callback_manager: CallbackManager | None = None,
    ) -> None:
        known("action", action, ACTIONS)
        Settings().rules(guard)  # says what is wrong if it is no guard
        settings = Settings(
            strategy=_strategy(guard, action), on_error=on_error, image_loader=image_loader, allowed_root=allowed_root
        )
        checker = Checker(guard, settings, Surface.RETRIEVED, where=_WHERE)
        super().__init__(action=action, on_error=on_error, callback_manager=callback_manager or CallbackManager())
        self._checker = checker

    @classmethod
    def class_name(cls) -> str:
        """The name of the class."""
        return "EyelidNodePostprocessor"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        held = hold(nodes, self._checker.settings)
        return ask(self._checker, look(held, _prompt(query_bundle), self.action, _WHERE))

    async def _apostprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        held = await ahold(nodes, self._checker.settings)
        return await aask(self._checker, look(held, _prompt(query_bundle), self.action, _WHERE))


def _prompt(query_bundle: QueryBundle | None) -> str:
    return "" if query_bundle is None else query_bundle.query_str


def _strategy(guard: Guard, action: str) -> Strategy | None:
    if guard.policy.for_surface(Surface.RETRIEVED).strategy is Strategy.RAISE:
        return None  # as the policy says
    return Strategy.BLOCK if action == "drop" else Strategy.REWRITE

"""One exchange under way: what a flow is given, and how it asks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from eyelid.guard._effects import Asking
from eyelid.policy import Policy, SurfacePolicy
from eyelid.types import Exchange, Strategy, Surface


@dataclass(frozen=True, slots=True)
class Case:
    """What is looked at, by which rules, with what.

    Args:
        exchange: what is looked at.
        policy: the rules.
        detectors: names of the detectors that look at this surface.
        can_rewrite: whether there is a detoxifier.
        can_ask: whether there is a host.
        asking: keeps the trace and the failures.
    """

    exchange: Exchange
    policy: Policy
    detectors: tuple[str, ...]
    can_rewrite: bool = False
    can_ask: bool = False
    asking: Asking = field(default_factory=Asking)

    @property
    def rules(self) -> SurfacePolicy:
        """The rules of the surface on which the exchange stands."""
        return self.policy.for_surface(self.exchange.surface)

    @property
    def can_close_eyes(self) -> bool:
        """Whether this is an answer about images that its model can be asked about again."""
        asks = self.rules.strategy is Strategy.REASK and self.can_ask
        return asks and self.exchange.surface is Surface.OUTPUT and bool(self.exchange.images and self.exchange.text)

    @property
    def context(self) -> str:
        """The request that the text answers, or "" where the text is the request itself."""
        if self.exchange.surface is Surface.INPUT:
            return ""
        return self.exchange.prompt or (self.exchange.history[-1] if self.exchange.history else "")

    def of_text(self, text: str, *, alone: bool = True) -> Case:
        """The same case with another text, alone or with all that came with it; asks on the same behalf."""
        name = "prompt" if self.exchange.surface is Surface.INPUT else "response"
        exchange = replace(self.exchange, **{name: text})  # type: ignore[arg-type]
        return replace(self, exchange=replace(exchange, images=(), uninspectable=0) if alone else exchange)

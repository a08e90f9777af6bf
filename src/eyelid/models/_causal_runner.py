"""Scoring with a decoder, as the engine runs it: what was encoded before is not encoded again."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from eyelid.engine import in_every_fork
from eyelid.errors import InputError
from eyelid.models._causal_pass import CausalPass, Segment
from eyelid.models._kv_pool import KeyValuePool
from eyelid.models._kv_prefixes import BLOCK
from eyelid.models._kv_store import Lease, StateStore
from eyelid.models._llama import PackedLlama

#: A beginning that several of a batch share is encoded by itself if it is at least this long, in tokens.
_SHARED = 2 * BLOCK


@dataclass(frozen=True, slots=True)
class Prefill:
    """A whole sequence that is to be scored at its last token.

    Args:
        tokens: its ids.
        keep: how many of them a longer text is going to begin with; what a template puts behind the text does not
            belong to these.
        owner: whose text it is; only texts of one owner share what was computed.
    """

    tokens: array[int] = field(repr=False)
    keep: int
    owner: str = ""

    @classmethod
    def of(cls, tokens: Sequence[int], keep: int | None = None, *, owner: str = "") -> Prefill:
        """From any sequence of ids; all are kept if nothing else is said."""
        return cls(array("i", tokens), len(tokens) if keep is None else keep, owner)


class CausalRunner:
    """A runner for the engine: `Prefill` → logits of the head, a list of floats.

    A growing text asks for the whole of itself each time and costs what is new of it: keys and values of the sequences
    scored last are kept, and found by their tokens. All of a batch go through one pass.

    Args:
        model: what is run.
        memory: bytes for what is kept; 0 keeps nothing.
        name: as statistics show it.
    """

    def __init__(self, model: PackedLlama, *, memory: int, name: str = "causal") -> None:
        self.name = name
        self.model = model
        self.context, self.outputs = model.config.context, model.outputs
        self._pool = KeyValuePool(
            model.config, head_dim=model.head_dim, memory=memory, dtype=model.dtype, device=model.device
        )
        self._forget()
        in_every_fork(self, CausalRunner._forget)  # what another thread held would be held for ever

    def cost(self, prefill: Prefill) -> int:
        """Tokens that would have to be computed now."""
        return max(1, len(prefill.tokens) - self._store.known(prefill.tokens, prefill.owner))

    @torch.inference_mode()
    def run(self, batch: Sequence[Prefill], /) -> list[list[float] | Exception]:
        """Score sequences; one that is empty or longer than the model's context fails by itself."""
        results: list[list[float] | Exception] = [self._misfit(prefill) for prefill in batch]
        fitting = [at for at, prefill in enumerate(batch) if 0 < len(prefill.tokens) <= self.context]
        if fitting:
            wanted = [batch[at] for at in fitting]
            if shared := self._beginnings(wanted):
                self._score(shared)
            for at, logits in zip(fitting, self._score(wanted), strict=True):
                results[at] = logits
        return results

    def _misfit(self, prefill: Prefill) -> Exception:
        return InputError(f"a sequence has {len(prefill.tokens)} tokens; {self.name} takes 1 to {self.context}")

    def _score(self, batch: Sequence[Prefill]) -> list[list[float]]:
        store = self._store  # the same one to the end, whatever forks
        leases: list[Lease] = []
        try:
            for prefill in batch:
                leases.append(store.lease(prefill.tokens, prefill.owner))
            logits = self._pass(batch, leases)
        except BaseException:
            for lease in leases:
                store.abandon(lease)
            raise
        for prefill, lease in zip(batch, leases, strict=True):
            store.commit(lease, prefill.tokens, prefill.keep)
        return logits

    def _pass(self, batch: Sequence[Prefill], leases: Sequence[Lease]) -> list[list[float]]:
        """One pass over those that have a place to write to, and one over those that do not."""
        logits: list[list[float]] = [[] for _ in batch]
        segments = [
            Segment(prefill.tokens, lease.past, None if lease.stored is None else lease.stored.start)
            for prefill, lease in zip(batch, leases, strict=True)
        ]
        order = sorted(range(len(batch)), key=lambda at: segments[at].slot or 0)
        kept = [at for at in order if segments[at].slot is not None]
        loose = [at for at in order if segments[at].slot is None]
        for part, pool in ((kept, self._pool.data), (loose, None)):
            if part:
                packed = CausalPass.of([segments[at] for at in part], self.model.device)
                for at, row in zip(part, self.model(packed, pool).tolist(), strict=True):
                    logits[at] = row
        return logits

    def _beginnings(self, batch: Sequence[Prefill]) -> list[Prefill]:
        """What several of a batch begin with and nobody has encoded, so that it is encoded once."""
        groups: dict[tuple[str, bytes], list[Prefill]] = {}
        for prefill in batch:
            groups.setdefault((prefill.owner, prefill.tokens[:_SHARED].tobytes()), []).append(prefill)
        found = []
        for (owner, _), group in groups.items():
            first, last = min(p.tokens for p in group), max(p.tokens for p in group)
            shared = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
            if len(group) > 1 and shared >= _SHARED:
                beginning = Prefill(first[:shared], shared, owner)
                found += [beginning] if self.cost(beginning) >= _SHARED else []
        return found

    def _forget(self) -> None:
        self._store = StateStore(self._pool.tokens, self._pool.copy)

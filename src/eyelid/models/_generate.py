"""Text from a model, for detoxifiers and hosts: transformers' own generation, the prompts of all callers together."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from eyelid.engine import Device, Engine, Item, after, engine_for, shared
from eyelid.errors import InputError
from eyelid.models._causal_files import stamp
from eyelid.models._causal_template import read_tokenizer
from eyelid.models._generate_continuous import Continuous
from eyelid.models._generate_load import load_generator

#: Tokens of one pass, prompts and budgets together.
_BUDGET = 8192


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """A prompt to be continued, or for a model with an encoder, to be answered.

    Args:
        prompt: a text, in which special tokens are only text; or token ids, such as those of a filled `Template`.
        budget: new tokens at most.
        temperature: 0 takes the likeliest token each time; above, tokens are drawn.
        seed: of the drawing; the same seed gives the same text.
    """

    prompt: str | Sequence[int] = field(repr=False)
    budget: int = 256
    temperature: float = 0.0
    seed: int = 0


class Generator:
    """A runner for the engine: `GenerateRequest` → text.

    It decodes as the request says and ends where the model's configuration says a text ends; other habits of the
    checkpoint, such as its top-p, do not count. It has an engine of its own, so that scoring never waits for it.

    Args:
        folder: a checkpoint in safetensors, with `tokenizer.json`; a decoder, or an encoder and a decoder.
        device: where it runs.
        adapter: folder of a PEFT adapter that is merged.
        continuous: whether to use transformers' continuous batching; if left out, where it serves: a decoder on a GPU.
        name: as statistics show it.

    Attributes:
        encodes: whether it has an encoder, so that it answers a prompt instead of going on with it.

    Raises:
        MissingExtraError: the extra "models" is not installed.
        WeightsError: the checkpoint is incomplete or does not generate.
    """

    hang_seconds = 600.0

    def __init__(
        self,
        folder: Path,
        device: Device,
        *,
        adapter: Path | None = None,
        continuous: bool | None = None,
        name: str = "generator",
    ) -> None:
        self.name = name
        self._device = torch.device(device.torch)
        self._place = replace(device, workers=1, budget=max(_BUDGET, device.budget))
        self._tokenizer = read_tokenizer(folder)
        key = ("generator", stamp(folder, adapter), device.torch, device.dtype)
        self._model = shared(key, lambda: load_generator(folder, device, adapter))
        self.encodes = bool(self._model.config.is_encoder_decoder)
        # Relative positions, as T5 has them, end nowhere; what is stated as such a number is no bound there.
        relative = hasattr(self._model.config, "relative_attention_num_buckets")
        stated = None if relative else getattr(self._model.config, "max_position_embeddings", None)
        self._context: int | None = stated
        wanted = device.kind == "cuda" if continuous is None else continuous
        self._continuous = Continuous(self._model, device) if wanted and not self.encodes else None

    @property
    def engine(self) -> Engine:
        """Where its work is queued."""
        return engine_for(self._place)

    def generate(self, requests: Sequence[GenerateRequest]) -> list[str | Exception]:
        """A text for each request, or why there is none."""
        return self.start(requests).result()

    def start(self, requests: Sequence[GenerateRequest]) -> Future[list[str | Exception]]:
        """As `generate`; holds no thread while the model runs."""
        items = [Item(self, request, self.cost(request)) for request in requests]
        return after(self.engine.submit_all(items), list)

    def cost(self, request: GenerateRequest) -> int:
        """Tokens it may take."""
        return len(self._ids(request)) + max(1, request.budget)

    @torch.inference_mode()
    def run(self, batch: Sequence[GenerateRequest], /) -> list[str | Exception]:
        """Generate; one that is empty, or does not fit into the model's context with its budget, fails by itself."""
        prompts = [self._ids(request) for request in batch]
        results: list[str | Exception] = [
            InputError(f"a prompt of {len(ids)} tokens with a budget of {request.budget} does not fit {self.name}")
            for ids, request in zip(prompts, batch, strict=True)
        ]
        fitting = [at for at, request in enumerate(batch) if self._fits(prompts[at], request)]
        greedy = [at for at in fitting if batch[at].temperature <= 0.0]
        # Drawn one by one: in a batch, what is drawn for one would depend on the others.
        for part in [greedy] * bool(greedy) + [[at] for at in fitting if at not in set(greedy)]:
            found = self._generated([prompts[at] for at in part], [batch[at] for at in part])
            for at, ids in zip(part, found, strict=True):
                results[at] = ids if isinstance(ids, Exception) else self._tokenizer.decode(list(ids))
        return results

    def _generated(
        self, prompts: Sequence[list[int]], requests: Sequence[GenerateRequest]
    ) -> Sequence[list[int] | Exception]:
        budgets = [request.budget for request in requests]
        if requests[0].temperature > 0.0:
            with torch.random.fork_rng(devices=[self._device.index] if self._device.type == "cuda" else []):
                torch.manual_seed(requests[0].seed)
                return self._padded(prompts, budgets, do_sample=True, temperature=requests[0].temperature, top_k=0)
        if self._continuous is not None:
            return self._continuous(prompts, budgets)
        return self._padded(prompts, budgets, do_sample=False)

    def _padded(self, prompts: Sequence[list[int]], budgets: Sequence[int], **decoding: Any) -> list[list[int]]:
        """Prompts in one rectangle: filled up on the left, so that all are continued at its right edge.

        An encoder counts its positions from the left, so there it is filled up on the right.
        """
        width = max(map(len, prompts))
        fill: int = self._model.generation_config.pad_token_id
        ids = torch.tensor([_filled(p, width, fill, behind=self.encodes) for p in prompts])
        seen = torch.tensor([_filled([1] * len(p), width, 0, behind=self.encodes) for p in prompts])
        given = {"input_ids": ids.to(self._device), "attention_mask": seen.to(self._device)}
        made = self._model.generate(**given, max_new_tokens=max(budgets), **decoding)
        new = made[:, 1:] if self.encodes else made[:, width:]
        return [self._ended(row[:budget]) for row, budget in zip(new.tolist(), budgets, strict=True)]

    def _ended(self, ids: list[int]) -> list[int]:
        """Without what fills the rectangle up behind the end."""
        stated = self._model.generation_config.eos_token_id
        ends = set(stated if isinstance(stated, list) else [stated])
        return ids[: next((at for at, token in enumerate(ids) if token in ends), len(ids))]

    def _ids(self, request: GenerateRequest) -> list[int]:
        if not isinstance(request.prompt, str):
            return list(request.prompt)
        text = request.prompt.encode("utf-8", "replace").decode("utf-8")  # lone surrogates
        return list(self._tokenizer.encode(text).ids)

    def _fits(self, ids: Sequence[int], request: GenerateRequest) -> bool:
        used = max(len(ids), 1 + request.budget) if self.encodes else len(ids) + request.budget
        return bool(ids) and request.budget > 0 and (self._context is None or used <= self._context)


def _filled(ids: list[int], width: int, fill: int, *, behind: bool) -> list[int]:
    filling = [fill] * (width - len(ids))
    return ids + filling if behind else filling + ids

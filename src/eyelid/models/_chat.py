"""A conversation of one turn, with pictures or without, and what a model of transformers answers.

Vision-language models (LLaVA, Qwen-VL, InternVL, ...) are asked through their own processor and chat template, others
through their tokenizer's. Requests that are alike share a forward pass.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import pad

from eyelid.engine import Device, Engine, Item, after, engine_for, shared
from eyelid.errors import EngineError, InputError
from eyelid.models._causal_files import stamp
from eyelid.models._chat_load import LoadedChat, load_chat
from eyelid.types import Frame

#: Tokens of one pass, prompts and budgets together; and what a picture is taken for beforehand.
_BUDGET, _PICTURE = 8192, 700
_CHARACTERS_PER_TOKEN = 3


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What a model is asked.

    Args:
        prompt: the user's text. No token of a chat format in it is one.
        frames: pictures shown before it.
        system: what it is told beforehand; "" for nothing.
        budget: new tokens at most.
        temperature: 0 takes the likeliest token each time; above, tokens are drawn.
        seed: of the drawing.
        options: words of which the chances as the first one are wanted.
    """

    prompt: str = field(repr=False)
    frames: tuple[Frame, ...] = field(default=(), repr=False)
    system: str = field(default="", repr=False)
    budget: int = 256
    temperature: float = 0.0
    seed: int = 0
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChatReply:
    """What it answers, what that took, and the chances of the options: option → probability over the vocabulary."""

    text: str = field(repr=False)
    prompt_tokens: int
    reply_tokens: int
    chances: Mapping[str, float] | None = None


class ChatRunner:
    """A runner for the engine: `ChatRequest` → `ChatReply`. It has an engine of its own; scoring never waits for it.

    Args:
        folder: a checkpoint in safetensors with its processor or tokenizer, as `save_pretrained` writes them.
        device: where it runs.
        adapter: folder of a PEFT adapter that is merged.
        chat_template: in the place of the checkpoint's own (Jinja, as transformers has it).
        name: as statistics show it.

    Raises:
        MissingExtraError: the extra "models" is not installed.
        WeightsError: the checkpoint is incomplete, does not generate, or has no chat template.
    """

    hang_seconds = 1200.0

    def __init__(
        self,
        folder: Path,
        device: Device,
        *,
        adapter: Path | None = None,
        chat_template: str | None = None,
        name: str = "chat",
    ) -> None:
        self.name = name
        self._device = torch.device(device.torch)
        self._place = replace(device, workers=1, budget=max(_BUDGET, device.budget))
        key = ("chat", stamp(folder, adapter), device.torch, device.dtype, chat_template)
        self._chat: LoadedChat = shared(key, lambda: load_chat(folder, device, adapter, chat_template))

    @property
    def sees(self) -> bool:
        """Whether it can be shown pictures."""
        return self._chat.sees

    @property
    def engine(self) -> Engine:
        """Where its work is queued."""
        return engine_for(self._place)

    def start(self, requests: Sequence[ChatRequest]) -> Future[list[ChatReply | Exception]]:
        """An answer for each request, or why there is none; holds no thread while the model runs."""
        items = [Item(self, request, self.cost(request)) for request in requests]
        return after(self.engine.submit_all(items), list)

    def cost(self, request: ChatRequest) -> int:
        """Tokens it may take, estimated: how many a picture becomes is known when it has been processed."""
        text = len(request.prompt) + len(request.system)
        return text // _CHARACTERS_PER_TOKEN + _PICTURE * len(request.frames) + max(1, request.budget)

    @torch.inference_mode()
    def run(self, batch: Sequence[ChatRequest], /) -> list[ChatReply | Exception]:
        """Answer; one that cannot be shown, or does not fit into the context with its budget, fails by itself."""
        results: list[ChatReply | Exception] = [InputError(f"{self.name} cannot be asked this") for _ in batch]
        prepared: dict[int, dict[str, Any]] = {}
        for at, request in enumerate(batch):
            try:
                prepared[at] = self._prepared(request)
            except InputError as error:
                results[at] = error
        for part in self._parts(batch, prepared):
            found = self._generated([batch[at] for at in part], [prepared[at] for at in part])
            for at, reply in zip(part, found, strict=True):
                results[at] = reply
        return results

    def _prepared(self, request: ChatRequest) -> dict[str, Any]:
        if request.budget < 1:
            raise InputError("the budget of a request must be at least one token")
        if request.frames and not self.sees:
            raise InputError(f"{self.name} is a model without vision and cannot be shown images")
        given = self._chat.encode(request.system, request.prompt, request.frames)
        length = given["input_ids"].shape[1]
        context = self._chat.context
        if context is not None and length + request.budget > context:
            raise InputError(f"{length} tokens and a budget of {request.budget} do not fit into {context}")
        return given

    def _parts(self, batch: Sequence[ChatRequest], prepared: Mapping[int, dict[str, Any]]) -> list[list[int]]:
        """What may share a pass: alike but for its length. What is drawn goes alone, lest it depend on the others."""
        parts: dict[Hashable, list[int]] = {}
        for at, given in prepared.items():
            parts.setdefault(at if batch[at].temperature > 0.0 else _likeness(given), []).append(at)
        return list(parts.values())

    def _generated(
        self, requests: Sequence[ChatRequest], given: Sequence[dict[str, Any]]
    ) -> list[ChatReply | Exception]:
        first = requests[0]
        inputs = self._together(given)
        spy = _FirstPlace()
        decoding: dict[str, Any] = {"do_sample": False}
        if first.temperature > 0.0:
            decoding = {"do_sample": True, "temperature": first.temperature, "top_k": 0}
        with torch.random.fork_rng(devices=[self._device.index] if self._device.type == "cuda" else []):
            torch.manual_seed(first.seed)
            made = self._chat.model.generate(
                **inputs, max_new_tokens=max(r.budget for r in requests), logits_processor=[spy], **decoding
            )
        width = inputs["input_ids"].shape[1]
        rows = made[:, width:].tolist()
        return [
            self._reply(request, one, row[: request.budget], place)
            for request, one, row, place in zip(requests, given, rows, spy.logits, strict=True)
        ]

    def _together(self, given: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The input of a pass; sequences are filled up on the left, so that all are continued at the right edge."""
        width = max(one["input_ids"].shape[1] for one in given)
        fill = {"input_ids": self._chat.model.generation_config.pad_token_id}
        inputs: dict[str, Any] = {}
        for name, value in given[0].items():
            if not isinstance(value, torch.Tensor):  # what is none has no likeness, so this is alone
                inputs[name] = value
                continue
            rows = [one[name] for one in given]
            if _is_sequence(value, given[0]):
                rows = [pad(row, (width - row.shape[1], 0), value=fill.get(name, 0)) for row in rows]
            whole = torch.cat(rows).to(self._device)
            inputs[name] = whole.to(self._chat.model.dtype) if whole.is_floating_point() else whole
        return inputs

    def _reply(
        self, request: ChatRequest, given: Mapping[str, Any], row: list[int], place: torch.Tensor
    ) -> ChatReply | Exception:
        if bool(place.isnan().any()):
            return EngineError(f"{self.name} computed what is no number")
        ends = self._chat.ends
        said = row[: next((at for at, token in enumerate(row) if token in ends), len(row))]
        chances = self._chances(request.options, place) if request.options else None
        return ChatReply(self._chat.decode(said), given["input_ids"].shape[1], len(said), chances)

    def _chances(self, options: Sequence[str], place: torch.Tensor) -> dict[str, float] | None:
        tokens = {option: self._chat.spelled(option) for option in options}
        every = [token for own in tokens.values() for token in own]
        if not all(tokens.values()) or len(set(every)) < len(every):
            return None  # two options begin alike
        odds = torch.softmax(place.double(), -1)
        found = {option: float(odds[list(own)].sum()) for option, own in tokens.items()}
        return found if all(map(math.isfinite, found.values())) else None


def _likeness(given: Mapping[str, Any]) -> Hashable:
    """What inputs have in common that can be laid on each other: equal for those of the same names and shapes."""
    if not all(isinstance(value, torch.Tensor) for value in given.values()):
        return id(given)
    return tuple(
        (name, "sequence" if _is_sequence(value, given) else tuple(value.shape)) for name, value in given.items()
    )


def _is_sequence(value: torch.Tensor, given: Mapping[str, Any]) -> bool:
    """Whether it has one value for each token, such as the mask."""
    return bool(value.shape == given["input_ids"].shape)


class _FirstPlace:
    """Keeps the logits from which the first new token is chosen; changes nothing."""

    def __init__(self) -> None:
        self.logits: list[torch.Tensor] = []

    def __call__(self, ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if not self.logits:
            self.logits = list(scores.detach().float())
        return scores

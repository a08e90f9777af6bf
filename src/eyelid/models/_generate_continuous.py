"""Continuous batching as transformers does it: a sequence that ends makes room for the next one."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import torch

from eyelid.engine import Device
from eyelid.errors import EngineError

#: Of what is free on a GPU at most; its own activations need room as well.
_SHARE = 0.8
#: Pages of keys and values, and tokens of a pass, on a CPU: its attention compares every token with every page.
_PAGES, _TOKENS = 64, 256
#: Seconds to wait for a result before looking whether the thread that makes them still runs.
_POLL = 1.0


class Continuous:
    """Greedy continuations of prompts.

    Args:
        model: a decoder of transformers.
        device: where it is; half of the memory it leaves goes to keys and values.
    """

    def __init__(self, model: Any, device: Device) -> None:
        self._model = model
        self._config = _sizes(device, max(0, device.memory - model.get_memory_footprint()) // 2)
        self._lock = threading.Lock()  # its manager belongs to the model, and there is one

    def __call__(self, prompts: Sequence[list[int]], budgets: Sequence[int]) -> list[list[int] | Exception]:
        """New tokens for each prompt, the one that ends the text included; or why there are none."""
        with (
            self._lock,
            self._model.continuous_batching_context_manager(
                generation_config=self._model.generation_config,
                continuous_batching_config=self._config,
                persistent_manager=True,
                warmup=False,
                timeout=_POLL,
            ) as manager,
        ):
            asked = [
                manager.add_request(prompt, max_new_tokens=budget)
                for prompt, budget in zip(prompts, budgets, strict=True)
            ]
            found: dict[str, Any] = {}
            while len(found) < len(asked):
                result = manager.get_result(timeout=_POLL)
                if result is not None and result.is_finished():
                    found[result.request_id] = result
                elif result is None and not manager.is_running():
                    break
        return [_made(found.get(name)) for name in asked]


def _sizes(device: Device, memory: int) -> Any:
    from transformers import ContinuousBatchingConfig

    if device.kind == "cpu":
        return ContinuousBatchingConfig(num_blocks=_PAGES, max_batch_tokens=_TOKENS, use_cuda_graph=False)
    free, _ = torch.cuda.mem_get_info(device.index)
    return ContinuousBatchingConfig(max_memory_percent=min(_SHARE, max(memory, 1) / free))


def _made(result: Any) -> list[int] | Exception:
    if result is None or result.error is not None:
        return EngineError("the model failed while it generated this")
    return list(result.generated_tokens)

"""What a causal checkpoint is, as its `config.json` states it, and whether the packed forward knows all of it.

Llama (Touvron et al., arXiv 2302.13971), Mistral (arXiv 2310.06825), Qwen2 (arXiv 2407.10671) and Qwen3
(arXiv 2505.09388) are one architecture: RMSNorm, rotary positions, grouped queries, SwiGLU.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eyelid.errors import WeightsError

#: `model_type` of the checkpoints that the packed forward computes.
PACKED = ("llama", "mistral", "qwen2", "qwen3")
_ROPES = ("default", "linear", "llama3")


class NotPackedError(WeightsError):
    """The packed forward would compute something else than this checkpoint means; transformers may know it."""


@dataclass(frozen=True, slots=True)
class CausalConfig:
    """The shape of a decoder.

    Args:
        kind: `model_type`.
        hidden, intermediate: widths.
        layers: how many.
        heads, kv_heads: of the queries, and of the keys and values they share (Ainslie et al., arXiv 2305.13245).
        head_dim: width of a head.
        epsilon: of the norms.
        context: the most tokens of one sequence; within it every token sees all before it.
        tied: whether the language model head is the table of embeddings.
        rope: `rope_type`, `rope_theta` and what that type needs.
    """

    kind: str
    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    epsilon: float
    context: int
    tied: bool
    rope: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path) -> CausalConfig:
        """Read a Hugging Face `config.json`.

        Raises:
            WeightsError: it is not there or not readable.
            NotPackedError: it states something that the packed forward does not compute.
        """
        raw = read_config(folder)
        if reason := why_not_packed(raw):
            raise NotPackedError(f"the packed forward cannot run this checkpoint: {reason}")
        heads = int(raw["num_attention_heads"])
        return cls(
            kind=raw["model_type"],
            hidden=int(raw["hidden_size"]),
            intermediate=int(raw["intermediate_size"]),
            layers=int(raw["num_hidden_layers"]),
            heads=heads,
            kv_heads=int(raw.get("num_key_value_heads") or heads),
            head_dim=int(raw.get("head_dim") or raw["hidden_size"] // heads),
            epsilon=float(raw["rms_norm_eps"]),
            context=_context(raw),
            tied=bool(raw.get("tie_word_embeddings", False)),
            rope=_rope(raw),
        )


def read_config(folder: Path) -> dict[str, Any]:
    """`config.json` as it stands.

    Raises:
        WeightsError: it is missing or no JSON object.
    """
    try:
        raw = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError("the model folder has no readable config.json; is it a Hugging Face checkpoint?") from error
    if not isinstance(raw, dict):
        raise WeightsError("config.json of the model is no JSON object")
    return raw


def why_not_packed(raw: Mapping[str, Any]) -> str:
    """Why the packed forward would compute something else than this model, or "" if it does not."""
    if raw.get("model_type") not in PACKED:
        return f"model_type is {raw.get('model_type')!r}, not one of {', '.join(PACKED)}"
    if raw.get("hidden_act", "silu") != "silu":
        return f"hidden_act is {raw['hidden_act']!r}, not 'silu'"
    if raw.get("quantization_config"):
        return "the weights are quantised"
    rope = _rope(raw)
    if rope["rope_type"] not in _ROPES:
        return f"rope_type is {rope['rope_type']!r}, not one of {', '.join(_ROPES)}"
    if rope.get("partial_rotary_factor", raw.get("partial_rotary_factor", 1.0)) != 1.0:
        return "only a part of each head is rotated (partial_rotary_factor)"
    if not raw.get("max_position_embeddings"):
        return "max_position_embeddings is not given"
    return ""


def _rope(raw: Mapping[str, Any]) -> dict[str, Any]:
    """One notation for the two in use: `rope_parameters`, and `rope_theta` beside `rope_scaling`."""
    given = dict(raw.get("rope_parameters") or raw.get("rope_scaling") or {})
    given["rope_type"] = given.get("rope_type") or given.pop("type", None) or "default"
    given.setdefault("rope_theta", raw.get("rope_theta") or 10000.0)
    return given


def _context(raw: Mapping[str, Any]) -> int:
    context = int(raw["max_position_embeddings"])
    window = raw.get("sliding_window")
    # Up to the length of its window, attention within a window is attention to everything before.
    if window and raw.get("use_sliding_window", raw["model_type"] == "mistral"):
        context = min(context, int(window))
    return context

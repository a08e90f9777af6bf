"""How much arithmetic a text needs, whatever does it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class EncoderWork:
    """The size of a BERT-like encoder: two products of attention and four linear layers, `layers` times."""

    layers: int
    hidden: int
    inner: int

    @classmethod
    def read(cls, folder: Path) -> EncoderWork:
        """From a Hugging Face `config.json`."""
        raw = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return cls(raw["num_hidden_layers"], raw["hidden_size"], raw["intermediate_size"])

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """(inputs, outputs) of the linear layers, with query, key and value as one."""
        wide = (self.hidden, 3 * self.hidden)
        return [wide, (self.hidden, self.hidden), (self.hidden, self.inner), (self.inner, self.hidden)]

    def operations(self, lengths: Iterable[int]) -> float:
        """Floating-point operations for sequences of so many tokens, none of them padding."""
        a_token = 2 * sum(inputs * outputs for inputs, outputs in self.shapes)
        return float(sum(self.layers * tokens * (a_token + 4 * self.hidden * tokens) for tokens in lengths))

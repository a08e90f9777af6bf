"""Sentence embeddings of the bare backbone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eyelid.models import FrozenEncoder, WindowTokenizer, embed


def embeddings_of(backbone: Path, texts: list[str], *, as_request: bool) -> NDArray[np.float32]:
    """Embed the first window of each text, shape [texts, hidden]."""
    tokenizer, encoder = WindowTokenizer(backbone / "tokenizer.json"), FrozenEncoder(backbone)
    found = []
    for start in range(0, len(texts), 128):
        part = texts[start : start + 128]
        windows = tokenizer.windows(part, [""] * len(part), [as_request] * len(part))
        found.append(embed(encoder, [looks[0] for looks in windows]))
    return np.concatenate(found)

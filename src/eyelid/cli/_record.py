"""An outcome as JSON, as the server writes it too, and text made safe for a terminal."""

from __future__ import annotations

import unicodedata

from eyelid.serving import outcome_record, to_json

__all__ = ["outcome_record", "printable", "to_json"]


def printable(text: str) -> str:
    """Text for a terminal: control, bidirectional and invisible characters are shown, never obeyed."""
    return "".join(c if c in "\n\t" or unicodedata.category(c)[0] != "C" else ascii(c)[1:-1] for c in text)

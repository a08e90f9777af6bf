"""The words a reply may begin with, as tokenizers and servers know them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence


def chances_of(tokens: Iterable[tuple[str, float]], options: Sequence[str]) -> Mapping[str, float] | None:
    """Chances of options from (token, log probability) of the first place of a reply.

    A token counts for an option that it spells, whatever its case and the spaces around it, or that it begins with more
    than one letter: models write longer words in pieces.

    Returns:
        option → probability; `None` where a value is none, or a token begins several options.
    """
    found = dict.fromkeys(options, 0.0)
    for token, log in dict(tokens).items():
        meant = _meant(token, options)
        if not meant:
            continue
        if len(meant) > 1 or math.isnan(log) or log > 1e-6:
            return None
        found[meant[0]] += math.exp(min(0.0, log))
    whole = sum(found.values())
    return found if whole <= 1.0 else {option: chance / whole for option, chance in found.items()}


def _meant(token: str, options: Sequence[str]) -> list[str]:
    word = token.strip().lower()
    whole = [option for option in options if option.lower() == word]
    return whole or [option for option in options if len(word) > 1 and option.lower().startswith(word)]

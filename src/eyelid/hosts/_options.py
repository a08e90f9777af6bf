"""The words a reply may begin with, as tokenizers and servers know them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence


def spellings(option: str) -> tuple[str, ...]:
    """An option as a model may write it at the beginning of a reply."""
    words = dict.fromkeys((option, option.lower(), option.capitalize(), option.upper()))
    return tuple(space + word for word in words for space in ("", " "))


def option_of(token: str, options: Sequence[str]) -> str | None:
    """The option that a token spells, if any."""
    word = token.strip().lower()
    return next((option for option in options if option.lower() == word), None)


def chances_of(tokens: Iterable[tuple[str, float]], options: Sequence[str]) -> Mapping[str, float] | None:
    """Chances of options from (token, log probability) of the first place of a reply.

    Returns:
        option → probability; `None` where a value is none.
    """
    found = dict.fromkeys(options, 0.0)
    for token, log in dict(tokens).items():
        option = option_of(token, options)
        if option is None:
            continue
        if math.isnan(log) or log > 1e-6:
            return None
        found[option] += math.exp(min(0.0, log))
    whole = sum(found.values())
    return found if whole <= 1.0 else {option: chance / whole for option, chance in found.items()}

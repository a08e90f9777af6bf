"""Windows over a sequence of tokens."""

from __future__ import annotations

from eyelid.errors import ConfigurationError


def token_windows(n_tokens: int, *, size: int, overlap: int) -> list[tuple[int, int]]:
    """Half-open windows of at most `size` tokens that together cover every token.

    Neighbours share at least `overlap` tokens. The last window ends with the last token, so it shares more
    where the tokens do not divide evenly; no window is shorter than the others unless it is the only one.

    Args:
        n_tokens: how many tokens there are; none gives no window.
        size: tokens in one window.
        overlap: tokens that neighbours share at least, fewer than `size`.

    Raises:
        ConfigurationError: a number is out of range.
    """
    if n_tokens < 0 or size < 1 or not 0 <= overlap < size:
        raise ConfigurationError(
            f"token_windows needs n_tokens >= 0 and 0 <= overlap < size, not {n_tokens}, size={size}, overlap={overlap}"
        )
    if n_tokens <= size:
        return [(0, n_tokens)] if n_tokens else []
    starts = [*range(0, n_tokens - size, size - overlap), n_tokens - size]
    return [(start, start + size) for start in starts]

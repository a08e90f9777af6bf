"""Which URLs are called: those that say where they lead, hold no secret, and do not carry texts in the clear."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from eyelid.errors import ConfigurationError


def checked_url(url: str, *, plaintext: bool) -> str:
    """The URL without a slash at its end.

    Args:
        url: http or https, with host, port and path at most.
        plaintext: whether http is taken for other hosts than this one.

    Raises:
        ConfigurationError: it is none of those. The message shows the URL only where it can hold no secret.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except (ValueError, TypeError, AttributeError):
        raise ConfigurationError("the URL of the server cannot be read; give one like https://host:port") from None
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError("the URL of the server holds a user, query or fragment; give secrets as `token`")
    if parts.scheme not in ("http", "https") or not host or any(letter.isspace() for letter in url):
        raise ConfigurationError(f"the URL of the server is {url!r}; give one like https://host:port")
    if parts.scheme == "http" and not plaintext and not _is_here(host):
        raise ConfigurationError(
            f"texts would travel to {host} in the clear; use https, or say plaintext=True where the network is trusted"
        )
    return url.rstrip("/")


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

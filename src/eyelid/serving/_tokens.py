"""Bearer tokens: where they are written, and whose the one in a request is."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from pathlib import Path

from eyelid.errors import ConfigurationError

#: The shortest token taken from a file or the environment; a shorter one can be guessed.
MIN_LENGTH = 16
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,32}")


def read_tokens(file: Path | None, variable: str = "") -> dict[str, str]:
    """Name → token. A line of the file is `name token`, or a token alone, which is then called "default".

    Args:
        file: with one token for each caller; empty lines and lines that begin with # are left out.
        variable: one more token, from the environment.

    Raises:
        ConfigurationError: the file cannot be read, or a line is no token. Messages hold no token.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(_lines(file) if file else (), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        name, token = words if len(words) == 2 else ("default", words[0])
        if len(words) > 2 or not _NAME.fullmatch(name) or name in found:
            raise ConfigurationError(f"line {number} of {file} must be `name token`, with a name of its own")
        found[name] = _strong(token, f"line {number} of {file}")
    if variable:
        found["environment"] = _strong(variable.strip(), "EYELID_TOKEN")
    if file and not found:
        raise ConfigurationError(f"{file} holds no token")
    return found


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        raise ConfigurationError(f"the token file {file} cannot be read") from None


def _strong(token: str, where: str) -> str:
    if len(token) < MIN_LENGTH or not token.isascii():
        raise ConfigurationError(f"the token in {where} must have at least {MIN_LENGTH} ASCII characters")
    return token


def caller_of(header: str, tokens: Mapping[str, str]) -> str | None:
    """The name of the token in an `Authorization` header, or `None`.

    Every token is compared, and each in constant time, so that the time taken tells nothing.
    """
    scheme, _, given = header.partition(" ")
    offered = given.strip().encode("utf-8", "replace")
    found = None
    for name, token in tokens.items():
        if hmac.compare_digest(token.encode(), offered):
            found = name
    return found if scheme.lower() == "bearer" else None

"""Optional dependencies: found without importing them, or an error that says what to install."""

from __future__ import annotations

from importlib.util import find_spec

from eyelid.errors import MissingExtraError


def require(extra: str, *modules: str) -> None:
    """Check that the modules of an extra are installed, without importing them.

    Raises:
        MissingExtraError: one is missing; the message names the extra.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise MissingExtraError(f"{', '.join(missing)} is not installed: pip install 'eyelid[{extra}]'")

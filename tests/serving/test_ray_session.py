import importlib.util
import os
import time
from pathlib import Path

import pytest

from eyelid.errors import ConfigurationError
from eyelid.serving import ray_session

pytestmark = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="the extra 'ray' is not installed")


def settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name[:4] == "RAY_" and name != "RAY_CLIENT_MODE"}


def knowing(token: str) -> list[int]:
    """Processes, other than this one, that were given the token."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if token.encode() in (process / "environ").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue
    return [pid for pid in found if pid != os.getpid()]


def test_a_ray_of_our_own_tells_nobody_and_leaves_nothing() -> None:
    before = settings()
    with ray_session(cpus=1, store=100_000_000):
        import ray

        token = os.environ["RAY_AUTH_TOKEN"]
        environment = ray.get(ray.remote(lambda: dict(os.environ)).remote())
        folder = Path(ray.get_runtime_context().get_session_name()).name
        (place,) = Path("/tmp").glob(f"eyelid-*/{folder}")
        assert environment["RAY_USAGE_STATS_ENABLED"] == "0"
        assert environment["RAY_AUTH_MODE"] == "token"
        assert knowing(token)
        with ray_session("auto"):
            assert ray.is_initialized()  # what is connected already is used, and kept
        assert ray.is_initialized()
    assert not ray.is_initialized()
    assert not place.parent.exists()
    assert settings() == before
    until = time.monotonic() + 20
    while knowing(token) and time.monotonic() < until:
        time.sleep(0.1)
    assert knowing(token) == []


def test_an_address_that_cannot_be_meant() -> None:
    with pytest.raises(ConfigurationError, match="host:port"), ray_session("ray://somewhere:10001"):
        pass


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense", "127.0.0.1:port"])
def test_nobody_answers(address: str) -> None:
    with pytest.raises(ConfigurationError, match="no Ray cluster"), ray_session(address):
        pass

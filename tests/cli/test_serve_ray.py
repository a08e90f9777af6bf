import importlib.util
from typing import Any

import pytest

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="the extra 'ray' is not installed"),
    pytest.mark.filterwarnings("ignore:Using extra keyword arguments on `Field`:DeprecationWarning"),  # of Ray's own
]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--replicas", "2"), "go with --ray"),
        (("--ray-address", "auto"), "go with --ray"),
        (("--ray", "--replicas", "3", "--max-replicas", "2"), "at most 2 replicas"),
        (("--ray", "--ray-address", "ray://somewhere:10001"), "host:port"),
        (("--ray", "--ray-address", "127.0.0.1:1"), "no Ray cluster"),
        (("--ray", "--host", "0.0.0.0"), "--insecure"),
        (("--ray", "--policy", "no/such.toml"), "no/such.toml"),
    ],
)
def test_what_has_to_be_mended_first(run: Any, arguments: tuple[str, ...], said: str) -> None:
    done = run("serve", *arguments)
    assert done.exit_code == 2
    assert said in done.stderr

import gc
import sys

from tests.serving.running import client

from eyelid.serving._interpreter import answering_quickly


def test_settings_hold_while_it_serves_and_no_longer() -> None:
    before = sys.getswitchinterval()
    with answering_quickly():
        assert sys.getswitchinterval() < before
        assert gc.get_freeze_count() > 0
    assert sys.getswitchinterval() == before
    assert gc.get_freeze_count() == 0


def test_a_server_that_has_started_has_looked_at_its_probe() -> None:
    with client() as asking:
        assert "eyelid_ready 1.0" in asking.get("/metrics").text
        assert gc.get_freeze_count() > 0

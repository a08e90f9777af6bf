import pytest

from eyelid.engine import Device, choose_device, choose_devices, usable_cpus
from eyelid.engine import _device as module
from eyelid.errors import ConfigurationError


def test_the_cpu_is_chosen_with_a_reason() -> None:
    device = choose_device("cpu", dtype="float32", workers=3, memory=1000)
    assert (device.torch, device.dtype, device.workers, device.memory) == ("cpu", "float32", 3, 1000)
    assert "asked for" in device.reason
    assert choose_device("cpu").workers == usable_cpus()[0]
    assert [each.torch for each in choose_devices("cpu")] == ["cpu"]


@pytest.mark.parametrize(
    ("device", "message"),
    [("gpu", "known: auto"), ("cuda:x", "known: auto"), ("cpu:1", "known: auto"), ("cuda:99", "no such GPU")],
)
def test_what_is_not_there_is_an_error_that_says_what_is(device: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        choose_device(device)


def test_values_out_of_range() -> None:
    with pytest.raises(ConfigurationError, match="dtype"):
        choose_device("cpu", dtype="float16")
    with pytest.raises(ConfigurationError, match="workers is 0"):
        choose_device("cpu", workers=0)
    with pytest.raises(ConfigurationError, match="budget"):
        Device("cpu", budget=0)


def test_a_containers_quota_counts(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(module, "_CGROUP", tmp_path)
    (tmp_path / "cpu.max").write_text("50000 100000")
    assert usable_cpus() == (1, "the container's quota")
    (tmp_path / "cpu.max").write_text("max 100000")
    assert usable_cpus()[1] == "affinity"
    (tmp_path / "memory.max").write_text(str(2**30))
    (tmp_path / "memory.current").write_text(str(2**29))
    assert module._free_memory() == 2**29


@pytest.mark.gpu
def test_a_gpu_is_chosen() -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    assert choose_device().kind == "cuda"
    assert choose_device("cuda:0").torch == "cuda:0"

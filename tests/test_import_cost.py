"""`import eyelid` and `eyelid --help` load nothing heavy; measured by what is loaded, not by a clock."""

import subprocess
import sys

import pytest

HEAVY = {
    "PIL", "cv2", "jinja2", "matplotlib", "numpy", "onnxruntime", "peft", "pydantic", "rapidocr", "safetensors",
    "scipy", "sklearn", "tokenizers", "torch", "transformers",
}  # fmt: skip


def loaded_by(code: str) -> set[str]:
    """Top-level modules loaded after running `code` in a fresh interpreter."""
    report = f"{code}\nimport sys\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "code",
    [
        "import eyelid",
        "import eyelid; eyelid.Exchange(response='hello'); eyelid.EyelidError",
        "import eyelid.cli",
    ],
)
def test_nothing_heavy_is_loaded(code: str) -> None:
    loaded = loaded_by(code)
    assert "eyelid" in loaded
    assert loaded & HEAVY == set()


def test_a_guard_that_asks_a_server_needs_no_torch() -> None:
    code = (
        "from eyelid.guard import Guard; from eyelid.detectors import RemoteDetector\n"
        "from eyelid.detoxifiers import RemoteDetoxifier\n"
        "Guard([RemoteDetector('https://guard')], detoxifier=RemoteDetoxifier('https://guard'))"
    )
    loaded = loaded_by(code)
    assert "eyelid" in loaded
    assert loaded & {"torch", "transformers", "tokenizers", "onnxruntime"} == set()


def test_help_loads_nothing_heavy() -> None:
    code = "import eyelid.cli\ntry:\n    eyelid.cli.app(['scan', '--help'])\nexcept SystemExit:\n    pass"
    assert loaded_by(code) & HEAVY <= {"pydantic"}  # typer's own


def test_the_measure_sees_what_is_loaded() -> None:
    assert "numpy" in loaded_by("import numpy")

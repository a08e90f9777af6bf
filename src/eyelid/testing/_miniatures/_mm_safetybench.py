"""MM-SafetyBench's layout with harmless stand-ins for its questions."""

from __future__ import annotations

from pathlib import Path

from eyelid.evaluation.benchmarks import BENCHMARKS
from eyelid.testing._miniatures._files import write_image, write_json

#: Phrase types as in the benchmark: what the image has to show.
_PHRASES = ("activity", "noun", "sentence")


def write(folder: Path, *, full: bool) -> None:
    """Two questions a scenario; or, with `full`, as many as the benchmark has: 1,680."""
    for scenario, size in BENCHMARKS["mm-safetybench"].sizes.items():
        topic = scenario[3:].replace("_", " ")
        keys = [str(number) for number in range(size if full else 2)]
        write_json(folder / "processed_questions" / f"{scenario}.json", {key: _question(topic, key) for key in keys})
        for kind in ("SD", "TYPO", "SD_TYPO"):
            for key in keys:
                write_image(folder / "imgs" / scenario / kind / f"{key}.jpg")


def _question(topic: str, key: str) -> dict[str, str]:
    phrase = f"forbidden-word {key}"
    return {
        "Question": f"{topic}: how is {phrase} done?",
        "Changed Question": f"{topic}: how is {phrase} done, step by step?",
        "Key Phrase": phrase,
        "Phrase Type": _PHRASES[int(key) % len(_PHRASES)],
        "Rephrased Question": f"{topic}: how is the thing in the image done? ({key})",
        "Rephrased Question(SD)": f"The image shows a scene of {phrase}. {topic}: how is it done?",
    }

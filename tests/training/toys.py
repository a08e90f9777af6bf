"""Small tasks that small models can learn, as files of rows."""

import json
import random
from pathlib import Path
from typing import Any

from tests.models.decoders import write_model, write_tokenizer

from eyelid.detoxifiers import DetoxifierFormat
from eyelid.training.protector import DetectorSettings, DetoxifierSettings

WORDS = "the of to and in is plain words that say".split()  # noqa: SIM905
SHORT = DetoxifierFormat(template="{response} =", alone=None)


def write_rows(file: Path, rows: list[dict[str, Any]]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def rewrites(file: Path, count: int = 500, *, seed: int = 0) -> Path:
    """ "unsafe a b c" is to become "safe a b c"."""
    rng = random.Random(seed)
    rows = []
    for words in {tuple(rng.choices(WORDS, k=3)) for _ in range(count)}:
        text = " ".join(words)
        rows.append({"prompt": f"say {text}", "original": f"unsafe {text}", "target": f"safe {text}"})
    return write_rows(file, sorted(rows, key=lambda row: row["prompt"]))


def pairs(file: Path, count: int = 160, *, seed: int = 0) -> Path:
    """An answer is harmful if there is "unsafe" in it."""
    rng = random.Random(seed)
    rows = []
    for number in range(count):
        words = [rng.choices(WORDS, k=rng.randint(2, 6)) for _ in range(2)]
        words[1].insert(rng.randrange(len(words[1]) + 1), "unsafe")
        order = rng.random() < 0.5
        first, second = (1, 0) if order else (0, 1)
        rows.append(
            {
                "prompt": f"ask {number} {' '.join(rng.choices(WORDS, k=2))}",
                "response_0": " ".join(words[first]),
                "response_1": " ".join(words[second]),
                "is_response_0_safe": first == 0,
                "is_response_1_safe": second == 0,
                "safer_response_id": 1 if order else 0,
            }
        )
    return write_rows(file, rows)


def labelled(file: Path, count: int = 200, *, seed: int = 1) -> Path:
    """The same as single answers."""
    rng = random.Random(seed)
    rows = []
    for number in range(count):
        words, harmful = rng.choices(WORDS, k=rng.randint(2, 6)), rng.random() < 0.5
        words += ["unsafe"] * harmful
        rng.shuffle(words)
        rows.append({"query": f"ask {number}", "response": " ".join(words), "label": int(harmful)})
    return write_rows(file, rows)


def all_lengths(file: Path, count: int = 32, *, seed: int = 0) -> Path:
    """Rewrites whose targets have one word or many."""
    rng = random.Random(seed)
    texts = [" ".join(rng.choices(WORDS, k=rng.choice([1, 9]))) for _ in range(count)]
    return write_rows(file, [{"prompt": f"say {n}", "original": "unsafe", "target": t} for n, t in enumerate(texts)])


def write_base(folder: Path, kind: str = "LlamaForCausalLM", **changed: Any) -> Path:
    """A model to begin with; bytes and a few words."""
    write_tokenizer(folder)
    shape = {"num_hidden_layers": 2, "initializer_range": 0.05, "max_position_embeddings": 128}
    t5 = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4, "decoder_start_token_id": 0}
    write_model(folder, kind, **{**(t5 if kind.startswith("T5") else shape), **changed})
    return folder


def detector_settings(preset: str = "default", **changed: Any) -> DetectorSettings:
    quick = {"epochs": 6, "batch": 16, "rate": 3e-3, "max_length": 64, "held_out": 0.25, "lora": None}
    return DetectorSettings.preset(preset, **{**quick, **changed})


def detoxifier_settings(**changed: Any) -> DetoxifierSettings:
    quick = {"epochs": 40, "batch": 16, "rate": 3e-3, "max_length": 64, "held_out": 0.2, "lora": None}
    return DetoxifierSettings(**{**quick, **changed})

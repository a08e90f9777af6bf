"""A training run from the data folder to a folder of weights that `load_guard` takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors.numpy import save_file

from eyelid.detectors import EmbeddedDetector
from eyelid.engine import choose_device
from eyelid.models import find_backbone, write_manifest
from eyelid.training._calibrate import calibrate_questions, neutral
from eyelid.training._categories import train_categories
from eyelid.training._data import load_recipe, read_rows, split
from eyelid.training._detector import train_encoder
from eyelid.training._linear import train_linear
from eyelid.training._memory import fill_memory

Say = Callable[[str], None]


def train_detector(
    data: Path,
    out: Path,
    *,
    backbone: Path | None = None,
    recipe: Path | None = None,
    threads: int = 2,
    seed: int = 0,
    share: float = 1.0,
    progress: Callable[[int, int, float], None] | None = None,
    say: Say = lambda line: None,
) -> Path:
    """Train everything the embedded detector consists of; a run that was cut off is taken up again.

    Args:
        data: folder with responses, prompts, texts and injection as .jsonl.gz (docs/training.md).
        out: run folder; in the end `load_guard(weights=out)` works.
        backbone: folder of all-MiniLM-L6-v2; found by itself if left out.
        recipe: another recipe than the packaged one.
        threads: worker threads, each with one torch thread.
        seed: of drawing, shuffling and initial weights.
        share: part of the training rows to use, for learning curves.
        progress: called with (step, steps, loss) now and then.
        say: called with a line for people at each stage.

    Returns:
        `out`.
    """
    folder = find_backbone(backbone)
    if not (out / "detector.safetensors").is_file():
        say("training the encoder")
        train_encoder(data, out, folder, recipe_file=recipe, threads=threads, seed=seed, share=share, progress=progress)
    rules = load_recipe(recipe)
    rows = read_rows(data)
    if not (out / "linear.safetensors").is_file():
        say("fitting the linear model")
        save_file(
            train_linear(split(rows, rules, share=share, seed=seed), rules, seed=seed), out / "linear.safetensors"
        )
    if not (out / "memory.safetensors").is_file():
        say("filling the memory of requests")
        save_file(
            fill_memory(folder, split(rows, rules, share=share, seed=seed), rules, seed=seed),
            out / "memory.safetensors",
        )
    say("fitting the categories")
    head, report = train_categories(folder, rows["request"])
    save_file(head, out / "categories.safetensors")
    (out / "categories.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if not (out / "calibration.json").is_file():
        _write(out / "calibration.json", neutral())
    return calibrate(data, out, backbone=folder, recipe=recipe, threads=threads, say=say)


def calibrate(
    data: Path,
    run: Path,
    *,
    backbone: Path | None = None,
    recipe: Path | None = None,
    threads: int = 2,
    say: Say = lambda line: None,
) -> Path:
    """Fit the calibration of a run anew and pin its files.

    Returns:
        `run`, in which calibration.json, calibration-report.json and manifest.json are new.
    """
    folder = find_backbone(backbone)
    say("calibrating on queries and sources held apart")
    detector = EmbeddedDetector(folder, run, device=choose_device(workers=threads))
    rules = load_recipe(recipe)
    calibration, lines = calibrate_questions(detector, split(read_rows(data), rules), rules["calibrate"])
    _write(run / "calibration.json", calibration)
    _write(run / "calibration-report.json", lines)
    write_manifest(run, held_out_sources=sorted({line["source"] for line in lines if line["held_out"]}))
    return run


def _write(file: Path, content: Any) -> None:
    file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

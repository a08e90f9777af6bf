"""Benchmarks with right answers: MM-Vet, MME, POPE."""

from __future__ import annotations

from pathlib import Path

from eyelid.evaluation.benchmarks import BENCHMARKS
from eyelid.testing._miniatures._files import write_image, write_json, write_lines

#: Subtasks of MME whose images and questions lie in folders of their own.
_SPLIT = frozenset({"posters", "celebrity", "scene", "landmark", "artwork"})


def mm_vet(folder: Path, *, full: bool) -> None:
    rows = {
        "v1_0": _vet("v1_0.png", "What is x?", "-1<AND>-5", ["ocr", "math"]),
        "v1_1": _vet("v1_1.jpg", "What is it?", "table lamp<OR>desk lamp", ["rec"]),
        "v1_2": _vet("v1_1.jpg", "Where does it stand?", "on the desk", ["spat", "rec"]),
    }
    write_json(folder / "mm-vet.json", rows)
    for name in ("v1_0.png", "v1_1.jpg"):
        write_image(folder / "images" / name)


def _vet(image: str, question: str, answer: str, capability: list[str]) -> dict[str, object]:
    return {
        "imagename": image,
        "question": question,
        "answer": answer,
        "imagesource": "our own",
        "capability": capability,
    }


def mme(folder: Path, *, full: bool) -> None:
    """Two images for each of the fourteen subtasks."""
    for subtask in BENCHMARKS["mme"].scenarios:
        for stem, suffix in (("0001", ".jpg"), ("0002", ".png")):
            images = folder / subtask / "images" if subtask in _SPLIT else folder / subtask
            texts = folder / subtask / "questions_answers_YN" if subtask in _SPLIT else folder / subtask
            write_image(images / f"{stem}{suffix}")
            texts.mkdir(parents=True, exist_ok=True)
            lines = (f"Is it grey, {stem}? Please answer yes or no.\tYes\n", f"Is it a zorb, {stem}?\tNo\n")
            (texts / f"{stem}.txt").write_text("".join(lines), "utf-8")


def pope(folder: Path, *, full: bool) -> None:
    for setting in BENCHMARKS["pope"].scenarios:
        rows = [
            {"question_id": number, "image": "COCO_val2014_000000000042.jpg", "text": text, "label": label}
            for number, text, label in (
                (1, f"Is there a shoe in the image? ({setting})", "yes"),
                (2, f"Is there a zorb in the image? ({setting})", "no"),
            )
        ]
        write_lines(folder / f"coco_pope_{setting}.json", rows)
    for number in (42, 73):
        write_image(folder / "val2014" / f"COCO_val2014_{number:012d}.jpg")

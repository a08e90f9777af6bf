"""VLGuard (Zong et al., ICML 2024, arXiv 2402.02207): unsafe images, and safe images with an unsafe or a safe question.

Checked in the authors' repository (ys-zong/VLGuard): how `test.json` is read into the three subsets, the columns
that this touches, and that an image is a path below the split's folder. Assumed: that the archives unpack to
folders named as the split, as their evaluation expects below `data/VLGuard`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eyelid.evaluation.benchmarks._benchmark import Benchmark, Chosen, Option
from eyelid.evaluation.benchmarks._folder import Folder, Row
from eyelid.evaluation.samples import Kind, Sample

#: Subset → whether its images are safe, and the name of its question.
_SUBSETS = {
    "unsafes": (False, "instruction"),
    "safe_unsafes": (True, "unsafe_instruction"),
    "safe_safes": (True, "safe_instruction"),
}


def _read(folder: Folder, chosen: Chosen) -> Iterator[Sample]:
    split = chosen["split"][0]
    rows = folder.listed(f"{split}.json", ("id", "image", "safe", "instr-resp"))
    entries = [_Entry(row, folder.word(row, "id"), _image(folder, split, row)) for row in rows]
    folder.unique((entry.row, entry.name) for entry in entries)
    folder.expect("", {"train.json", "test.json", "gpt4_safe_safes.json", "train", "test"}, data_only=True)
    _no_other_images(folder, [entry.image for entry in entries])
    for row in rows:
        if not isinstance(row.cells["safe"], bool):
            folder.wrong_row(row, "'safe' must be true or false")
    for subset in chosen["scenarios"]:
        for entry in entries:
            if entry.row.cells["safe"] is _SUBSETS[subset][0]:
                yield _sample(folder, entry, subset)


@dataclass(frozen=True, slots=True)
class _Entry:
    row: Row
    name: str
    image: Path


def _image(folder: Folder, split: str, row: Row) -> Path:
    name = folder.word(row, "image")
    return folder.image(split, name, row) if name else folder.root


def _no_other_images(folder: Folder, images: list[Path]) -> None:
    held: dict[str, set[str]] = {}
    for image in images:
        if image != folder.root:
            held.setdefault(image.parent.relative_to(folder.root).as_posix(), set()).add(image.name)
    for directory, names in held.items():
        inner = {other.removeprefix(f"{directory}/").split("/")[0] for other in held if other.startswith(directory)}
        folder.expect(directory, names | inner, "image of a row")


def _turn(folder: Folder, row: Row, question: str) -> dict[str, Any]:
    turns = row.cells["instr-resp"]
    found = [turn for turn in turns if isinstance(turn, dict) and question in turn] if isinstance(turns, list) else []
    if not found or not isinstance(found[0][question], str) or not found[0][question].strip():
        folder.wrong_row(row, f"'instr-resp' has no {question!r}")
        return {question: ""}
    return dict(found[0])


def _sample(folder: Folder, entry: _Entry, subset: str) -> Sample:
    question = _SUBSETS[subset][1]
    turn = _turn(folder, entry.row, question)
    answer = turn.get("response")
    facts = {name: entry.row.cells.get(name) for name in ("harmful_category", "harmful_subcategory")}
    return Sample(
        id=f"{subset}/{entry.name}",
        scenario=subset,
        kind=Kind.HARMLESS if subset == "safe_safes" else Kind.HARMFUL,
        prompt=turn[question],
        images=(entry.image,),
        references=(answer,) if isinstance(answer, str) and answer else (),
        facts={name: value for name, value in facts.items() if isinstance(value, str)},
    )


BENCHMARK = Benchmark(
    name="vlguard",
    title="VLGuard",
    kinds=(Kind.HARMFUL, Kind.HARMLESS),
    scenarios=tuple(_SUBSETS),
    # 558 safe and 442 unsafe images in the test split.
    sizes={"unsafes": 442, "safe_unsafes": 558, "safe_safes": 558},
    measures="whether a model answers about unsafe images, answers unsafe questions about safe images, and still "
    "answers safe questions about safe images",
    judged_by="keywords",
    options=(
        Option("scenarios", "which subsets are read", tuple(_SUBSETS), tuple(_SUBSETS), many=True),
        Option("split", "which file is read", ("test", "train"), ("test",)),
    ),
    layout="""
test.json          a list of objects: "id", "image", "safe", "instr-resp", and for unsafe ones "harmful_category"
test/{image}       the images of test.zip, such as test/bad_ads/0001.png
train.json, train/ only for split=train
""",
    licence="as its repository on the hub says, where access is asked for",
    citation="Zong et al., Safety Fine-Tuning at (Almost) No Cost: A Baseline for Vision Large Language Models, "
    "ICML 2024, arXiv 2402.02207",
    link="https://huggingface.co/datasets/ys-zong/VLGuard",
    reader=_read,
)

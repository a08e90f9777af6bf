"""Labelled images of one's own: the folder that `eyelid.evaluation.corpora.read_image_manifest` reads."""

from __future__ import annotations

from collections.abc import Iterator

from eyelid.evaluation.benchmarks._benchmark import Benchmark, Chosen, Option
from eyelid.evaluation.benchmarks._folder import Folder, Row
from eyelid.evaluation.samples import Kind, Sample
from eyelid.types import Surface

CONDITIONS = ("image", "text")
_MANIFEST = "manifest.jsonl"


def _read(folder: Folder, chosen: Chosen) -> Iterator[Sample]:
    rows = folder.lines(_MANIFEST, ("file", "label"))
    files = [(row, folder.word(row, "file")) for row in rows]
    folder.unique(files, "file")
    if rows:
        folder.expect("", {_MANIFEST, *(name.split("/")[0] for _, name in files)}, "image of a row")
    for row, name in files:
        if type(row.cells["label"]) is not int or row.cells["label"] not in (0, 1):
            folder.wrong_row(row, "'label' must be 0 or 1")
        for condition in chosen["conditions"]:
            yield _sample(folder, row, name, condition)


def _sample(folder: Folder, row: Row, name: str, condition: str) -> Sample:
    image = folder.image("", name, row) if name else folder.root
    shown = condition == "image"
    if not shown and not str(row.cells.get("text") or "").strip():
        folder.wrong_row(row, "has no 'text', which the condition \"text\" looks at")
    category = str(row.cells.get("category") or "images")
    return Sample(
        id=f"{category}/{condition}/{name}",
        scenario=category,
        condition=condition,
        kind=Kind.LABELLED,
        prompt=str(row.cells.get("question" if shown else "text") or ""),
        images=(image,) if shown else (),
        surface=Surface.INPUT,
        label=row.cells["label"],
    )


BENCHMARK = Benchmark(
    name="images",
    title="images of your own",
    kinds=(Kind.LABELLED,),
    scenarios=(),
    conditions=CONDITIONS,
    measures="whether harm that is written in images is found, on any labelled set",
    judged_by="label",
    options=(Option("conditions", "the image, or the text in it alone", CONDITIONS, ("image",), many=True),),
    layout="""
manifest.jsonl      a line each: {"file": "1.png", "label": 0 or 1, "category": "...", "text": "...", "question": "..."}
{file}              PNG, JPEG, WebP or GIF; text is what is written in it, question what is asked about it
""",
    licence="yours",
    citation="",
    link="",
    reader=_read,
)

"""XSTest (Röttger et al., NAACL 2024, arXiv 2308.01263): safe prompts that sound unsafe, and unsafe contrasts.

Checked in the authors' repository (paul-rottger/exaggerated-safety): both tables, the one with a column `label` and
the earlier one (v2) without, where the unsafe types begin with "contrast_"; and the names of the types.
"""

from __future__ import annotations

from collections.abc import Iterator

from eyelid.evaluation.benchmarks._benchmark import Benchmark, Chosen, Option
from eyelid.evaluation.benchmarks._folder import Folder, Row
from eyelid.evaluation.samples import Kind, Sample

TYPES = (
    "homonyms",
    "contrast_homonyms",
    "figurative_language",
    "contrast_figurative_language",
    "safe_targets",
    "contrast_safe_targets",
    "safe_contexts",
    "contrast_safe_contexts",
    "definitions",
    "contrast_definitions",
    "real_group_nons_discr",
    "nons_group_real_discr",
    "contrast_discr",
    "historical_events",
    "contrast_historical_events",
    "privacy_public",
    "privacy_fictional",
    "contrast_privacy",
)
#: File → its column of ids.
_FILES = {"xstest_prompts.csv": "id", "xstest_v2_prompts.csv": "id_v2"}


def _read(folder: Folder, chosen: Chosen) -> Iterator[Sample]:
    there = [name for name in _FILES if name in folder.names()]
    if len(there) > 1:
        folder.wrong(there[1], f"is another version of {there[0]}; keep one of them")
    folder.expect("", _FILES, data_only=True)
    file = (there or list(_FILES))[0]
    labelled = _FILES[file] == "id"
    rows = folder.table(file, (_FILES[file], "type", "prompt", *(["label"] if labelled else [])))
    names = [(row, folder.word(row, _FILES[file])) for row in rows]
    folder.unique(names)
    for row in rows:
        kind = folder.choice(row, "type", TYPES)
        label = folder.choice(row, "label", ("safe", "unsafe")) if labelled else _label(kind)
        if (label == "safe") != (_label(kind) == "safe"):
            folder.wrong_row(row, "its label contradicts its type")
    for kind in TYPES:
        for row, name in names:
            if row.cells["type"] == kind and _label(kind) in chosen["labels"]:
                yield _sample(folder, row, name, kind)


def _label(kind: str) -> str:
    return "unsafe" if kind.startswith("contrast_") else "safe"


def _sample(folder: Folder, row: Row, name: str, kind: str) -> Sample:
    return Sample(
        id=f"{kind}/{name}",
        scenario=kind,
        kind=Kind.HARMLESS if _label(kind) == "safe" else Kind.HARMFUL,
        prompt=folder.word(row, "prompt"),
        facts={key: str(row.cells[key]) for key in ("focus", "note") if row.cells.get(key)},
    )


BENCHMARK = Benchmark(
    name="xstest",
    title="XSTest",
    kinds=(Kind.HARMLESS, Kind.HARMFUL),
    scenarios=TYPES,
    sizes=dict.fromkeys(TYPES, 25),
    measures="whether safe prompts that only sound unsafe are refused, beside unsafe ones that should be",
    judged_by="refusal",
    options=(Option("labels", "which prompts are read", ("safe", "unsafe"), ("safe", "unsafe"), many=True),),
    layout="""
xstest_prompts.csv          columns id, prompt, type, label, focus, note
or xstest_v2_prompts.csv    columns id_v1, id_v2, type, prompt, focus, note
""",
    licence="CC BY 4.0",
    citation="Röttger et al., XSTest: A Test Suite for Identifying Exaggerated Safety Behaviours in Large Language "
    "Models, NAACL 2024, arXiv 2308.01263",
    link="https://github.com/paul-rottger/xstest",
    reader=_read,
)

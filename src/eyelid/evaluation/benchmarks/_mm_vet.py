"""MM-Vet (Yu et al., ICML 2024, arXiv 2308.02490): 218 open questions that need several capabilities at once.

Checked in the authors' repository (yuweihao/MM-Vet): that `mm-vet.json` is one object keyed by id, its columns
`question`, `answer` and `capability`, and "<AND>" and "<OR>" in answers; and in readers by others: the column
`imagename` and the folder `images`.
"""

from __future__ import annotations

from collections.abc import Iterator

from eyelid.evaluation.benchmarks._benchmark import Benchmark, Chosen
from eyelid.evaluation.benchmarks._folder import Folder, Row
from eyelid.evaluation.samples import Kind, Sample

#: Recognition, reading, knowledge, writing, space, arithmetic; in the order of the paper's tables.
CAPABILITIES = ("rec", "ocr", "know", "gen", "spat", "math")
_COLUMNS = ("imagename", "question", "answer", "capability")


def _read(folder: Folder, chosen: Chosen) -> Iterator[Sample]:
    rows = folder.keyed("mm-vet.json", _COLUMNS)
    folder.expect("", {"mm-vet.json", "bard_set.json", "images"}, data_only=True)
    if rows:
        folder.expect("images", {str(row.cells["imagename"]) for row in rows}, "image of a row")
    for row in rows:
        needed = _capabilities(folder, row)
        yield Sample(
            id=f"{'+'.join(needed)}/{row.key}",
            scenario="+".join(needed),
            kind=Kind.UTILITY,
            prompt=folder.word(row, "question"),
            images=(folder.image("images", folder.word(row, "imagename"), row),),
            references=(folder.word(row, "answer"),),
            scoring="mm-vet",
            facts={"capability": ",".join(needed)},
        )


def _capabilities(folder: Folder, row: Row) -> tuple[str, ...]:
    held = row.cells["capability"]
    if not isinstance(held, list) or not held or not set(map(str, held)) <= set(CAPABILITIES):
        folder.wrong_row(row, f"'capability' must be a list of some of: {', '.join(CAPABILITIES)}")
        return ()
    return tuple(each for each in CAPABILITIES if each in held)


BENCHMARK = Benchmark(
    name="mm-vet",
    title="MM-Vet",
    kinds=(Kind.UTILITY,),
    scenarios=(),
    measures="how well a model answers open questions about images, by capability",
    judged_by="mm-vet",
    layout="""
mm-vet.json              one object: id -> "imagename", "question", "answer", "capability" (a list)
images/{imagename}
""",
    licence="the dataset licence of its repository (LICENSE_DATASET)",
    citation="Yu et al., MM-Vet: Evaluating Large Multimodal Models for Integrated Capabilities, ICML 2024, "
    "arXiv 2308.02490",
    link="https://github.com/yuweihao/MM-Vet",
    reader=_read,
)

"""VLSafe (Chen et al., DRESS, CVPR 2024, arXiv 2311.10081): harmful questions about photographs of COCO.

Checked in a release that evaluates on it (gyhdog99/ECSO) and in three readers by others: one JSON object a line,
`image_id` a file name of COCO train2017, `query` the question. The names of the files are as their repository on
the hub lists them, one of them spelt "harmlessnss".
"""

from __future__ import annotations

from collections.abc import Iterator

from eyelid.evaluation.benchmarks._benchmark import Benchmark, Chosen, Option
from eyelid.evaluation.benchmarks._folder import Folder
from eyelid.evaluation.samples import Kind, Sample

_FILES = {"examine": "harmlessness_examine.jsonl", "alignment": "harmlessnss_alignment.jsonl"}


def _read(folder: Folder, chosen: Chosen) -> Iterator[Sample]:
    directory = chosen["images"][0]
    folder.expect("", {*_FILES.values(), directory.split("/")[0]}, data_only=True)
    for split in chosen["splits"]:
        rows = folder.lines(_FILES[split], ("image_id", "query"))
        for number, row in enumerate(rows, start=1):
            yield Sample(
                id=f"{split}/{number}",
                scenario=split,
                kind=Kind.HARMFUL,
                prompt=folder.word(row, "query"),
                images=(folder.image(directory, folder.word(row, "image_id"), row),),
            )


BENCHMARK = Benchmark(
    name="vlsafe",
    title="VLSafe",
    kinds=(Kind.HARMFUL,),
    scenarios=tuple(_FILES),
    sizes={"examine": 1110},
    measures="whether a model answers harmful questions about everyday photographs",
    judged_by="vlsafe",
    options=(
        Option("splits", "which files are read", tuple(_FILES), ("examine",), many=True),
        Option("images", "folder with the photographs, below this one", (), ("train2017",)),
    ),
    layout="""
harmlessness_examine.jsonl      a line each: {"image_id": "000000000009.jpg", "query": "..."}
harmlessnss_alignment.jsonl     only for splits=alignment
train2017/{image_id}            COCO train2017, all of it or only the images that are named
""",
    licence="as its repository on the hub says; the photographs are COCO's",
    citation="Chen et al., DRESS: Instructing Large Vision-Language Models to Align and Interact with Humans via "
    "Natural Language Feedback, CVPR 2024, arXiv 2311.10081",
    link="https://huggingface.co/datasets/YangyiYY/LVLM_NLF/tree/main/VLSafe",
    reader=_read,
)

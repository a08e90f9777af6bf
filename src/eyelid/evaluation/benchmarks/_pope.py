"""POPE (Li et al., EMNLP 2023, arXiv 2305.10355): is this object in the image? Three ways of asking for absent ones.

Checked in the authors' repository (AoiDragon/POPE): names and form of the three files (JSON lines, in spite of their
suffix), their columns, and that images are files of COCO val2014.
"""

from __future__ import annotations

from collections.abc import Iterator

from eyelid.evaluation.benchmarks._benchmark import Benchmark, Chosen, Option
from eyelid.evaluation.benchmarks._folder import Folder
from eyelid.evaluation.samples import Kind, Sample

SETTINGS = ("random", "popular", "adversarial")
_COLUMNS = ("question_id", "image", "text", "label")


def _read(folder: Folder, chosen: Chosen) -> Iterator[Sample]:
    directory = chosen["images"][0]
    others = {"coco_co_occur.json", "coco_ground_truth_objects.json"}
    folder.expect("", {*(f"coco_pope_{each}.json" for each in SETTINGS), *others}, data_only=True)
    for setting in chosen["scenarios"]:
        rows = folder.lines(f"coco_pope_{setting}.json", _COLUMNS)
        names = [(row, folder.word(row, "question_id")) for row in rows]
        folder.unique(names, "question_id")
        for row, name in names:
            label = folder.choice(row, "label", ("yes", "no"))
            yield Sample(
                id=f"{setting}/{name}",
                scenario=setting,
                kind=Kind.UTILITY,
                prompt=folder.word(row, "text"),
                images=(folder.image(directory, folder.word(row, "image"), row),),
                references=(label,),
                scoring="pope",
                facts={"truth": label},
            )


BENCHMARK = Benchmark(
    name="pope",
    title="POPE",
    kinds=(Kind.UTILITY,),
    scenarios=SETTINGS,
    sizes=dict.fromkeys(SETTINGS, 3000),
    measures="whether a model says that objects are in an image which are not",
    judged_by="pope",
    options=(
        Option("scenarios", "which files are read", SETTINGS, SETTINGS, many=True),
        Option("images", "folder with the photographs, below this one", (), ("val2014",)),
    ),
    layout="""
coco_pope_random.json, coco_pope_popular.json, coco_pope_adversarial.json
        a line each: {"question_id": 1, "image": "COCO_val2014_000000000042.jpg", "text": "...", "label": "yes"}
val2014/{image}     COCO val2014, all of it or only the images that are named
(the folder output/coco of the authors' repository, with the images put beside the files)
""",
    licence="MIT; the photographs are COCO's",
    citation="Li et al., Evaluating Object Hallucination in Large Vision-Language Models, EMNLP 2023, arXiv 2305.10355",
    link="https://github.com/AoiDragon/POPE",
    reader=_read,
)

"""MM-SafetyBench (Liu et al., ECCV 2024, arXiv 2311.17600): 13 scenarios, each question with three kinds of image.

Checked in two releases that evaluate on it (gyhdog99/ECSO, pipilurj/MLLM-protector): the names of folders and files,
that a scenario's file is one object keyed by id, the three question columns, `{id}.jpg`, and which question goes with
which image; and in readers by others: the further columns ("Changed Question", "Key Phrase", "Phrase Type"), of which
the last is taken along where it is there, and none is demanded. The authors' own repository could not be looked into.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from eyelid.evaluation.benchmarks._benchmark import Benchmark, Chosen, Option
from eyelid.evaluation.benchmarks._folder import Folder, Row
from eyelid.evaluation.samples import Kind, Sample

#: Scenario → questions; the spelling is the benchmark's own.
SIZES: Mapping[str, int] = MappingProxyType(
    {
        "01-Illegal_Activitiy": 97,
        "02-HateSpeech": 163,
        "03-Malware_Generation": 44,
        "04-Physical_Harm": 144,
        "05-EconomicHarm": 122,
        "06-Fraud": 154,
        "07-Sex": 109,
        "08-Political_Lobbying": 153,
        "09-Privacy_Violence": 139,
        "10-Legal_Opinion": 130,
        "11-Financial_Advice": 167,
        "12-Health_Consultation": 109,
        "13-Gov_Decision": 149,
    }
)
CONDITIONS = ("TEXT", "SD", "TYPO", "SD_TYPO")
#: Condition → the column with its question. The words name the key phrase where no image shows it (TEXT), what is
#: drawn (SD), or only point at the image (TYPO, SD_TYPO).
MAPPINGS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "benchmark": {
            "TEXT": "Question",
            "SD": "Rephrased Question(SD)",
            "TYPO": "Rephrased Question",
            "SD_TYPO": "Rephrased Question",
        },
        # The release of MLLM-Protector asks the question of the drawn image about the written one as well.
        "mllm_protector": {
            "TEXT": "Question",
            "SD": "Rephrased Question(SD)",
            "TYPO": "Rephrased Question(SD)",
            "SD_TYPO": "Rephrased Question",
        },
    }
)
_COLUMNS = ("Question", "Rephrased Question", "Rephrased Question(SD)")
_QUESTIONS, _IMAGES = "processed_questions", "imgs"


def _read(folder: Folder, chosen: Chosen) -> Iterator[Sample]:
    scenarios, conditions = chosen["scenarios"], chosen["conditions"]
    folder.expect(_QUESTIONS, [f"{scenario}.json" for scenario in SIZES], "file of a scenario")
    folder.expect(_IMAGES, SIZES, "folder of a scenario")
    for scenario in scenarios:
        rows = folder.keyed(f"{_QUESTIONS}/{scenario}.json", _COLUMNS)
        folder.expect(f"{_IMAGES}/{scenario}", CONDITIONS)
        for condition in conditions:
            if condition != "TEXT" and rows:
                inside = f"{_IMAGES}/{scenario}/{condition}"
                folder.expect(inside, {f"{row.key}.jpg" for row in rows}, "image of a row")
            for row in rows:
                yield _sample(folder, row, scenario, condition, MAPPINGS[chosen["mapping"][0]][condition])


def _sample(folder: Folder, row: Row, scenario: str, condition: str, column: str) -> Sample:
    image = () if condition == "TEXT" else (folder.image(f"{_IMAGES}/{scenario}/{condition}", f"{row.key}.jpg", row),)
    kind = row.cells.get("Phrase Type")
    return Sample(
        id=f"{scenario}/{condition}/{row.key}",
        scenario=scenario,
        condition=condition,
        kind=Kind.HARMFUL,
        prompt=folder.word(row, column),
        images=image,
        facts={"phrase_type": kind} if isinstance(kind, str) else {},
    )


BENCHMARK = Benchmark(
    name="mm-safetybench",
    title="MM-SafetyBench",
    kinds=(Kind.HARMFUL,),
    scenarios=tuple(SIZES),
    conditions=CONDITIONS,
    sizes=SIZES,
    measures="whether a model answers harmful requests, in words alone and with an image that is drawn (SD), "
    "written (TYPO) or both (SD_TYPO)",
    judged_by="mm-safetybench",
    options=(
        Option("conditions", "which images are shown", CONDITIONS, CONDITIONS[1:], many=True),
        Option("scenarios", "which scenarios are read", tuple(SIZES), tuple(SIZES), many=True),
        Option("mapping", "which question goes with which image", tuple(MAPPINGS), ("benchmark",)),
    ),
    layout="""
processed_questions/{scenario}.json     one object: id -> "Question", "Rephrased Question", "Rephrased Question(SD)"
imgs/{scenario}/{SD,TYPO,SD_TYPO}/{id}.jpg
for 13 scenarios, from 01-Illegal_Activitiy (spelt so) to 13-Gov_Decision
""",
    licence="CC BY-NC 4.0",
    citation="Liu et al., MM-SafetyBench: A Benchmark for Safety Evaluation of Multimodal Large Language Models, "
    "ECCV 2024, arXiv 2311.17600",
    link="https://github.com/isXinLiu/MM-SafetyBench",
    reader=_read,
)

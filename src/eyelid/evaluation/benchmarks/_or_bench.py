"""OR-Bench (Cui et al., ICML 2025, arXiv 2405.20947): prompts that seem toxic and are not, and some that are.

Checked on the hub (bench-llm/or-bench): the three files and their columns `prompt` and `category`. Assumed: the ten
categories, as several readers by others list them; rows of other categories are taken as well, so that own sets of
the same form can be read.
"""

from __future__ import annotations

from collections.abc import Iterator

from eyelid.evaluation.benchmarks._benchmark import Benchmark, Chosen, Option
from eyelid.evaluation.benchmarks._folder import Folder
from eyelid.evaluation.samples import Kind, Sample

CATEGORIES = (
    "deception",
    "harassment",
    "harmful",
    "hate",
    "illegal",
    "privacy",
    "self-harm",
    "sexual",
    "unethical",
    "violence",
)
CONDITIONS = ("hard-1k", "80k", "toxic")


def _read(folder: Folder, chosen: Chosen) -> Iterator[Sample]:
    folder.expect("", {f"or-bench-{each}.csv" for each in CONDITIONS}, data_only=True)
    found: dict[tuple[str, str], list[Sample]] = {}
    for condition in chosen["conditions"]:
        rows = folder.table(f"or-bench-{condition}.csv", ("prompt", "category"))
        for number, row in enumerate(rows, start=1):
            category = folder.word(row, "category").strip()
            sample = Sample(
                id=f"{category}/{condition}/{number}",
                scenario=category,
                condition=condition,
                kind=Kind.HARMFUL if condition == "toxic" else Kind.HARMLESS,
                prompt=folder.word(row, "prompt"),
            )
            found.setdefault((category, condition), []).append(sample)
    known = {category: place for place, category in enumerate(CATEGORIES)}
    order = sorted(found, key=lambda key: (known.get(key[0], len(known)), key[0], CONDITIONS.index(key[1])))
    for key in order:
        yield from found[key]


BENCHMARK = Benchmark(
    name="or-bench",
    title="OR-Bench",
    kinds=(Kind.HARMLESS, Kind.HARMFUL),
    scenarios=CATEGORIES,
    conditions=CONDITIONS,
    measures="whether harmless prompts that seem toxic are refused (hard-1k, 80k), and toxic ones answered (toxic)",
    judged_by="refusal",
    options=(Option("conditions", "which files are read", CONDITIONS, ("hard-1k", "toxic"), many=True),),
    layout="""
or-bench-hard-1k.csv, or-bench-toxic.csv    columns prompt, category
or-bench-80k.csv                            only for conditions=80k
(sets of your own under these names and with these columns are read as well)
""",
    licence="CC BY 4.0",
    citation="Cui et al., OR-Bench: An Over-Refusal Benchmark for Large Language Models, ICML 2025, arXiv 2405.20947",
    link="https://huggingface.co/datasets/bench-llm/or-bench",
    reader=_read,
)

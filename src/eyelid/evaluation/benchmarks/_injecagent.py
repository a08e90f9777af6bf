"""InjecAgent (Zhan et al., Findings of ACL 2024, arXiv 2403.02691): instructions hidden in what a tool returns.

Checked in readers by others that pin the authors' files (uiuc-kang-lab/InjecAgent at f19c9f2): the four names, that
each is a list of objects, and the columns below. The benchmark itself counts which tool an agent calls next; here
the tool's result is looked at before an agent reads it. It has no harmless rows: the condition "clean" takes each
tool's result once with the attacker's place left empty.
"""

from __future__ import annotations

from collections.abc import Iterator

from eyelid.evaluation.benchmarks._benchmark import Benchmark, Chosen, Option
from eyelid.evaluation.benchmarks._folder import Folder, Row
from eyelid.evaluation.samples import Kind, Sample
from eyelid.types import Surface

_FILES = {"direct_harm": "dh", "data_stealing": "ds"}
CONDITIONS = ("base", "enhanced", "clean")
_COLUMNS = ("User Tool", "User Instruction", "Tool Response Template", "Tool Response", "Attacker Instruction")
_PLACE = "<Attacker Instruction>"


def _read(folder: Folder, chosen: Chosen) -> Iterator[Sample]:
    files = {f"test_cases_{short}_{form}.json" for short in _FILES.values() for form in ("base", "enhanced")}
    rest = {"tools.json", "attacker_simulated_responses.json", "user_cases.jsonl"}
    rest |= {f"attacker_cases_{short}.jsonl" for short in _FILES.values()}
    folder.expect("", files | rest, data_only=True)
    for scenario in chosen["scenarios"]:
        for condition in chosen["conditions"]:
            form = "base" if condition == "clean" else condition
            rows = folder.listed(f"test_cases_{_FILES[scenario]}_{form}.json", _COLUMNS)
            if condition == "clean":
                yield from _clean(folder, rows, scenario)
            else:
                yield from _injected(folder, rows, scenario, condition)


def _injected(folder: Folder, rows: list[Row], scenario: str, condition: str) -> Iterator[Sample]:
    for number, row in enumerate(rows, start=1):
        kind = row.cells.get("Attack Type")
        yield Sample(
            id=f"{scenario}/{condition}/{number}",
            scenario=scenario,
            condition=condition,
            kind=Kind.LABELLED,
            prompt=folder.word(row, "User Instruction"),
            surface=Surface.TOOL_RESULT,
            response=folder.word(row, "Tool Response"),
            label=1,
            facts=_facts(tool=row.cells["User Tool"], attack=kind),
        )


def _clean(folder: Folder, rows: list[Row], scenario: str) -> Iterator[Sample]:
    seen = set()
    for row in rows:
        template = folder.word(row, "Tool Response Template")
        if _PLACE not in template:
            folder.wrong_row(row, f"'Tool Response Template' has no {_PLACE}")
        if template not in seen:
            seen.add(template)
            yield Sample(
                id=f"{scenario}/clean/{len(seen)}",
                scenario=scenario,
                condition="clean",
                kind=Kind.LABELLED,
                prompt=folder.word(row, "User Instruction"),
                surface=Surface.TOOL_RESULT,
                response=template.replace(_PLACE, ""),
                label=0,
                facts=_facts(tool=row.cells["User Tool"]),
            )


def _facts(**given: object) -> dict[str, str]:
    return {name: value for name, value in given.items() if isinstance(value, str)}


BENCHMARK = Benchmark(
    name="injecagent",
    title="InjecAgent",
    kinds=(Kind.LABELLED,),
    scenarios=tuple(_FILES),
    conditions=CONDITIONS,
    sizes={"direct_harm": 510, "data_stealing": 544},
    measures="whether instructions that are hidden in a tool's result are found before an agent reads them",
    judged_by="label",
    options=(
        Option(
            "conditions", "plain, with a prefix that insists, or without attack", CONDITIONS, CONDITIONS[:2], many=True
        ),
        Option("scenarios", "which cases are read", tuple(_FILES), tuple(_FILES), many=True),
    ),
    layout="""
test_cases_dh_base.json, test_cases_dh_enhanced.json    lists of objects: "User Tool", "User Instruction",
test_cases_ds_base.json, test_cases_ds_enhanced.json    "Tool Response Template", "Tool Response",
                                                        "Attacker Instruction", "Attack Type"
(the folder `data` of the authors' repository)
""",
    licence="MIT",
    citation="Zhan et al., InjecAgent: Benchmarking Indirect Prompt Injections in Tool-Integrated Large Language Model "
    "Agents, Findings of ACL 2024, arXiv 2403.02691",
    link="https://github.com/uiuc-kang-lab/InjecAgent",
    reader=_read,
)

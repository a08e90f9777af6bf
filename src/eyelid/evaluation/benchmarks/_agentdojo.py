"""AgentDojo (Debenedetti et al., NeurIPS 2024, arXiv 2406.13352): what tools returned in recorded runs of its tasks.

Checked in readers and samples by others: a run is `{suite}/{user task}/{attack}/{injection task}.json` below the
name of a pipeline, "none" standing for no attack; its columns; and that a message's content is a text or a list of
parts. The benchmark counts what an agent does; here each tool's result is a row of its own: injected where it holds
the text of an injection, else clean, even within an attacked run. The same result of the same suite and attack
counts once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from eyelid.evaluation.benchmarks._benchmark import Benchmark, Chosen, Option
from eyelid.evaluation.benchmarks._folder import Folder
from eyelid.evaluation.samples import Kind, Sample
from eyelid.types import Surface

SUITES = ("workspace", "travel", "banking", "slack")
_COLUMNS = ("suite_name", "user_task_id", "injection_task_id", "attack_type", "injections", "messages")


def _read(folder: Folder, chosen: Chosen) -> Iterator[Sample]:
    found: dict[tuple[str, str], list[Sample]] = {}
    seen: set[tuple[str, str, str, int]] = set()
    for file in folder.tree(".json"):
        for sample in _run(folder, file):
            key = (sample.scenario, sample.condition, str(sample.response), sample.label or 0)
            if sample.scenario in chosen["scenarios"] and key not in seen:
                seen.add(key)
                found.setdefault((sample.scenario, sample.condition), []).append(sample)
    for scenario in chosen["scenarios"]:
        for _, condition in sorted(key for key in found if key[0] == scenario):
            yield from found[scenario, condition]


def _run(folder: Folder, file: str) -> Iterator[Sample]:
    run = folder.json(file)
    if run is None:
        return
    lacking = [name for name in _COLUMNS if name not in run] if isinstance(run, dict) else list(_COLUMNS)
    if lacking or not isinstance(run["messages"], list) or not isinstance(run["injections"], dict):
        folder.wrong(
            file, f"is no recorded run: it lacks {', '.join(lacking) or 'a list of messages or the injections'}"
        )
        return
    if run["suite_name"] not in SUITES:
        folder.wrong(file, f"'suite_name' must be one of: {', '.join(SUITES)}")
        return
    injections = [_letters(text) for text in run["injections"].values() if isinstance(text, str) and _letters(text)]
    if run["attack_type"] and not injections:
        folder.wrong(file, "names an attack and holds no text of it")
    results = [message for message in run["messages"] if isinstance(message, dict) and message.get("role") == "tool"]
    for number, message in enumerate(results, start=1):
        text = _text(message.get("content"))
        if text.strip():
            yield _sample(run, file, number, text, any(each in _letters(text) for each in injections), _query(run))


def _sample(run: dict[str, Any], file: str, number: int, text: str, injected: bool, query: str) -> Sample:
    condition = str(run["attack_type"] or "none")
    return Sample(
        id=f"{run['suite_name']}/{condition}/{file.removesuffix('.json')}.{number}",
        scenario=run["suite_name"],
        condition=condition,
        kind=Kind.LABELLED,
        prompt=query,
        surface=Surface.TOOL_RESULT,
        response=text,
        label=int(injected),
        facts={name: str(run[name] or "none") for name in ("user_task_id", "injection_task_id")},
    )


def _query(run: dict[str, Any]) -> str:
    turns = (each for each in run["messages"] if isinstance(each, dict) and each.get("role") == "user")
    return _text(next(turns, {}).get("content"))


def _text(content: object) -> str:
    if isinstance(content, list):
        return "\n".join(_text(part.get("content")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _letters(text: str) -> str:
    """What a tool's formatting leaves alone: it folds lines and doubles quotes."""
    return "".join(character for character in text if character.isalnum())


BENCHMARK = Benchmark(
    name="agentdojo",
    title="AgentDojo",
    kinds=(Kind.LABELLED,),
    scenarios=SUITES,
    conditions=(),
    measures="whether injections are found in what the tools of an agent return, and clean results let through",
    judged_by="label",
    options=(Option("scenarios", "which suites are read", SUITES, SUITES, many=True),),
    layout="""
{pipeline}/{suite}/{user_task}/{attack}/{injection_task}.json     a recorded run, with "messages" and "injections"
{pipeline}/{suite}/{user_task}/none/none.json                     one without an attack
(the folder `runs` of the authors' repository, or any folder in it)
""",
    licence="MIT",
    citation="Debenedetti et al., AgentDojo: A Dynamic Environment to Evaluate Prompt Injection Attacks and Defenses "
    "for LLM Agents, NeurIPS 2024, arXiv 2406.13352",
    link="https://github.com/ethz-spylab/agentdojo",
    reader=_read,
)

"""Labelled texts of one's own, as JSON lines: the form that `eyelid.evaluation.corpora` and training read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from eyelid.evaluation.benchmarks._benchmark import Benchmark, Chosen, Option
from eyelid.evaluation.benchmarks._folder import Folder, Row
from eyelid.evaluation.samples import Kind, Sample
from eyelid.types import Surface

_SUFFIXES = (".jsonl", ".jsonl.gz")
#: Kind of a row → where its text stands.
SURFACES = {
    "response": Surface.OUTPUT,
    "text": Surface.OUTPUT,
    "benign": Surface.OUTPUT,
    "prompt": Surface.INPUT,
    "injection": Surface.TOOL_RESULT,
}


def _read(folder: Folder, chosen: Chosen) -> Iterator[Sample]:
    if folder.root.is_file():
        files = [""]
    else:
        files = [name for name in folder.names() if name.endswith(_SUFFIXES) and name != "manifest.jsonl"]
        folder.expect("", files, "file of rows", data_only=True)
        if not files:
            folder.wrong(".", "there is no file of rows, .jsonl or .jsonl.gz")
    rows = [row for file in files for row in folder.lines(file, ("label",))]
    names = [(row, f"{_source(folder, row)}/{_name(row)}") for row in rows]
    folder.unique(names, "source and id")
    for row, name in names:
        yield from _sample(folder, row, name, chosen["form"][0])


def _source(folder: Folder, row: Row) -> str:
    return str(row.cells.get("source") or PurePosixPath(row.file or folder.root.name).name.split(".")[0])


def _name(row: Row) -> str:
    return str(row.cells.get("id", row.place.removeprefix("line ")))


def _sample(folder: Folder, row: Row, name: str, form: str) -> Iterator[Sample]:
    kind = str(row.cells.get("kind") or "response")
    texts = {each: row.cells.get(each) or "" for each in ("query", "response")}
    if kind not in SURFACES:
        folder.wrong_row(row, f"'kind' must be one of: {', '.join(SURFACES)}")
    elif type(row.cells["label"]) is not int or row.cells["label"] not in (0, 1):
        folder.wrong_row(row, "'label' must be 0 or 1")
    elif not all(isinstance(text, str) for text in texts.values()):
        folder.wrong_row(row, "'query' and 'response' must be text")
    elif not texts["query" if SURFACES[kind] is Surface.INPUT else "response"].strip():
        folder.wrong_row(row, f"holds no {'query' if SURFACES[kind] is Surface.INPUT else 'response'} to be looked at")
    else:
        asked = SURFACES[kind] is Surface.INPUT
        facts = {"kind": kind, "category": row.cells.get("category"), "noisy": row.cells.get("noisy") and "yes"}
        yield Sample(
            id=name,
            scenario=_source(folder, row),
            kind=Kind.LABELLED,
            prompt=texts["query"] if asked or form == "pair" else "",
            surface=SURFACES[kind],
            response=None if asked else texts["response"],
            label=row.cells["label"],
            facts={key: str(value) for key, value in facts.items() if value},
        )


BENCHMARK = Benchmark(
    name="rows",
    title="rows of your own",
    kinds=(Kind.LABELLED,),
    scenarios=(),
    measures="how well harm or injection is told from harmless texts, on any labelled set",
    judged_by="label",
    options=(Option("form", "answers with the request before them, or alone", ("pair", "response"), ("pair",)),),
    layout="""
*.jsonl, *.jsonl.gz     in one folder, or one such file; a line each:
{"label": 0 or 1, "response": "...", "query": "...", "id": ..., "source": "...", "category": "...", "kind": "response"}
kind is response, text or benign (an answer is looked at), prompt (the query is), or injection (a tool's result is)
""",
    licence="yours",
    citation="",
    link="",
    reader=_read,
)

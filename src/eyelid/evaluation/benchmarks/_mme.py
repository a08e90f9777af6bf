"""MME (Fu et al., arXiv 2306.13394): fourteen subtasks, each image with two questions to be answered yes or no.

Checked in four readers by others, which agree: a folder for each subtask; in some of them the images lie in
`images` and the questions in `questions_answers_YN`, in the others side by side; `{stem}.txt` has two lines
"question<TAB>Yes" for `{stem}.jpg` or `.png`. The authors' archive itself could not be looked into.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from eyelid.evaluation.benchmarks._benchmark import Benchmark, Chosen, Option
from eyelid.evaluation.benchmarks._folder import Folder
from eyelid.evaluation.samples import Kind, Sample

PERCEPTION = (
    "existence",
    "count",
    "position",
    "color",
    "posters",
    "celebrity",
    "scene",
    "landmark",
    "artwork",
    "OCR",
)
COGNITION = ("commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning")
PARTS: Mapping[str, tuple[str, ...]] = MappingProxyType({"perception": PERCEPTION, "cognition": COGNITION})
_IMAGES = (".jpg", ".jpeg", ".png")


def _read(folder: Folder, chosen: Chosen) -> Iterator[Sample]:
    folder.expect("", (*PERCEPTION, *COGNITION), "subtask")
    for part in chosen["parts"]:
        for subtask in PARTS[part]:
            split = {"images", "questions_answers_YN"} & set(folder.names(subtask))
            images, texts = (f"{subtask}/images", f"{subtask}/questions_answers_YN") if split else (subtask, subtask)
            yield from _subtask(folder, subtask, part, images, texts)


def _subtask(folder: Folder, subtask: str, part: str, images: str, texts: str) -> Iterator[Sample]:
    stems = sorted(PurePosixPath(name).stem for name in folder.names(texts) if name.endswith(".txt"))
    pictures = {Path(name).stem: name for name in folder.names(images) if Path(name).suffix.lower() in _IMAGES}
    if not stems:
        folder.wrong(texts, "has no questions; one {stem}.txt for each image is expected")
        return
    expected = {f"{stem}.txt" for stem in stems} | {pictures[stem] for stem in stems if stem in pictures}
    for directory in sorted({images, texts}):
        folder.expect(directory, expected, "image with questions")
    for stem in stems:
        image = folder.image(images, pictures.get(stem, f"{stem}.jpg"))
        for number, (question, answer) in enumerate(_questions(folder, f"{texts}/{stem}.txt"), start=1):
            yield Sample(
                id=f"{subtask}/{stem}/{number}",
                scenario=subtask,
                kind=Kind.UTILITY,
                prompt=question,
                images=(image,),
                references=(answer,),
                scoring="mme",
                group=f"{subtask}/{stem}",
                facts={"part": part, "truth": answer},
            )


def _questions(folder: Folder, file: str) -> list[tuple[str, str]]:
    text = folder.text(file)
    found = []
    lines = [(number, line) for number, line in enumerate((text or "").split("\n"), start=1) if line.strip()]
    for number, line in lines:
        question, _, answer = line.rpartition("\t")
        if not question.strip() or answer.strip().lower() not in ("yes", "no"):
            folder.wrong(file, 'must be a question, a tab, and "Yes" or "No"', f"line {number}")
        else:
            found.append((question.strip(), answer.strip().lower()))
    if text is not None and len(lines) != 2:
        folder.wrong(file, f"has {len(lines)} questions, not 2")
    return found


BENCHMARK = Benchmark(
    name="mme",
    title="MME",
    kinds=(Kind.UTILITY,),
    scenarios=(*PERCEPTION, *COGNITION),
    measures="whether a model sees (perception, 2,000 points) and reasons (cognition, 800 points), by yes and no",
    judged_by="mme",
    options=(Option("parts", "which subtasks are read", tuple(PARTS), tuple(PARTS), many=True),),
    layout="""
{subtask}/{stem}.jpg (or .png), {subtask}/{stem}.txt        or, in some subtasks,
{subtask}/images/{stem}.jpg, {subtask}/questions_answers_YN/{stem}.txt
each text with two lines: question, a tab, "Yes" or "No"; 10 subtasks of perception and 4 of cognition
(the folder MME_Benchmark of the release)
""",
    licence="for academic research, on request",
    citation="Fu et al., MME: A Comprehensive Evaluation Benchmark for Multimodal Large Language Models, "
    "arXiv 2306.13394",
    link="https://github.com/BradyFU/Awesome-Multimodal-Large-Language-Models/tree/Evaluation",
    reader=_read,
)

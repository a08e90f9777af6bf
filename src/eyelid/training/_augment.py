"""What the data does not show and the guard will meet: harm in harmless prose, requests in images, planted orders."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from eyelid.training._data import Example, Split, draw

_LISTS = ("1. 2. 3.", "1.\n2.\n3.", "\n1.\n2.\n3.\n", "1. 2. 3. 4. 5.", "- - -")
_LOOKS_ALIKE = {"l": "1I", "o": "0", "i": "l1", "s": "5", "e": "c", "m": "rn", "B": "8", "g": "9"}
_JOINTS = (
    "\n",
    "\n\n",
    " ",
    "\n---\n",
    "\n\nNote: ",
    "\n- ",
    " | ",
    "\n# ",
    "\n<!-- ",
    "\n> ",
    '", "comment": "',
    "\nP.S. ",
    "\n\nUser: ",
)


def epoch(split: Split, recipe: Mapping[str, Any], rng: random.Random) -> list[Example]:
    """The examples of one epoch, drawn, augmented and shuffled."""
    options = recipe["augment"]
    drawn = {task: draw(found, recipe[task], rng) for task, found in split.train.items()}
    prose = [e.text for e in drawn["response"] if e.targets["response"] == 0.0 and len(e.text) > 200]
    documents = [e.text for e in drawn["injection"] if e.targets["injection"] == 0.0]
    prompts = [e.prompt for e in drawn["response"] if e.prompt]
    examples = [_answer(e, prose, prompts, options, rng) for e in drawn["response"]]
    examples += [style_request(e, options, rng) for e in drawn["request"]]
    examples += [replace(e, request=rng.random() < 0.4) for e in drawn["hate"]]
    examples += [_wrap(e, documents, rng) if rng.random() < options["needle"] else e for e in drawn["injection"]]
    examples += _planted(documents, [e.text for e in drawn["request"]], 1.0, options["planted"], rng)
    examples += _planted(documents, prose, 0.0, options["decoys"], rng)
    examples += _borrowed(drawn, options["borrowed"], rng)
    rng.shuffle(examples)
    return examples


def _answer(
    example: Example, prose: Sequence[str], prompts: Sequence[str], options: Mapping[str, Any], rng: random.Random
) -> Example:
    if rng.random() < options["needle"]:
        example = _wrap(example, prose, rng)
    chance = rng.random()
    if chance < options["drop_prompt"]:
        return replace(example, prompt="")
    if chance < options["drop_prompt"] + options["swap_prompt"]:
        return replace(example, prompt=rng.choice(prompts))
    return example


def _wrap(example: Example, prose: Sequence[str], rng: random.Random) -> Example:
    before, after = (_piece(rng.choice(prose), rng) for _ in range(2))
    where = rng.random()
    text = example.text
    if where < 0.75:
        text = f"{before}{rng.choice((' ', chr(10), chr(10) * 2))}{text}"
    if where > 0.25:
        text = f"{text}{rng.choice((' ', chr(10), chr(10) * 2))}{after}"
    return replace(example, text=text)


def _piece(text: str, rng: random.Random) -> str:
    sentences = re.split(r"(?<=[.!?])\s+|\n+", text)
    start = rng.randrange(len(sentences))
    return " ".join(sentences[start : start + rng.randint(1, 6)])


def style_request(example: Example, options: Mapping[str, Any], rng: random.Random) -> Example:
    """Now and then as a heading with empty items, and with the mistakes of a reader."""
    text = example.text
    if len(text) < 160 and rng.random() < options["list_style"]:
        text = f"{text.rstrip('?.! ')}{rng.choice((' ', chr(10), '. ', ': '))}{rng.choice(_LISTS)}"
    if len(text) < 400 and rng.random() < options["ocr_noise"]:
        text = _misread(text, rng)
    return replace(example, text=text)


def _misread(text: str, rng: random.Random) -> str:
    out = []
    for char in text:
        chance = rng.random()
        if char == " " and chance < 0.12:
            continue
        if chance < 0.03 and char in _LOOKS_ALIKE:
            char = rng.choice(_LOOKS_ALIKE[char])
        elif chance > 0.99:
            continue
        out.append("\n" if char == " " and chance > 0.9 else char)
    return "".join(out)


def _planted(
    documents: Sequence[str], sentences: Sequence[str], label: float, count: int, rng: random.Random
) -> list[Example]:
    planted = []
    for number in range(count):
        document, sentence = rng.choice(documents), rng.choice(sentences)
        if label == 0.0:
            sentence = _piece(sentence, rng)
        lines = document.split("\n")
        at = rng.choice((0, len(lines), rng.randint(0, len(lines))))
        head, tail = "\n".join(lines[:at]), "\n".join(lines[at:])
        text = f"{head}{rng.choice(_JOINTS)}{sentence}{rng.choice((chr(10), ' ', chr(10) * 2))}{tail}".strip()
        planted.append(Example(f"planted-{label:.0f}-{number}", "planted", "", text, {"injection": label}, 0.7))
    return planted


def _borrowed(drawn: Mapping[str, list[Example]], count: int, rng: random.Random) -> list[Example]:
    """Harmless texts of one task are harmless for the others: documents, data and code are no harmful answers."""
    documents = [e for e in drawn["injection"] if e.targets["injection"] == 0.0]
    answers = [e for e in drawn["response"] if e.targets["response"] == 0.0 and e.weight >= 1.0]
    return [
        replace(e, targets={"response": 0.0, "hate": 0.0}) for e in rng.sample(documents, min(count, len(documents)))
    ] + [
        replace(e, prompt="", targets={"injection": 0.0, "hate": 0.0})
        for e in rng.sample(answers, min(count, len(answers)))
    ]

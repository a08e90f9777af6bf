"""Dataset cards: what is in a data set, how it came about, and what it may be used for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eyelid.errors import ConfigurationError
from eyelid.synthesis._journal import whole, write_json

#: File names: for programs, and for people (the hub shows the second beside the data).
CARD, README = "card.json", "README.md"


def licence_of(words: Mapping[str, str]) -> dict[str, str]:
    """What a user says about licences: part → licence, such as "images" → "CC-BY-4.0".

    Raises:
        ConfigurationError: a part or a licence is empty, or holds a line break.
    """
    for part, licence in words.items():
        if not part.strip() or not licence.strip() or "\n" in part + licence:
            raise ConfigurationError(f"the licence {part!r}={licence!r} must be a part and its licence, in one line")
    return dict(words)


def write_card(
    folder: Path, *, title: str, about: str, facts: Mapping[str, Any], licence: Mapping[str, str], tags: tuple[str, ...]
) -> None:
    """Write `card.json` and `README.md`.

    Args:
        folder: of the data.
        title: what it is called.
        about: what it is, in a paragraph.
        facts: heading → figures or settings, all of which are in both files.
        licence: part → licence; the part "data" is the licence of the set itself.
        tags: for the hub.
    """
    write_json(folder / CARD, {"title": title, **facts, "licence": dict(licence)})
    front = ["---", f"license: {json.dumps(licence['data'])}" if "data" in licence else "", "tags:"]
    front += [f"- {tag}" for tag in tags] + ["---", ""]
    body = [f"# {title}", "", about, ""]
    for heading, values in {**facts, "licence": dict(licence) or {"": "nothing was stated"}}.items():
        body += [f"## {heading.replace('_', ' ').capitalize()}", "", *_table(values), ""]
    with whole(folder / README) as file:
        file.write("\n".join(line for line in front if line).encode() + b"\n\n" + "\n".join(body).encode())


def _table(values: Any) -> list[str]:
    pairs = values.items() if isinstance(values, Mapping) else [("", values)]
    return ["| | |", "|---|---|", *(f"| {_cell(name)} | {_cell(value)} |" for name, value in pairs)]


def _cell(value: Any) -> str:
    words = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return words.replace("|", "\\|").replace("\n", " ")

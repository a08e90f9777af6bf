"""Images with a request and no answer, read one after the other from whatever file they lie in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from eyelid._names import known
from eyelid.errors import ConfigurationError
from eyelid.synthesis._items import items, wrong
from eyelid.synthesis._settings import digest_of_file

#: What stands for the image in a request of LLaVA's format.
IMAGE_TOKEN: Final = "<image>"


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """One request.

    Args:
        id: of the file, or else the number of the row.
        image: path of the image below the folder of images; "" where there is none.
        query: what is asked.
    """

    id: str
    image: str
    query: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Source:
    """A file of requests, in the order in which they are worked on.

    Args:
        path: of the file.
        layout: "rows" for objects with `image` and `query`, one a line or in an array; "llava" for an array of objects
            with `conversations`, whose first turn is taken; "vlguard" for the `train.json` of VLGuard, whose images may
            have two requests; "auto" to tell by the first object.

    Raises:
        ConfigurationError: there is no such layout.
    """

    path: Path
    layout: str = "auto"

    def __post_init__(self) -> None:
        known("layout", self.layout, ("auto", *LAYOUTS))

    def __iter__(self) -> Iterator[Unlabelled]:
        """The requests.

        Raises:
            ConfigurationError: a row is not of the layout; names file and line, and nothing of the row.
        """
        read: _Reader | None = None if self.layout == "auto" else LAYOUTS[self.layout]
        for number, (line, entry) in enumerate(items(self.path)):
            read = read or _by(entry, self.path, line)
            for row in read(entry, str(number)):
                if row is None:
                    raise wrong(self.path, line, _WANTED)
                yield row

    def identity(self) -> dict[str, str]:
        """Name, layout and digest of the file, for the settings of a run."""
        return {"file": self.path.name, "layout": self.layout, "sha256": digest_of_file(self.path)}


_Reader = Callable[[Mapping[str, Any], str], Iterator[Unlabelled | None]]
_WANTED = "not a row of this layout; see the documentation of data engines for what a row holds"


def _by(entry: Mapping[str, Any], path: Path, line: int) -> _Reader:
    for key, layout in (("conversations", "llava"), ("instr-resp", "vlguard"), ("query", "rows")):
        if key in entry:
            return LAYOUTS[layout]
    raise wrong(path, line, "of no known layout: there is neither query, nor conversations, nor instr-resp")


def _row(entry: Mapping[str, Any], number: str, query: Any, *, kind: str = "") -> Unlabelled | None:
    """A request, or nothing where a part is missing or of another type."""
    image, name = entry.get("image"), entry.get("id")
    if not isinstance(query, str) or not isinstance(image, (str, type(None))) or isinstance(name, (dict, list)):
        return None
    words = query.replace(IMAGE_TOKEN, "").strip()
    if not words:
        return None
    name = number if name is None or name == "" else str(name)
    return Unlabelled(f"{name}/{kind}" if kind else name, image or "", words)


def _rows(entry: Mapping[str, Any], number: str) -> Iterator[Unlabelled | None]:
    yield _row(entry, number, entry.get("query"))


def _llava(entry: Mapping[str, Any], number: str) -> Iterator[Unlabelled | None]:
    turns = entry.get("conversations")
    first = turns[0] if isinstance(turns, list) and turns else None
    asks = isinstance(first, dict) and first.get("from") in ("human", "user")
    yield _row(entry, number, first.get("value") if asks and isinstance(first, dict) else None)


#: Key of the request in a turn → name of the subset.
_VLGUARD = {"instruction": "unsafe_image", "safe_instruction": "safe", "unsafe_instruction": "unsafe_request"}


def _vlguard(entry: Mapping[str, Any], number: str) -> Iterator[Unlabelled | None]:
    turns = entry.get("instr-resp")
    turns = turns if isinstance(turns, list) else []
    found = [
        (turn[key], kind) for turn in turns if isinstance(turn, dict) for key, kind in _VLGUARD.items() if key in turn
    ]
    for query, kind in found:
        yield _row(entry, number, query, kind=kind)
    if not found:
        yield None


LAYOUTS: Final[Mapping[str, _Reader]] = {"rows": _rows, "llava": _llava, "vlguard": _vlguard}


def images_below(folder: Path) -> Path:
    """The folder itself.

    Raises:
        ConfigurationError: there is none.
    """
    if not folder.is_dir():
        raise ConfigurationError(f"there is no folder of images {folder}")
    return folder

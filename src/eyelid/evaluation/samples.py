"""Rows of a benchmark: what is asked, and what would be a good answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from eyelid.types import Exchange, Image, Surface


class Kind(StrEnum):
    """What a row measures."""

    HARMFUL = "harmful"  #: harm is asked for; a safe answer is wanted
    HARMLESS = "harmless"  #: it only sounds alarming; a helpful answer is wanted, and a refusal is an over-refusal
    UTILITY = "utility"  #: an ordinary question with a right answer
    LABELLED = "labelled"  #: the text to be looked at is given, with a label; no model answers


@dataclass(frozen=True, slots=True)
class Sample:
    """One row.

    Args:
        id: unique within the benchmark and the same in every run: "scenario/condition/key".
        scenario: as the benchmark names it; a row of its tables.
        kind: what it measures.
        prompt: what the model is asked, or what a labelled text answers; of labelled rows on the input surface, the
            text that is looked at.
        images: files that are shown, below the benchmark's folder.
        condition: a column of its tables, such as "SD_TYPO"; "" where there is one only.
        surface: where the text that is looked at stands: the answer, or for rows about tools what a tool returned.
        response: of labelled rows on other surfaces, the text that is looked at; of rows about tools, what the tool
            returned. `None` where a model is to answer, and on the input surface.
        label: of what is looked at: 1 harmful or injected, 0 not; `None` where nothing is given.
        references: of utility rows, right answers.
        scoring: of utility rows, the name of the scorer that compares with them.
        group: rows of one group count together, such as MME's two questions about one image.
        facts: further columns that reports may count by, such as a topic; never long texts.
    """

    id: str
    scenario: str
    kind: Kind
    prompt: str = field(repr=False)
    images: tuple[Path, ...] = ()
    condition: str = ""
    surface: Surface = Surface.OUTPUT
    response: str | None = field(default=None, repr=False)
    label: int | None = None
    references: tuple[str, ...] = field(default=(), repr=False)
    scoring: str = ""
    group: str = ""
    facts: Mapping[str, str] = field(default_factory=dict, repr=False)

    def load_images(self, root: Path) -> tuple[Image, ...]:
        """The images as encoded bytes, read now and not kept.

        Args:
            root: the benchmark's folder; files outside it are refused.

        Raises:
            ImageError: a file is missing, too large, or outside `root`.
        """
        return tuple(Image.from_path(path.absolute(), root=root) for path in self.images)

    def exchange(self, root: Path) -> Exchange:
        """What a guard looks at of a labelled row.

        Args:
            root: the benchmark's folder.

        Raises:
            ImageError: as `load_images`.
        """
        return Exchange(self.prompt, self.response or "", self.load_images(root), surface=self.surface)

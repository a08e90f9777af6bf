"""What is known of a benchmark: its tables, its layout on disk, its options and its licence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from eyelid.errors import ConfigurationError
from eyelid.evaluation.benchmarks._folder import Folder
from eyelid.evaluation.benchmarks._problems import Problem, refusal
from eyelid.evaluation.samples import Kind, Sample

#: Option → the values that hold for this reading; of an option that takes one value, exactly one.
Chosen = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Option:
    """One way in which a reading can differ.

    Args:
        name: as a keyword of `read` and on the command line.
        about: what it does, in one sentence.
        values: those it can have, in table order; empty where it takes any text.
        default: those it has where nothing is said.
        many: whether it takes several, as a sequence or separated by commas.
    """

    name: str
    about: str
    values: tuple[str, ...]
    default: tuple[str, ...]
    many: bool = False

    def parse(self, given: str | Iterable[str]) -> tuple[str, ...]:
        """The values, in the order of `values` and without repeats.

        Raises:
            ConfigurationError: an unknown value, none, or several where one is taken.
        """
        if not self.values:
            return ("".join(given),)
        words = given.split(",") if isinstance(given, str) else [str(word) for word in given]
        asked = {word.strip() for word in words} - {""}
        for word in sorted(asked):
            known(f"value of the option {self.name!r}:", word, self.values)
        if not asked or (len(asked) > 1 and not self.many):
            number = "at least one" if self.many else "exactly one"
            raise ConfigurationError(f"the option {self.name!r} takes {number} of: {', '.join(self.values)}")
        return tuple(value for value in self.values if value in asked)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One benchmark, read from a folder that the user has; nothing of it is shipped.

    Args:
        name: on the command line and in results.
        title: as its authors write it.
        kinds: of its rows.
        scenarios: rows of its tables, in order; empty where the files themselves say which there are.
        conditions: columns of its tables, in order; ("",) where there is one only.
        layout: the files that are expected, as help and error messages show them.
        licence: of the data, as its authors state it.
        citation: the paper.
        link: where to get it.
        reader: gives the samples, and notes in the folder what is wrong.
        options: which ways of reading it there are.
        sizes: scenario → rows of one condition as published, for reports; a folder with fewer is read as well.
        measures: what it measures, in one sentence.
        judged_by: name of the rubric or scorer that its paper uses.
    """

    name: str
    title: str
    kinds: tuple[Kind, ...]
    scenarios: tuple[str, ...]
    layout: str
    licence: str
    citation: str
    link: str
    reader: Callable[[Folder, Chosen], Iterable[Sample]] = field(repr=False)
    conditions: tuple[str, ...] = ("",)
    options: tuple[Option, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    measures: str = ""
    judged_by: str = ""

    @property
    def default_conditions(self) -> tuple[str, ...]:
        """The conditions that are read where none are named."""
        asked = [option.default for option in self.options if option.name == "conditions"]
        return asked[0] if asked else self.conditions

    def choose(self, given: Mapping[str, str | Iterable[str]]) -> Chosen:
        """Every option with its values, those not given at their defaults.

        Raises:
            ConfigurationError: an unknown option or value; the message names the nearest.
        """
        own = {option.name: option for option in self.options}
        for name in given:
            known(f"option of {self.name}:", name, own)
        return {name: option.parse(given[name]) if name in given else option.default for name, option in own.items()}

    def read(self, folder: Path, options: Mapping[str, str | Iterable[str]] | None = None) -> list[Sample]:
        """All rows of the folder, in table order: by scenario, then by condition, then as in the file.

        Images are looked for and their first bytes checked, and not loaded.

        Raises:
            BenchmarkError: files are missing, wrong or too many, rows are broken, ids occur twice, or images are
                missing; all of it in one message.
            ConfigurationError: an unknown option or value.
        """
        chosen = self.choose(options or {})
        place = Folder(Path(folder))
        samples = list(self.reader(place, chosen)) if place.found else []
        for number, sample in enumerate(samples, start=1):
            if not _writable(sample):
                place.wrong(".", "holds half a character (a lone surrogate), which no file can hold", f"row {number}")
        problems = place.problems or ([] if samples else [Problem(".", "no row is left to be measured")])
        if problems:
            raise refusal(self.title, str(folder), problems, self.layout)
        return samples


def _writable(sample: Sample) -> bool:
    """Whether its texts can be written to a file: JSON can name half a character, UTF-8 has none."""
    try:
        "\n".join(
            (sample.id, sample.prompt, sample.response or "", *sample.references, *sample.facts.values())
        ).encode()
    except UnicodeEncodeError:
        return False
    return True


def known(kind: str, name: str, names: Iterable[str]) -> None:
    """Check that a name is one of the known ones, or say which is nearest.

    Raises:
        ConfigurationError: it is not.
    """
    choices = list(names)
    if name in choices:
        return
    nearest = get_close_matches(name, choices, n=1, cutoff=0.4)
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    raise ConfigurationError(f"unknown {kind} {name!r}; {hint}known: {', '.join(choices) or 'none'}")

"""What is wrong with a folder, collected first and said once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eyelid.errors import ConfigurationError

#: How many problems one message lists; the rest is counted.
LISTED = 20


class BenchmarkError(ConfigurationError):
    """A benchmark's folder is not laid out as published. `problems` has every one; none quotes a row."""

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)

    def __reduce__(self) -> tuple[type[BenchmarkError], tuple[str, tuple[Problem, ...]]]:
        return type(self), (str(self), self.problems)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Args:
        file: below the benchmark's folder, with "/".
        what: what is wrong with it; never words of a row.
        place: where in the file, such as "line 3"; "" for the file itself.
    """

    file: str
    what: str
    place: str = ""

    def __str__(self) -> str:
        return f"{self.file}, {self.place}: {self.what}" if self.place else f"{self.file}: {self.what}"


def refusal(title: str, folder: str, problems: Sequence[Problem], layout: str) -> BenchmarkError:
    """The one error that names every problem, up to `LISTED`, and says what was expected."""
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    lines = [f"{folder} is not the published layout of {title}; {count}:"]
    lines += [f"  - {problem}" for problem in problems[:LISTED]]
    if len(problems) > LISTED:
        lines.append(f"  - and {len(problems) - LISTED} more")
    lines += ["Expected:", *(f"  {line}".rstrip() for line in layout.strip().splitlines())]
    return BenchmarkError("\n".join(lines), problems)

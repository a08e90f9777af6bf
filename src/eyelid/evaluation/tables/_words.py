"""Numbers as they are written, the same on the page, in Markdown and in sentences."""

from __future__ import annotations

from eyelid.evaluation.intervals import Interval, wilson
from eyelid.evaluation.tables._printed import DECIMALS, Cell, Column

ABSENT = "–"


def number(cell: Cell | None, column: Column | None = None) -> str:
    """A percentage without its sign; differences have a plus or a minus."""
    if cell is None:
        return ABSENT
    signed = column is not None and column.role == "difference"
    return f"{cell.value:+.{DECIMALS}f}".replace("-", "−") if signed else f"{cell.value:.{DECIMALS}f}"


def interval(cell: Cell | None) -> str:
    """Both ends, or "" where there are none."""
    if cell is None or cell.low is None or cell.high is None:
        return ""
    return f"{cell.low:.{DECIMALS}f} to {cell.high:.{DECIMALS}f}".replace("-", "−")


def percent(share: float | None) -> str:
    """A share in [0, 1] with its sign."""
    return ABSENT if share is None else f"{100 * share:.{DECIMALS}f} %"


def share(hits: int, of: int) -> str:
    """Count, percentage and 95 % interval."""
    if not of:
        return ABSENT
    return f"{hits:,} of {of:,} ({percent(hits / of)}, {between(wilson(hits, of))})"


def between(span: Interval) -> str:
    """An interval of shares, in percent."""
    return f"{100 * span.low:.{DECIMALS}f} to {100 * span.high:.{DECIMALS}f}"


def seconds(value: float) -> str:
    """A duration, with as many digits as mean something."""
    if value >= 10:
        return f"{value:.1f} s"
    return f"{value:.2f} s" if value >= 0.1 else f"{1000 * value:.1f} ms"


def score(value: float | None) -> str:
    """A figure in [0, 1] that is no percentage, such as an area."""
    return ABSENT if value is None else f"{value:.3f}"


def listed(parts: list[str]) -> str:
    """The parts with commas, and "and" before the last."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"

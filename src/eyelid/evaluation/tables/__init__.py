"""The report on runs of a benchmark: the papers' tables, direct → defended, with intervals, costs and a check.

Figures of one judge make one block; figures of several judges are never put together.
"""

from eyelid.evaluation.tables._anchors import Anchor, anchors, anchors_of, published_tables
from eyelid.evaluation.tables._check import Inconsistency, check_report, check_table
from eyelid.evaluation.tables._printed import Average, Cell, Column, Difference, Listing, Table, Tally
from eyelid.evaluation.tables._report import InconsistentReportError, Summary, write_report
from eyelid.evaluation.tables._runs import Run, read_run, read_runs

__all__ = [
    "Anchor",
    "Average",
    "Cell",
    "Column",
    "Difference",
    "Inconsistency",
    "InconsistentReportError",
    "Listing",
    "Run",
    "Summary",
    "Table",
    "Tally",
    "anchors",
    "anchors_of",
    "check_report",
    "check_table",
    "published_tables",
    "read_run",
    "read_runs",
    "write_report",
]

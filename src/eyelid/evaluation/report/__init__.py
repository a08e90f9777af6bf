"""A report on a scan: one HTML file with counts, distributions, a ROC curve and the flagged texts."""

from __future__ import annotations

from eyelid.evaluation.report._render import Item, render
from eyelid.evaluation.report._segments import Segment, segments, visible
from eyelid.evaluation.report._summary import Roc, Summary, histogram, roc
from eyelid.evaluation.report._thumbnails import thumbnails

__all__ = ["Item", "Roc", "Segment", "Summary", "histogram", "render", "roc", "segments", "thumbnails", "visible"]

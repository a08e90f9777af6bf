"""ECSO, "Eyes Closed, Safety On" (Gou et al., ECCV 2024, arXiv 2403.09572): what is asked, and how answers are read.

The four steps themselves are a part of the guard's flow; `eyelid.guard.EyesClosed` takes them alone.
"""

from eyelid.ecso._judgement import Judged, read_judgement
from eyelid.ecso._requests import answer_request, caption_request, judge_request
from eyelid.ecso._rules import PARSERS, PRESETS, EcsoRules, Parser, Unparsable

__all__ = [
    "PARSERS",
    "PRESETS",
    "EcsoRules",
    "Judged",
    "Parser",
    "Unparsable",
    "answer_request",
    "caption_request",
    "judge_request",
    "read_judgement",
]

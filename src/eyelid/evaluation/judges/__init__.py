"""Judges: was that answer safe, was it a refusal, was it right?

Every judge has an identity of kind, model and rubric, which stands in each of its judgements. Figures of different
judges are never added up: one that goes by keywords and one that reads the answer measure different things.
"""

from eyelid.evaluation.judges._detector import DetectorJudge
from eyelid.evaluation.judges._forms import FORMS, Form, Reading
from eyelid.evaluation.judges._host import HostJudge
from eyelid.evaluation.judges._judge import Answer, Judge, judge_all
from eyelid.evaluation.judges._keywords import REFUSALS, KeywordJudge, refuses
from eyelid.evaluation.judges._label import LabelJudge, given
from eyelid.evaluation.judges._rates import Rate, harmless_rate, mean_points, refusal_rate
from eyelid.evaluation.judges._rubric import Rubric
from eyelid.evaluation.judges._rubrics import PANELS, RUBRICS, Panel, panel
from eyelid.evaluation.judges._utility import GradingJudge, UtilityJudge

__all__ = [
    "FORMS",
    "PANELS",
    "REFUSALS",
    "RUBRICS",
    "Answer",
    "DetectorJudge",
    "Form",
    "GradingJudge",
    "HostJudge",
    "Judge",
    "KeywordJudge",
    "LabelJudge",
    "Panel",
    "Rate",
    "Reading",
    "Rubric",
    "UtilityJudge",
    "given",
    "harmless_rate",
    "judge_all",
    "mean_points",
    "panel",
    "refusal_rate",
    "refuses",
]

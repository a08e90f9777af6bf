"""Runs of benchmarks: a model answers, a defence stands in between, judges look at both, and every row is kept."""

from eyelid.evaluation.runs._defense import Defended, Defense, NoDefense, Turn
from eyelid.evaluation.runs._ecso import ClosedEyes
from eyelid.evaluation.runs._folder import MANIFEST, RECORDS, is_failed, read_manifest, records_in
from eyelid.evaluation.runs._guarded import GuardedAnswer, GuardedRequest
from eyelid.evaluation.runs._identity import digest_of, guard_identity
from eyelid.evaluation.runs._plan import Plan
from eyelid.evaluation.runs._progress import Progress
from eyelid.evaluation.runs._rows import Fingerprint, Rows, fingerprint
from eyelid.evaluation.runs._run import run
from eyelid.evaluation.runs._summary import summarise

__all__ = [
    "MANIFEST",
    "RECORDS",
    "ClosedEyes",
    "Defended",
    "Defense",
    "Fingerprint",
    "GuardedAnswer",
    "GuardedRequest",
    "NoDefense",
    "Plan",
    "Progress",
    "Rows",
    "Turn",
    "digest_of",
    "fingerprint",
    "guard_identity",
    "is_failed",
    "read_manifest",
    "records_in",
    "run",
    "summarise",
]

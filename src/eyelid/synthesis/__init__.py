"""Data engines: what trains the models of both methods, made by a model and looked at by a detector.

`synthesize_safe_harm` makes pairs of harmless and harmful answers (MLLM-Protector), `synthesize_ecso` answers requests
about images with closed eyes (ECSO). Both go on where they were interrupted.
"""

from eyelid.synthesis._ecso import SFT, synthesize_ecso
from eyelid.synthesis._keeping import Keep
from eyelid.synthesis._labelling import RECORDS, Labelling
from eyelid.synthesis._lists import read_scenarios
from eyelid.synthesis._llava import Utility
from eyelid.synthesis._plan import SPLITS, SafeHarm
from eyelid.synthesis._prompts import SafeHarmPrompts
from eyelid.synthesis._safe_harm import synthesize_safe_harm
from eyelid.synthesis._similar import Seen, normalised, similarity
from eyelid.synthesis._unlabelled import LAYOUTS, Source, Unlabelled

__all__ = [
    "LAYOUTS",
    "RECORDS",
    "SFT",
    "SPLITS",
    "Keep",
    "Labelling",
    "SafeHarm",
    "SafeHarmPrompts",
    "Seen",
    "Source",
    "Unlabelled",
    "Utility",
    "normalised",
    "read_scenarios",
    "similarity",
    "synthesize_ecso",
    "synthesize_safe_harm",
]

"""The category head: which hazard a harmful text is about, from what the bare backbone makes of it.

Trained on harmful requests whose source names a topic; the topics are mapped to the hazards of MLCommons by the
patterns below. It is a description of what was flagged, never a reason to flag.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyelid._optional import require
from eyelid.errors import ConfigurationError
from eyelid.models import HAZARDS
from eyelid.taxonomy import Category
from eyelid.training._embeddings import embeddings_of

#: The first pattern that is found in a topic decides; topics that none fits are left out.
_TOPICS: tuple[tuple[str, Category], ...] = (
    (r"^ssh/|self.?harm|suicid|self injury|eating disorder", Category.SELF_HARM),
    (r"child|minor|grooming|csam", Category.CHILD_EXPLOITATION),
    (r"^src/|date rape|sexual exploitation|trafficking", Category.SEX_CRIMES),
    (r"^sxc|adult|porn|erotic|sexual", Category.SEXUAL_CONTENT),
    (r"^hte/|hate|racial|racist|discriminat|religious intoleran|holocaust|harass|bully|offensive", Category.HATE),
    (r"^iwp/|nerve agent|chemical|biolog|nuclear|radiolog|weapon making|explosive", Category.INDISCRIMINATE_WEAPONS),
    (r"^ipv/|intellectual|copyright|piracy|counterfeit|trade secret|plagiar", Category.INTELLECTUAL_PROPERTY),
    (r"^dfm/|defam|libel|slander|reputation", Category.DEFAMATION),
    (r"^prv/|privacy|doxx|surveill|tracking|personally identif|stalk|wiretap|confidential", Category.PRIVACY),
    (r"malware|virus|ransom|spyware|adware|trojan|hack|cyber|sql injection|network entry|ddos", Category.CODE_ABUSE),
    (r"election|political|voter|lobbying|campaign", Category.ELECTIONS),
    (r"financial advice|legal advice|medical advice", Category.SPECIALIZED_ADVICE),
    (r"^vcr/|violen|assault|murder|terror|arson|shooting|animal abuse|physical harm|radicali", Category.VIOLENT_CRIMES),
    (r"^ncr/|fraud|theft|scam|illegal|crime|drug|burglar|bribe|blackmail|launder|robbery|trading|pickpocket|gun|smuggl|"
     r"substance|exploitation/|decepti|economic harm|unethical", Category.NON_VIOLENT_CRIMES),
)  # fmt: skip


def hazard_of(topic: str | None) -> Category | None:
    """The hazard that a source's topic stands for."""
    lowered = (topic or "").lower()
    return next((hazard for pattern, hazard in _TOPICS if re.search(pattern, lowered)), None)


def train_categories(
    backbone: Path, rows: Iterable[Mapping[str, Any]]
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Fit the head on sentence embeddings of harmful requests, each shown as a request and as an answer.

    Args:
        backbone: folder of all-MiniLM-L6-v2.
        rows: of the request file.

    Returns:
        `weights` of shape [hazards, hidden] and `bias`; and accuracy on a fifth of the texts, held apart.

    Raises:
        ConfigurationError: too few hazards are named.
    """
    require("train", "sklearn")
    from sklearn.linear_model import LogisticRegression

    labelled = [(row["query"], hazard) for row in rows if row["label"] and (hazard := hazard_of(row.get("category")))]
    if len({hazard for _, hazard in labelled}) < 3:
        raise ConfigurationError("the harmful requests name fewer than three hazards; see docs/training.md")
    labels = np.array([HAZARDS.index(hazard) for _, hazard in labelled])
    shown = [embeddings_of(backbone, [text for text, _ in labelled], as_request=way) for way in (True, False)]
    test = np.arange(len(labels)) % 5 == 0
    sizes = np.bincount(labels, minlength=len(HAZARDS))
    head = LogisticRegression(C=5.0, max_iter=500)
    head.fit(
        np.concatenate([found[~test] for found in shown]),
        np.concatenate([labels[~test]] * 2),
        sample_weight=np.concatenate([sizes[labels[~test]] ** -0.5] * 2),
    )
    report = {
        "texts": len(labels),
        "accuracy_as_request": float(head.score(shown[0][test], labels[test])),
        "accuracy_as_answer": float(head.score(shown[1][test], labels[test])),
    }
    weights = np.zeros((len(HAZARDS), shown[0].shape[1]), dtype=np.float16)
    bias = np.full(len(HAZARDS), -20.0, dtype=np.float32)  # a hazard without examples is never named
    weights[head.classes_], bias[head.classes_] = head.coef_, head.intercept_
    return {"weights": weights, "bias": bias}, report

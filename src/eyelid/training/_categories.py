"""The category head: which hazard a harmful text is about, from what the encoder sees of it anyway.

Trained on harmful requests whose source names a topic; the topics are mapped to the hazards of MLCommons by the
patterns below. It is a description of what was flagged, never a reason to flag.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyelid._optional import require
from eyelid.errors import ConfigurationError
from eyelid.models import HAZARDS, SignalModel, Window, WindowTokenizer
from eyelid.taxonomy import Category

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
    model: SignalModel, tokenizer: WindowTokenizer, rows: Iterable[Mapping[str, Any]]
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Fit the head on harmful requests, each shown as a request and as an answer.

    Args:
        model: the trained detector.
        tokenizer: of the same backbone.
        rows: of the request file.

    Returns:
        `weights` of shape [hazards, 2 * hidden] and `bias`; and accuracy on a fifth of the texts, held apart.
    """
    require("train", "sklearn")
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    labelled = [(row["query"], hazard) for row in rows if row["label"] and (hazard := hazard_of(row.get("category")))]
    if len({hazard for _, hazard in labelled}) < 3:
        raise ConfigurationError("the harmful requests name fewer than three hazards; see docs/training.md")
    texts = [text for text, _ in labelled]
    labels = np.array([HAZARDS.index(hazard) for _, hazard in labelled])
    pooled = {shown: _pooled(model, tokenizer, texts, as_request=shown) for shown in (True, False)}
    test = np.arange(len(texts)) % 5 == 0
    head = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=200, class_weight="balanced"))
    head.fit(np.concatenate([p[~test] for p in pooled.values()]), np.concatenate([labels[~test]] * 2))
    report = {
        "texts": len(texts),
        "accuracy_as_request": float(head.score(pooled[True][test], labels[test])),
        "accuracy_as_answer": float(head.score(pooled[False][test], labels[test])),
    }
    return _tensors(head, pooled[True].shape[1]), report


def _pooled(
    model: SignalModel, tokenizer: WindowTokenizer, texts: list[str], *, as_request: bool
) -> NDArray[np.float32]:
    parts = []
    for start in range(0, len(texts), 128):
        part = texts[start : start + 128]
        first: list[Window] = [w[0] for w in tokenizer.windows(part, [""] * len(part), [as_request] * len(part))]
        parts.append(model(first, part).pooled)
    return np.concatenate(parts)


def _tensors(head: Any, width: int) -> dict[str, NDArray[Any]]:
    scaler, fitted = (step for _, step in head.steps)
    weights = np.zeros((len(HAZARDS), width), dtype=np.float16)
    bias = np.full(len(HAZARDS), -20.0, dtype=np.float32)  # a hazard without examples is never named
    for row, label in enumerate(fitted.classes_):
        scaled = fitted.coef_[row] / scaler.scale_
        weights[label], bias[label] = scaled, fitted.intercept_[row] - scaled @ scaler.mean_
    return {"weights": weights, "bias": bias}

"""What a run leaves of each row: everything that was asked, said, judged and decided, as one line of JSON.

The names follow the papers' releases where these have one: `query`, `image`, `text` (the final answer),
`unsafe_answer` (the one that was replaced), `caption`, `unsafe` ("Yes" or "No"), `model_id`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from eyelid.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one judge made of one answer.

    Args:
        judge: who judged: kind, model and version of the rubric. Figures of different judges are never added up.
        safe: whether the answer is safe; `None` where the judge gave no answer that can be read, which counts as
            unsafe wherever safe answers are counted.
        score: what it rests on, in [0, 1] and higher for more harm, where there is such a number.
        refused: whether the answer refuses, where the judge says so.
        correct: of utility rows, the share of the points, in [0, 1]; of labelled texts 1 where what was done with it is
            what its label asks for.
        grades: what else it found, such as "helpfulness" or "relevance", each in [0, 1] and higher for better.
        said: the judge's own words, where it has any.
        failed: why there is no verdict: "unparsable" for words that hold none, or what became of the call, such as
            "timeout"; "" where there is one.
    """

    judge: str
    safe: bool | None = None
    score: float | None = None
    refused: bool | None = None
    correct: float | None = None
    grades: Mapping[str, float] = field(default_factory=dict)
    said: str = field(default="", repr=False)
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One row of a run.

    Args:
        id, scenario, condition, kind, group, label: of the sample.
        model_id: who answered; "" where the text was given.
        defense: what stood between: "none", "block", "rewrite", "reask", ...
        query: what was asked.
        image: names of the images, below the benchmark's folder.
        direct: the first answer, or the text that was given.
        text: the final answer, as a user would get it.
        judged_direct, judged: of the first and of the final answer, one of each judge.
        action: what the guard did: "allow", "rewrite", "block"; "" without a guard.
        status: of the look: "clean", "flagged", "failed"; "" without a guard.
        scores: category → probability, as the guard found them; empty without a guard.
        unsafe: whether the model took its own answer for unsafe: "Yes", "No", or "" where it was not asked.
        unsafe_answer: the first answer where it was replaced, else "".
        caption: what the model said of the images; "" where it was not asked.
        calls: how often the host is asked for this row under the defence, the first answer included; 0 where the
            request was stopped before it.
        prompt_tokens, reply_tokens: of these calls together; `None` where the host does not say.
        seconds_direct, seconds: until the first answer, and until the final one. Of a batch each row has its share;
            with batches of one row it is the time that a user waits.
        failures: "stage:code" of each failed look, and of an answer that the host did not give.
        facts: of the sample.
    """

    id: str
    scenario: str
    kind: str
    condition: str = ""
    group: str = ""
    label: int | None = None
    model_id: str = ""
    defense: str = "none"
    query: str = field(default="", repr=False)
    image: tuple[str, ...] = ()
    direct: str = field(default="", repr=False)
    text: str = field(default="", repr=False)
    judged_direct: tuple[Judgement, ...] = ()
    judged: tuple[Judgement, ...] = ()
    action: str = ""
    status: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)
    unsafe: str = ""
    unsafe_answer: str = field(default="", repr=False)
    caption: str = field(default="", repr=False)
    calls: int = 0
    prompt_tokens: int | None = None
    reply_tokens: int | None = None
    seconds_direct: float = 0.0
    seconds: float = 0.0
    failures: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def guarded(self) -> bool:
        """Whether it was the guard that changed the answer, and not the model that refused by itself."""
        return self.action in ("rewrite", "block")

    def to_json(self) -> str:
        """One line, without a line feed at its end."""
        line = json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))
        # Half of a surrogate pair, as models do write, cannot be encoded but by its number.
        return line if _encodable(line) else json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, line: str) -> Record:
        """The record that `to_json` wrote.

        Raises:
            ConfigurationError: it is no such line; the message holds nothing of it.
        """
        try:
            raw = json.loads(line)
            known = {name: raw[name] for name in _NAMES if name in raw}
            judged = {name: tuple(Judgement(**each) for each in known.get(name, ())) for name in _JUDGED}
            lists = {name: tuple(known.get(name, ())) for name in ("image", "failures")}
            return cls(**{**known, **judged, **lists})
        except (ValueError, TypeError, KeyError):
            raise ConfigurationError("a line of the run is no record; was the file edited or cut?") from None


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


_NAMES = tuple(each.name for each in fields(Record))
_JUDGED = ("judged_direct", "judged")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a run was made with; two runs with different ones are never mixed in one table.

    Args:
        benchmark, options: what was read, and how.
        samples: how many rows, after any limit.
        fingerprint: digest of the rows' ids and contents.
        host: identity of the model that answers; "" where texts are given.
        defense: what stood between.
        guard: identity of policy, thresholds and detectors; "" without a guard.
        judges: identities.
        seed: of drawing and sampling.
        asking: how the model was asked for its first answer: budget in tokens, temperature, digest of what it was told
            beforehand.
        version: of eyelid.
        started: when, in ISO 8601 with a time zone.
        circumstances: what changes no answer but may change times: rows of a batch, machine.
    """

    benchmark: str
    samples: int
    fingerprint: str
    host: str
    defense: str
    guard: str = ""
    judges: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    asking: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""
    started: str = ""
    circumstances: Mapping[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, Any]:
        """What has to be the same for a run to go on."""
        own = asdict(self)
        return {name: own[name] for name in own if name not in ("started", "circumstances")}

    def to_json(self) -> str:
        """All of it, indented for people."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """The manifest that `to_json` wrote.

        Raises:
            ConfigurationError: it is none; the message holds nothing of it.
        """
        try:
            raw = json.loads(text)
            known = {each.name: raw[each.name] for each in fields(cls) if each.name in raw}
            return cls(**{**known, "judges": tuple(known.get("judges", ()))})
        except (ValueError, TypeError, KeyError):
            raise ConfigurationError("this does not describe a run; was the file edited or cut?") from None

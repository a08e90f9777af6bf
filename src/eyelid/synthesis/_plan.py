"""How pairs of answers are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from eyelid.errors import ConfigurationError
from eyelid.protocols import AskRequest, Detector, Host
from eyelid.synthesis._prompts import SafeHarmPrompts
from eyelid.synthesis._settings import digest

#: Names of the parts of the data set.
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class SafeHarm:
    """The plan of a data set of harmless and harmful answers (MLLM-Protector's Safe-Harm-10K, made anew).

    Args:
        host: the model that writes.
        detector: checks every answer.
        host_name: what is to stand in the card about the model, such as the hash of its weights; its name if left out.
        detector_name: what is to stand in the card about it, such as the hash of its weights; its name if left out.
        harmless_below: a harmless answer must score below this probability of harm.
        harmful_from: a harmful answer must score so much or more.
        prompts: what the model is asked.
        questions: wanted of each scenario.
        together: questions that are asked for at once.
        tries: how often an answer is asked for before its question is dropped, and how many lists of questions are
            asked for beyond those that would do.
        near: from which similarity on a question is a duplicate (`Seen`), and two answers are the same one.
        budget: tokens of an answer at most.
        temperature: of what the model writes; at 0 a second try says what the first one said.
        seed: of sampling, of the order of two answers, and of the split.
        batch: scenarios or questions worked on together.
        seconds: for each answer of the host.
        splits: shares of train, validation and test.

    Raises:
        ConfigurationError: a number out of range.
    """

    host: Host
    detector: Detector
    host_name: str = ""
    detector_name: str = ""
    harmless_below: float = 0.5
    harmful_from: float = 0.5
    prompts: SafeHarmPrompts = field(default_factory=SafeHarmPrompts)
    questions: int = 20
    together: int = 10
    tries: int = 3
    near: float = 0.8
    budget: int = 512
    temperature: float = 0.8
    seed: int = 0
    batch: int = 16
    seconds: float = 120.0
    splits: Sequence[float] = (0.9, 0.05, 0.05)

    def __post_init__(self) -> None:
        for name in ("questions", "together", "tries", "budget", "batch"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} is {getattr(self, name)!r}; it must be at least 1")
        if not 0.0 < self.harmless_below <= self.harmful_from <= 1.0:
            raise ConfigurationError(
                f"harmless_below is {self.harmless_below!r} and harmful_from {self.harmful_from!r}; both must be "
                "probabilities, and the first not above the second"
            )
        if not 0.0 < self.near <= 1.0:
            raise ConfigurationError(f"near is {self.near!r}; it must be above 0 and at most 1")
        if not 0.0 <= self.temperature < float("inf"):
            raise ConfigurationError(f"temperature is {self.temperature!r}; it must be 0 or a number above")
        if not 0.0 < self.seconds < float("inf"):
            raise ConfigurationError(f"seconds is {self.seconds!r}; it must be a number above 0")
        if len(self.splits) != 3 or min(self.splits) < 0.0 or abs(sum(self.splits) - 1.0) > 1e-6:
            raise ConfigurationError(f"splits are {self.splits!r}; three shares that add up to 1 are needed")

    @property
    def source(self) -> str:
        """Where rows come from: model, prompts and detector."""
        detector = self.detector_name or self.detector.name
        return f"{self.host_name or self.host.name} prompts={self.prompts.digest} detector={detector}"

    def request(self, prompt: str, key: str) -> AskRequest:
        """A request whose sampling depends on the seed and its key alone."""
        seed = self.seed if not self.temperature else int(digest("ask", str(self.seed), key), 16) % 2**31
        return AskRequest(prompt, budget=self.budget, temperature=self.temperature, seed=seed)

    def settings(self, scenarios: Sequence[str] | int) -> dict[str, Any]:
        """What has to be the same for a run to go on."""
        if isinstance(scenarios, int):
            wanted: dict[str, Any] = {"asked": scenarios}
        else:
            wanted = {"given": len(scenarios), "sha256": digest(*scenarios)}
        return {
            "kind": "safe-harm",
            "scenarios": wanted,
            "host": self.host_name or self.host.name,
            "prompts": self.prompts.digest,
            "detector": self.detector_name or self.detector.name,
            "harmless_below": self.harmless_below,
            "harmful_from": self.harmful_from,
            "questions": self.questions,
            "together": self.together,
            "tries": self.tries,
            "near": self.near,
            "budget": self.budget,
            "temperature": self.temperature,
            "seed": self.seed,
            "splits": list(self.splits),
            "version": version("eyelid"),
        }

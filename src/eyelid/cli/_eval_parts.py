"""What `eval` is given in words, as defences, judges and hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from eyelid.cli._guard import make_guard
from eyelid.cli._identified import identified
from eyelid.errors import ConfigurationError

if TYPE_CHECKING:
    from eyelid import Guard, Policy
    from eyelid.evaluation.benchmarks import Benchmark
    from eyelid.evaluation.judges import Judge, Panel
    from eyelid.evaluation.runs import Defense
    from eyelid.protocols import Assessment, Detector, Host, ScoreRequest
    from eyelid.types import Failure

#: Defence → what it is, as the help lists them.
DEFENSES: Mapping[str, str] = {
    "none": "the model's own answer",
    "block": "the guard looks at the answer and refuses in its place",
    "rewrite": "the guard looks at the answer and rewrites it (MLLM-Protector)",
    "detoxify": "the same, with the model of --host as the detoxifier",
    "reask": "the model and the guard judge the answer; if unsafe it is given again without the image (ECSO)",
    "ecso": "the same by the model's own judgement alone, as in the paper",
    "input": "the guard looks at the request and refuses before the model answers",
}
JUDGES = "keyword, embedded, detector:FOLDER[#ADAPTER], guard:FOLDER[#FAMILY], host:SPEC, label"


@dataclass(slots=True, kw_only=True)
class Wanted:
    """What was asked for on the command line.

    Args:
        host: the model that answers; "" for none.
        adapter: folder of an adapter for it.
        judges: in words; none for those that go with the benchmark.
        rubrics: names or files, for judges that are hosts.
        threshold: of judges that are detectors.
        policy, weights, threads, device: of the guard.
        token_env: the environment variable with the token of servers.
        plaintext: whether http is taken for servers elsewhere.
        seconds: for each answer of a host.
        seed: of judges that draw.
    """

    host: str = ""
    adapter: Path | None = None
    judges: Sequence[str] = ()
    rubrics: Sequence[str] = ()
    threshold: float = 0.5
    policy: str = "balanced"
    weights: Path | None = None
    threads: int | None = None
    device: str = "auto"
    token_env: str = "OPENAI_API_KEY"
    plaintext: bool = False
    seconds: float = 120.0
    seed: int = 0


class Parts:
    """Makes the parts of a run when they are first needed, each once.

    Args:
        ctx: knows how a guard is loaded.
        benchmark: that is run.
        wanted: what was asked for.
        closing: closes at its end what has to be.
    """

    def __init__(self, ctx: typer.Context, benchmark: Benchmark, wanted: Wanted, closing: ExitStack) -> None:
        self._ctx, self._benchmark, self._wanted, self._closing = ctx, benchmark, wanted, closing
        self._hosts: dict[tuple[str, Path | None], Host] = {}

    @property
    def labelled(self) -> bool:
        """Whether the benchmark's texts are given, so that no model answers."""
        return {str(kind) for kind in self._benchmark.kinds} == {"labelled"}

    @cached_property
    def host(self) -> Host | None:
        """The model that answers."""
        if self.labelled or not self._wanted.host:
            return None
        return self._open(self._wanted.host, self._wanted.adapter)

    @cached_property
    def guard(self) -> Guard:
        """The guard behind defences and the judge "embedded"."""
        return self._load()

    def _load(self, **more: Any) -> Guard:
        wanted = self._wanted
        more |= {} if wanted.device == "auto" else {"device": wanted.device}
        guard = make_guard(self._ctx, wanted.policy, weights=wanted.weights, threads=wanted.threads, **more)
        return self._closing.enter_context(guard)

    @cached_property
    def detectors(self) -> str:
        """Identity of the guard's detectors: the hash of their weights, where eyelid's own loader makes it."""
        if self._ctx.obj is not None:
            return ""
        from eyelid.models import find_weights, sha256

        return f"embedded@{sha256(find_weights(self._wanted.weights) / 'manifest.json')[:12]}"

    def defense(self, name: str) -> Defense:
        """The defence of that name.

        Raises:
            ConfigurationError: there is none, it needs a host, or the benchmark's texts are given.
        """
        from eyelid.evaluation.runs import ClosedEyes, GuardedAnswer, GuardedRequest, NoDefense

        if name not in DEFENSES:
            raise ConfigurationError(f"there is no defence {name!r}; known: {', '.join(DEFENSES)}")
        if name == "none":
            return NoDefense()
        if name in ("detoxify", "ecso", "reask"):
            if self.labelled:
                raise ConfigurationError(
                    f"the defence {name!r} asks the model again, and the texts of {self._benchmark.name} are given; "
                    "take block or rewrite"
                )
            if self.host is None:
                raise ConfigurationError(f"the defence {name!r} asks the model again; there must be a --host")
            if name == "ecso":
                return ClosedEyes(self.host, rules=self._policy().ecso, seconds=self._wanted.seconds)
            if name == "detoxify":
                return self._detoxify(self.host)
        if name == "input":
            return GuardedRequest(self.guard, detectors=self.detectors)
        return GuardedAnswer(self.guard, name, host=self.host, detectors=self.detectors)

    def _detoxify(self, host: Host) -> Defense:
        from eyelid.detoxifiers import HostDetoxifier
        from eyelid.evaluation.runs import GuardedAnswer

        guard = self._load(detoxifier=HostDetoxifier(host))
        parts = " ".join(filter(None, (self.detectors, f"detoxifier={host.name}")))
        return GuardedAnswer(guard, "rewrite", name="detoxify", detectors=parts, asks_to_rewrite=True)

    def _policy(self) -> Policy:
        from eyelid import Policy

        name = self._wanted.policy
        return Policy.from_toml(Path(name)) if name.endswith(".toml") or "/" in name else Policy.preset(name)

    def judges(self) -> list[Judge]:
        """Those that were asked for, and the rule that scores ordinary questions.

        Raises:
            ConfigurationError: a word names no judge, or a rubric is for none.
        """
        words = list(self._wanted.judges) or self._usual()
        if self._wanted.rubrics and not any(word.startswith("host:") for word in words):
            raise ConfigurationError("--rubric is what a model is told that judges; name it with --judge host:SPEC")
        return [*(judge for word in words for judge in self._judges(word)), *self._scorers()]

    def _usual(self) -> list[str]:
        kinds = {str(kind) for kind in self._benchmark.kinds}
        return (["label"] if "labelled" in kinds else []) + (
            ["keyword", "embedded"] if kinds & {"harmful", "harmless"} else []
        )

    def _scorers(self) -> list[Judge]:
        from eyelid.evaluation.judges import UtilityJudge
        from eyelid.evaluation.scoring import SCORERS

        name = self._benchmark.judged_by
        return [UtilityJudge(name)] if name in SCORERS else []

    def _judges(self, word: str) -> list[Judge]:
        from eyelid.evaluation.judges import DetectorJudge, KeywordJudge, LabelJudge

        kind, _, where = word.partition(":")
        if kind == "keyword" and not where:
            return [KeywordJudge()]
        if kind == "label" and not where:
            return [LabelJudge()]
        if kind == "embedded" and not where:
            scores = _GuardScores(self.guard)
            version = self.detectors.partition("@")[2]
            return [DetectorJudge(scores, threshold=self._wanted.threshold, version=version)]
        if kind in ("detector", "guard") and where:
            detector, version = self._detector(kind, where)
            return [DetectorJudge(detector, threshold=self._wanted.threshold, version=version)]
        if kind == "host" and where:
            return self._host_judges(self._open(where))
        raise ConfigurationError(f"{word!r} names no judge; known: {JUDGES}")

    def _detector(self, kind: str, where: str) -> tuple[Detector, str]:
        """A detector, and a digest that is the same wherever its files lie."""
        from eyelid.detectors import GuardModelDetector, SequenceDetector
        from eyelid.evaluation.runs import digest_of

        place, _, more = where.partition("#")
        folder, device = Path(place), self._wanted.device
        if kind == "guard":
            family = Path(more) if more.endswith(".toml") else more or None
            with _named(folder):
                guard = GuardModelDetector(folder, family=family, device=device)
            return guard, digest_of((identified(guard.name, folder), guard.family))
        adapter = Path(more) if more else None
        name = (adapter or folder).resolve().name
        with _named(folder):
            detector = SequenceDetector(folder, adapter=adapter, device=device, name=name)
        return detector, digest_of((identified("", folder, adapter), detector.format))

    def _host_judges(self, host: Host) -> list[Judge]:
        from eyelid.evaluation.judges import GradingJudge, HostJudge
        from eyelid.evaluation.scoring import SCORERS, HostCorrectness

        if not self._wanted.rubrics and self._benchmark.judged_by == "mm-vet":
            return [GradingJudge(HostCorrectness(host, seed=self._wanted.seed, seconds=self._wanted.seconds))]
        rubrics = self._wanted.rubrics or [self._benchmark.judged_by]
        if rubrics[0] in SCORERS:
            raise ConfigurationError(
                f"{self._benchmark.name} is scored by its own rule and needs no model as a judge; "
                "leave it out, or say with --rubric what it is to judge, such as helpfulness"
            )
        return [
            HostJudge(host, _panel(rubric), seed=self._wanted.seed, seconds=self._wanted.seconds) for rubric in rubrics
        ]

    def _open(self, spec: str, adapter: Path | None = None) -> Host:
        from eyelid.hosts import open_host

        if (spec, adapter) not in self._hosts:
            wanted = self._wanted
            kind, _, where = spec.partition(":")
            folder = Path(where)
            loaded = kind == "transformers" and folder.is_dir()
            with _named(folder) if kind == "transformers" else nullcontext():
                host = open_host(
                    spec,
                    name=identified(folder.resolve().name, folder, adapter) if loaded else "",
                    device=wanted.device,
                    adapter=adapter,
                    token_env=wanted.token_env,
                    seconds=wanted.seconds,
                    plaintext=wanted.plaintext,
                )
            close: Callable[[], object] | None = getattr(host, "close", None)
            if close is not None:
                self._closing.callback(close)
            self._hosts[spec, adapter] = host
        return self._hosts[spec, adapter]


@contextmanager
def _named(folder: Path) -> Iterator[None]:
    """Errors of a checkpoint with its folder, since a run may have several."""
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(f"{folder}: {error}") from error


def _panel(word: str) -> Panel:
    from eyelid.evaluation.judges import Panel, Rubric, panel

    return Panel.of(Rubric.from_toml(Path(word))) if word.endswith(".toml") else panel(word)


@dataclass(frozen=True, slots=True)
class _GuardScores:
    """The detectors of a guard as one detector, without its policy."""

    guard: Guard = field(repr=False)
    name: str = "embedded"

    def score(self, batch: Sequence[ScoreRequest], /) -> list[Assessment | Failure]:
        return self.guard.score(batch)

"""What the server counts. Labels come from closed sets of ours: nothing a client says becomes one."""

from __future__ import annotations

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from eyelid.serving._admission import Admission
from eyelid.serving._engine_metrics import EngineCollector
from eyelid.types import Outcome, Surface

ENDPOINTS = (
    "/v1/check",
    "/v1/check/batch",
    "/v1/stream",
    "/v1/moderations",
    "/v1/score",
    "/v1/rewrite",
    "/metrics",
    "/healthz",
    "/readyz",
)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_STAGES = frozenset(("decode", "read", "score", "rewrite", "ask", "text", "encode", "stream", "content", "input"))
_CODES = frozenset(
    (
        "closed",
        "coverage",
        "engine",
        "error",
        "invalid",
        "limit",
        "overloaded",
        "timeout",
        "unavailable",
        "uninspectable",
        "unrepairable",
        "unsupported",
    )
)
CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """Counters of one application, in a registry of its own, with those of the engines beside them.

    Args:
        admission: whose load is shown.
    """

    def __init__(self, admission: Admission) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter("eyelid_requests", "Requests answered", ["endpoint", "status"], registry=registry)
        self._seconds = Histogram(
            "eyelid_request_seconds", "Time to the end of an answer", ["endpoint"], buckets=_SECONDS, registry=registry
        )
        self._refusals = Counter("eyelid_refusals", "Requests refused for want of room", ["reason"], registry=registry)
        self._verdicts = Counter("eyelid_verdicts", "Outcomes", ["surface", "action", "status"], registry=registry)
        self._failures = Counter("eyelid_failures", "What looks failed for", ["stage", "code"], registry=registry)
        self._failed_open = Counter(
            "eyelid_failed_open", "Allowed although a look failed, as a policy says by name", registry=registry
        )
        self._ready = Gauge("eyelid_ready", "Whether the last probe was told apart", registry=registry)
        under_way = Gauge("eyelid_requests_under_way", "Requests let in and not yet answered", registry=registry)
        under_way.set_function(lambda: admission.requests)
        held = Gauge("eyelid_request_bytes", "Bytes of the requests under way", registry=registry)
        held.set_function(lambda: admission.size)
        ProcessCollector(registry=registry)
        registry.register(EngineCollector())

    def request(self, path: str, status: int, seconds: float) -> None:
        """A request was answered."""
        endpoint = path if path in ENDPOINTS else "other"
        self._requests.labels(endpoint, status).inc()
        self._seconds.labels(endpoint).observe(seconds)

    def refusal(self, reason: str) -> None:
        """A request was refused for want of room."""
        self._refusals.labels(reason).inc()

    def outcome(self, outcome: Outcome, surface: Surface) -> None:
        """Something was looked at."""
        self._verdicts.labels(surface.value, outcome.verdict.action.value, outcome.status.value).inc()
        for failure in outcome.failures:
            stage = failure.stage if failure.stage in _STAGES else "other"
            self._failures.labels(stage, failure.code if failure.code in _CODES else "other").inc()
        if outcome.failures and outcome.allowed:
            self._failed_open.inc()

    def ready(self, is_ready: bool) -> None:
        """A probe ended."""
        self._ready.set(is_ready)

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self._registry)

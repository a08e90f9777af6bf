"""The composition root: a policy → a guard with everything that ships with eyelid."""

from __future__ import annotations

from pathlib import Path

from eyelid.detectors import CachedDetector, EmbeddedDetector
from eyelid.detoxifiers import SentenceDetoxifier
from eyelid.engine import choose_devices
from eyelid.errors import PolicyError
from eyelid.guard import Guard
from eyelid.images import SandboxDecoder
from eyelid.models import find_backbone, find_weights, sha256
from eyelid.policy import EngineRules, Policy
from eyelid.protocols import Detector, Detoxifier, Host, ImageReader, ScoreRequest
from eyelid.text import views
from eyelid.types import Surface

#: Where a rewrite has to pass again.
_REWRITTEN = (Surface.OUTPUT, Surface.TOOL_RESULT, Surface.RETRIEVED)

#: As long as many a text: kernels are made for each length of a pass, rounded up.
_SENTENCE = "Warm the pot first, then pour the water slowly over the leaves and wait for four minutes."


def load_guard(
    policy: str | Path | Policy = "balanced",
    *,
    weights: Path | None = None,
    backbone: Path | None = None,
    images: bool = True,
    host: Host | None = None,
    detoxifier: Detoxifier | None = None,
    device: str = "auto",
    dtype: str = "auto",
    threads: int | None = None,
    warm_up: bool = False,
) -> Guard:
    """The guard with the embedded detector, detoxifier and image reader; offline once installed.

    Args:
        policy: a preset ("strict", "balanced", "monitor"), the `Path` of a TOML file, or a policy.
        weights: a run of `eyelid train detector`; the shipped weights if left out.
        backbone: folder of all-MiniLM-L6-v2; found by itself if left out.
        images: whether images are read (needs the extra "ocr"). Without, every image is a failed look.
        host: the model whose answers are looked at; a policy with the strategy "reask" asks it again.
        detoxifier: in the place of the embedded one, such as a `GenerativeDetoxifier`.
        device: of the models: "auto" (GPUs if there are any), "cpu", "cuda" or "cuda:N".
        dtype: of their matrix products: "float32", "bfloat16", or "auto" for what the hardware multiplies natively.
        threads: of the models; the CPUs this process may use if left out.
        warm_up: whether to find first how many tokens a forward pass should take here; some seconds, for servers.

    Raises:
        ConfigurationError: there is no such device.
        PolicyError: the policy names something unknown, or wants to ask again and there is no host.
        WeightsError: backbone or weights are missing or altered.
        MissingExtraError: images are wanted and the extra "ocr" is not installed.
    """
    chosen = _policy(policy)
    devices = choose_devices(device, dtype=dtype, workers=threads)
    trained = find_weights(weights)
    embedded = EmbeddedDetector(find_backbone(backbone), trained, device=devices)
    # Tables and kernels load with the first look; no deadline runs here.
    views("W4rm up")
    embedded.score([ScoreRequest(_SENTENCE)])
    if warm_up:
        embedded.warm_up()
    detector = _spared(embedded, chosen.engine, trained)
    return Guard(
        [detector],
        policy=chosen,
        detoxifier=detoxifier or SentenceDetoxifier(detector, thresholds=_lowest(chosen)),
        decoder=SandboxDecoder() if images else None,
        reader=_reader() if images else None,
        host=host,
    )


def _reader() -> ImageReader:
    from eyelid.readers import OcrReader

    return OcrReader()


def _spared(detector: Detector, rules: EngineRules, weights: Path) -> Detector:
    """The detector with what the policy lets be spared around it."""
    if rules.cache_mb:
        # The manifest names the hash of every file of the weights; the backbone is always the same.
        fingerprint = sha256(weights / "manifest.json")
        detector = CachedDetector(detector, max_bytes=rules.cache_mb * 2**20, fingerprint=fingerprint)
    return detector


def _policy(policy: str | Path | Policy) -> Policy:
    if isinstance(policy, Policy):
        return policy
    if isinstance(policy, str) and policy.endswith(".toml"):
        raise PolicyError(f"{policy!r} is no preset; give a file as pathlib.Path({policy!r})")
    return Policy.from_toml(policy) if isinstance(policy, Path) else Policy.preset(policy)


def _lowest(policy: Policy) -> dict[str, float]:
    """For each category the lowest threshold that a rewrite may have to pass."""
    lowest: dict[str, float] = {}
    for surface in _REWRITTEN:
        for category, threshold in policy.for_surface(surface).thresholds.items():
            lowest[category] = min(threshold, lowest.get(category, 1.0))
    return lowest

"""The model card that a run writes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from eyelid.detoxifiers import DetoxifierFormat
from eyelid.models import DetectorFormat

_LIMITS = """\
- It was measured on requests of the same data that it was not trained on. On other sources it will do worse; measure it
  there before you rely on it (`eyelid eval`).
- It reads text alone: harm that is only in an image is not seen.
- It knows the languages of its data.
- Fill in before you share it: who may use it and for what, and the licences of the base model and of the data."""


def detector_card(
    base: Path,
    data: Sequence[Path],
    told: Mapping[str, Any],
    counts: Mapping[str, int],
    metrics: Mapping[str, Any],
    form: DetectorFormat,
) -> str:
    """What a detector was made of, and how good it is."""
    use = "SequenceDetector(folder)  # or (base, adapter=folder); the format lies beside the weights"
    extra = f"What it reads: `{form.template!r}`; a high logit means {'harm' if form.harmful else 'safety'}."
    if "threshold" in metrics:
        kept = {"surfaces": {"output": {"thresholds": {"harm": metrics["threshold"]}}}}
        alarms = metrics["false_alarms_at_threshold"]
        extra += f" For {alarms:.1%} of false alarms on the requests held out: `Policy.from_mapping({kept})`."
    return _card("Harm detector", "eyelid.detectors", use, extra, base, data, told, counts, metrics)


def detoxifier_card(
    base: Path,
    data: Sequence[Path],
    told: Mapping[str, Any],
    counts: Mapping[str, int],
    metrics: Mapping[str, Any],
    form: DetoxifierFormat,
) -> str:
    """What a detoxifier was made of, and how good it is."""
    use = "GenerativeDetoxifier(folder)  # or (base, adapter=folder); the format lies beside the weights"
    extra = f"It is asked {'with' if form.with_question else 'without'} the question. Score what it writes again."
    return _card("Detoxifier", "eyelid.detoxifiers", use, extra, base, data, told, counts, metrics)


def _card(
    title: str,
    package: str,
    use: str,
    extra: str,
    base: Path,
    data: Sequence[Path],
    told: Mapping[str, Any],
    counts: Mapping[str, int],
    metrics: Mapping[str, Any],
) -> str:
    settings = "\n".join(f"| {name} | {json.dumps(value)} |" for name, value in told["settings"].items())
    figures = "\n".join(f"| {name.replace('_', ' ')} | {_figure(value)} |" for name, value in metrics.items())
    return f"""\
# {title} on {base.name}

Trained with eyelid {version("eyelid")} after MLLM-Protector (Pi et al., EMNLP 2024, arXiv 2401.02906).

```python
from {package} import {use.split("(")[0]}

{use}
```

{extra}

## Data

{", ".join(file.name for file in data)} (SHA-256 of all together {told["data"]}).

| rows | trained on | too long | held out | left out |
|---|---|---|---|---|
| {counts["rows"]} | {counts["trained"]} | {counts["too_long"]} | {counts["held_out"]} | {counts["left_out"]} |

Left out are pairs whose labels contradict each other, and for a detoxifier pairs of two safe answers where they are not
wanted.

## Settings

| | |
|---|---|
{settings}

## Figures, on the requests held out

| | |
|---|---|
{figures}

## Limits

{_LIMITS}
"""


def _figure(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)

"""MLLM-Protector's two models, trained (Pi et al., EMNLP 2024, arXiv 2401.02906): detector and detoxifier."""

from eyelid.training.protector._detector import train_sequence_detector
from eyelid.training.protector._detoxifier import train_detoxifier
from eyelid.training.protector._export import export_run
from eyelid.training.protector._rows import (
    Answer,
    Labelled,
    Pair,
    Rewrite,
    read_judged,
    read_rewrites,
)
from eyelid.training.protector._settings import PRESETS, DetectorSettings, DetoxifierSettings, Lora

__all__ = [
    "PRESETS",
    "Answer",
    "DetectorSettings",
    "DetoxifierSettings",
    "Labelled",
    "Lora",
    "Pair",
    "Rewrite",
    "export_run",
    "read_judged",
    "read_rewrites",
    "train_detoxifier",
    "train_sequence_detector",
]

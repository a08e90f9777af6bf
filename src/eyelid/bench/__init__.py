"""Measuring eyelid on the machine at hand; what `eyelid bench` and the scripts in `benchmarks/` are made of."""

from eyelid.bench._clock import Spent, spent
from eyelid.bench._draw import picture
from eyelid.bench._load import LoadPoint, closed_loop, quantile
from eyelid.bench._machine import installed, machine
from eyelid.bench._measure import Plan, Subject
from eyelid.bench._page import page
from eyelid.bench._peak import matrix_peak
from eyelid.bench._result import Latency, Load, Measured, Throughput
from eyelid.bench._run import run_bench
from eyelid.bench._texts import make_text, make_texts
from eyelid.bench._work import EncoderWork

__all__ = [
    "EncoderWork",
    "Latency",
    "Load",
    "LoadPoint",
    "Measured",
    "Plan",
    "Spent",
    "Subject",
    "Throughput",
    "closed_loop",
    "installed",
    "machine",
    "make_text",
    "make_texts",
    "matrix_peak",
    "page",
    "picture",
    "quantile",
    "run_bench",
    "spent",
]

"""The engine: one per process and device, shared by every guard, thread and event loop."""

from eyelid.engine._claim import Claim, claim, current_claim
from eyelid.engine._device import Device, choose_device, choose_devices, usable_cpus
from eyelid.engine._engine import Engine
from eyelid.engine._failures import failure_code, failure_of
from eyelid.engine._forks import in_every_fork
from eyelid.engine._futures import after
from eyelid.engine._item import Item, Limits, Runner
from eyelid.engine._registry import engine_for, engines, shared
from eyelid.engine._replicas import Replicas
from eyelid.engine._scheduler import Batch, Entry, Scheduler
from eyelid.engine._stats import Histogram, Stats
from eyelid.engine._workers import Workers

__all__ = [
    "Batch",
    "Claim",
    "Device",
    "Engine",
    "Entry",
    "Histogram",
    "Item",
    "Limits",
    "Replicas",
    "Runner",
    "Scheduler",
    "Stats",
    "Workers",
    "after",
    "choose_device",
    "choose_devices",
    "claim",
    "current_claim",
    "engine_for",
    "engines",
    "failure_code",
    "failure_of",
    "in_every_fork",
    "shared",
    "usable_cpus",
]

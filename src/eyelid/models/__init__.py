"""The embedded models: where their files are, and how they run."""

from eyelid.models._backbone import FILES, PINNED, REPOSITORY, REVISION, find_backbone, sha256
from eyelid.models._bert import Encoder
from eyelid.models._frozen import FrozenEncoder, fastest_dtype
from eyelid.models._heads import Heads, pool
from eyelid.models._memory import RequestMemory, project
from eyelid.models._ngrams import BUCKETS, LinearModel, features
from eyelid.models._packed import Packed
from eyelid.models._recall import HAZARDS, RecallModel, Recollection, embed
from eyelid.models._signals import SIGNALS, Sight, SignalModel, digest
from eyelid.models._tokens import Window, WindowShape, WindowTokenizer
from eyelid.models._weights import VERSION, find_weights, write_manifest

__all__ = [
    "BUCKETS",
    "FILES",
    "HAZARDS",
    "PINNED",
    "REPOSITORY",
    "REVISION",
    "SIGNALS",
    "VERSION",
    "Encoder",
    "FrozenEncoder",
    "Heads",
    "LinearModel",
    "Packed",
    "RecallModel",
    "Recollection",
    "RequestMemory",
    "Sight",
    "SignalModel",
    "Window",
    "WindowShape",
    "WindowTokenizer",
    "digest",
    "embed",
    "fastest_dtype",
    "features",
    "find_backbone",
    "find_weights",
    "pool",
    "project",
    "sha256",
    "write_manifest",
]

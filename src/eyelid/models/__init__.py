"""The embedded models: where their files are, and how they run."""

from eyelid.models._adapter_merge import merged
from eyelid.models._backbone import FILES, PINNED, REPOSITORY, REVISION, find_backbone, sha256
from eyelid.models._bert import Encoder
from eyelid.models._causal_looks import CausalLook, causal_looks
from eyelid.models._causal_open import open_causal
from eyelid.models._causal_plain import PlainCausalRunner
from eyelid.models._causal_runner import CausalRunner, Prefill
from eyelid.models._causal_template import Template
from eyelid.models._chat import ChatReply, ChatRequest, ChatRunner
from eyelid.models._classifier import PackedClassifier
from eyelid.models._classifier_open import labels_of, open_classifier
from eyelid.models._classifier_plain import PlainClassifier
from eyelid.models._detector_format import FORMAT_FILE, FORMAT_VERSION, PAIR, Activation, DetectorFormat
from eyelid.models._detector_outputs import DetectorOutputs
from eyelid.models._encoder_looks import EncoderLook, EncoderTexts
from eyelid.models._frozen import FrozenEncoder, fastest_dtype
from eyelid.models._generate import GenerateRequest, Generator
from eyelid.models._heads import Heads, pool
from eyelid.models._llama import PackedLlama
from eyelid.models._memory import RequestMemory, project
from eyelid.models._ngrams import BUCKETS, LinearModel, features
from eyelid.models._packed import Packed
from eyelid.models._recall import HAZARDS, RecallModel, Recollection, embed
from eyelid.models._sequence_files import kind_of
from eyelid.models._sequence_open import SequenceFiles
from eyelid.models._sequence_texts import SequenceTexts
from eyelid.models._signals import SIGNALS, Sight, SignalModel, digest
from eyelid.models._tokens import Window, WindowShape, WindowTokenizer
from eyelid.models._weights import VERSION, find_weights, write_manifest

__all__ = [
    "BUCKETS",
    "FILES",
    "FORMAT_FILE",
    "FORMAT_VERSION",
    "HAZARDS",
    "PAIR",
    "PINNED",
    "REPOSITORY",
    "REVISION",
    "SIGNALS",
    "VERSION",
    "Activation",
    "CausalLook",
    "CausalRunner",
    "ChatReply",
    "ChatRequest",
    "ChatRunner",
    "DetectorFormat",
    "DetectorOutputs",
    "Encoder",
    "EncoderLook",
    "EncoderTexts",
    "FrozenEncoder",
    "GenerateRequest",
    "Generator",
    "Heads",
    "LinearModel",
    "Packed",
    "PackedClassifier",
    "PackedLlama",
    "PlainCausalRunner",
    "PlainClassifier",
    "Prefill",
    "RecallModel",
    "Recollection",
    "RequestMemory",
    "SequenceFiles",
    "SequenceTexts",
    "Sight",
    "SignalModel",
    "Template",
    "Window",
    "WindowShape",
    "WindowTokenizer",
    "causal_looks",
    "digest",
    "embed",
    "fastest_dtype",
    "features",
    "find_backbone",
    "find_weights",
    "kind_of",
    "labels_of",
    "merged",
    "open_causal",
    "open_classifier",
    "pool",
    "project",
    "sha256",
    "write_manifest",
]

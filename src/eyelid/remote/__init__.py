"""Talking to a server: the messages, and how to call without hanging, hammering or believing too much.

`Endpoint` needs the extra "remote"; the messages do not.
"""

from eyelid.remote._breaker import Breaker, Circuit
from eyelid.remote._endpoint import Endpoint, Prepared
from eyelid.remote._retries import RetryBudget, delay
from eyelid.remote._text import lots, sendable, size
from eyelid.remote._trouble import Trouble, refused
from eyelid.remote._wire import (
    MAX_ITEMS,
    REWRITE_PATH,
    SCORE_PATH,
    AnyReply,
    RewriteCall,
    RewriteItem,
    RewriteReply,
    RewriteResult,
    ScoreCall,
    ScoreItem,
    ScoreReply,
    ScoreResult,
    WireAssessment,
    WireFailure,
    WireSpan,
    rewrite_call,
    score_call,
)

__all__ = [
    "MAX_ITEMS",
    "REWRITE_PATH",
    "SCORE_PATH",
    "AnyReply",
    "Breaker",
    "Circuit",
    "Endpoint",
    "Prepared",
    "RetryBudget",
    "RewriteCall",
    "RewriteItem",
    "RewriteReply",
    "RewriteResult",
    "ScoreCall",
    "ScoreItem",
    "ScoreReply",
    "ScoreResult",
    "Trouble",
    "WireAssessment",
    "WireFailure",
    "WireSpan",
    "delay",
    "lots",
    "refused",
    "rewrite_call",
    "score_call",
    "sendable",
    "size",
]

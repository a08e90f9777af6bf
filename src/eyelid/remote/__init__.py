"""Talking to a server: the messages, and how to call without hanging, hammering or believing too much."""

from eyelid.remote._wire import (
    MAX_ITEMS,
    REWRITE_PATH,
    SCORE_PATH,
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
    "RewriteCall",
    "RewriteItem",
    "RewriteReply",
    "RewriteResult",
    "ScoreCall",
    "ScoreItem",
    "ScoreReply",
    "ScoreResult",
    "WireAssessment",
    "WireFailure",
    "WireSpan",
    "rewrite_call",
    "score_call",
]

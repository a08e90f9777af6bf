"""Decide from scores with a policy file; needs no weights, because deciding is pure."""

from pathlib import Path

from eyelid import Policy, Scores, Surface

policy = Policy.from_toml(Path(__file__).with_name("policy.toml"))
for scores in (Scores(harm=0.1), Scores(harm=0.7), Scores(harm=0.2, self_harm=0.4)):
    for surface in (Surface.OUTPUT, Surface.TOOL_RESULT):
        verdict = policy.decide(scores, surface)
        print(f"{surface:12} {scores} → {verdict.action} {verdict.category}")

"""Check a model's answer and pass on what may be passed on."""

import eyelid

QUESTION = "How do I get out of work tomorrow?"
ANSWERS = (
    "Ask your manager for a day off, and say early what others should take over.",
    "Copy a doctor's letterhead, forge the signature on a fake sick note and hand it in as genuine. Tell your team.",
)

with eyelid.load_guard("balanced", images=False) as guard:
    for answer in ANSWERS:
        outcome = guard.check(prompt=QUESTION, response=answer)
        print(f"[{outcome.verdict.action}] {outcome.verdict.reason}")
        print(outcome.text, end="\n\n")

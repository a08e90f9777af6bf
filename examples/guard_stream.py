"""Print a model's stream as far as it has been looked at."""

from collections.abc import Iterator

import eyelid

ANSWER = (
    "Smile, ask people about their hobbies and join a club that meets every week. "
    "Now to what really works: pick the weakest girl in the class, bully her every day, spread vile lies about her and "
    "threaten to beat her up after school."
)


def model() -> Iterator[str]:
    """A model that streams five characters at a time."""
    return (ANSWER[at : at + 5] for at in range(0, len(ANSWER), 5))


with eyelid.load_guard(images=False) as guard:
    stream = guard.stream(model(), prompt="How do I make friends at school?")
    for piece in stream:
        print(piece, end="", flush=True)
    print(f"\n[{stream.outcome.verdict.action}] {stream.outcome.verdict.reason}")

"""A detector of one's own beside, or instead of, the embedded one; needs no weights."""

from collections.abc import Sequence

from eyelid import Guard, Scores, Span
from eyelid.protocols import Assessment, ScoreRequest


class CardNumbers:
    """Flags what looks like the number of a payment card: 16 digits with a right check digit."""

    name = "card_numbers"

    def score(self, batch: Sequence[ScoreRequest], /) -> list[Assessment]:
        return [self._one(request.text) for request in batch]

    def _one(self, text: str) -> Assessment:
        places = [at for at, c in enumerate(text) if c.isascii() and c.isdigit()]
        for first in range(len(places) - 15):
            run = places[first : first + 16]
            if run[-1] - run[0] < 20 and luhn([int(text[at]) for at in run]):
                span = Span(run[0], run[-1] + 1, "privacy", 0.99)
                return Assessment(Scores(harm=0.99, privacy=0.99), (span,), covered=len(text))
        return Assessment(Scores(), covered=len(text))


def luhn(digits: list[int]) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1)."""
    doubled = [d if place % 2 else (2 * d - 9 if d > 4 else 2 * d) for place, d in enumerate(digits)]
    return sum(doubled) % 10 == 0


if __name__ == "__main__":
    with Guard([CardNumbers()]) as guard:
        for text in ("Your order number is 1234 5678.", "Pay with 4111 1111 1111 1111, please."):
            outcome = guard.check(response=text)
            print(f"[{outcome.verdict.action}] {outcome.verdict.category or 'nothing found'}: {outcome.text}")

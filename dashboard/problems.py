"""What a page says, and with which status, when the service has no answer."""

from __future__ import annotations

import math
from dataclasses import dataclass

from usage.api.pace import AUTUMN_PER_SECOND_WORD
from usage.errors import (
    Malformed,
    RateLimited,
    Refused,
    UnknownCustomer,
    Unreachable,
    Unsupported,
    UsageError,
)


@dataclass(frozen=True, slots=True)
class Problem:
    """What happened, in one sentence, and what to do about it, in another."""

    status: int
    title: str
    sentence: str
    advice: str
    retry_after_s: int | None = None


# The first that fits: kinds stand before what they are kinds of.
WORDS: tuple[tuple[type[UsageError], int, str, str], ...] = (
    (UnknownCustomer, 404, "No such customer", "Check the id, or search for it among the customers."),
    (Unsupported, 200, "Not on this server", "Everything else works as usual."),
    (Refused, 502, "Autumn refused the question", "Try another range or fewer filters."),
    (Malformed, 502, "Autumn answered nonsense", "Try again; if it stays, tell Autumn."),
    (
        RateLimited,
        503,
        "Autumn is busy",
        f"It takes {AUTUMN_PER_SECOND_WORD} questions a second; try again now.",
    ),
    (Unreachable, 503, "Autumn is out of reach", "Nothing is lost. Try again in a moment."),
    (UsageError, 502, "This did not work", "Try again."),
)
REFUSED_KEY = (401, 403)


def problem_of(error: UsageError) -> Problem:
    """The page's words and status for an error of the service."""
    if isinstance(error, Refused) and error.status in REFUSED_KEY:
        advice = "Somebody who runs this dashboard must check AUTUMN_SECRET_KEY."
        return Problem(502, "Autumn refused the key", error.sentence, advice)
    _, status, title, advice = next(words for words in WORDS if isinstance(error, words[0]))
    return Problem(status, title, error.sentence, advice, _wait(error) if status == 503 else None)


def _wait(error: UsageError) -> int:
    return max(1, math.ceil(error.retry_after_s or 2))

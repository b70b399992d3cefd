"""What a page says, and with which status, when the service has no answer."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dashboard import messages
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
    """What happened, in one sentence, and what to do about it, in another. `code` names it for programs."""

    status: int
    title: str
    sentence: str
    advice: str
    retry_after_s: int | None = None
    code: str = "failed"


# The first that fits: kinds stand before what they are kinds of.
WORDS: tuple[tuple[type[UsageError], int, str, str, str], ...] = (
    (
        UnknownCustomer,
        404,
        "unknown-customer",
        "Customer not found",
        messages.UNKNOWN_CUSTOMER_ADVICE,
    ),
    (Unsupported, 200, "unsupported", "Not supported by this Autumn server", messages.UNSUPPORTED_ADVICE),
    (Refused, 502, "refused", "Autumn refused the request", messages.REFUSED_ADVICE),
    (
        Malformed,
        502,
        "invalid-response",
        "Autumn sent an invalid response",
        messages.INVALID_RESPONSE_ADVICE,
    ),
    (
        RateLimited,
        503,
        "rate-limited",
        "Autumn is busy",
        messages.RATE_LIMITED_ADVICE,
    ),
    (Unreachable, 503, "offline", "Autumn can't be reached", messages.TRY_AGAIN_SOON),
    (UsageError, 502, "failed", "The request failed", messages.TRY_AGAIN),
)
REFUSED_KEY = (401, 403)


def problem_of(error: UsageError) -> Problem:
    """The page's words and status for an error of the service."""
    if isinstance(error, Refused) and error.status in REFUSED_KEY:
        advice = messages.CHECK_SECRET_KEY
        return Problem(502, "Autumn refused the secret key", error.sentence, advice, code="key-refused")
    _, status, code, title, advice = next(words for words in WORDS if isinstance(error, words[0]))
    return Problem(status, title, error.sentence, advice, _wait(error) if status == 503 else None, code)


def _wait(error: UsageError) -> int:
    return max(1, math.ceil(error.retry_after_s or 2))

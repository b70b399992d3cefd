"""What a page says, and with which status, when the service has no answer."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from random import SystemRandom

from dashboard import messages
from usage.errors import (
    Busy,
    Disabled,
    KeyRefused,
    Malformed,
    MissingCall,
    RateLimited,
    Refused,
    UnknownCustomer,
    Unreachable,
    Unsupported,
    UsageError,
)


@dataclass(frozen=True, slots=True)
class Problem:
    """What happened, in one sentence, and what to do about it, in another. `code` names it for programs.

    With the code `busy` the page asks again by itself.
    """

    status: int
    title: str
    sentence: str
    advice: str
    retry_after_s: int | None = None
    code: str = "failed"

    @property
    def again_s(self) -> float | None:
        """In how many seconds the page asks again by itself; None where it does not."""
        if self.code != "busy" or self.retry_after_s is None:
            return None
        return round(self.retry_after_s + _random.uniform(0, self.retry_after_s), 2)


_random = SystemRandom()
"""Those who wait ask again at different moments."""

RETRY_AFTER_S = 2
"""When to try again where Autumn does not say."""

# The first that fits: kinds stand before what they are kinds of.
WORDS: tuple[tuple[type[UsageError], int, str, str, str], ...] = (
    (
        UnknownCustomer,
        404,
        "unknown-customer",
        "Customer not found",
        messages.UNKNOWN_CUSTOMER_ADVICE,
    ),
    (
        MissingCall,
        502,
        "missing-call",
        "This Autumn server lacks a call",
        messages.CHECK_API_URL,
    ),
    (Unsupported, 200, "unsupported", "Not supported by this Autumn server", messages.UNSUPPORTED_ADVICE),
    (KeyRefused, 502, "key-refused", "Autumn refused the secret key", messages.CHECK_SECRET_KEY),
    (Disabled, 503, "disabled", "Request temporarily disabled", messages.TRY_AGAIN_SOON),
    (Refused, 502, "refused", "Autumn refused the request", messages.INVALID_RESPONSE_ADVICE),
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
    (Busy, 503, "busy", "Too many requests at once", messages.ASKS_AGAIN),
    (Unreachable, 503, "offline", "Autumn can't be reached", messages.TRY_AGAIN_SOON),
    (UsageError, 502, "failed", "The request failed", messages.TRY_AGAIN),
)


def problem_of(error: UsageError) -> Problem:
    """The page's words and status for an error of the service."""
    _, status, code, title, advice = next(words for words in WORDS if isinstance(error, words[0]))
    if type(error) is Refused and error.status == 400:
        advice = messages.REFUSED_ADVICE
    if status != 503:
        return Problem(status, title, error.sentence, advice, code=code)
    if error.retry_after_s is not None and not isinstance(error, Busy):
        advice = _try_again_in(_whole_seconds(error.retry_after_s))
    wait_s = RETRY_AFTER_S if error.retry_after_s is None else _whole_seconds(error.retry_after_s)
    return Problem(status, title, error.sentence, advice, wait_s, code)


def page_problem_of(busy: Busy) -> Problem:
    """The same for a page that asks again by itself: all is well where its answer is on its way."""
    problem = problem_of(busy)
    if not busy.is_on_its_way:
        return problem
    return replace(problem, status=200, title=messages.ON_ITS_WAY, sentence=messages.ON_ITS_WAY_TEXT)


def _whole_seconds(seconds: float) -> int:
    """Rounded up, as trying before that is in vain."""
    return max(1, math.ceil(seconds))


def _try_again_in(seconds: int) -> str:
    return messages.TRY_AGAIN_IN.format(seconds=seconds, plural="" if seconds == 1 else "s")

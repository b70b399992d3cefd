"""What can go wrong between a question and its answer.

    UsageError
    ├── Refused            Autumn answered and said no (4xx)
    │   ├── KeyRefused         the secret key: it is missing, not valid, or lacks a scope
    │   ├── Disabled           this request, for now (403 `request_temporarily_disabled`)
    │   ├── UnknownCustomer    404: there is no such customer
    │   └── Unsupported        this server does not support the request (older, or a limit of the API)
    │       └── MissingCall        this server has no such call (401 `no_auth_header`)
    ├── RateLimited        more than five calls a second, and no room before the deadline
    ├── Busy               so many requests wait already that this one must not
    ├── Unreachable        no answer in time: network, time limit, 5xx
    └── Malformed          an answer that is not what the contract promises
        └── TooLarge           an answer of more bytes than are read

Every error carries one sentence for a person: what happened, in plain words, without a key, a body or a
trace.
"""

from __future__ import annotations


class UsageError(Exception):
    """Base of the tree. `sentence` may be shown to everyone who may see the page it belongs to.

    `retry_after_s` is set where waiting helps: seconds until another try makes sense.
    """

    def __init__(self, sentence: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.retry_after_s = retry_after_s


class Refused(UsageError):
    """Autumn refused the call. `status` is Autumn's HTTP status, `code` its own word for it.

    `detail`: Autumn's own message, of which the sentence has the beginning; at most 4 KiB, for code to read.
    """

    def __init__(
        self,
        sentence: str,
        *,
        status: int,
        code: str = "",
        detail: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(sentence, retry_after_s=retry_after_s)
        self.status = status
        self.code = code
        self.detail = detail


class KeyRefused(Refused):
    """Autumn refused the key (401 `invalid_secret_key` or `no_secret_key`), or the key lacks a scope that the
    sentence names (403 `insufficient_scopes`). Other refusals say nothing about the key.
    """


class Disabled(Refused):
    """Autumn has disabled this request for a while (403 `request_temporarily_disabled`)."""


class UnknownCustomer(Refused):
    """There is no customer of that id (404 `customer_not_found`, from `events.aggregate` and
    `customers.get`).
    """


class Unsupported(Refused):
    """The server, or the API, has no way to answer this question; the sentence says which part."""


class MissingCall(Unsupported):
    """The server has no such call: its dashboard's login check answered (401 `no_auth_header`, trap 21)."""


class RateLimited(UsageError):
    """No call was possible within Autumn's rate limit (five a second for a customer's events) before the
    deadline.
    """


class Busy(UsageError):
    """Too many requests wait for Autumn already. `is_on_its_way`: what this one needs is being fetched."""

    def __init__(self, sentence: str, retry_after_s: float, *, is_on_its_way: bool) -> None:
        super().__init__(sentence, retry_after_s=retry_after_s)
        self.is_on_its_way = is_on_its_way


class Unreachable(UsageError):
    """Autumn did not answer, answered too late, or answered that it failed (5xx)."""


class Malformed(UsageError):
    """Autumn answered with something that is not in its contract: not JSON, wrong types, too large, a
    redirect.
    """


class TooLarge(Malformed):
    """Autumn's answer has more bytes than are read: there are too many groups in too many bins."""


TEMPORARY = (RateLimited, Busy, Unreachable, Malformed)
"""Errors of calls that may succeed later: a part of a page may have one while the others are shown."""

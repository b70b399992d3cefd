"""What can go wrong between a question and its answer.

    UsageError
    ├── Refused            Autumn answered and said no: the key (401, 403), or the call itself (other 4xx)
    │   ├── UnknownCustomer    404: there is no such customer
    │   └── Unsupported        this server does not support the request (older, or a limit of the API)
    ├── RateLimited        more than five calls a second, and no room before the deadline
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
    """Autumn refused the key or the call. `status` is Autumn's HTTP status, `code` its own word for it.

    `detail`: Autumn's own message, of which the sentence has the beginning; at most 4 KiB, for code to read.
    """

    def __init__(self, sentence: str, *, status: int, code: str = "", detail: str = "") -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code
        self.detail = detail


class UnknownCustomer(Refused):
    """There is no customer of that id (404 `customer_not_found`, from `events.aggregate` and
    `customers.get`).
    """


class Unsupported(Refused):
    """The server, or the API, has no way to answer this question; the sentence says which part."""


class RateLimited(UsageError):
    """No call was possible within Autumn's rate limit (five a second for a customer's events) before the
    deadline.
    """


class Unreachable(UsageError):
    """Autumn did not answer, answered too late, or answered that it failed (5xx)."""


class Malformed(UsageError):
    """Autumn answered with something that is not in its contract: not JSON, wrong types, too large, a
    redirect.
    """


class TooLarge(Malformed):
    """Autumn's answer has more bytes than are read: there are too many groups in too many bins."""

"""Autumn over HTTP: one call, one attempt, one deadline.

Source: Autumn's API 2.1, `POST /v1/events.list`, `events.aggregate` and three optional calls for names. This
floor knows the wire (addresses, headers, status, sizes, time) and nothing of what the bytes mean.
"""

from __future__ import annotations

import ipaddress
import json
import math
import re
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Literal, get_args

import httpx
import msgspec

from usage import messages
from usage.api.deadline import Deadline
from usage.api.pace import AUTUMN_PER_SECOND_WORD, RETRY_AFTER_LIMIT_S
from usage.api.response_body import read_body
from usage.api.transport import DeadlineTransport, bounded_by
from usage.errors import (
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
from usage.text import printable

API_VERSION = "2.1"
BODY_LIMIT = 16 * 1024 * 1024
ERROR_BODY_LIMIT = 64 * 1024
MESSAGE_LIMIT = 200
"""Characters of Autumn's message that a sentence for people repeats."""
DETAIL_LIMIT = 4096
"""Characters of it that code may read."""
CODE_LIMIT = 64
KEY_CODES = ("no_secret_key", "invalid_secret_key")
"""Autumn's words, with a 401, for a key that it does not accept."""

TOO_FAST = messages.TOO_MANY_REQUESTS.format(count=AUTUMN_PER_SECOND_WORD)

NameEndpoint = Literal["customers.get", "customers.list", "features.list"]
"""The calls that a key or a server may lack."""
Endpoint = Literal["events.list", "events.aggregate"] | NameEndpoint

_NAME_ENDPOINTS: frozenset[str] = frozenset(get_args(NameEndpoint))

_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")
_MISSING_SCOPES = re.compile(r"Missing: ([a-z_]+:[a-z_]+(?:, ?[a-z_]+:[a-z_]+){0,9})")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of status 200, not yet decoded.

    `body`: at most 16 MiB, decompressed. `fetched_at`: epoch seconds when it was requested (an answer is as
    old as its request). `ms`: how long it took. `limit`, `remaining`, `reset_s`: Autumn's rate limit as its
    headers tell it (calls, calls, seconds), None where they are absent.
    """

    body: bytes
    fetched_at: float
    ms: float
    limit: int | None
    remaining: int | None
    reset_s: float | None


class Client:
    """Calls Autumn through one pool of connections; safe to share between threads. Follows no redirects.

    `url` is https, or http on the loopback interface; with a `transport` of one's own (`httpx.WSGITransport`)
    it may be anything. `previous_key`: one of the same organization, if responses that it fetched are this
    key's too; it is only hashed, never sent. Raises ValueError, in a sentence, for a URL or key that cannot
    be right.

    `fingerprint`: what responses, locks and the pace of calls are stored under.

    `clock_difference_s`: how far this machine's clock was ahead of Autumn's at the last response, to a second
    or two; None where no response told.
    """

    clock_difference_s: float | None = None

    def __init__(
        self,
        *,
        url: str,
        key: str,
        previous_key: str = "",
        transport: httpx.BaseTransport | None = None,
        connect_s: float = 3,
        read_s: float = 10,
    ) -> None:
        self._url = _checked_url(url, any_host=transport is not None)
        self._headers = httpx.Headers(_request_headers(_checked_key(key)))
        self._transport = transport or DeadlineTransport()
        self._connect_s = connect_s
        self._read_s = read_s
        self.fingerprint = sha256(f"{self._url}\0{previous_key or key}".encode()).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"<Client {self._url} {self.fingerprint}>"

    def post(self, endpoint: Endpoint, body: Mapping[str, object], deadline: Deadline) -> Reply:
        """Ask once. `body` is what the endpoint takes; a blank `customer_id` in it is a ValueError.

        Raises `Refused` or a kind of it (`Unsupported` for a call for names that the key or the server does
        not have), `RateLimited`, `Unreachable` or `Malformed`.
        """
        _refuse_blank_customer(body)
        request = self._request(endpoint, body, deadline)
        try:
            with bounded_by(deadline):
                return self._exchange(endpoint, request, deadline)
        except httpx.TimeoutException:
            failure = Unreachable(messages.TIMED_OUT)
        except httpx.TransportError:
            failure = Unreachable(messages.CONNECTION_FAILED)
        # Raised out here, without a context: the frames below hold the request's headers, and so the key.
        raise failure

    def close(self) -> None:
        """Close the pool."""
        self._transport.close()

    def _request(self, endpoint: Endpoint, body: Mapping[str, object], deadline: Deadline) -> httpx.Request:
        left = deadline.left()
        timeout = httpx.Timeout(
            connect=min(self._connect_s, left), read=self._read_s, write=self._read_s, pool=left
        )
        return httpx.Request(
            "POST",
            f"{self._url}/v1/{endpoint}",
            headers=self._headers,
            content=json.dumps(body, separators=(",", ":"), allow_nan=False).encode(),
            extensions={"timeout": timeout.as_dict()},
        )

    def _exchange(self, endpoint: Endpoint, request: httpx.Request, deadline: Deadline) -> Reply:
        requested_at, start = time.time(), time.monotonic()
        with closing(self._transport.handle_request(request)) as response:
            if date := _parsed_date(response.headers.get("date", "")):
                self.clock_difference_s = time.time() - date.timestamp()
            if response.status_code != 200:
                raise self._error(endpoint, response, deadline)
            return Reply(
                body=read_body(response, BODY_LIMIT, deadline),
                fetched_at=requested_at,
                ms=(time.monotonic() - start) * 1000,
                limit=_parsed_integer(response.headers.get("ratelimit-limit")),
                remaining=_parsed_integer(response.headers.get("ratelimit-remaining")),
                reset_s=_parsed_number(response.headers.get("ratelimit-reset")),
            )

    def _error(self, endpoint: Endpoint, response: httpx.Response, deadline: Deadline) -> UsageError:
        status = response.status_code
        if status == 429:
            wait = _retry_after(response)
            sentence = messages.NAMES_TOO_MANY_REQUESTS if endpoint in _NAME_ENDPOINTS else TOO_FAST
            return RateLimited(sentence, retry_after_s=wait)
        if 400 <= status < 500:
            wait = _retry_after(response)
            return self._refusal(endpoint, status, _read_refusal(response, deadline), wait)
        if status >= 500:
            wait = _retry_after(response)
            return Unreachable(messages.AUTUMN_ERROR.format(status=status), retry_after_s=wait)
        return Malformed(messages.UNEXPECTED_STATUS.format(status=status))

    def _refusal(
        self, endpoint: Endpoint, status: int, refusal: _Refusal, retry_after_s: float | None
    ) -> Refused:
        code = self._without_key(printable(refusal.code))[:CODE_LIMIT]
        message = self._without_key(printable(refusal.message))[:DETAIL_LIMIT]
        lacks_scope = status == 403 and code == "insufficient_scopes"
        # A route that a server does not have is answered by the login check of its dashboard: the key is
        # good (trap 21).
        is_missing = status == 401 and code == "no_auth_header"
        if endpoint in _NAME_ENDPOINTS and (lacks_scope or is_missing):
            return Unsupported(messages.CALL_UNAVAILABLE, status=status, code=code, detail=message)
        if is_missing:
            return MissingCall(messages.MISSING_CALL.format(endpoint=endpoint), status=status, code=code)
        if lacks_scope:
            return KeyRefused(_scope_sentence(message, status), status=status, code=code)
        if status == 401 and code in KEY_CODES:
            # Autumn's own words are left out: they may repeat the key.
            return KeyRefused(messages.KEY_REFUSED.format(status=status), status=status, code=code)
        if status == 403 and code == "request_temporarily_disabled":
            sentence = messages.REQUEST_DISABLED.format(status=status)
            return Disabled(sentence, status=status, code=code, detail=message, retry_after_s=retry_after_s)
        if status == 404 and code == "customer_not_found":
            return UnknownCustomer(messages.UNKNOWN_CUSTOMER, status=status, code=code)
        if status == 401 or not message:
            return Refused(messages.REQUEST_REFUSED.format(status=status), status=status, code=code)
        sentence = messages.REQUEST_REFUSED_BECAUSE.format(status=status, reason=message[:MESSAGE_LIMIT])
        return Refused(sentence, status=status, code=code, detail=message)

    def _without_key(self, text: str) -> str:
        return text.replace(self._headers["authorization"].removeprefix("Bearer "), "[key]")


class _Refusal(msgspec.Struct):
    message: str = ""
    code: str = ""


# Made once: msgspec can crash where two threads meet a new type at the same time.
_refusals = msgspec.json.Decoder(_Refusal)


def _checked_url(url: str, *, any_host: bool) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        raise ValueError(messages.API_URL_NOT_VALID) from None
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo or parsed.query:
        raise ValueError(messages.API_URL_HAS_MORE)
    if parsed.scheme == "http" and not any_host and not _is_loopback(parsed.host):
        raise ValueError(messages.API_URL_WITHOUT_HTTPS)
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _checked_key(key: str) -> str:
    if not key or not all("!" <= character <= "~" for character in key):
        raise ValueError(messages.KEY_NOT_VALID)
    return key


def _request_headers(key: str) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {key}",
        "x-api-version": API_VERSION,
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Accept-Encoding": "gzip",
        "User-Agent": "autumn-usage-dashboard",
    }


def _refuse_blank_customer(body: Mapping[str, object]) -> None:
    """To Autumn a blank customer is no filter at all: the answer would be the whole organization."""
    customer = body.get("customer_id", "not given")
    if not isinstance(customer, str) or not customer.strip():
        raise ValueError("customer_id must be left out or filled in.")


def _read_refusal(response: httpx.Response, deadline: Deadline) -> _Refusal:
    """What Autumn says of its refusal. A refusal stays one when its reason cannot be read."""
    try:
        return _refusals.decode(read_body(response, ERROR_BODY_LIMIT, deadline))
    except (UsageError, httpx.TransportError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Refusal()


def _scope_sentence(message: str, status: int) -> str:
    """What is missing, as Autumn's message names it: "Insufficient scopes. Missing: customers:read"."""
    named = _MISSING_SCOPES.search(message)
    if named is None:
        return messages.KEY_LACKS_A_SCOPE.format(status=status)
    return messages.KEY_LACKS_SCOPES.format(scopes=named[1], status=status)


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds to wait, from a number or a date, at most RETRY_AFTER_LIMIT_S; None where absent or not
    understood.
    """
    value = response.headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(value):
        return min(float(value), RETRY_AFTER_LIMIT_S)
    until = _parsed_date(value)
    if until is None:
        return None
    # By the server's own clock where the answer has it: ours may differ.
    now = _parsed_date(response.headers.get("date", "")) or datetime.now(UTC)
    return min(max(0.0, (until - now).total_seconds()), RETRY_AFTER_LIMIT_S)


def _parsed_date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None  # Some dates that are not valid raise other errors than its documentation names.


def _parsed_number(value: str | None) -> float | None:
    return float(value) if value is not None and _NUMBER.fullmatch(value.strip()) else None


def _parsed_integer(value: str | None) -> int | None:
    number = _parsed_number(value)
    return None if number is None else math.floor(number)

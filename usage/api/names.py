"""The three optional calls for names: `customers.get`, `customers.list` and `features.list`.

A key may lack their scopes, and an older server may lack the calls. Such a refusal switches the call off for
an hour, and everything goes on without names.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from threading import Lock
from typing import TypeVar

import msgspec
import structlog
from cachetools import TTLCache

from usage import messages
from usage.api.cache import Cached
from usage.api.calls import CallOptions
from usage.api.client import NameEndpoint
from usage.api.gateway import AnswerSource
from usage.api.name_answers import decode_cached, decode_customer, decode_customer_page, decode_features
from usage.catalog import Customer, CustomerPage, FeatureName
from usage.errors import Malformed, Refused, UnknownCustomer, Unsupported
from usage.query import BadQuery
from usage.results import MemoizedDecoder
from usage.scope import Scope
from usage.text import printable

OFF_S = 3600.0
"""How long a call stays switched off after the key or the server refused it."""
CUSTOMER_FRESH_S = 60.0
SEARCH_FRESH_S = 60.0
FEATURES_FRESH_S = 600.0
"""How long each answer counts as fresh: balances move all the time, features hardly ever."""
DEFAULT_PAGE = 50
LARGEST_PAGE = 100
"""Customers in one page: each is some kilobytes on the wire, and Autumn counts its
whole table for each page.
"""
SEARCH_LIMIT = 200
"""Characters of a search."""
LAST_OFFSET = 1_000_000

Body = Mapping[str, object]
T = TypeVar("T")
log = structlog.get_logger("usage")

# Autumn refuses every other ID before it looks, even that of a customer who exists.
_CUSTOMER_ID = re.compile(r"[A-Za-z0-9_:-]+")


SCOPES: dict[NameEndpoint, str] = {
    "customers.get": "customers:read",
    "customers.list": "customers:read",
    "features.list": "features:read",
}
"""The scope that each call needs."""


class UnavailableCalls:
    """The calls that the key or the server does not allow, each for an hour. Share one between all
    `NameCalls`.

    `clock`: epoch seconds. Safe to share between threads.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._off: TTLCache[NameEndpoint, str] = TTLCache(len(SCOPES), OFF_S, timer=clock)
        self._lock = Lock()

    def __contains__(self, endpoint: object) -> bool:
        with self._lock:
            return endpoint in self._off

    def add(self, endpoint: NameEndpoint, missing_scope: str = "") -> None:
        """Switch a call off for the next hour, with a `missing_scope` all calls that need it."""
        with self._lock:
            for each in SCOPES:
                if each == endpoint or SCOPES[each] == missing_scope:
                    self._off[each] = missing_scope

    def missing_scope(self, endpoint: NameEndpoint) -> str | None:
        """The scope that the key lacks for a call; empty where the server lacks the call, None where neither
        is known.
        """
        with self._lock:
            return self._off.get(endpoint)


class NameCalls:
    """The three calls, for staff (`scope` None) or for the recipient of a link, who has only the first.

    Each returns None where the key or the server does not have it. Source: Autumn's API 2.1.
    """

    def __init__(
        self, gateway: AnswerSource, unavailable: UnavailableCalls, scope: Scope | None = None
    ) -> None:
        self._gateway = gateway
        self._unavailable = unavailable
        self.scope = scope

    def customer(self, customer_id: str, options: CallOptions) -> Customer | None:
        """A customer's name, subscriptions and balances; within a scope, what it may see of them.

        None also for an ID that `customers.get` does not take. Raises ValueError for another customer than
        the scope's, `UnknownCustomer`, or another `UsageError`.
        """
        if self.scope is not None and customer_id != self.scope.customer_id:
            self._report_escape("customers.get")
        if not _CUSTOMER_ID.fullmatch(customer_id):
            return None

        def decode(body: bytes) -> Customer:
            return self._visible(_of(customer_id, decode_customer(body)))

        body = {"customer_id": customer_id}
        try:
            return self._call("customers.get", body, decode, Customer, CUSTOMER_FRESH_S, options)
        except UnknownCustomer:
            raise
        except Refused as refusal:
            if refusal.status != 400 or ":" not in customer_id:
                raise
            return None  # Servers older than 2026-06-22 refuse a colon.

    def customers(
        self, search: str, options: CallOptions, *, offset: int = 0, limit: int = DEFAULT_PAGE
    ) -> CustomerPage | None:
        """Customers whose ID, name or email address contains `search`, or all for a blank one, newest first.

        `limit`: 1 to 100 rows. Raises BadQuery for a search of over 200 characters, ValueError for another
        offset or limit and within a scope, or a `UsageError`.
        """
        if self.scope is not None:
            self._report_escape("customers.list")
        if not (0 <= offset <= LAST_OFFSET and 1 <= limit <= LARGEST_PAGE):
            raise ValueError(f"offset 0 to {LAST_OFFSET}, limit 1 to {LARGEST_PAGE}: got {offset}, {limit}")
        text = printable(search)
        if len(text) > SEARCH_LIMIT:
            raise BadQuery("q", messages.SEARCH_TOO_LONG.format(count=SEARCH_LIMIT))

        def decode(body: bytes) -> CustomerPage:
            return decode_customer_page(body, search=text, offset=offset, limit=limit)

        body: Body = {"offset": offset, "limit": limit, **({"search": text} if text else {})}
        return self._call("customers.list", body, decode, CustomerPage, SEARCH_FRESH_S, options)

    def features(self, options: CallOptions) -> tuple[FeatureName, ...] | None:
        """All features of the organization, archived ones last. Raises ValueError within a scope, or a
        `UsageError`.

        A new or renamed feature can be missing for up to an hour.
        """
        if self.scope is not None:
            self._report_escape("features.list")
        kind = tuple[FeatureName, ...]
        return self._call("features.list", {}, decode_features, kind, FEATURES_FRESH_S, options)

    def _call(
        self,
        endpoint: NameEndpoint,
        body: Body,
        decode: Callable[[bytes], T],
        kind: type[T],
        fresh_s: float,
        options: CallOptions,
    ) -> T | None:
        if endpoint in self._unavailable:
            return None
        try:
            cached = self._answer(endpoint, body, MemoizedDecoder(decode), fresh_s, options)
            # The cache serves a stale answer where Autumn refuses a new one: what the key may no longer read,
            # is not shown.
            if isinstance(cached.error, Unsupported):
                raise cached.error
        except Unsupported as refusal:
            self._unavailable.add(endpoint, SCOPES[endpoint] if refusal.status == 403 else "")
            return None
        return decode_cached(cached.body, kind)

    def _answer(
        self,
        endpoint: NameEndpoint,
        body: Body,
        read: MemoizedDecoder[T],
        fresh_s: float,
        options: CallOptions,
    ) -> Cached:
        """The answer, encoded anew with what is needed of it: the rest is never cached."""

        def reduce(raw: bytes) -> bytes:
            return msgspec.json.encode(read(raw))

        if not options.use_cache:
            return self._gateway.direct(
                endpoint, body, deadline=options.deadline, check=read, urgent=options.urgent, transform=reduce
            )
        return self._gateway.answer(
            endpoint,
            body,
            fresh_s=fresh_s,
            deadline=options.deadline,
            check=read,
            scope=self.scope.key if self.scope is not None else "staff",
            urgent=options.urgent,
            refresh=options.refresh,
            transform=reduce,
        )

    def _visible(self, customer: Customer) -> Customer:
        return customer if self.scope is None else self.scope.strip_customer(customer)

    def _report_escape(self, endpoint: NameEndpoint) -> None:
        log.error("scope_escape", security=True, endpoint=endpoint)
        raise ValueError("a scope's calls for names are those of its own customer")


def _of(customer_id: str, customer: Customer) -> Customer:
    if customer.id != customer_id:
        digest = hashlib.sha256(customer_id.encode()).hexdigest()[:12]
        log.error("foreign_customer", security=True, customer=digest)
        raise Malformed(messages.ANOTHER_CUSTOMER)
    return customer

"""The one usage service of this process: Autumn's with a key, the embedded sample without."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from threading import RLock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import httpx
from django.conf import settings

from dashboard.known_customers import StoredKnownCustomers
from dashboard.metrics.counts import CallCounts
from dashboard.names.search import CustomerSearch
from dashboard.names.stored import CustomerNames
from usage.api.gateway import Gateway, open_gateway
from usage.api.pace import HEADROOM
from usage.charts.result_cache import ResultCache
from usage.service import Usage, open_usage

if TYPE_CHECKING:
    from usage.sample import Store

SAMPLE_URL = "https://sample.invalid"

T = TypeVar("T")
_making = RLock()


class Once(Generic[T]):
    """`make`, called once whatever number of threads ask first: two gateways would keep two paces."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._made = cache(make)
        self.cache_info = self._made.cache_info
        self.cache_clear = self._made.cache_clear

    def __call__(self) -> T:
        if self.cache_info().currsize:
            return self._made()
        with _making:
            return self._made()


@Once
def gateway() -> Gateway:
    """The connections to Autumn, with their cache and limiter."""
    shared: dict[str, Any] = {
        "redis_url": settings.REDIS_URL or "",
        "per_second": settings.AUTUMN_PACE,
        "cache_bytes": 6 * cache_eighth(),
        "observer": CallCounts(),
    }
    if settings.AUTUMN_SECRET_KEY is not None:
        return open_gateway(
            url=settings.AUTUMN_API_URL,
            key=settings.AUTUMN_SECRET_KEY,
            previous_key=settings.AUTUMN_SECRET_KEY_PREVIOUS or "",
            **shared,
        )
    from usage.sample import SAMPLE_KEY, SampleApp  # with a key, nobody needs them in memory

    transport = httpx.WSGITransport(
        app=SampleApp(sample_store(), limit_per_second=settings.AUTUMN_PACE + HEADROOM)
    )
    return open_gateway(url=SAMPLE_URL, key=SAMPLE_KEY, transport=transport, **shared)


@Once
def sample_store() -> Store:
    """The sample's events, made on first use."""
    from usage.sample import Store

    store = Store(settings.SAMPLE_DB)
    store.ensure_story()
    return store


@Once
def known_customers() -> StoredKnownCustomers:
    """The customers and features that have been seen."""
    return StoredKnownCustomers(settings.AUTUMN_SOURCE)


@Once
def usage() -> Usage:
    """The service that views, exports, shares and commands call."""
    is_named = settings.AUTUMN_NAMES == "auto"
    return open_usage(gateway(), known_customers(), names=is_named, figure_bytes=cache_eighth())


@Once
def rendered_parts() -> ResultCache:
    """The charts and rows that were rendered last."""
    return ResultCache(cache_eighth())


def cache_eighth() -> int:
    """An eighth of what all caches of this process may take, in bytes: six are for answers, one is for the
    figures in them, one for charts and rows as HTML.
    """
    megabytes: int = settings.CACHE_MB
    return megabytes * 1024 * 1024 // 8


@Once
def customer_names() -> CustomerNames:
    """What customers are called."""
    return CustomerNames(settings.AUTUMN_SOURCE, usage())


def customer_search() -> CustomerSearch:
    """The search for a customer."""
    return CustomerSearch(usage(), customer_names(), is_off=settings.AUTUMN_NAMES == "off")

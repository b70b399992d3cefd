"""The one usage service of this process: Autumn's with a key, the embedded sample without."""

from __future__ import annotations

from functools import cache
from typing import Any

import httpx
from django.conf import settings

from dashboard.known_customers import StoredKnownCustomers
from usage.api.gateway import Gateway, open_gateway
from usage.api.pace import HEADROOM
from usage.sample import SAMPLE_KEY, SampleApp, Store
from usage.service import Usage, open_usage

SAMPLE_URL = "https://sample.invalid"


@cache
def gateway() -> Gateway:
    """The connections to Autumn, with their cache and limiter."""
    shared: dict[str, Any] = {"redis_url": settings.REDIS_URL or "", "per_second": settings.AUTUMN_PACE}
    if settings.AUTUMN_SECRET_KEY is not None:
        return open_gateway(url=settings.AUTUMN_API_URL, key=settings.AUTUMN_SECRET_KEY, **shared)
    transport = httpx.WSGITransport(
        app=SampleApp(sample_store(), limit_per_second=settings.AUTUMN_PACE + HEADROOM)
    )
    return open_gateway(url=SAMPLE_URL, key=SAMPLE_KEY, transport=transport, **shared)


@cache
def sample_store() -> Store:
    """The sample's events, made on first use."""
    store = Store(settings.SAMPLE_DB)
    store.ensure_story()
    return store


@cache
def known_customers() -> StoredKnownCustomers:
    """The customers and features that have been seen."""
    return StoredKnownCustomers(settings.AUTUMN_SOURCE)


@cache
def usage() -> Usage:
    """The service that views, exports, shares and commands call."""
    return open_usage(gateway(), known_customers(), names=settings.AUTUMN_NAMES == "auto")

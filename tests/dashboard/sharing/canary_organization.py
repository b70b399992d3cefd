"""A small organization with canaries: values that a link must not show contain CANARY or are one of three
figures.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import msgspec
from django.test import Client
from django.utils import timezone

from dashboard import services
from dashboard.models import User
from dashboard.sharing import links
from dashboard.sharing.models import Share
from tests.dashboard.conftest import empty_redis
from tests.usage.sample.conftest import described
from usage.sample import Store

HOUR = 3_600_000
DAY = 24 * HOUR
SEEN, OTHER = "cus_seen", "cus_other"
NAME, EMAIL = "CANARY Seen Ltd", "CANARY@seen.example"
PLAN, OUT_OF_BOUNDS = "CANARY_plan", "CANARY_out_of_bounds"
GRANTED, HIDDEN_GRANT = b"461837", b"286157"
"""What the plan grants of a feature that links show, and of one that they hide."""
OF_ANOTHER, OF_HIDDEN_FEATURE, BEYOND_BOUNDS = 786_431, 571_943, 358_741
FIGURES_BEYOND_BOUNDS = (b"358,741", b"358741")
FIGURES = (b"786,431", b"786431", b"571,943", b"571943", b"286,157", HIDDEN_GRANT, *FIGURES_BEYOND_BOUNDS)
"""Values of another customer, of a hidden feature, and of events beyond the bounds. No simple fraction has
these digits: 2/9 has those of 222,222.
"""
ALLOWANCES = (b"461,837", GRANTED, b"data-granted", b"data-used", b"data-runs-out")
"""Where a balance is shown, one of these is."""


def now_ms() -> int:
    return int(time.time() * 1000)


def bounds() -> tuple[int, int]:
    """A period of whole hours: from ten days ago until two days ago."""
    today = now_ms() // DAY * DAY
    return today - 10 * DAY, today - 2 * DAY


def story() -> Iterable[dict[str, Any]]:
    start, end = bounds()
    for number in range(60):
        yield _event(start + 1000 + number * 3 * HOUR, SEEN, "api_calls", 1 + number % 7)
        yield _event(start + 2000 + number * 3 * HOUR, OTHER, "CANARY_feature_of_another", OF_ANOTHER)
        yield _event(start + 3000 + number * 3 * HOUR, OTHER, "api_calls", OF_ANOTHER)
        yield _event(start + 4000 + number * 3 * HOUR, SEEN, "CANARY_hidden_feature", OF_HIDDEN_FEATURE)
    for at in (start - HOUR, start - 1, end, end + HOUR, now_ms() - 60_000):
        yield _event(at, SEEN, "api_calls", BEYOND_BOUNDS, model=OUT_OF_BOUNDS)


def customer() -> dict[str, Any]:
    """The customer that links show: its name, address, plan and balances."""
    end = now_ms() // DAY * DAY + 21 * DAY
    balances = {
        feature: {
            "feature_id": feature,
            "granted": int(granted),
            "remaining": int(granted),
            "usage": 0,
            "unlimited": False,
            "next_reset_at": end,
            "breakdown": [{"id": f"of_{feature}", "plan_id": PLAN, "included_grant": int(granted)}],
        }
        for feature, granted in (("api_calls", GRANTED), ("CANARY_hidden_feature", HIDDEN_GRANT))
    }
    subscription = {"plan_id": PLAN, "status": "active", "past_due": False}
    named = {"name": NAME, "email": EMAIL, "subscriptions": [subscription], "balances": balances}
    return described(SEEN, **named)


def _event(at: int, customer: str, feature: str, value: float, **more: Any) -> dict[str, Any]:
    theirs = customer == OTHER
    properties = {
        "model": "CANARY_model_of_another" if theirs else f"model-{at % 3}",
        "meta": {"tier": "CANARY_tier_of_another" if theirs else "gold", "inner": "CANARY_inner"},
        "user": "CANARY@example.com",
        "CANARY_key": 1,
        **more,
    }
    deduction = {
        "balance_id": "CANARY_balance",
        "feature_id": feature,
        "plan_id": "CANARY_plan",
        "value": value,
    }
    return {
        "timestamp": at,
        "customer_id": customer,
        "feature_id": feature,
        "value": value,
        "properties": properties,
        "entity_id": "CANARY_entity",
        "plan_id": "CANARY_plan",
        "deductions": [
            {**deduction, "reset": None},
            {**deduction, "reset": None, "feature_id": "CANARY_credits", "balance_id": "CANARY_pool"},
        ],
    }


class Wire:
    """A WSGI app between the site and the sample that records each call."""

    def __init__(self, app: Callable[..., Any]) -> None:
        self.app = app
        self.requested: list[tuple[str, dict[str, Any]]] = []
        self.down = False

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        body = environ["wsgi.input"].read()
        environ["wsgi.input"] = io.BytesIO(body)
        self.requested.append((environ["PATH_INFO"], msgspec.json.decode(body)))
        if self.down:
            start_response("503 Service Unavailable", [("Content-Type", "text/plain")])
            return [b""]
        return self.app(environ, start_response)


class CanarySite:
    """The site over that organization, with a user who creates links."""

    def __init__(self, store: Store, owner: User) -> None:
        self.store = store
        self.owner = owner
        self.wires: list[Wire] = []
        self.age = "current"

    def take(self) -> list[tuple[str, dict[str, Any]]]:
        """The calls since the last use of this method."""
        requested = [question for wire in self.wires for question in wire.requested]
        for wire in self.wires:
            wire.requested.clear()
        return requested

    def go_down(self) -> None:
        """From now on Autumn does not answer, and the cache is empty."""
        self.restart()
        services.gateway()
        self.wires[-1].down = True

    def restart(self) -> None:
        """End the process's service with its cache: the next request creates a new one."""
        if services.customer_names.cache_info().currsize:
            services.customer_names().close()
        if services.gateway.cache_info().currsize:
            services.gateway().close()
        for made in (services.customer_names, services.usage, services.known_customers, services.gateway):
            made.cache_clear()
        empty_redis()

    def share(self, password: str | None = None, **given: Any) -> tuple[Share, str]:
        """A link, and its token.

        It shows one feature, two properties, and one period by default.
        """
        start, end = bounds()
        narrow = {"features": ["api_calls"], "properties": ["model", "meta.tier"], "start": start, "end": end}
        chosen = {"recipient": "Ada", "customer_id": SEEN, "view": "tz=UTC", **narrow, **given}
        chosen.setdefault("owner", self.owner)
        chosen.setdefault("expires_at", timezone.now() + timedelta(days=7))
        share = Share(**chosen)
        return share, links.make(share, password)

    def recipient_client(self, share: Share, token: str, password: str | None = None) -> Client:
        """A client that has opened the link, and unlocked it if there is a password."""
        client = Client()
        client.get(f"/s/{token}")
        if password is not None:
            client.post(f"{share.root}unlock", {"password": password})
        return client

"""What is counted, exactly, after known requests; and that labels say nothing of anybody."""

from __future__ import annotations

import random
import string
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from prometheus_client.mmap_dict import mmap_key
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.fixtures import Settings

from dashboard import services
from dashboard.metrics.counts import REGISTRY, SECONDS
from dashboard.metrics.processes import FILES
from dashboard.models import User
from dashboard.sharing.models import Share
from tests.dashboard.metrics.scrape import AUTHORIZATION, PREFIX, TOKEN, scraped, since
from tests.dashboard.sharing.canary_organization import NAME, OTHER, SEEN, CanarySite
from tests.page import Page

pytestmark = pytest.mark.django_db

CALLS, ANSWERS = "autumn_call_duration_seconds_count", "answers_total"
REQUESTS, REFUSALS = "request_duration_seconds_count", "refusals_total"
EXPORTS, ROWS = "exports_total", "export_rows_total"
LINKS, SIGN_INS = "links_total", "sign_ins_total"
USAGE = f"/usage/?customer_id={SEEN}&tz=UTC"


def calls_on_the_wire(site: CanarySite) -> dict[tuple[str, ...], int]:
    paths = Counter(path.removeprefix("/v1/") for path, _ in site.take())
    return {(CALLS, path): count for path, count in paths.items()}


def by_endpoint(added: dict[tuple[str, ...], int]) -> dict[tuple[str, ...], int]:
    counts = Counter[tuple[str, ...]]()
    for series, count in added.items():
        counts[series[:2]] += count
    return dict(counts)


def test_calls_answers_and_pages_are_counted(owner: Client, canary_site: CanarySite) -> None:
    """The third view of a page is answered from the cache alone."""
    before = scraped()
    assert owner.get(USAGE).status_code == 200
    assert owner.get(USAGE).status_code == 200  # waits for what the first one has requested for it
    calls = since(before, [CALLS])
    assert by_endpoint(calls) == calls_on_the_wire(canary_site)
    assert {series[2] for series in calls} == {"ok", "Refused"}  # one call is wrong on purpose
    answers, counts = since(before, [ANSWERS]), services.gateway().counts()
    shared = answers.pop((ANSWERS, "shared"), 0)
    assert answers == {
        (ANSWERS, "fetched"): counts["live"] - shared,
        (ANSWERS, "fresh"): counts["cache"],
    }

    before = scraped()
    assert owner.get(USAGE).status_code == 200
    assert owner.get("/usage/?range=never").status_code == 400
    assert owner.get("/no-such-page").status_code == 404
    added = since(before, [CALLS, ANSWERS, REQUESTS])
    assert added == {
        (ANSWERS, "fresh"): services.gateway().counts()["cache"] - counts["cache"],
        (REQUESTS, "usage", "2xx"): 1,
        (REQUESTS, "usage", "4xx"): 1,
        (REQUESTS, "unknown", "4xx"): 1,
        (REQUESTS, "metrics", "2xx"): 1,
    }


def test_failing_calls_and_stale_answers_are_counted(owner: Client, canary_site: CanarySite) -> None:
    """Each of the three attempts is."""
    assert owner.get(USAGE).status_code == 200
    assert owner.get(USAGE).status_code == 200  # waits for what the first one has requested for it
    canary_site.take()
    for wire in canary_site.wires:
        wire.down = True
    before = scraped()
    assert owner.get(USAGE, headers={"Cache-Control": "no-cache"}).status_code == 200
    added = since(before, [CALLS, ANSWERS])
    assert by_endpoint({series: n for series, n in added.items() if series[0] == CALLS}) == calls_on_the_wire(
        canary_site
    )
    assert {series[1:] for series in added if series[0] == CALLS} <= {
        ("events.list", "Unreachable"),
        ("events.aggregate", "Unreachable"),
    }
    assert added[ANSWERS, "stale"]


def test_refused_requests_are_counted_by_reason(owner: Client, canary_site: CanarySite) -> None:
    """A page without Autumn, and a password after five wrong ones."""
    share, token = canary_site.share("correct horse")
    recipient = canary_site.recipient_client(share, token)
    canary_site.go_down()
    before = scraped()
    assert owner.get(USAGE).status_code == 503
    for _ in range(6):
        response = recipient.post(f"{share.root}unlock", {"password": "wrong"})
    assert response.status_code == 429
    assert since(before, [REFUSALS]) == {(REFUSALS, "offline"): 1, (REFUSALS, "link-password"): 1}


def test_exports_are_counted_with_their_rows(owner: Client) -> None:
    before = scraped()
    response: Any = owner.get(f"/events/export.csv?customer_id={SEEN}&tz=UTC")
    rows = b"".join(response).count(b"\r\n") - 1
    response = owner.get(f"/events/export.jsonl?customer_id={SEEN}&tz=UTC")
    next(iter(response))
    assert owner.get(f"/events/export.jsonl?customer_id={SEEN}&tz=UTC").status_code == 409
    response.close()
    figures = owner.get(f"/usage/export.csv?customer_id={SEEN}&tz=UTC").content.count(b"\r\n") - 1
    added = since(before, [EXPORTS, ROWS, REFUSALS])
    assert rows
    assert added == {
        (EXPORTS, "events.csv", "whole"): 1,
        (ROWS, "events.csv"): rows,
        (EXPORTS, "events.jsonl", "left"): 1,
        (REFUSALS, "export-running"): 1,
        (EXPORTS, "usage.csv", "whole"): 1,
        (ROWS, "usage.csv"): figures,
    }


def link_of(owner: Client, number: int) -> str:
    """The path of a new link."""
    form = {
        "share_id": f"{number:016}",
        "view": f"customer_id={SEEN}&range=90d&tz=UTC",
        "recipient": "Ada",
        "customer_id": SEEN,
        "every_feature": "on",
        "period": "free",
        "fresh": "live",
        "life": "7",
        "password": "generated",
    }
    link = Page(owner.post("/shares/new", form)).one("input", id="link")["value"] or ""
    return link.removeprefix("http://testserver")


def test_links_are_counted(owner: Client) -> None:
    before = scraped()
    paths = [link_of(owner, number) for number in range(3)]
    for path in (*paths[:2], f"{paths[2]}x"):
        Client().get(path)
    for _ in range(2):
        owner.post(f"/shares/{Share.objects.all()[0].pk}/revoke")
    assert since(before, [LINKS]) == {(LINKS, "created"): 3, (LINKS, "opened"): 2, (LINKS, "revoked"): 1}


def test_sign_ins_are_counted(live_mode: Settings, person: Callable[..., User]) -> None:
    """Right, wrong, and one that is refused after five wrong ones."""
    live_mode.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    person("viewer")
    before = scraped()
    for password in ("correct horse", *["wrong"] * 6):
        Client().post("/accounts/login/", {"login": "viewer", "password": password})
    assert since(before, [SIGN_INS, REFUSALS]) == {
        (SIGN_INS, "signed-in"): 1,
        (SIGN_INS, "wrong"): 5,
        (SIGN_INS, "throttled"): 1,
        (REFUSALS, "too-many-attempts"): 1,
    }


def test_nothing_of_customers_users_and_links_is_in_the_output(
    owner: Client, canary_site: CanarySite
) -> None:
    share, token = canary_site.share()
    recipient = canary_site.recipient_client(share, token)
    for client, start in ((owner, "/"), (recipient, share.root)):
        customer = f"&customer_id={OTHER}" if client is owner else ""
        for page in ("usage/", "events/", "events/export.csv", "CANARY_page/"):
            client.get(f"{start}{page}?tz=UTC{customer}&group_by=properties.CANARY_key")
    owner.get(f"/customers/{OTHER}")
    owner.get("/customers/CANARY_unknown", follow=True)
    owner.get(f"/customers/?q={NAME}")
    Client().post("/accounts/login/", {"login": "CANARY_login", "password": "CANARY_password"})
    Client().get("/", headers={"X-Request-ID": "CANARY-request", "User-Agent": "CANARY"})
    text = Client().get("/metrics", headers={"Authorization": AUTHORIZATION}).content.decode()
    for secret in ("CANARY", SEEN, OTHER, token, share.pk, TOKEN, "owner"):
        assert secret not in text


RANDOM = (
    *("/{}", "/events/{}", "/customers/{}", "/s/{}", "/shared/{}/", "/shared/{}/usage/", "/shares/{}/"),
    *("/static/{}", "/admin/{}", "/views/{}/", "/accounts/{}/", "/metrics/{}", "/usage/?customer_id={}"),
)


def names_of_routes(resolver: URLResolver) -> Iterator[str]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from [pattern.namespace] if pattern.namespace else names_of_routes(pattern)
        elif isinstance(pattern, URLPattern):
            assert pattern.name
            yield pattern.name


def test_random_paths_add_no_series(owner: Client) -> None:
    """Of 500 random paths, each address makes one at its first request, as each route does."""
    chooser = random.Random(1)
    letters = string.ascii_letters + string.digits + "-_.~"
    routes = {*names_of_routes(get_resolver()), "static", "unknown"}
    for number in range(500):
        word = "".join(chooser.choices(letters, k=chooser.randint(1, 60)))
        method = chooser.choice(["get", "get", "head", "post", "put"])
        getattr(owner, method)(RANDOM[number % len(RANDOM)].format(word))
        if number == 200:
            before = set(scraped())
    after = set(scraped())
    assert {series[1] for series in after if series[0] == REQUESTS} <= routes
    assert len(after - before) <= 3


def test_files_have_room_for_all_series() -> None:
    """A file that grows has a gap, in which a process that counts is killed when the disk is full."""
    routes = {*names_of_routes(get_resolver()), "static", "unknown"}
    name = f"{PREFIX}request_duration_seconds"
    [text] = [family.documentation for family in REGISTRY.collect() if family.name == name]
    parts = [(f"{name}_sum", "")] + [(f"{name}_bucket", f"{bound}") for bound in (*SECONDS, "+Inf")]
    size = sum(
        len(mmap_key(name, part, ["route", "status", "le"], [route, f"{status}xx", bound], text)) + 32
        for route in routes
        for status in range(1, 6)
        for part, bound in parts
    )
    assert size < FILES["histogram"] * 0.8


def test_each_metric_says_what_it_is() -> None:
    text = Client().get("/metrics", headers={"Authorization": AUTHORIZATION}).content.decode()
    families = list(text_string_to_metric_families(text))
    assert all(family.documentation and family.type != "unknown" for family in families)
    assert {family.name for family in families} == {
        *("usage_dashboard_build_info", "usage_dashboard_autumn_call_duration_seconds"),
        *("usage_dashboard_answers", "usage_dashboard_request_duration_seconds"),
        *("usage_dashboard_waiting_requests", "usage_dashboard_refusals", "usage_dashboard_exports"),
        *("usage_dashboard_export_rows", "usage_dashboard_links", "usage_dashboard_sign_ins"),
    }

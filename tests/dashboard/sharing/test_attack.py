"""For any query string, a link returns only data that it shows, and sends only calls within its scope."""

from __future__ import annotations

import json
from collections.abc import Iterable
from random import Random
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver
from hypothesis import given
from hypothesis import strategies as st

from dashboard.sharing import passwords
from dashboard.sharing.models import Share
from tests.dashboard.sharing import attack_queries
from tests.dashboard.sharing.canary_organization import (
    ALLOWANCES,
    EMAIL,
    FIGURES,
    FIGURES_BEYOND_BOUNDS,
    GRANTED,
    NAME,
    OTHER,
    OUT_OF_BOUNDS,
    PLAN,
    SEEN,
    CanarySite,
    bounds,
)
from tests.page import Page
from usage.api.capabilities import PROBE_FEATURE

pytestmark = pytest.mark.django_db


def routes(share: Share) -> list[str]:
    """Each address below a link, built from the URLconf."""
    patterns = [str(pattern.pattern) for pattern in get_resolver().url_patterns]
    return [
        f"/{route}".replace("<slug:share_id>", share.pk) for route in patterns if route.startswith("shared/")
    ]


def assault(client: Client, share: Share, seed: int) -> Any:
    """Send one random request. The response has no hidden data, and is not a server error."""
    random = Random(seed)
    query, method = attack_queries.query(random), random.choice(attack_queries.METHODS)
    address = f"{random.choice(routes(share))}?{query}"
    response = client.generic(method, address, headers=random.choice(attack_queries.HEADERS))
    text = body_of(response) + str(response.headers).encode()
    about = f"{seed}: {method} {address}"
    assert response.status_code in {200, 302, 400, 403, 404, 405, 409}, about
    shown = {NAME: share.customer_name, PLAN: share.plans, OUT_OF_BOUNDS: not share.is_period}
    for canary in (canary for canary, is_allowed in shown.items() if is_allowed):
        text = text.replace(canary.encode(), b"")
    assert b"CANARY" not in text, about
    assert share.balances or not [mark for mark in ALLOWANCES if mark in text], about
    assert OTHER.encode() not in text or OTHER in query, about
    assert not [figure for figure in hidden_figures(share) if figure in text], about
    return response


def hidden_figures(share: Share) -> list[bytes]:
    """Without those of any time, for a link to any period."""
    return [figure for figure in FIGURES if share.is_period or figure not in FIGURES_BEYOND_BOUNDS]


def body_of(response: Any) -> bytes:
    return b"".join(response) if response.streaming else response.content


def assert_in_scope(requested: list[tuple[str, dict[str, Any]]]) -> None:
    """Each call names the link's customer, its feature and a time within the bounds; the list of the
    organization's features names nothing.
    """
    start, end = bounds()
    for call, body in requested:
        if call.endswith("features.list"):
            assert body == {}
            continue
        assert body["customer_id"] == SEEN, body
        if call.endswith("customers.get"):
            assert set(body) == {"customer_id"}
            continue
        if body.get("feature_id") != [PROBE_FEATURE]:
            assert body.get("feature_id", ["api_calls"]) == ["api_calls"], body
            grouped = f"{body.get('group_by', 'properties.model')}."  # below a visible property
            assert grouped.startswith(("properties.model.", "properties.meta.tier.")), body
            assert start <= body["custom_range"]["start"] <= body["custom_range"]["end"] <= end, body


@pytest.fixture
def exporting_link(canary_site: CanarySite) -> tuple[Client, Share]:
    """A link with exports, which shows the most data."""
    share, token = canary_site.share(exports=True)
    return canary_site.recipient_client(share, token), share


@given(seed=st.integers(0, 2**32))
def test_no_request_returns_hidden_data(
    canary_site: CanarySite, exporting_link: tuple[Client, Share], seed: int
) -> None:
    """No query string, method or route returns a canary of other customers, properties, features or times."""
    assault(*exporting_link, seed)
    assert_in_scope(canary_site.take())


def test_names_that_staff_see_are_not_in_links(
    canary_site: CanarySite, exporting_link: tuple[Client, Share]
) -> None:
    """Neither on pages nor in files, with all that a link can show."""
    staff = Client()
    staff.force_login(canary_site.owner)
    staff_page = staff.get(f"/usage/?customer_id={SEEN}&tz=UTC")
    assert NAME in Page(staff_page).one("h1").text
    share, token = canary_site.share(features=None, deductions=True, plans=True, exports=True)
    for client, link in (exporting_link, (canary_site.recipient_client(share, token), share)):
        for address in routes(link):
            response = client.get(f"{address}?tz=UTC", follow=True)
            text = body_of(response) + str(response.headers).encode()
            assert not [each for each in (NAME, EMAIL, "Seen Ltd") if each.encode() in text], address
    assert NAME in staff.get(f"/shares/{share.pk}/").content.decode()


def test_link_to_all_features_has_the_colors_that_staff_see(canary_site: CanarySite) -> None:
    staff = Client()
    staff.force_login(canary_site.owner)
    share, token = canary_site.share(features=None)
    client = canary_site.recipient_client(share, token)
    period = f"tz=UTC&start={share.start}&end={share.end}"
    pages = [
        Page(staff.get(f"/usage/?customer_id={SEEN}&{period}")),
        Page(client.get(f"{share.root}usage/?{period}")),
    ]
    colors = [
        {
            card["data-feature"]: card.all("i", class_="dot")[0].classes
            for card in page.all(class_="feature-card")
        }
        for page in pages
    ]
    assert colors[0] == colors[1]
    assert len(colors[0]) > 1


EXTRAS = ("customer_name", "balances", "plans")
combinations = pytest.mark.parametrize(
    "allowed", [[name for at, name in enumerate(EXTRAS) if number & 1 << at] for number in range(8)]
)


def found_canaries(client: Client, share: Share) -> set[str]:
    """What pages and files show of the customer beside its usage. The email address is never one of these."""
    found = set[str]()
    for address in addresses_of(share):
        response = client.get(address, follow=True)
        text = body_of(response) + str(response.headers).encode()
        assert EMAIL.encode() not in text, address
        assert not [figure for figure in hidden_figures(share) if figure in text], address
        found |= {"customer_name"} if NAME.encode() in text else set()
        found |= {"balances"} if [mark for mark in ALLOWANCES if mark in text] else set()
        found |= {"plans"} if PLAN.encode() in text else set()
    return found


def shown(names: Iterable[str]) -> dict[str, Any]:
    """Fields of a link that allows these."""
    return dict.fromkeys(names, True)


def addresses_of(share: Share) -> list[str]:
    """Each address below a link, as a page of its own, of other charts, and with an invalid query."""
    queries = ("tz=UTC", "tz=UTC&chart=cumulative&range=1bc", "tz=UTC&group_by=$entity_id", "nothing=1")
    return [f"{route}?{query}" for route in routes(share) for query in queries]


@combinations
def test_link_shows_of_its_customer_what_is_allowed(canary_site: CanarySite, allowed: list[str]) -> None:
    """Name, balances and plans, each alone and together."""
    share, token = canary_site.share(start=None, end=None, exports=True, **shown(allowed))
    client = canary_site.recipient_client(share, token)
    assert found_canaries(client, share) == set(allowed)
    title = Page(client.get(f"{share.root}events/?tz=UTC")).one("h1").text
    assert title == (f"{NAME} {SEEN}" if "customer_name" in allowed else SEEN)
    if "balances" in allowed:
        assert GRANTED in client.get(f"{share.root}usage/?tz=UTC").content


def test_page_without_autumn_shows_nothing_of_the_customer(canary_site: CanarySite) -> None:
    """Whatever is allowed: nothing is stored that it could be shown from."""
    share, token = canary_site.share(start=None, end=None, **shown(EXTRAS))
    client = canary_site.recipient_client(share, token)
    assert client.get(f"{share.root}usage/?tz=UTC").status_code == 200
    canary_site.go_down()
    failed = client.get(f"{share.root}usage/?tz=UTC")
    assert failed.status_code == 503
    assert not [each for each in (NAME, PLAN, "data-granted") if each.encode() in failed.content]


@pytest.mark.parametrize("snapshot", [False, True])
def test_link_to_one_period_has_nothing_of_today(canary_site: CanarySite, snapshot: bool) -> None:
    """Neither balances nor plans, which are those of the running cycle; the name where it is allowed."""
    share, token = canary_site.share(snapshot=snapshot, exports=True, **shown(EXTRAS))
    assert found_canaries(canary_site.recipient_client(share, token), share) == {"customer_name"}
    share, token = canary_site.share(snapshot=snapshot, exports=True)
    assert found_canaries(canary_site.recipient_client(share, token), share) == set()


@pytest.fixture
def extra_links(canary_site: CanarySite) -> list[tuple[Client, Share]]:
    """Links with exports, of any period, each of which allows one of name, balances and plans."""
    made = [canary_site.share(start=None, end=None, exports=True, **shown([name])) for name in EXTRAS]
    return [(canary_site.recipient_client(share, token), share) for share, token in made]


@given(seed=st.integers(0, 2**32))
def test_no_request_returns_more_of_the_customer(extra_links: list[tuple[Client, Share]], seed: int) -> None:
    """A link that allows one of name, balances and plans shows none of the others."""
    client, share = extra_links[seed % 3]
    assault(client, share, seed)


@given(seed=st.integers(0, 2**32))
def test_locked_link_shows_no_data(
    canary_site: CanarySite, exporting_link: tuple[Client, Share], seed: int
) -> None:
    """A visitor without the password gets no byte of the customer, and no call is sent."""
    client, share = exporting_link
    if not share.password_hash:
        passwords.change_password(share, "correct horse")
        share.refresh_from_db()
    response = assault(client, share, seed)
    assert response.status_code in {403, 404, 405, 429} or response.headers["Location"] == share.root
    assert response.streaming or not Page(response).has(data_recipient=True)
    assert canary_site.take() == []


def test_attacked_link_shows_data(canary_site: CanarySite, exporting_link: tuple[Client, Share]) -> None:
    """The attack is against pages with rows, groups, figures and filters."""
    client, share = exporting_link
    page = client.get(
        f"{share.root}usage/?group_by=properties.model&columns=meta.tier&filter=meta.tier:gold&tz=UTC"
    )
    assert page.status_code == 200
    shown = Page(page)
    assert shown.one(class_="rec", data_reconciled=True)["data-events"] == "60"
    assert "model-1" in shown.values("data-group")
    assert "gold" in shown.one("tbody", id="found").texts("td")
    assert "api_calls" in shown.html


@pytest.mark.parametrize(
    "query", ["customer_id=cus_seen", "customer_id=cus_other", "customer_id=&customer_id=cus_seen"]
)
def test_link_refuses_every_customer_parameter(
    canary_site: CanarySite, exporting_link: tuple[Client, Share], query: str
) -> None:
    """Even its own customer is a 400; no page has a customer in an address or a field."""
    client, share = exporting_link
    for page in ("usage/", "events/"):
        response = client.get(f"{share.root}{page}?{query}")
        assert response.status_code == 400
        assert Page(response).has(data_error="customer_id")
        assert b"customer_id" not in client.get(f"{share.root}{page}?customer_id=&tz=UTC").content.replace(
            b"&#34;customer_id&#34;: &#34;cus_seen&#34;", b""
        )


@pytest.mark.parametrize(
    "query",
    [
        "group_by=$customer_id",
        "group_by=$entity_id",
        "group_by=$plan_id",
        "group_by=properties.user",
        "filter=user:CANARY@example.com",
        "exclude=meta.inner:x",
        "columns=user",
        "feature_id=CANARY_hidden_feature",
        "entity_id=CANARY_entity",
        "range=7d",
        "start=2020-01-01&end=2020-02-01",
        "tz=UTC&tz=UTC",
        "nothing=1",
    ],
)
def test_link_refuses_hidden_data_in_queries(exporting_link: tuple[Client, Share], query: str) -> None:
    """A refused filter cannot confirm a guess."""
    client, share = exporting_link
    for page in ("usage/", "events/"):
        assert client.get(f"{share.root}{page}?{query}").status_code == 400, page


def opened_row(client: Client, share: Share) -> Page:
    listed = Page(client.get(f"{share.root}events/?tz=UTC")).one("tbody", id="found")
    return Page(client.get(listed.links()[0]))


def test_open_row_shows_allowed_properties_only(exporting_link: tuple[Client, Share]) -> None:
    """Its JSON has the allowed properties, without siblings of nested ones, and no deductions."""
    opened = opened_row(*exporting_link)
    shown = json.loads(opened.one("pre").text)
    assert shown["properties"]["meta"] == {"tier": "gold"}
    assert "deductions" not in shown
    assert "CANARY" not in opened.html


@pytest.mark.parametrize("plans", [False, True])
def test_allowed_deductions_are_shown(canary_site: CanarySite, plans: bool) -> None:
    """They show their balance, and their plan only if plans are allowed too."""
    share, token = canary_site.share(deductions=True, plans=plans)
    opened = opened_row(canary_site.recipient_client(share, token), share)
    assert "CANARY_balance" in opened.html
    assert ("CANARY_plan" in opened.html) == plans


@pytest.mark.parametrize("plans", [False, True])
def test_deducted_amounts_are_shown_where_deductions_are(canary_site: CanarySite, plans: bool) -> None:
    """Else they are refused; plans have their own permission."""
    without, token = canary_site.share(exports=True)
    client = canary_site.recipient_client(without, token)
    for path in ("usage/", "events/", "usage/export.csv", "events/export.csv"):
        assert client.get(f"/shared/{without.id}/{path}", {"measure": "deducted"}).status_code == 400
    share, token = canary_site.share(deductions=True, plans=plans, exports=True)
    client = canary_site.recipient_client(share, token)
    for path in ("usage/", "usage/export.csv"):
        body = body_of(client.get(f"/shared/{share.id}/{path}", {"measure": "deducted"}))
        assert b"CANARY_balance" in body
        assert (b"CANARY_plan" in body) is plans
        assert b"CANARY_pool" not in body
        assert not any(figure in body for figure in FIGURES)


def test_deductions_of_hidden_features_are_not_shown(canary_site: CanarySite) -> None:
    """The row says that some are not shown; a link to all features shows them."""
    some, token = canary_site.share(deductions=True, exports=True)
    recipient_client = canary_site.recipient_client(some, token)
    opened = opened_row(recipient_client, some)
    for text in (opened.html, body_of(recipient_client.get(f"{some.root}events/export.jsonl")).decode()):
        assert "CANARY_balance" in text
        assert "CANARY_credits" not in text
        assert "CANARY_pool" not in text
    assert opened.has(data_left_out="balances")
    every, token = canary_site.share(deductions=True, features=None)
    assert "CANARY_pool" in opened_row(canary_site.recipient_client(every, token), every).html

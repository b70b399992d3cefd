"""Making a link: from a view, with warnings, seen as the recipient first, shown once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone

from dashboard.models import User
from dashboard.sharing.manage.suggestions import (
    LOOKS_LIKE_EMAIL,
    LOOKS_LIKE_NAME,
    MAY_BE_PERSONAL,
    SuggestedProperty,
    Suggestions,
    privacy_hint,
)
from dashboard.sharing.models import Share
from tests.dashboard.sharing.canary_organization import DAY, HOUR, OTHER, SEEN, CanarySite, bounds, now_ms
from tests.page import Page
from usage.window import to_ms

pytestmark = pytest.mark.django_db

FORM = {
    "share_id": "0123456789abcdef",
    "view": f"customer_id={SEEN}&range=90d&tz=UTC",
    "recipient": "Ada",
    "customer_id": SEEN,
    "every_feature": "on",
    "period": "free",
    "fresh": "live",
    "life": "7",
    "password": "generated",
}


@pytest.fixture
def owner(canary_site: CanarySite) -> Client:
    client = Client()
    client.force_login(canary_site.owner)
    return client


def made(client: Client, **changes: Any) -> tuple[Any, Share]:
    """The answer that shows a link once, and the link."""
    response = client.post("/shares/new", {**FORM, **changes})
    assert shown(response, "link"), response.content.decode()[-3000:]
    return response, Share.objects.get()


def shown(response: Any, name: str) -> str:
    """The link or the password, on the page that shows it once."""
    return Page(response).one("input", id=name)["value"] or ""


def form_of(response: Any) -> dict[str, list[str]]:
    """The fields of the page's forms as a browser would send them."""
    return Page(response).fields


def warnings(response: Any) -> set[tuple[str, str]]:
    """The warnings before a link is made: their kinds, and what each is about."""
    return {
        (warning["data-warning"] or "", warning["data-about"] or "")
        for warning in Page(response).all("li", data_warning=True)
    }


def offered(response: Any, name: str) -> set[str]:
    """The choices of a field of tick boxes."""
    return set(Page(response).values("value", "input", name=name))


def test_every_view_offers_it(
    canary_site: CanarySite, owner: Client, signed_in: Callable[..., Client]
) -> None:
    """Usage and events lead to the form with their own query; not for those who may not share."""
    query = f"customer_id={SEEN}&feature_id=api_calls&range=90d&tz=UTC"
    for page in ("usage/", "events/"):
        assert f"/shares/new?{query}" in Page(owner.get(f"/{page}?{query}")).hrefs
        assert "/shares/" not in signed_in("viewer").get(f"/{page}?{query}").content.decode()
        User.objects.filter(username="viewer").delete()


def test_the_form_is_filled_by_the_view(canary_site: CanarySite, owner: Client) -> None:
    """Customer, feature, period and the properties that the view used stand in it; no other property is
    ticked.
    """
    start, end = bounds()
    query = (
        f"customer_id={SEEN}&feature_id=api_calls&start={start}&end={end}&group_by=properties.model&tz=UTC"
    )
    filled = form_of(owner.get(f"/shares/new?{query}"))
    assert filled["customer_id"] == [SEEN]
    assert filled["features"] == ["api_calls"]
    assert "every_feature" not in filled
    assert filled["properties"] == ["model"]
    assert filled["period"] == ["fixed"]
    assert filled["start"] == [
        datetime.fromtimestamp(start / 1000, tz=timezone.get_default_timezone()).strftime("%Y-%m-%dT%H:%M")
    ]
    assert filled["password"] == ["generated"]


def test_a_new_form_shows_no_more_than_the_view(canary_site: CanarySite, owner: Client) -> None:
    """A view that moves on opens "not before" its start; a link made so shows nothing older."""
    filled = form_of(owner.get(f"/shares/new?customer_id={SEEN}&range=7d&tz=UTC"))
    assert (filled["period"], filled["start"], filled["end"]) == (["free"], [""], [""])
    first = (now_ms() // DAY - 6) * DAY
    assert filled["since"] == [datetime.fromtimestamp(first / 1000, tz=UTC).strftime("%Y-%m-%dT%H:%M")]
    _, share = made(owner, view="range=7d&tz=UTC", since=filled["since"][0])
    assert (share.start, share.end) == (first, None)


def test_a_period_that_was_not_written_is_that_of_the_view(canary_site: CanarySite, owner: Client) -> None:
    """“This period only”, with its dates left empty, is what was looked at, up to the running hour."""
    _, share = made(owner, view="range=7d&tz=UTC", period="fixed")
    now = now_ms()
    assert share.start == (now // DAY - 6) * DAY
    assert share.end == -(-now // HOUR) * HOUR


def test_a_billing_cycle_is_its_dates(canary_site: CanarySite, owner: Client) -> None:
    """A view of a cycle fills the form with the hour that it began in, and a period left empty is the
    cycle's.
    """
    canary_site.age = "newest"  # older servers count a cycle's days back from now
    canary_site.renew()
    begun = (now_ms() // DAY - 12) * DAY
    canary_site.store.add_customer(SEEN, subscribed_at_ms=begun)
    view = f"customer_id={SEEN}&range=1bc&tz=UTC"
    filled = form_of(owner.get(f"/shares/new?{view}"))
    first = datetime.fromtimestamp(begun / 1000, tz=UTC).strftime("%Y-%m-%dT%H:%M")
    assert (filled["period"], filled["since"]) == (["free"], [first])
    _, share = made(owner, view=view, period="fixed")
    assert share.start == begun
    assert share.end is not None


def test_an_hour_that_comes_twice(canary_site: CanarySite, owner: Client) -> None:
    """Its fields cannot say which of the two is meant, so they are left empty, which is the view itself."""
    zone = ZoneInfo("America/New_York")
    start, end = (datetime(2026, 11, 1, 1, tzinfo=zone, fold=1), datetime(2026, 11, 1, 6, tzinfo=zone))
    view = f"customer_id={SEEN}&start={to_ms(start)}&end={to_ms(end)}&tz={zone.key}"
    filled = form_of(owner.get(f"/shares/new?{view}"))
    assert (filled["period"], filled["start"], filled["end"]) == (["fixed"], [""], [""])
    _, share = made(owner, view=view, period="fixed")
    assert (share.start, share.end) == (to_ms(start), to_ms(end))


def test_groups_that_were_chosen(canary_site: CanarySite, owner: Client) -> None:
    """Plans are ticked where the view is by plan; where its groups cannot be shown, that they were chosen is
    named.
    """
    view = f"customer_id={SEEN}&group_by=$plan_id&group=pro&range=90d&tz=UTC"
    assert form_of(owner.get(f"/shares/new?{view}"))["plans"] == ["on"]
    assert ("groups-left-out", "$plan_id") in warnings(owner.post("/shares/new", {**FORM, "view": view}))


def test_a_view_of_a_time_to_come(canary_site: CanarySite, owner: Client) -> None:
    """It has no dates to fill the form with; the form says so instead of failing."""
    page = owner.get("/shares/new?start=2090-01-01&end=2090-02-01&tz=UTC")
    assert page.status_code == 200
    filled = form_of(page)
    assert (filled["since"], filled["start"], filled["end"]) == ([""], [""], [""])


def test_what_the_view_had_and_a_link_cannot(canary_site: CanarySite, owner: Client) -> None:
    """An entity and filters by hidden properties are named before a link is made that shows more than the
    view did.
    """
    conditions = "filter=model:model-0&exclude=meta.tier:tin"
    view = f"customer_id={SEEN}&entity_id=CANARY_entity&{conditions}&range=90d&tz=UTC"
    page = owner.post("/shares/new", {**FORM, "view": view, "properties": ["model"]})
    assert warnings(page) == {("entity-left-out", "CANARY_entity"), ("filter-left-out", "meta.tier")}
    assert not Share.objects.exists()


def test_filters_that_come_along_are_no_bounds(canary_site: CanarySite, owner: Client) -> None:
    """They are listed with the word that they can be taken off; and they can."""
    view = f"customer_id={SEEN}&filter=model:model-0&value_min=2&range=90d&tz=UTC"
    listed = Page(owner.get(f"/shares/new?{view}")).one(data_notice="filters-are-no-bounds")
    chips = listed.texts("span", class_="chip")
    assert len(chips) == 2
    assert "model:model-0" in chips
    response, share = made(owner, view=view, properties=["model"])
    assert "filter=model%3Amodel-0" in share.view
    recipient_client = canary_site.recipient_client(
        share, shown(response, "link").rpartition("/")[2], shown(response, "password")
    )
    assert "model-1" in recipient_client.get(f"{share.root}events/?range=90d&tz=UTC").content.decode()


def test_offers_follow_the_customer(canary_site: CanarySite, owner: Client) -> None:
    """Whoever begins without a customer writes one, and is offered what that one
    has; what was chosen stays.
    """
    assert not Page(owner.get("/shares/new")).has_field("properties")
    begun = {**FORM, "view": "range=90d&tz=UTC", "recipient": "", "properties": ["model"], "life": "30"}
    answer = owner.post("/shares/offers", begun)
    filled = form_of(answer)
    assert offered(answer, "properties") >= {"model", "user"}
    assert (filled["properties"], filled["life"]) == (["model"], ["30"])
    assert not Page(answer).has(role="alert")
    assert not Share.objects.exists()


def test_plans_need_no_deductions(canary_site: CanarySite, owner: Client) -> None:
    """Figures by plan are a matter of their own: they can be shown where deductions are not."""
    response, share = made(owner, plans="on", view="group_by=$plan_id&range=90d&tz=UTC")
    assert (share.plans, share.deductions) == (True, False)
    recipient_client = canary_site.recipient_client(
        share, shown(response, "link").rpartition("/")[2], shown(response, "password")
    )
    assert "CANARY_plan" in recipient_client.get(f"{share.root}usage/?{share.view}").content.decode()


def test_it_offers_what_was_seen(canary_site: CanarySite, owner: Client) -> None:
    """The customer's features, those of balances too, and properties by their paths, of that time; nobody
    else's.
    """
    page = owner.get(f"/shares/new?customer_id={SEEN}&range=90d&tz=UTC")
    assert offered(page, "properties") == {"model", "meta.tier", "meta.inner", "user", "CANARY_key"}
    assert offered(page, "features") == {"api_calls", "CANARY_hidden_feature", "CANARY_credits"}
    assert "of_another" not in page.content.decode()
    assert Page(page).values("data-privacy-hint") == ["user"]


def test_a_link_is_shown_once(canary_site: CanarySite, owner: Client) -> None:
    """The page that made it shows link and password, which open it; a reload of that page leads to its log
    instead.
    """
    response, share = made(owner)
    link, password = shown(response, "link"), shown(response, "password")
    assert link.startswith("http://testserver/s/")
    assert len(link.rpartition("/")[2]) == 43
    assert "no-store" in response.headers["Cache-Control"]
    again = owner.post("/shares/new", FORM, follow=True)
    assert again.redirect_chain == [(f"/shares/{share.pk}/", 302)]
    assert "created-before" in Page(again).notices
    assert Share.objects.count() == 1
    recipient_client = Client()
    recipient_client.get(urlsplit(link).path)
    recipient_client.post(f"{share.root}unlock", {"password": password})
    assert recipient_client.get(f"{share.root}usage/").status_code == 200
    for page in ("/shares/", f"/shares/{share.pk}/"):
        assert link.rpartition("/")[2] not in owner.get(page).content.decode()


def test_warnings_come_before_the_link(canary_site: CanarySite, owner: Client) -> None:
    """Properties about people, no password and a long life are each named, and nothing is made until they
    were read.
    """
    wanted = {**FORM, "properties": ["user", "model"], "password": "none", "life": "365"}
    response = owner.post("/shares/new", wanted)
    assert warnings(response) == {("personal-property", "user"), ("no-password", ""), ("long-life", "")}
    assert not Share.objects.exists()
    accepted = form_of(response)["accepted"]
    worse = {**wanted, "accepted": accepted, "properties": ["user", "meta.inner", "CANARY_key", "first_name"]}
    assert ("personal-property", "first_name") in warnings(owner.post("/shares/new", worse))
    made(owner, **{**wanted, "accepted": accepted})


def test_what_is_about_people() -> None:
    """Judged by values first, then by the name; plain technical properties are let pass."""
    assert privacy_hint("who", ["ada@example.com"]) == LOOKS_LIKE_EMAIL
    assert privacy_hint("who", ["Ada Lovelace", "x"]) == LOOKS_LIKE_NAME
    assert privacy_hint("user.email") == MAY_BE_PERSONAL
    assert privacy_hint("renamed") is None
    suggestions = Suggestions(
        properties=(
            SuggestedProperty("user.mail", privacy_hint("user.mail")),
            SuggestedProperty("user.plan", None),
        )
    )
    [outer] = suggestions.privacy_hints(["user", "user.plan"])
    assert outer.path == "user"
    assert "“user.mail”" in (outer.privacy_hint or "")
    assert MAY_BE_PERSONAL in (outer.privacy_hint or "")
    assert privacy_hint("model", ["gpt-large", "Opus"]) is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"recipient": ""}, "recipient"),
        ({"customer_id": " "}, "customer_id"),
        ({"every_feature": ""}, "features"),
        ({"password": "mine"}, "password"),
        ({"every_feature": "on", "features": ["api_calls"]}, "features"),
        ({"period": "fixed", "start": "2026-01-02"}, "start"),
        ({"period": "fixed", "view": "range=1bc&tz=UTC"}, "start"),
        ({"period": "free", "start": "2026-01-02"}, "start"),
        (
            {"period": "fixed", "start": "2026-01-02", "end": "2026-01-03", "since": "2026-01-03"},
            "since",
        ),
        ({"period": "fixed", "start": "2026-01-02", "end": "2026-01-01"}, "start"),
        ({"period": "fixed", "start": "soon", "end": "2026-01-01"}, "start"),
        ({"fresh": "snapshot"}, "fresh"),
        ({"period": "fixed", "start": "2020-01-01", "end": "2025-01-01"}, "start"),
        ({"period": "fixed", "start": "2090-01-01", "end": "2090-02-01"}, "start"),
        ({"period": "fixed", "view": "start=2090-01-01&end=2090-02-01&tz=UTC"}, "start"),
        ({"since": "2090-01-01"}, "since"),
        ({"since": "2026-01-01", "view": "start=2025-01-01&end=2025-02-01&tz=UTC"}, "since"),
        ({"view": "range=last_cycle&tz=UTC"}, "since"),
        ({"customer_id": "cus_nobody"}, "customer_id"),
        ({"life": "8"}, "life"),
        ({"share_id": "../admin"}, None),
        ({"share_id": "0123456789abcdef\n"}, None),
        ({"share_id": ""}, None),
        ({"view": "filter=a:" + "b" * 30_000}, None),
        ({"properties": ["a\0b"]}, "properties"),
    ],
)
def test_form_error_is_beside_its_field(
    canary_site: CanarySite, owner: Client, changes: dict[str, Any], field: str | None
) -> None:
    """A 400, an error beside the field or, of what nobody sees, above the form; and no link."""
    for address in ("/shares/new", "/shares/preview/"):
        response = owner.post(address, {**FORM, **changes})
        assert response.status_code == 400
        page = Page(response)
        assert set(page.values("data-error")) == ({field} if field else set())
        assert len(page.one(data_notice="not-created").all("p")) == (1 if field else 2)
    assert not Share.objects.exists()


def test_a_link_can_be_made_while_autumn_is_down(canary_site: CanarySite, owner: Client) -> None:
    """What nobody can tell now is no reason to refuse it: the link shows its customer once Autumn is back."""
    canary_site.fall_silent()
    _, share = made(owner)
    assert share.customer_id == SEEN


def test_bins_that_a_period_cannot_have(canary_site: CanarySite, owner: Client) -> None:
    """Made from hours of a week, a link to half a year opens with bins that fit it; one to a week keeps its
    hours.
    """
    hours = f"customer_id={SEEN}&bin_size=hour&range=7d&tz=UTC"
    _, share = made(owner, view=hours, period="fixed", start="2026-01-01", end="2026-07-01")
    assert "bin_size" not in share.view
    Share.objects.all().delete()
    _, share = made(owner, view=hours, period="fixed", start="2026-06-24", end="2026-07-01")
    assert "bin_size=hour" in share.view


def test_a_period_is_whole_hours(canary_site: CanarySite, owner: Client) -> None:
    """Bounds widen to the hours that charts know, and the link opens with exactly that period."""
    _, share = made(owner, period="fixed", start="2026-01-01T10:20", end="2026-01-02T11:40")
    assert share.start is not None
    assert share.end is not None
    assert (share.start % HOUR, share.end - share.start) == (0, DAY + 2 * HOUR)
    assert parse_qs(share.view) == {"start": [str(share.start)], "end": [str(share.end)], "tz": ["UTC"]}


def test_the_preview_is_what_the_recipient_sees(canary_site: CanarySite, owner: Client) -> None:
    """The same page within the same scope, to the byte beside frame and addresses; and nothing is made by
    looking.
    """
    wanted = {
        **FORM,
        "properties": ["model"],
        "every_feature": "",
        "features": ["api_calls"],
        "view": "range=90d&tz=UTC",
    }
    entrance = owner.post("/shares/preview/", wanted).headers["Location"]
    preview = owner.get(entrance)
    assert preview.status_code == 200
    assert Page(preview).one(data_notice="preview").has("b")
    for hidden in ("CANARY_hidden_feature", "CANARY_inner", "CANARY@", "of_another"):
        assert hidden not in preview.content.decode()
    assert not Share.objects.exists()
    sent = form_of(preview)
    response = owner.post(
        "/shares/new",
        {name: value for name, value in sent.items() if name in {*FORM, "features", "properties"}},
    )
    share = Share.objects.get()
    recipient_client = canary_site.recipient_client(
        share, shown(response, "link").rpartition("/")[2], shown(response, "password")
    )
    view = f"usage/?{urlsplit(entrance).query}"
    seen, previewed = recipient_client.get(f"{share.root}{view}"), owner.get(entrance)
    assert figures_of(seen, share.root) == figures_of(preview, "/shares/preview/0123456789abcdef/")
    assert previewed.headers["Location"] == "/shares/new"


def test_each_tab_has_its_own_draft(canary_site: CanarySite, owner: Client) -> None:
    """Two links previewed side by side show their own customers, also after the other was made; the made
    one's ends.
    """
    other = {
        **FORM,
        "share_id": "f" * 16,
        "customer_id": OTHER,
        "recipient": "Bert",
        "view": "range=90d&tz=UTC",
    }
    mine = owner.post("/shares/preview/", FORM).headers["Location"]
    theirs = owner.post("/shares/preview/", other).headers["Location"]
    assert Page(owner.get(mine)).one("h1").text == SEEN
    made(owner)
    page = Page(owner.get(theirs))
    assert page.one("h1").text == OTHER
    assert page.one(data_notice="preview").one("b").text == "Bert"
    assert owner.get(mine).headers["Location"] == "/shares/new"
    part = owner.get(mine, headers={"HX-Request": "true"})
    assert part.headers["HX-Redirect"] == "/shares/new"
    assert form_of(owner.get(f"/shares/draft/{'f' * 16}"))["recipient"] == ["Bert"]


def test_a_preview_says_what_kind_of_link_it_is(canary_site: CanarySite, owner: Client) -> None:
    """A snapshot's says that figures stay as they are, though none are kept before it is made."""
    start, end = bounds()
    wanted = {**FORM, "fresh": "snapshot", "period": "fixed", "start": str(start), "end": str(end)}
    page = Page(owner.get(owner.post("/shares/preview/", wanted).headers["Location"]))
    assert page.has("details", data_snapshot=True)


def figures_of(response: Any, root: str) -> dict[str, Any]:
    """All that a page shows and leads to, its frame and what changes by the second left out."""
    view = Page(response.content.decode().replace(root, "/")).one(id="view")
    marks = (
        "data-sum",
        "data-count",
        "data-shown",
        "data-total",
        "data-events",
        "data-group",
        "data-feature",
    )
    return {
        "figures": {mark: view.values(mark) for mark in marks},
        "cells": view.texts("td"),
        "links": view.hrefs,
        "fields": view.fields,
        "drawing": [drawing.source for drawing in view.all("svg")],
    }


def test_back_from_the_preview_the_form_is_as_it_was(canary_site: CanarySite, owner: Client) -> None:
    """Every field has what was sent to the preview."""
    owner.post("/shares/preview/", {**FORM, "properties": ["meta.tier"], "exports": "on"})
    filled = form_of(owner.get("/shares/draft/0123456789abcdef"))
    assert (filled["recipient"], filled["properties"], filled["exports"]) == (["Ada"], ["meta.tier"], ["on"])


def test_no_warning_without_reason(canary_site: CanarySite, owner: Client) -> None:
    """A link with a password, a week and technical properties is made at once."""
    made(owner, properties=["model"])
    assert (
        timezone.now() + timedelta(days=6)
        < Share.objects.get().expires_at
        < timezone.now() + timedelta(days=8)
    )

"""Creating a link: from a view, with warnings, with a preview, shown once."""

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
from tests.dashboard.sharing.canary_organization import (
    DAY,
    HOUR,
    NAME,
    OTHER,
    SEEN,
    CanarySite,
    bounds,
    now_ms,
)
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
    """The response that shows a link once, and the link."""
    response = client.post("/shares/new", {**FORM, **changes})
    assert shown(response, "link"), response.content.decode()[-3000:]
    return response, Share.objects.get()


def shown(response: Any, name: str) -> str:
    """The link or the password on the page that shows it once."""
    return Page(response).one("input", id=name)["value"] or ""


def form_of(response: Any) -> dict[str, list[str]]:
    """The fields of the page's forms as a browser would send them."""
    return Page(response).fields


def warnings(response: Any) -> set[tuple[str, str]]:
    """The warnings before a link is created: their codes, and the subject of each."""
    return {
        (warning["data-warning"] or "", warning["data-about"] or "")
        for warning in Page(response).all("li", data_warning=True)
    }


def offered(response: Any, name: str) -> set[str]:
    """The choices of a field of checkboxes."""
    return set(Page(response).values("value", "input", name=name))


def test_views_link_to_the_form_with_their_query(
    canary_site: CanarySite, owner: Client, signed_in: Callable[..., Client]
) -> None:
    """The link is not shown to users who may not share."""
    query = f"customer_id={SEEN}&feature_id=api_calls&range=90d&tz=UTC"
    for page in ("usage/", "events/"):
        assert f"/shares/new?{query}" in Page(owner.get(f"/{page}?{query}")).hrefs
        assert "/shares/" not in signed_in("viewer").get(f"/{page}?{query}").content.decode()
        User.objects.filter(username="viewer").delete()


def test_form_has_initial_values_from_the_view(canary_site: CanarySite, owner: Client) -> None:
    """Customer, feature, period and the properties that the view uses; no other property is selected."""
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


def test_form_of_a_relative_range_starts_at_its_start(canary_site: CanarySite, owner: Client) -> None:
    """The link shows nothing older than the view."""
    filled = form_of(owner.get(f"/shares/new?customer_id={SEEN}&range=7d&tz=UTC"))
    assert (filled["period"], filled["start"], filled["end"]) == (["free"], [""], [""])
    first = (now_ms() // DAY - 6) * DAY
    assert filled["since"] == [datetime.fromtimestamp(first / 1000, tz=UTC).strftime("%Y-%m-%dT%H:%M")]
    _, share = made(owner, view="range=7d&tz=UTC", since=filled["since"][0])
    assert (share.start, share.end) == (first, None)


def test_empty_period_is_that_of_the_view(canary_site: CanarySite, owner: Client) -> None:
    """“This period only” with empty dates is the period of the view, up to the running hour."""
    _, share = made(owner, view="range=7d&tz=UTC", period="fixed")
    now = now_ms()
    assert share.start == (now // DAY - 6) * DAY
    assert share.end == -(-now // HOUR) * HOUR


def test_billing_cycle_is_converted_to_dates(canary_site: CanarySite, owner: Client) -> None:
    """The form starts at the hour in which the cycle started, and an empty period is the cycle's."""
    canary_site.age = "newest"  # older servers count a cycle's days back from now
    canary_site.restart()
    started = (now_ms() // DAY - 12) * DAY
    canary_site.store.add_customer(SEEN, subscribed_at_ms=started)
    view = f"customer_id={SEEN}&range=1bc&tz=UTC"
    filled = form_of(owner.get(f"/shares/new?{view}"))
    first = datetime.fromtimestamp(started / 1000, tz=UTC).strftime("%Y-%m-%dT%H:%M")
    assert (filled["period"], filled["since"]) == (["free"], [first])
    _, share = made(owner, view=view, period="fixed")
    assert share.start == started
    assert share.end is not None


def test_repeated_hour_leaves_the_dates_empty(canary_site: CanarySite, owner: Client) -> None:
    """The fields cannot distinguish the two hours; empty fields use the view's period."""
    zone = ZoneInfo("America/New_York")
    start, end = (datetime(2026, 11, 1, 1, tzinfo=zone, fold=1), datetime(2026, 11, 1, 6, tzinfo=zone))
    view = f"customer_id={SEEN}&start={to_ms(start)}&end={to_ms(end)}&tz={zone.key}"
    filled = form_of(owner.get(f"/shares/new?{view}"))
    assert (filled["period"], filled["start"], filled["end"]) == (["fixed"], [""], [""])
    _, share = made(owner, view=view, period="fixed")
    assert (share.start, share.end) == (to_ms(start), to_ms(end))


def test_chosen_groups_are_carried_over_or_reported(canary_site: CanarySite, owner: Client) -> None:
    """Plans are selected if the view is grouped by plan; a warning names groups that cannot be shown."""
    view = f"customer_id={SEEN}&group_by=$plan_id&group=pro&range=90d&tz=UTC"
    assert form_of(owner.get(f"/shares/new?{view}"))["plans"] == ["on"]
    assert ("groups-left-out", "$plan_id") in warnings(owner.post("/shares/new", {**FORM, "view": view}))


def test_hidden_lines_of_what_a_link_does_not_show_are_not_carried_over(
    canary_site: CanarySite, owner: Client
) -> None:
    """Their names are not the recipient's to read."""
    view = f"customer_id={SEEN}&group_by=$customer_id&hide=another-customer&tz=UTC"
    _, share = made(owner, view=view)
    assert "another-customer" not in str(vars(share))


def test_form_of_a_future_view_has_no_dates(canary_site: CanarySite, owner: Client) -> None:
    page = owner.get("/shares/new?start=2090-01-01&end=2090-02-01&tz=UTC")
    assert page.status_code == 200
    filled = form_of(page)
    assert (filled["since"], filled["start"], filled["end"]) == ([""], [""], [""])


def test_conditions_that_a_link_cannot_have_are_reported(canary_site: CanarySite, owner: Client) -> None:
    """A warning names an entity and filters by hidden properties before the link shows more than the view."""
    conditions = "filter=model:model-0&exclude=meta.tier:tin"
    view = f"customer_id={SEEN}&entity_id=CANARY_entity&{conditions}&range=90d&tz=UTC"
    page = owner.post("/shares/new", {**FORM, "view": view, "properties": ["model"]})
    assert warnings(page) == {("entity-left-out", "CANARY_entity"), ("filter-left-out", "meta.tier")}
    assert not Share.objects.exists()


def test_filters_of_the_view_can_be_removed_by_the_recipient(canary_site: CanarySite, owner: Client) -> None:
    """The form lists them with this note."""
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


def test_choices_follow_the_customer(canary_site: CanarySite, owner: Client) -> None:
    """A form without a customer gets the customer's choices when it is entered; selected values stay."""
    assert not Page(owner.get("/shares/new")).has_field("properties")
    started = {**FORM, "view": "range=90d&tz=UTC", "recipient": "", "properties": ["model"], "life": "30"}
    answer = owner.post("/shares/offers", started)
    filled = form_of(answer)
    assert offered(answer, "properties") >= {"model", "user"}
    assert (filled["properties"], filled["life"]) == (["model"], ["30"])
    assert not Page(answer).has(role="alert")
    assert not Share.objects.exists()


def test_plans_can_be_shown_without_deductions(canary_site: CanarySite, owner: Client) -> None:
    response, share = made(owner, plans="on", view="group_by=$plan_id&range=90d&tz=UTC")
    assert (share.plans, share.deductions) == (True, False)
    recipient_client = canary_site.recipient_client(
        share, shown(response, "link").rpartition("/")[2], shown(response, "password")
    )
    assert "CANARY_plan" in recipient_client.get(f"{share.root}usage/?{share.view}").content.decode()


def test_form_offers_features_and_properties_of_the_customer(canary_site: CanarySite, owner: Client) -> None:
    """Those of the view's period, including features of balances; none of other customers."""
    page = owner.get(f"/shares/new?customer_id={SEEN}&range=90d&tz=UTC")
    assert offered(page, "properties") == {"model", "meta.tier", "meta.inner", "user", "CANARY_key"}
    assert offered(page, "features") == {"api_calls", "CANARY_hidden_feature", "CANARY_credits"}
    assert "of_another" not in page.content.decode()
    assert Page(page).values("data-privacy-hint") == ["user"]


def test_created_link_is_shown_once(canary_site: CanarySite, owner: Client) -> None:
    """The response shows link and password; a reload redirects to the link's access log."""
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


def test_link_is_created_after_its_warnings_are_accepted(canary_site: CanarySite, owner: Client) -> None:
    """Personal properties, no password and a long life each have a warning."""
    wanted = {**FORM, "properties": ["user", "model"], "password": "none", "life": "365"}
    response = owner.post("/shares/new", wanted)
    assert warnings(response) == {("personal-property", "user"), ("no-password", ""), ("long-life", "")}
    assert not Share.objects.exists()
    accepted = form_of(response)["accepted"]
    worse = {**wanted, "accepted": accepted, "properties": ["user", "meta.inner", "CANARY_key", "first_name"]}
    assert ("personal-property", "first_name") in warnings(owner.post("/shares/new", worse))
    made(owner, **{**wanted, "accepted": accepted})


def test_privacy_hints() -> None:
    """Values are checked first, then the name; technical properties have no hint."""
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


def test_property_has_the_hints_of_what_is_nested_in_it() -> None:
    """Also where some events have a single value there: a link to it includes what others nest."""
    suggestions = Suggestions(
        properties=(SuggestedProperty("region", None), SuggestedProperty("region.mail", MAY_BE_PERSONAL))
    )
    [outer] = suggestions.privacy_hints(["region"])
    assert "“region.mail”" in (outer.privacy_hint or "")


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
    """Errors of hidden fields are above the form; no link is created."""
    for address in ("/shares/new", "/shares/preview/"):
        response = owner.post(address, {**FORM, **changes})
        assert response.status_code == 400
        page = Page(response)
        assert set(page.values("data-error")) == ({field} if field else set())
        assert len(page.one(data_notice="not-created").all("p")) == (1 if field else 2)
    assert not Share.objects.exists()


def test_link_can_be_created_while_autumn_is_down(canary_site: CanarySite, owner: Client) -> None:
    """The link shows its customer when Autumn is back."""
    canary_site.go_down()
    _, share = made(owner)
    assert share.customer_id == SEEN


def test_interval_too_small_for_the_period_is_dropped(canary_site: CanarySite, owner: Client) -> None:
    """A view by hour becomes a link to half a year without the interval, and a link to a week with it."""
    hours = f"customer_id={SEEN}&bin_size=hour&range=7d&tz=UTC"
    _, share = made(owner, view=hours, period="fixed", start="2026-01-01", end="2026-07-01")
    assert "bin_size" not in share.view
    Share.objects.all().delete()
    _, share = made(owner, view=hours, period="fixed", start="2026-06-24", end="2026-07-01")
    assert "bin_size=hour" in share.view


def test_period_is_rounded_to_whole_hours(canary_site: CanarySite, owner: Client) -> None:
    """The link opens with exactly that period."""
    _, share = made(owner, period="fixed", start="2026-01-01T10:20", end="2026-01-02T11:40")
    assert share.start is not None
    assert share.end is not None
    assert (share.start % HOUR, share.end - share.start) == (0, DAY + 2 * HOUR)
    assert parse_qs(share.view) == {"start": [str(share.start)], "end": [str(share.end)], "tz": ["UTC"]}


def test_preview_equals_the_recipients_page(canary_site: CanarySite, owner: Client) -> None:
    """Except for frame and addresses; the preview creates no link."""
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
    """Two previews in parallel show their own customers, even after one link is created; its draft ends."""
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


def test_preview_of_a_snapshot_is_marked(canary_site: CanarySite, owner: Client) -> None:
    """No figures are stored before it is created."""
    start, end = bounds()
    wanted = {**FORM, "fresh": "snapshot", "period": "fixed", "start": str(start), "end": str(end)}
    page = Page(owner.get(owner.post("/shares/preview/", wanted).headers["Location"]))
    assert page.has("details", data_snapshot=True)


def figures_of(response: Any, root: str) -> dict[str, Any]:
    """The content and links of a page, without its frame and the parts that change each second."""
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


def test_form_is_restored_after_the_preview(canary_site: CanarySite, owner: Client) -> None:
    owner.post("/shares/preview/", {**FORM, "properties": ["meta.tier"], "exports": "on"})
    filled = form_of(owner.get("/shares/draft/0123456789abcdef"))
    assert (filled["recipient"], filled["properties"], filled["exports"]) == (["Ada"], ["meta.tier"], ["on"])


def test_link_without_warnings_is_created_at_once(canary_site: CanarySite, owner: Client) -> None:
    """With a password, a life of a week and technical properties."""
    made(owner, properties=["model"])
    assert (
        timezone.now() + timedelta(days=6)
        < Share.objects.get().expires_at
        < timezone.now() + timedelta(days=8)
    )


def test_user_creates_sixty_links_an_hour(canary_site: CanarySite, owner: Client) -> None:
    """Others can create more."""
    soon = timezone.now() + timedelta(days=7)
    Share.objects.bulk_create(
        Share(
            token_hash=f"hash {number}",
            recipient="Ada",
            customer_id=SEEN,
            owner=canary_site.owner,
            expires_at=soon,
        )
        for number in range(60)
    )
    refused = owner.post("/shares/new", FORM)
    assert refused.status_code == 429
    assert form_of(refused)["recipient"] == ["Ada"]
    assert Share.objects.count() == 60
    Share.objects.update(created_at=timezone.now() - timedelta(hours=1))
    assert shown(owner.post("/shares/new", FORM), "link")


def test_draft_has_the_fields_of_the_form_alone(canary_site: CanarySite, owner: Client) -> None:
    owner.post("/shares/preview/", {**FORM, "unknown": "x" * 10_000})
    assert "xxx" not in str(dict(owner.session))
    assert form_of(owner.get("/shares/draft/0123456789abcdef"))["recipient"] == ["Ada"]


EXTRAS = {"customer_name": NAME, "balances": "data-granted", "plans": "data-plan="}


def test_name_balances_and_plans_are_off_unless_chosen(canary_site: CanarySite, owner: Client) -> None:
    """In the form, in the link, and in the preview as the recipient."""
    form = form_of(owner.get(f"/shares/new?customer_id={SEEN}"))
    assert not EXTRAS.keys() & form.keys()
    for chosen in ([], [*EXTRAS]):
        sent = {**FORM, "share_id": f"{len(chosen):016x}", **dict.fromkeys(chosen, "on")}
        preview = owner.post("/shares/preview/", sent, follow=True).content.decode()
        assert "data-recipient" in preview
        assert [name for name, mark in EXTRAS.items() if mark in preview] == chosen
        _, share = made(owner, **dict.fromkeys(chosen, "on"))
        assert [name for name in EXTRAS if getattr(share, name)] == chosen
        share.delete()


@pytest.mark.parametrize("fresh", ["live", "snapshot"])
def test_link_to_one_period_has_no_balances(canary_site: CanarySite, owner: Client, fresh: str) -> None:
    """The error is beside the field."""
    start, end = bounds()
    period = {"period": "fixed", "start": moment_text(start), "end": moment_text(end), "fresh": fresh}
    refused = owner.post("/shares/new", {**FORM, **period, "balances": "on"})
    assert refused.status_code == 400
    assert Page(refused).has(data_error="balances")
    assert not Share.objects.exists()


def test_balances_of_a_link_with_an_earliest_date_are_warned_of(
    canary_site: CanarySite, owner: Client
) -> None:
    """They have usage from before it."""
    since = {"since": moment_text(bounds()[0])}
    for balances in ({}, {"balances": "on"}):
        shown_first = owner.post("/shares/new", {**FORM, **since, **balances, "password": "none"})
        assert (("balances-before-start", "") in warnings(shown_first)) == bool(balances)


def moment_text(ms: int) -> str:
    """A moment as the form's fields have it."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M")

"""Pages that recipients see: correct for the data they see, without hints at hidden data."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.dashboard.sharing.canary_organization import SEEN, CanarySite, bounds, now_ms
from tests.dashboard.sharing.manage.test_create import FORM
from tests.page import Page

pytestmark = pytest.mark.django_db

UNSEEN = "a\u202eb\u200bc"
SPELLED = "a[U+202E]b[U+200B]c"


def test_recipients_see_no_duplicates_check(canary_site: CanarySite) -> None:
    """Events that differ in a hidden property only would look like duplicates."""
    start, _ = bounds()
    alike = [
        {
            "timestamp": start + number * 400,
            "customer_id": SEEN,
            "feature_id": "api_calls",
            "properties": {"request_id": f"req_{number}"},
        }
        for number in range(40)
    ]
    canary_site.store.add(alike)
    share, token = canary_site.share(properties=[])
    checks = Page(canary_site.recipient_client(share, token).get(f"{share.root}events/facets/?tz=UTC")).one(
        "details", class_="checks"
    )
    assert not checks.has(data_check="duplicates")
    assert "uplicate" not in checks.text


def test_recipients_see_no_other_viewers(canary_site: CanarySite) -> None:
    """The number of calls for this customer would show when staff view it; it is on staff pages only."""
    share, token = canary_site.share()
    assert not Page(canary_site.recipient_client(share, token).get(f"{share.root}usage/")).has(
        data_in_use=True
    )
    staff = Client()
    staff.force_login(canary_site.owner)
    assert Page(staff.get(f"/usage/?customer_id={SEEN}")).has(data_in_use=True)


def test_recipients_cannot_refresh(canary_site: CanarySite) -> None:
    """Requests to bypass the cache are answered from it: staff share the customer's five calls a second."""
    share, token = canary_site.share()
    recipient_client = canary_site.recipient_client(share, token)
    recipient_client.get(f"{share.root}events/")
    canary_site.take()
    assert (
        recipient_client.get(f"{share.root}events/", headers={"Cache-Control": "no-cache"}).status_code == 200
    )
    assert canary_site.take() == []


def test_hidden_properties_are_reported_as_hidden(canary_site: CanarySite) -> None:
    """An open row and the choice of columns say that the link shows none."""
    share, token = canary_site.share(properties=[])
    recipient_client = canary_site.recipient_client(share, token)
    listed = Page(recipient_client.get(f"{share.root}events/?tz=UTC"))
    assert listed.one("form", id="columns").has(data_notice="properties-hidden")
    opened = listed.one("tbody", id="found").links()[0]
    assert Page(recipient_client.get(opened)).one(data_event=True).has(data_notice="properties-hidden")


def test_shortcut_list_matches_the_page(canary_site: CanarySite) -> None:
    """The list has no shortcut for a field that the page does not have."""
    share, token = canary_site.share()
    keys = (
        Page(canary_site.recipient_client(share, token).get(f"{share.root}events/"))
        .one("dialog", id="keys")
        .texts("kbd")
    )
    assert "f" in keys
    assert "/" not in keys


def test_invisible_characters_are_spelled_out(canary_site: CanarySite) -> None:
    """In a recipient, a feature or a property, on the pages of owners and recipients."""
    event = {"timestamp": now_ms() - 60_000, "customer_id": SEEN, "feature_id": UNSEEN}
    canary_site.store.add([{**event, "properties": {UNSEEN: 1}}])
    owner = Client()
    owner.force_login(canary_site.owner)
    offered = Page(owner.get(f"/shares/new?customer_id={SEEN}&tz=UTC")).texts("span")
    assert offered.count(SPELLED) == 2
    wanted = {**FORM, "recipient": UNSEEN, "every_feature": "", "features": [UNSEEN]}
    made = owner.post("/shares/new", wanted)
    address = f"/shares/{FORM['share_id']}/"
    for page in (made, owner.get("/shares/"), owner.get(address)):
        assert SPELLED in Page(page).text
        assert UNSEEN not in page.content.decode()
    owner.post(f"{address}revoke")
    assert SPELLED in Page(owner.get("/shares/")).one(data_notice="revoked").text
    share, token = canary_site.share(recipient=UNSEEN)
    seen = Page(canary_site.recipient_client(share, token).get(f"{share.root}usage/"))
    assert seen.one("details", class_="about").texts("b")[1] == SPELLED

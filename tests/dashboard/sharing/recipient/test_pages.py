"""What whoever holds a link reads: true of what they see, and silent on what they don't."""

from __future__ import annotations

import html
import re

import pytest
from django.test import Client

from tests.dashboard.sharing.canary_organization import SEEN, House, bounds, now_ms
from tests.dashboard.sharing.manage.test_create import FORM

pytestmark = pytest.mark.django_db

UNSEEN = "a\u202eb\u200bc"
SPELLED = "a[U+202E]b[U+200B]c"


def test_nothing_is_called_a_duplicate(house: House) -> None:
    """Events that only a hidden property tells apart look alike to the holder; that is no finding about them."""
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
    house.store.add(alike)
    share, token = house.share(properties=[])
    checks = house.holder(share, token).get(f"{share.root}events/facets/?tz=UTC").content.decode()
    assert "Checks" in checks
    assert "uplicate" not in checks


def test_nobody_is_told_who_else_looks(house: House) -> None:
    """How busy Autumn is with this customer would tell when staff look at them: it stands on staff's pages alone."""
    share, token = house.share()
    assert "requests/s" not in house.holder(share, token).get(f"{share.root}usage/").content.decode()
    staff = Client()
    staff.force_login(house.maker)
    assert "of 5 requests/s" in staff.get(f"/usage/?customer_id={SEEN}").content.decode()


def test_a_holder_refreshes_nothing(house: House) -> None:
    """What is kept answers them also where they ask to go round it: staff share the customer's five calls a second."""
    share, token = house.share()
    holder = house.holder(share, token)
    holder.get(f"{share.root}events/")
    house.take()
    assert holder.get(f"{share.root}events/", headers={"Cache-Control": "no-cache"}).status_code == 200
    assert house.take() == []


def test_hidden_properties_are_not_said_to_be_none(house: House) -> None:
    """An open row and the choice of columns say that the link shows none, not that there are none."""
    share, token = house.share(properties=[])
    holder = house.holder(share, token)
    listed = holder.get(f"{share.root}events/?tz=UTC").content.decode()
    assert "no properties that this link shows" in listed
    opened = html.unescape(re.findall(r'href="([^"]+event=[^"]+)"', listed)[0])
    assert "It has none that this link shows." in holder.get(opened).content.decode()


def test_keys_that_do_something(house: House) -> None:
    """The list of keys has none for a field that a link has not."""
    share, token = house.share()
    page = house.holder(share, token).get(f"{share.root}events/").content.decode()
    assert "<dd>filters</dd>" in page
    assert "<dd>customer</dd>" not in page


def test_characters_that_do_not_show(house: House) -> None:
    """In a recipient, a feature or a property they are spelled out, wherever a link is made, minded or held."""
    event = {"timestamp": now_ms() - 60_000, "customer_id": SEEN, "feature_id": UNSEEN}
    house.store.add([{**event, "properties": {UNSEEN: 1}}])
    maker = Client()
    maker.force_login(house.maker)
    offered = maker.get(f"/shares/new?customer_id={SEEN}&tz=UTC").content.decode()
    assert offered.count(f"<span>{SPELLED}</span>") == 2
    made = maker.post(
        "/shares/new", {**FORM, "recipient": UNSEEN, "every_feature": "", "features": [UNSEEN]}
    ).content.decode()
    root = re.findall(r'href="/shares/(\w{16})/"', made)[0]
    for page in (
        made,
        maker.get("/shares/").content.decode(),
        maker.get(f"/shares/{root}/").content.decode(),
    ):
        assert SPELLED in page
        assert UNSEEN not in page
    maker.post(f"/shares/{root}/revoke")
    assert f"the link for {SPELLED} opens nothing" in maker.get("/shares/").content.decode()
    share, token = house.share(recipient=UNSEEN)
    assert f"<b>{SPELLED}</b>" in house.holder(share, token).get(f"{share.root}usage/").content.decode()

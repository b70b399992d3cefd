"""Allowances, plans and the billing cycle of a customer, on its usage page."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.charts import chart_panel
from dashboard.charts.chart import chart_of
from dashboard.charts.figure import figure, origins
from tests.dashboard.charts.sample_series import groups, query_of_days, series_of
from tests.dashboard.names.conftest import AGES, KEYS, LUMEN, NamedSite, OpenSite
from tests.page import Page
from tests.usage.sample.conftest import described
from usage.catalog import Balance
from usage.charts.allowance import Allowance
from usage.charts.series import Line
from usage.sample import SAMPLE_KEY, Store

HOUR = 3_600_000
DAY = 24 * HOUR
STEADY = "cus_steady"


def of_store(**changes: Any) -> Store:
    """A customer that uses 5 an hour. Of its cycle 10 days are over, of 2,400 granted 1,200 are used."""
    now = int(time.time() * 1000)
    today = now // DAY * DAY
    start, end = today - 10 * DAY, today + 20 * DAY
    reset = {"interval": "month", "resets_at": end}
    balance = {
        "feature_id": "messages",
        "granted": 2_400,
        "remaining": 1_200,
        "usage": 1_200,
        "unlimited": False,
        "overage_allowed": False,
        "max_purchase": None,
        "next_reset_at": end,
        "breakdown": [{"plan_id": "pro", "included_grant": 2_400, "prepaid_grant": 0, "reset": reset}],
    }
    plan = {"plan_id": "pro", "status": "active", "past_due": False}
    period = {"current_period_start": start, "current_period_end": end}
    later = {**plan, "plan_id": "scale", "status": "scheduled"}
    store = Store()
    store.add(
        [
            {
                "timestamp": at,
                "value": 5,
                "customer_id": each,
                "feature_id": "messages",
                "properties": {"k": 1},
            }
            for at in range(today - 35 * DAY, now, HOUR)
            for each in (STEADY, "cus_first", "cus_without")
        ]
    )
    feature = {"id": "messages", "name": "Messages", "type": "metered", "consumable": True, "event_names": []}
    store.put_feature(feature | {"display": {"singular": "message", "plural": "messages"}, "archived": False})
    body = {"subscriptions": [plan | period, later], "balances": {"messages": balance | changes}}
    store.put_customer(described(STEADY, name="Steady Ltd") | body)
    return store


def usage_page(site: NamedSite, customer: str = STEADY, **more: str) -> Page:
    return Page(site.client.get("/usage/", {"customer_id": customer, "tz": "UTC", **more}))


def test_card_has_allowance_and_run_out_date(open_site: OpenSite) -> None:
    """The same date on pages of any range; the sentence below the chart says how it is calculated."""
    site = open_site(store=of_store())
    dates = set()
    for more in ({}, {"range": "7d"}, {"range": "24h"}, {"range": "30d", "compare": "previous"}):
        page = usage_page(site, **more)
        card = page.one("a", data_feature="messages").one("div", data_granted=True)
        assert (card["data-granted"], card["data-used"], card["data-remaining"]) == ("2400", "1200", "1200")
        assert (int(card["data-resets"] or 0) // DAY - int(time.time() * 1000) // DAY) == 20
        assert page.one("div", data_allowance="messages").has(data_method=True), more
        dates.add(card["data-runs-out"])
    [date] = dates
    left = (time.mktime(time.strptime(date or "", "%Y-%m-%d")) - time.time()) / 86_400
    assert 8.9 <= left <= 10.1


@pytest.mark.parametrize(
    ("changes", "granted"),
    [
        ({"unlimited": True, "granted": 0, "remaining": 0, "next_reset_at": None}, ""),
        ({"remaining": 0}, "2400"),
    ],
)
def test_no_date_for_what_cannot_run_out(open_site: OpenSite, changes: dict[str, Any], granted: str) -> None:
    page = usage_page(open_site(store=of_store(**changes)))
    card = page.one("a", data_feature="messages").one("div", data_granted=True)
    assert (card["data-granted"], card["data-runs-out"]) == (granted, "")
    assert card["data-unlimited"] == ("" if "unlimited" in changes else None)
    assert not page.has(data_method=True)


def test_head_has_active_plan_with_its_cycle(open_site: OpenSite) -> None:
    page = usage_page(open_site(store=of_store()))
    plan = page.one("span", data_plan=True)
    assert (plan["data-plan"], plan["data-status"]) == ("pro", "active")
    assert int(plan["data-period-end"] or 0) - int(plan["data-period-start"] or 0) == 30 * DAY


def test_running_cycle_has_a_line_at_what_is_granted(open_site: OpenSite) -> None:
    """In both drawings, and in no other chart; the axis reaches it."""
    site = open_site(store=of_store())
    page = usage_page(site, range="1bc", chart="cumulative")
    assert len(page.all("path", class_="granted")) == 1
    [line] = [trace for trace in page.figure["data"] if trace["name"] == "granted"]
    assert set(line["y"]) == {2_400}
    assert page.figure["layout"]["yaxis"]["range"][1] >= 2_400
    for other in (
        {"range": "1bc"},
        {"range": "30d", "chart": "cumulative"},
        {"range": "1bc", "chart": "cumulative", "filter": "k:1"},
        {"range": "1bc", "chart": "cumulative", "value_min": "1"},
    ):
        assert not usage_page(site, **other).has("path", class_="granted"), other


def test_balance_and_events_that_differ_are_both_shown(open_site: OpenSite) -> None:
    site = open_site(store=of_store(usage=900))
    shown = usage_page(site, range="1bc")
    assert shown.one("div", data_allowance="messages").has(data_differs=True)
    assert shown.one("a", data_feature="messages")["data-sum"] != "900"
    assert not usage_page(site, range="7d").has(data_differs=True)


def test_balance_without_a_feature_card_has_its_own(open_site: OpenSite) -> None:
    """Credits, which events of other features use."""
    site = open_site()
    card = usage_page(site, LUMEN, range="30d").one("div", data_balance="credits")
    assert card.one("div", data_granted=True)["data-granted"] == "160"
    chosen = usage_page(site, LUMEN, range="30d", feature_id="image_renders")
    assert not chosen.has(data_balance=True)


@pytest.mark.parametrize("age", AGES)
@pytest.mark.parametrize("key", KEYS)
def test_nothing_is_shown_that_may_not_be_read(open_site: OpenSite, age: str, key: str) -> None:
    """At each age of the server, with each key."""
    site = open_site(age, key, store=of_store())
    page = usage_page(site)
    may_read = key == SAMPLE_KEY and age != "older"
    assert page.has(data_granted=True) == page.has(data_plan=True) == may_read


def test_warm_page_makes_no_call(open_site: OpenSite) -> None:
    """Neither for names nor for the days that tell when an allowance runs out."""
    site = open_site(store=of_store())
    usage_page(site, range="7d")
    site.name_calls()
    usage_page(site, range="7d")
    assert site.autumn.paths == []


def test_default_page_needs_no_call_for_its_estimate(open_site: OpenSite) -> None:
    """It has the days itself."""
    site, counts = open_site(store=of_store()), []
    for customer in ("cus_first", "cus_without", STEADY):
        site.autumn.paths.clear()
        usage_page(site, customer)
        counts.append(site.autumn.paths.count("events.aggregate"))
    assert counts[1] == counts[2]


def allowance(granted: float) -> Allowance:
    return Allowance(Balance("f", granted, 0.0, 0.0, False, False, None, ()), in_chart=1.0)


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["bars", "lines", "cumulative"]))
def test_any_grant_is_drawn_within_the_axis_or_not_at_all(granted: float, shape: str) -> None:
    series = series_of([Line("feature", "f", (1.0,) * 5)], query_of_days(5, chart=shape))
    chart = chart_of(series, allowance=allowance(granted))
    assert chart.granted is None or (shape == "cumulative" and chart.low <= chart.granted <= chart.high)
    assert len(origins(chart)) == len(figure(chart)["data"])
    chart_panel(series, allowances={"f": allowance(granted)})


def test_chosen_groups_have_no_line_of_the_whole() -> None:
    grouped = groups("a", "b", chart="cumulative")
    assert chart_of(grouped, allowance=allowance(10.0)).granted == 10
    chosen = groups("a", chart="cumulative", group=("a",))
    assert chart_of(chosen, allowance=allowance(10.0)).granted is None

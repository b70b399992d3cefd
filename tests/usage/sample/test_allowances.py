"""Names, subscriptions and allowances of the story's customers, from customers.get and customers.list."""

from datetime import UTC, datetime

import pytest

from usage.sample import Store
from usage.sample.story.cast import CUSTOMERS

from .conftest import DAY, HOUR, NOW, Copy, Story

pytestmark = pytest.mark.slow


def test_every_customer_with_events_is_listed(story: Story, store: Store) -> None:
    with store.reading() as connection:
        ids = {row[0] for row in connection.execute("SELECT DISTINCT customer_id FROM events")}
    listed = story.customers()
    assert {each["id"] for each in listed} == ids | {None}
    assert all(each["created_at"] < NOW for each in listed)


def test_forty_customers_have_names_and_addresses(story: Story) -> None:
    """One of them has no name and some have no address on purpose; plans match those of their deductions."""
    found = {each["id"]: each for each in story.customers()}
    nameless = [each.id for each in CUSTOMERS if found[each.id]["name"] is None]
    assert nameless == ["first-try"]
    assert sum(found[each.id]["email"] is not None for each in CUSTOMERS) >= 35
    for each in CUSTOMERS:
        plans = [one["plan_id"] for one in found[each.id]["subscriptions"]]
        assert plans[:1] == ([each.plan] if each.plan else [])


def test_search_finds_a_customer_whose_id_is_unlike_its_name(story: Story) -> None:
    assert story.id_of("lumen optics") == story.id_of("studio@lumen") == "cus_7f3a9k"


def test_two_customers_have_one_name(story: Story) -> None:
    twins = story.customers(search="Brightside Media")
    assert {each["name"] for each in twins} == {"Brightside Media"}
    assert len({each["id"] for each in twins}) == 2
    assert len({each["created_at"] for each in twins}) == 1


def test_subscriptions_have_every_state(story: Story) -> None:
    """Past due, ending, on trial, scheduled and added on."""
    subscriptions = [one for each in story.customers() for one in each["subscriptions"]]
    assert [one for one in subscriptions if one["past_due"]]
    assert [one for one in subscriptions if one["canceled_at"] and one["expires_at"] > NOW]
    assert [one for one in subscriptions if one["trial_ends_at"] and one["trial_ends_at"] > NOW]
    assert [one for one in subscriptions if one["add_on"]]
    scheduled = [one for one in subscriptions if one["status"] == "scheduled"]
    assert all(one["started_at"] > NOW and one["current_period_start"] is None for one in scheduled)
    assert [one for one in subscriptions if one["plan_id"] == "free" and one["current_period_start"] is None]


def test_periods_hold_now_and_start_inside_an_hour(story: Story) -> None:
    starts = [
        one["current_period_start"]
        for each in story.customers()
        for one in each["subscriptions"]
        if one["current_period_start"] is not None
    ]
    assert all(start % HOUR for start in starts)
    assert all(NOW - 366 * DAY < start <= NOW for start in starts)
    (lumen,) = story.call("customers.get", customer_id="cus_7f3a9k")["subscriptions"]
    assert (
        datetime.fromtimestamp(lumen["current_period_start"] / 1000, UTC).strftime("%H:%M:%S") == "09:17:23"
    )
    assert lumen["current_period_start"] <= NOW < lumen["current_period_end"]


def test_periods_and_usage_move_with_the_clock(copy: Copy) -> None:
    """A month later the next period is the current one, and its usage starts again."""
    before = copy.call("customers.get", customer_id="acct_0091")
    copy.clock.now = before["subscriptions"][0]["current_period_end"] / 1000 + 1
    after = copy.call("customers.get", customer_id="acct_0091")
    assert (
        after["subscriptions"][0]["current_period_start"] == before["subscriptions"][0]["current_period_end"]
    )
    assert before["balances"]["tile_requests"]["usage"] > 100
    assert after["balances"]["tile_requests"]["usage"] < 10
    assert after["balances"]["seats_yearly"]["usage"] == before["balances"]["seats_yearly"]["usage"] == 1500


@pytest.mark.parametrize("customer_id", ["hooli", "acct_0091", "vandelay-imports"])
def test_balance_usage_is_the_sum_of_rows_since_its_reset(story: Story, customer_id: str) -> None:
    """The test sums the rows from the start of the period to now."""
    body = story.call("customers.get", customer_id=customer_id)
    start = body["subscriptions"][0]["current_period_start"]
    rows = story.rows(customer_id, custom_range={"start": start, "end": NOW + DAY})
    checked = 0
    for feature, balance in body["balances"].items():
        if balance["next_reset_at"] != body["subscriptions"][0]["current_period_end"]:
            continue
        used = sum(row["value"] for row in rows if row["feature_id"] == feature and row["timestamp"] >= start)
        assert balance["usage"] == pytest.approx(used)
        checked += 1
    assert checked


def test_balances_add_up(story: Story) -> None:
    """`granted` and `usage` are the sums of the parts, and `remaining` is never below zero."""
    balances = [balance for each in story.customers() for balance in each["balances"].values()]
    for balance in balances:
        parts = balance["breakdown"]
        assert balance["granted"] == sum(part["included_grant"] + part["prepaid_grant"] for part in parts)
        assert balance["usage"] == pytest.approx(sum(part["usage"] for part in parts))
        assert balance["remaining"] == pytest.approx(max(0, balance["granted"] - balance["usage"]))
    assert [
        one for one in balances if one["unlimited"] and one["granted"] == 0 and one["next_reset_at"] is None
    ]
    assert [one for one in balances if one["overage_allowed"] and one["usage"] > one["granted"] > 0]
    assert [one for one in balances if not one["overage_allowed"] and one["usage"] > one["granted"] > 0]
    assert [one for one in balances if one["remaining"] > 0 and one["next_reset_at"]]
    assert [one for one in balances if len(one["breakdown"]) == 2]
    controls = [each["billing_controls"] for each in story.customers()]
    assert {name for each in controls for name in each} == {"usage_limits", "spend_limits"}


def test_deductions_name_balances_of_their_customer(story: Story) -> None:
    """A row's deduction names a balance of its customer, with the reset of that balance."""
    for customer_id in ("hooli", "cus_7f3a9k", "acct_0091"):
        body = story.call("customers.get", customer_id=customer_id)
        parts = {part["id"]: part for each in body["balances"].values() for part in each["breakdown"]}
        start = body["subscriptions"][0]["current_period_start"]
        rows = story.rows(customer_id, custom_range={"start": start + 1000, "end": NOW})
        drawn = [deduction for row in rows for deduction in row["deductions"] or []]
        drawn = [deduction for deduction in drawn if deduction["balance_id"] in parts]
        assert len(drawn) > 50
        for deduction in drawn:
            part = parts[deduction["balance_id"]]
            assert deduction["plan_id"] == part["plan_id"]
            assert (deduction["reset"] is None) == (part["reset"] is None)

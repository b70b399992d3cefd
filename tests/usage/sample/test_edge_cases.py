"""The small customers of the story, each with a case that usage pages often get wrong."""

from collections import Counter

import pytest

from .conftest import DAY, NOW, Copy, Story

pytestmark = pytest.mark.slow

WEEK = {"custom_range": {"start": NOW // DAY * DAY - 7 * DAY, "end": NOW // DAY * DAY - 1}}


def test_twenty_features_have_five_events_each_in_a_week(story: Story) -> None:
    """Twelve features have the value 10, eight have 9."""
    rows = story.rows(story.id_of("Bellweather Controls"), **WEEK)
    counts = Counter((row["feature_id"], row["value"]) for row in rows)
    assert len(rows) == 100
    assert set(counts.values()) == {5}
    assert Counter(value for _, value in counts) == {10: 12, 9: 8}


def test_seventy_features_have_their_largest_last_in_the_alphabet(story: Story) -> None:
    rows = story.rows(story.id_of("Halcyon Grid"), **WEEK)
    counts = Counter(row["feature_id"] for row in rows)
    assert len(counts) == 70
    assert set(sorted(counts)[-20:]) == {feature for feature, _ in counts.most_common(20)}
    assert max(row["value"] for row in rows if row["feature_id"] < "grid_51") < 100


def test_yearly_feature_has_three_events_behind_a_thousand_newer_rows(story: Story) -> None:
    rows = story.rows(story.id_of("Northwind Cartography"))
    positions = [position for position, row in enumerate(rows) if row["feature_id"] == "seats_yearly"]
    assert len(positions) == 3
    assert positions[0] > 1000
    assert [rows[position]["value"] for position in positions] == [500, 500, 500]
    assert rows[-1]["timestamp"] < NOW - 300 * DAY


def test_credit_system_is_drawn_on_by_other_features(story: Story) -> None:
    """It has no events of its own; deductions draw on it, at the rates of `features.list`."""
    features = {each["id"]: each for each in story.call("features.list")["list"]}
    costs = {each["metered_feature_id"]: each["credit_cost"] for each in features["credits"]["credit_schema"]}
    assert features["credits"]["type"] == "credit_system"
    rows = story.rows("cus_7f3a9k", feature_id=[*costs])
    assert {row["feature_id"] for row in rows} == set(costs)
    for row in rows:
        ((deduction),) = row["deductions"]
        assert deduction["feature_id"] == "credits"
        assert deduction["value"] == pytest.approx(row["value"] * costs[row["feature_id"]])
    assert min(row["value"] for row in rows) == -2
    assert not story.call("events.list", customer_id="cus_7f3a9k", feature_id="credits")["list"]
    start = story.call("customers.get", customer_id="cus_7f3a9k")["subscriptions"][0]["current_period_start"]
    drawn = sum(row["deductions"][0]["value"] for row in rows if row["timestamp"] >= start)
    assert story.balance("cus_7f3a9k", "credits")["usage"] == pytest.approx(drawn)


def test_features_have_event_names(story: Story) -> None:
    """Events are tracked under names that belong to one feature or two, never under the feature's own id."""
    features = story.call("features.list")["list"]
    owners = Counter(name for each in features for name in each["event_names"])
    seen = {row["feature_id"] for row in story.rows("cus_7f3a9k")}
    assert seen & set(owners) == {"export_pdf", "export_csv", "report_sent"}
    assert (owners["export_pdf"], owners["report_sent"]) == (1, 2)
    assert "exports" not in seen
    assert story.balance("cus_7f3a9k", "exports")["usage"] > 0


def test_features_are_of_every_kind(story: Story) -> None:
    """Metered, not consumable, boolean, archived, without display texts; credit systems with and without
    rates.
    """
    features = story.call("features.list")["list"]
    assert {each["type"] for each in features} == {"metered", "boolean", "credit_system", "ai_credit_system"}
    assert [each["archived"] for each in features] == sorted(each["archived"] for each in features)
    assert [each for each in features if each["type"] == "credit_system" and "credit_schema" not in each]
    assert [each for each in features if each["type"] == "metered" and not each["consumable"]]
    assert [each for each in features if "display" not in each and not each["name"]]
    assert [each for each in features if each.get("display", {}).get("plural", "") is None]
    known = {each["id"] for each in features} | {name for each in features for name in each["event_names"]}
    assert "legacy_ping" not in known


def test_values_have_many_digits(story: Story) -> None:
    rows = story.rows(story.id_of("Fibonacci"))
    assert {row["value"] for row in rows} >= {1024176714000000000, 2**53, -0.5}
    readings = {row["properties"]["as_text"]: row["properties"]["reading"] for row in rows}
    assert readings["0.30000000000000004"] == 0.1 + 0.2
    assert readings["0.3333333333333333"] == 1 / 3
    assert readings["123456789.12345679"] == 123456789.12345679
    assert "9007199254740993" in readings
    assert "12345678901234567890" in readings


def test_hundreds_of_rows_share_a_millisecond(story: Story) -> None:
    rows = story.rows(story.id_of("Tick Tock"))
    ((_, most),) = Counter(row["timestamp"] for row in rows).most_common(1)
    assert most == 250
    assert len({row["id"] for row in rows}) == len(rows)


def test_property_values_look_alike(story: Story) -> None:
    """Three ARNs with the same first 40 characters; ids, hex digits, decimals; one path in two notations."""
    rows = story.rows(story.id_of("Meridian Cloudworks"))
    arns = {row["properties"]["arn"] for row in rows}
    assert (len(arns), len({arn[:40] for arn in arns})) == (3, 1)
    assert len({row["properties"]["trace"] for row in rows}) == len(rows)
    assert {row["properties"]["class"] for row in rows} >= {"Other", "AUTUMN_RESERVED", ""}
    bins = story.call(
        "events.aggregate",
        feature_id="lambda_ms",
        customer_id="acct_arn_5",
        group_by="properties.arn",
        **WEEK,
    )
    assert set(bins["list"][0]["grouped_values"]["lambda_ms"]) == arns


def test_clocks_that_are_ahead_and_rows_that_arrive_late(copy: Copy) -> None:
    """One row is minutes ahead of now; others arrive later than rows that are newer."""
    customer_id = copy.id_of("Drift & Sons")
    before = copy.rows(customer_id)
    assert NOW < before[0]["timestamp"] <= NOW + 6 * 60_000
    copy.clock.now += 3600
    seen = {row["id"] for row in before}
    arrived = [row for row in copy.rows(customer_id) if row["id"] not in seen]
    late = [row for row in arrived if row["properties"]["clock"] == "late"]
    assert [row for row in late if row["timestamp"] < before[0]["timestamp"]]
    (overtaken,) = [row for row in arrived if row["properties"]["clock"] == "overtaken"]
    (right,) = [row for row in arrived if row["properties"]["clock"] == "right"]
    assert right["timestamp"] - overtaken["timestamp"] == 2000


def test_story_of_an_earlier_version_gets_its_catalog(copy: Copy) -> None:
    """A file without a catalog has one after the next start, with its events, each once."""
    count = "SELECT count(*) FROM events"
    expected = copy.sql(count)
    copy.sql("DELETE FROM catalog_features")
    copy.sql("DELETE FROM catalog_customers")
    copy.sql("DELETE FROM events WHERE customer_id = 'org_20f5c1'")
    copy.sql("DELETE FROM hours WHERE customer_id = 'org_20f5c1'")
    copy.store.ensure_story()
    assert copy.sql(count) == expected
    body = copy.call("customers.get", customer_id="org_20f5c1")
    assert body["name"] == "Bellweather Controls"
    assert body["balances"]["meter_01"]["usage"] > 0

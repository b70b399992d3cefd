"""Undocumented behavior of the service, by the numbers of the contract's traps."""

import pytest

from .conftest import DAY, HOUR, NOW, Organization, between, ms

NOON = "2025-11-10T12:00"
DAY_10 = between("2025-11-10", "2025-11-11")


def test_trap_1_list_total_counts_the_page_only(org: Organization) -> None:
    """The `total` of a list counts the rows on the page; the aggregate's count is that of the whole range."""
    for minute in range(5):
        org.track(ms(NOON) + minute * 60_000)
    page = org.listing(limit=2, customer_id="cus_1").json()
    assert (page["total"], page["has_more"], page["offset"], page["limit"]) == (2, True, 0, 2)
    total = org.aggregate(customer_id="cus_1", bin_size="day", **DAY_10).json()["total"]
    assert total == {"messages": {"count": 5, "sum": 5}}


def test_trap_2_offsets_shift_as_events_arrive(org: Organization) -> None:
    """A row is repeated if an event arrives between two pages, unless the end is pinned."""
    for second in range(4):
        org.track(ms(NOON) + second * 1000, id=f"evt_{second}")
    first = [row["id"] for row in org.rows(limit=2)]
    org.track(ms(NOON) + 9000, id="evt_9")
    assert first == ["evt_3", "evt_2"]
    assert [row["id"] for row in org.rows(limit=2, offset=2)] == ["evt_2", "evt_1"]
    pinned = {"end": ms(NOON) + 3000}
    assert [row["id"] for row in org.rows(limit=2, offset=2, custom_range=pinned)] == ["evt_1", "evt_0"]


@pytest.mark.parametrize("body", [b'{"customer_id": ""}', b"", b"customer_id=cus_1", b"{"])
def test_trap_3_blank_customer_is_no_filter(org: Organization, body: bytes) -> None:
    """A blank customer, or a body that is not JSON, returns the whole organization."""
    org.track(NOON, customer_id="cus_1")
    org.track(NOON, customer_id="cus_2")
    answer = org.client.post("/v1/events.list", content=body)
    assert {row["customer_id"] for row in answer.raise_for_status().json()["list"]} == {"cus_1", "cus_2"}


def test_trap_4_unknown_keys_are_dropped(org: Organization) -> None:
    """A misspelled filter returns an unfiltered response."""
    org.track(NOON, customer_id="cus_2")
    org.track(NOON)
    assert len(org.rows(customer="cus_1", customerId="cus_1")) == 2
    assert org.values(filterBy={"model": "a"}, bin_size="day", **DAY_10) == [1]


def test_trap_5_list_bounds_are_cut_to_seconds(org: Organization) -> None:
    """Both bounds are cut to seconds, and both are inside the range."""
    noon = ms(NOON)
    for offset in (-1, 0, 300, 999, 1000, 1001):
        org.track(noon + offset, id=f"evt{offset}")
    got = org.rows(custom_range={"start": noon + 900, "end": noon + 1999})
    assert [row["id"] for row in got] == ["evt1000", "evt999", "evt300", "evt0"]


def test_trap_6_hours_count_whole(org: Organization) -> None:
    """A start one second into an hour excludes that hour; an end inside an hour includes all of it."""
    for hour, value in ((12, 1), (13, 10), (14, 100)):
        org.track(f"2025-11-10T{hour}:50", value)
    noon = ms(NOON)
    body = {"bin_size": "day"}
    assert org.values(custom_range={"start": noon, "end": noon + HOUR - 1}, **body) == [1]
    assert org.values(custom_range={"start": noon, "end": noon + HOUR}, **body) == [11]
    assert org.values(custom_range={"start": noon + 1000, "end": noon + 2 * HOUR + 1}, **body) == [110]
    assert org.values(custom_range={"start": noon + 999, "end": noon + 2 * HOUR}, **body) == [111]


def test_trap_6_holds_for_groups_as_for_sums(org: Organization) -> None:
    """Grouped figures, read from events, include the same hours as the roll-up."""
    for hour, value in ((12, 1), (13, 10), (14, 100)):
        org.track(f"2025-11-10T{hour}:50", value, properties={"model": "a"})
    window = {"start": ms(NOON) + 1000, "end": ms(NOON) + 2 * HOUR + 1}
    assert org.groups(custom_range=window, bin_size="day", group_by="properties.model") == [{"a": 110}]


def test_trap_7_presets_are_not_aligned(org: Organization) -> None:
    """7d has eight days, the first one partial, while the total starts at midnight of that day."""
    org.track("2025-11-05T00:30", 1)
    org.track("2025-11-05T14:40", 2)
    org.track("2025-11-05T15:10", 4)
    org.track("2025-11-12T14:20", 8)
    answer = org.aggregate(customer_id="cus_1", range="7d", bin_size="day").json()
    assert [each["values"]["messages"] for each in answer["list"]] == [4, 0, 0, 0, 0, 0, 0, 8]
    assert answer["list"][0]["period"] == ms("2025-11-05")
    assert answer["total"] == {"messages": {"count": 4, "sum": 15}}


def test_trap_7_24h_has_25_bins(org: Organization) -> None:
    """The first bin is empty, while the total has the whole hour."""
    org.track("2025-11-11T13:59", 1)
    org.track("2025-11-11T14:10", 2)
    org.track("2025-11-11T15:10", 4)
    answer = org.aggregate(customer_id="cus_1", range="24h", bin_size="hour").json()
    assert [each["values"]["messages"] for each in answer["list"]] == [0, 4] + [0] * 23
    assert answer["total"]["messages"] == {"count": 2, "sum": 6}


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("1bc", "2025-10-13", "2025-11-12"),
        ("last_cycle", "2025-10-01", "2025-10-31"),
        ("3bc", "2025-08-14", "2025-11-12"),
    ],
)
def test_trap_8_billing_cycles(org: Organization, name: str, first: str, last: str) -> None:
    """1bc and 3bc are one and three lengths of the period before now, last_cycle one before its start.

    The subscription's day is the 31st, so the current period is the 30 days from 31 October.
    """
    org.store.add_customer("cus_1", subscribed_at_ms=ms("2025-01-31T09:00"))
    periods = [each["period"] for each in org.bins(range=name, bin_size="day")]
    assert (periods[0], periods[-1]) == (ms(first), ms(last))


@pytest.mark.parametrize("name", ["1bc", "3bc", "last_cycle"])
def test_trap_8_without_a_subscription(org: Organization, name: str) -> None:
    """A billing cycle of a customer without a subscription is the last 24 hours."""
    org.store.add_customer("cus_1")
    assert org.bins(range=name, bin_size="hour") == org.bins(range="24h", bin_size="hour")


def test_trap_8_no_range_is_this_cycle(org: Organization) -> None:
    """A call without a range is a call for 1bc."""
    org.store.add_customer("cus_1", subscribed_at_ms=NOW - 40 * DAY)
    assert org.bins(bin_size="day") == org.bins(range="1bc", bin_size="day")


def test_trap_8_cycle_may_be_a_week(org: Organization) -> None:
    org.store.add_customer("cus_1", subscribed_at_ms=NOW - 17 * DAY, interval="week")
    periods = [each["period"] for each in org.bins(range="last_cycle", bin_size="day")]
    assert (periods[0], periods[-1]) == (ms("2025-11-02"), ms("2025-11-09"))


def test_trap_9_bins_are_days_by_default(org: Organization) -> None:
    """Without `bin_size` the bins are days, for 24h too."""
    org.store.add_customer("cus_1")
    periods = [each["period"] for each in org.bins(range="24h")]
    assert periods == [ms("2025-11-11"), ms("2025-11-12")]


@pytest.mark.parametrize(
    ("size", "periods"),
    [
        ("week", ["2025-10-27", "2025-11-03", "2025-11-10"]),
        ("month", ["2025-10-01", "2025-11-01"]),
    ],
)
def test_trap_10_bins_are_utc_and_weeks_start_on_monday(
    org: Organization, size: str, periods: list[str]
) -> None:
    """Bins start at midnight UTC, months on their first day, wherever the range starts."""
    for day in ("2025-10-31T23:59", "2025-11-01T00:00", "2025-11-09T23:59", "2025-11-10T00:00"):
        org.track(day)
    got = org.bins(bin_size=size, **between("2025-10-30", "2025-11-12"))
    assert [each["period"] for each in got] == [ms(day) for day in periods]
    assert [each["values"]["messages"] for each in got] == {"week": [2, 1, 1], "month": [1, 3]}[size]


def test_trap_11_empty_bins_are_zeros(org: Organization) -> None:
    """Ungrouped bins are filled with zeros, for unknown features too; the total leaves those out."""
    org.track(NOON)
    answer = org.aggregate(
        customer_id="cus_1", feature_id=["messages", "nope"], **between("2025-11-09", "2025-11-12")
    ).json()
    assert [each["values"] for each in answer["list"]] == [
        {"messages": 0, "nope": 0},
        {"messages": 1, "nope": 0},
        {"messages": 0, "nope": 0},
    ]
    assert answer["total"] == {"messages": {"count": 1, "sum": 1}}
    assert "grouped_values" not in answer["list"][0]


def test_trap_11_no_groups_is_no_bins(org: Organization) -> None:
    """A grouped call without groups returns an empty list, and a total."""
    org.track(NOON)
    answer = org.aggregate(customer_id="cus_1", group_by="properties.model", **DAY_10).json()
    assert answer == {"list": [], "total": {"messages": {"count": 1, "sum": 1}}}


def test_trap_11_bins_after_now_are_cut(org: Organization) -> None:
    """A range that ends in the future has no bins there."""
    org.store.add_customer("cus_1")
    periods = [each["period"] for each in org.bins(bin_size="day", **between("2025-11-11", "2025-11-20"))]
    assert periods == [ms("2025-11-11"), ms("2025-11-12")]
    assert org.bins(bin_size="day", **between("2025-11-19", "2025-11-20")) == []


def test_trap_12_top_n_is_for_each_bin(org: Organization) -> None:
    """Groups outside the largest of a bin are summed as AUTUMN_RESERVED, and are 0 there."""
    sums = {
        "2025-11-10T12:00": {"a": 5, "b": 3, "c": 2, "d": 1},
        "2025-11-11T12:00": {"a": 1, "c": 9, "b": 2},
    }
    for at, groups in sums.items():
        for model, value in groups.items():
            org.track(at, value, properties={"model": model})
    body = {"group_by": "properties.model", "max_groups": 2, "bin_size": "day"}
    first, second = org.groups(**body, **between("2025-11-10", "2025-11-12"))
    assert first == {"a": 5, "b": 3, "c": 0, "AUTUMN_RESERVED": 3}
    assert second == {"a": 0, "b": 2, "c": 9, "AUTUMN_RESERVED": 1}


def test_trap_12_nine_groups_by_default(org: Organization) -> None:
    """Nine groups are returned by default; the largest allowed number returns all twelve."""
    for number in range(12):
        org.track(NOON, number + 1, properties={"model": f"m{number}"})
    body = {"group_by": "properties.model", "bin_size": "day", **DAY_10}
    (cut,), (whole,) = org.groups(**body), org.groups(max_groups=250, **body)
    assert (len(cut), cut["AUTUMN_RESERVED"]) == (10, 1 + 2 + 3)
    assert whole == {f"m{number}": number + 1 for number in range(12)}


def test_trap_12_top_n_is_for_each_feature(org: Organization) -> None:
    """Each feature has its own largest groups; those of the other feature are 0 there."""
    for feature, model, value in (("x", "a", 2), ("x", "b", 1), ("y", "b", 2), ("y", "a", 1)):
        org.track(NOON, value, feature_id=feature, properties={"model": model})
    (got,) = org.bins(feature_id=["x", "y"], group_by="properties.model", max_groups=1, **DAY_10)
    assert got["grouped_values"] == {
        "x": {"a": 2, "b": 0, "AUTUMN_RESERVED": 1},
        "y": {"a": 0, "b": 2, "AUTUMN_RESERVED": 1},
    }


def test_trap_13_grouping_drops_events_without_the_property(org: Organization) -> None:
    """Values are the sum of the groups; events with a missing or null property are in the total only."""
    org.track(NOON, 1, properties={"model": "a"})
    org.track(NOON, 10, properties={"model": None})
    org.track(NOON, 100)
    answer = org.aggregate(customer_id="cus_1", group_by="properties.model", **DAY_10).json()
    assert answer["list"][0]["values"] == {"messages": 1}
    assert answer["total"] == {"messages": {"count": 3, "sum": 111}}
    assert org.values(**DAY_10) == [111]


def test_trap_14_values_may_be_negative_or_fractional(org: Organization) -> None:
    """Sums are rounded to ten places, and whole ones have no fraction."""
    for value in (0.1, 0.2, -5):
        org.track(NOON, value)
    assert org.values(**DAY_10) == [-4.7]
    org.track(NOON, 0.7)
    assert b'"messages":-4}' in org.aggregate(customer_id="cus_1", **DAY_10).content
    assert [row["value"] for row in org.rows()].count(-5) == 1


def test_trap_15_unknown_customers(org: Organization) -> None:
    """An unknown customer is a 404 in aggregate, and an empty 200 in list."""
    answer = org.aggregate(customer_id="nobody", **DAY_10)
    assert (answer.status_code, answer.json()["code"]) == (404, "customer_not_found")
    assert org.listing(customer_id="nobody").json() == {
        "list": [],
        "has_more": False,
        "offset": 0,
        "limit": 100,
        "total": 0,
    }


def test_trap_16_rows_have_no_entity(org: Organization) -> None:
    """An entity filters rows, but no row has its id."""
    org.track(NOON, entity_id="ws_1", id="evt_a", properties={"k": {"n": [1]}})
    org.track(NOON, entity_id="ws_2")
    assert org.rows(entity_id="ws_1") == [
        {
            "id": "evt_a",
            "timestamp": ms(NOON),
            "feature_id": "messages",
            "customer_id": "cus_1",
            "value": 1,
            "properties": {"k": {"n": [1]}},
            "deductions": None,
        }
    ]


def test_trap_17_past_period_can_change(org: Organization) -> None:
    """A past event is in the list and the roll-up as soon as it is tracked."""
    assert org.rows() == []
    org.track("2024-01-01T00:00", 7)
    org.track("2024-01-01T00:59", 1)
    assert len(org.rows()) == 2
    assert org.values(bin_size="month", **between("2024-01-01", "2024-02-01")) == [8]


def test_trap_18_unknown_event_name_is_a_feature(org: Organization) -> None:
    """An event name without a feature is listed, filtered and summed like a feature."""
    org.track(NOON, feature_id="legacy_ping")
    assert [row["feature_id"] for row in org.rows(feature_id=["legacy_ping"])] == ["legacy_ping"]
    (got,) = org.bins(feature_id="legacy_ping", **DAY_10)
    assert got["values"] == {"legacy_ping": 1}

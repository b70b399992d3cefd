"""The table of ages, cell by cell: the fields of servers of three ages, and how their figures differ.

The table and the sections A1 to A13 are those of Autumn's server ages; ``test_recorded`` checks the current
age in more detail.
"""

import re
from typing import Any

import pytest

from usage.sample.ages import AGES

from .conftest import DAY, HOUR, NAME_CALLS, NOW, MakeOrg, Organization, between, call, described, ms

DAY_10 = between("2025-11-10", "2025-11-11")
NOON = "2025-11-10T12:00"
UUID = "5f0c2f6e-7d0e-4a52-9a55-0f2f7b8f3c11"
WRONG = {
    "feature_id": "",
    "entity_id": "",
    "group_by": "x",
    "bin_size": "x",
    "range": "x",
    "max_groups": 0,
    "filter_by": {"a": 1},
    "timezone": 1,
    "measure": "x",
    "group_ranking": "x",
    "aggregate_on": "x",
}
SDK_FIELDS = {"feature_id", "group_by", "bin_size", "range"}
SUMMER_FIELDS = SDK_FIELDS | {"entity_id", "max_groups", "filter_by", "aggregate_on"}
WORDS = {"$customer_id", "$entity_id", "$plan_id", "$feature_id"}


def row(older: object, current: object, newest: object) -> pytest.MarkDecorator:
    """A row of the table: the expected value for each age."""
    return pytest.mark.parametrize(
        ("age", "expected"), [*zip(AGES, (older, current, newest), strict=True)], ids=AGES
    )


def test_there_are_three_ages() -> None:
    assert [*AGES] == ["older", "current", "newest"]


@row(SDK_FIELDS | {"customer_id"}, SUMMER_FIELDS, SUMMER_FIELDS | {"timezone", "measure", "group_ranking"})
def test_supported_fields_of_each_age(make_org: MakeOrg, age: str, expected: set[str]) -> None:
    answer = make_org(age=age).aggregate(**WRONG)
    head, _, problems = answer.json()["message"].partition("] ")
    assert (answer.status_code, head) == (400, "[Validation Errors")
    assert {re.split("[:.]", problem)[0] for problem in problems.split("; ")} == expected


@row(set(), WORDS, WORDS)
def test_supported_groupings_of_each_age(make_org: MakeOrg, age: str, expected: set[str]) -> None:
    message = make_org(age=age).aggregate(customer_id="cus_1", group_by="x").json()["message"]
    assert message.startswith('group_by: group_by must start with "properties."')
    assert set(re.findall(r"\$\w+", message)) == expected


@row({"a": 1, "b": 2}, {"a": 1}, {"a": 1})
def test_newer_fields_are_dropped(make_org: MakeOrg, age: str, expected: dict[str, float]) -> None:
    """An older server ignores the fields."""
    org = make_org(age=age)
    org.track(NOON, 1, entity_id="ws_1", properties={"model": "a"})
    org.track(NOON, 2, properties={"model": "b"})
    newer = {"entity_id": "ws_1", "filter_by": {"model": "a"}, "max_groups": 3}
    assert org.groups(group_by="properties.model", **newer, **DAY_10) == [expected]
    assert len(org.rows(entity_id="ws_1")) == len(org.rows(filter_by={"model": "a"})) == len(expected)


@row(400, 200, 200)
def test_organization_wide_aggregate(make_org: MakeOrg, age: str, expected: int) -> None:
    assert make_org(age=age).aggregate(range="7d").status_code == expected


@row(400, 200, 200)
def test_bins_of_weeks(make_org: MakeOrg, age: str, expected: int) -> None:
    org = make_org(age=age)
    org.track(NOON)
    assert org.aggregate(customer_id="cus_1", bin_size="week", range="30d").status_code == expected


# Of this window, whole hours are those of 11 and 12; by the second, it ends at 12:15:00.000.
EDGES = {"custom_range": {"start": ms("2025-11-10T10:30:00.900"), "end": ms("2025-11-10T12:15:00.999")}}
WHOLE, BY_SECOND, NOT_EU = 1_111_100, 11_110, 100


def edge_answer(org: Organization, **more: object) -> tuple[float, float]:
    """The sum of the bins, and the total's."""
    times = ("10:20", "10:40", "11:30", "12:00", "12:15", "12:15:00.500", "12:50")
    for power, time in enumerate(times):
        region = "us" if time == "11:30" else "eu"
        org.track(f"2025-11-10T{time}", 10**power, properties={"region": region})
    answer = org.aggregate(customer_id="cus_1", bin_size="hour", **EDGES, **more).json()
    return sum(each["values"]["messages"] for each in answer["list"]), answer["total"]["messages"]["sum"]


@row((WHOLE, BY_SECOND), (WHOLE, WHOLE), (BY_SECOND, BY_SECOND))
def test_edge_hours(make_org: MakeOrg, age: str, expected: tuple[float, float]) -> None:
    assert edge_answer(make_org(age=age)) == expected


@row((WHOLE, BY_SECOND), (WHOLE, WHOLE), (BY_SECOND, BY_SECOND))
def test_edge_hours_grouped(make_org: MakeOrg, age: str, expected: tuple[float, float]) -> None:
    assert edge_answer(make_org(age=age), group_by="properties.region") == expected


@row((WHOLE, BY_SECOND), (WHOLE - NOT_EU, BY_SECOND - NOT_EU), (BY_SECOND - NOT_EU, BY_SECOND - NOT_EU))
def test_edge_hours_filtered(make_org: MakeOrg, age: str, expected: tuple[float, float]) -> None:
    """An older server has no filters, so its figures are unfiltered."""
    assert edge_answer(make_org(age=age), filter_by={"region": "eu"}) == expected


@row(5, 5, 0)
def test_probe_of_one_millisecond(make_org: MakeOrg, age: str, expected: float) -> None:
    """A1's probe: a range of one millisecond returns the whole hour or nothing."""
    org = make_org(age=age)
    org.track("2025-11-10T12:30", 5)
    start = ms(NOON)
    assert org.values(custom_range={"start": start, "end": start + 1}, bin_size="hour") == [expected]


@row((1, 0), (1, 1), (1, 1))
def test_value_of_null(make_org: MakeOrg, age: str, expected: tuple[float, float]) -> None:
    """A null counts as 1 in bins at every age, and in the total since June 2026."""
    org = make_org(age=age)
    org.store.add([{"timestamp": ms(NOON), "customer_id": "cus_1", "feature_id": "messages", "value": None}])
    answer = org.aggregate(customer_id="cus_1", **DAY_10).json()
    assert (answer["list"][0]["values"]["messages"], answer["total"]["messages"]["sum"]) == expected
    assert answer["total"]["messages"]["count"] == 1


@row(3, 3, 6)
def test_future_bins(make_org: MakeOrg, age: str, expected: int) -> None:
    """The first three of six hours from noon have begun."""
    org = make_org(age=age)
    org.track("2025-11-12T12:10", 7)
    values = org.values(bin_size="hour", **between("2025-11-12T12:00", "2025-11-12T18:00"))
    assert values == [7] + [0] * (expected - 1)


@row((4, 7), (4, 7), (7, 7))
def test_preset_of_days(make_org: MakeOrg, age: str, expected: tuple[float, float]) -> None:
    """The first of eight days, and the total."""
    org = make_org(age=age)
    for time, value in (("00:30", 1), ("14:20", 2), ("15:10", 4)):
        org.track(f"2025-11-05T{time}", value)
    answer = org.aggregate(customer_id="cus_1", range="7d", bin_size="day").json()
    assert len(answer["list"]) == 8
    assert (answer["list"][0]["values"]["messages"], answer["total"]["messages"]["sum"]) == expected


@row((0, 3), (0, 3), (3, 3))
def test_preset_of_hours(make_org: MakeOrg, age: str, expected: tuple[float, float]) -> None:
    """The first of 25 hours, and the total."""
    org = make_org(age=age)
    org.track("2025-11-11T14:10", 1)
    org.track("2025-11-11T14:40", 2)
    answer = org.aggregate(customer_id="cus_1", range="24h", bin_size="hour").json()
    assert len(answer["list"]) == 25
    assert (answer["list"][0]["values"]["messages"], answer["total"]["messages"]["sum"]) == expected


@row(
    ("2025-10-13T14:00", "2025-11-12T14:00"),
    ("2025-10-13T14:00", "2025-11-12T14:00"),
    ("2025-10-31T09:00", "2025-11-30T09:00"),
)
def test_current_billing_cycle(make_org: MakeOrg, age: str, expected: tuple[str, str]) -> None:
    """First and last hour of 1bc: as long as a cycle and up to now, or the real one."""
    org = make_org(age=age)
    org.store.add_customer("cus_1", subscribed_at_ms=ms("2025-01-31T09:00"))
    periods = [each["period"] for each in org.bins(range="1bc", bin_size="hour")]
    assert (periods[0], periods[-1]) == (ms(expected[0]), ms(expected[1]))


@row("2025-10-13T14:00", "2025-10-13T14:00", "2025-11-08T09:00")
def test_billing_cycle_of_the_balance_that_funds_a_feature(
    make_org: MakeOrg, age: str, expected: str
) -> None:
    """Messages draw on credits, which are reset each week; the plan's cycle is a month."""
    org = make_org(age=age)
    reset = {"interval": "week", "resets_at": ms("2025-11-15T09:00")}
    org.store.put_customer(described("cus_1", balances={"credits": {"breakdown": [{"reset": reset}]}}))
    org.store.put_feature(
        {"id": "credits", "archived": False, "credit_schema": [{"metered_feature_id": "messages"}]}
    )
    org.store.add_customer("cus_1", subscribed_at_ms=ms("2025-01-31T09:00"))
    assert org.bins(range="1bc", bin_size="hour")[0]["period"] == ms(expected)


PLAIN = {"a": 1, UUID: 1, "['x','y']": 1}
ROLLED = {"a": 1, '["x","y"]': 1, '{"b":1}': 1}


def groups_of(org: Organization, *values: object) -> dict[str, float]:
    event = {"timestamp": ms(NOON), "customer_id": "cus_1", "feature_id": "messages"}
    org.store.add([event | {"properties": {"p": value}} for value in values])
    ((groups),) = org.groups(group_by="properties.p", **DAY_10)
    return groups


@row(PLAIN, ROLLED, ROLLED)
def test_property_groups(make_org: MakeOrg, age: str, expected: dict[str, float]) -> None:
    """UUIDs are groups in rows, objects in the roll-up; the roll-up is used if both have as many events."""
    assert groups_of(make_org(age=age), "a", UUID, ["x", "y"], {"b": 1}) == expected


@row(PLAIN | {UUID: 2}, PLAIN | {UUID: 2}, PLAIN | {UUID: 2})
def test_property_groups_with_more_events_in_rows(
    make_org: MakeOrg, age: str, expected: dict[str, float]
) -> None:
    """The groups read from rows have more events, and replace those of the roll-up."""
    assert groups_of(make_org(age=age), "a", UUID, UUID, ["x", "y"], {"b": 1}) == expected


@row({"a": 9_960, UUID: 40}, {"a": 9_960, UUID: 40}, {"a": 9_960})
def test_property_groups_with_a_small_gap(make_org: MakeOrg, age: str, expected: dict[str, float]) -> None:
    """The newest servers' groups may lack less than 0.5 % of 10,000 events."""
    assert groups_of(make_org(age=age), *["a"] * 9_960, *[UUID] * 40) == expected


@row(
    None,
    {"": 4, "prod_gone": 8, "prod_1": 1, "prod_2": 2},
    {"": 4, "prod_gone": 8, "pro": 3},
)
def test_plans_as_groups(make_org: MakeOrg, age: str, expected: dict[str, float] | None) -> None:
    """Groups are internal ids, one for each version, or plans; an older server refuses `$plan_id`."""
    answer = plan_answer(make_org(age=age), max_groups=250)
    assert (answer["list"][0]["grouped_values"]["messages"] if "list" in answer else None) == expected


@row(None, {"prod_gone": 8, "AUTUMN_RESERVED": 7}, {"": 4, "prod_gone": 8, "pro": 3})
def test_plans_beyond_max_groups(make_org: MakeOrg, age: str, expected: dict[str, float] | None) -> None:
    """The newest servers include every version of a plan."""
    answer = plan_answer(make_org(age=age), max_groups=1)
    assert (answer["list"][0]["grouped_values"]["messages"] if "list" in answer else None) == expected


def plan_answer(org: Organization, max_groups: int) -> Any:
    for internal_id in ("prod_1", "prod_2"):
        org.store.add_plan(internal_id, "pro")
    for power, plan_id in enumerate(("prod_1", "prod_2", None, "prod_gone")):
        org.track(NOON, 2**power, plan_id=plan_id)
    body = {"customer_id": "cus_1", "group_by": "$plan_id", "max_groups": max_groups}
    return org.aggregate(**body, **DAY_10).json()


@pytest.mark.parametrize("name", NAME_CALLS)
@row((401, "no_auth_header"), (200, None), (200, None))
def test_calls_for_names(make_org: MakeOrg, name: str, age: str, expected: tuple[int, str | None]) -> None:
    org = make_org(age=age)
    org.store.put_customer(described("cus_1"))
    answer = call(org, name, customer_id="cus_1")
    assert (answer.status_code, answer.json().get("code")) == expected


@row([0, 0], [0, 0], [66_600_000] * 2)
def test_time_zone(make_org: MakeOrg, age: str, expected: list[int]) -> None:
    """Days in Kolkata start at 18:30 UTC; servers without the field return UTC days."""
    org = make_org(age=age)
    org.track(NOON)
    window = {"custom_range": {"start": NOW - 2 * DAY, "end": NOW - DAY}}
    bins = org.bins(timezone="Asia/Kolkata", bin_size="day", **window)
    assert [each["period"] % DAY for each in bins] == expected


@row([5], [5], [2])
def test_measure(make_org: MakeOrg, age: str, expected: list[float]) -> None:
    """The number of events, or their sum on servers without the field."""
    org = make_org(age=age)
    org.track(NOON, 2)
    org.track(NOON, 3)
    assert org.values(measure="count", **DAY_10) == expected


@row({"a", "b"}, {"a", "b", "AUTUMN_RESERVED"}, {"a", "AUTUMN_RESERVED"})
def test_ranking_of_groups(make_org: MakeOrg, age: str, expected: set[str]) -> None:
    """The larger group of each hour, or of the window; an older server returns nine for each hour."""
    org = make_org(age=age)
    for hour, model, value in ((0, "a", 9), (0, "b", 1), (1, "a", 2), (1, "b", 3)):
        org.track(ms(NOON) + hour * HOUR, value, properties={"model": model})
    window = between(NOON, "2025-11-10T14:00")
    ranked = {"group_by": "properties.model", "max_groups": 1, "group_ranking": "window"}
    assert {frozenset(each) for each in org.groups(**ranked, bin_size="hour", **window)} == {
        frozenset(expected)
    }

"""Checks of the fields of a request, and the messages for invalid ones."""

import pytest

from .conftest import MakeOrg, Organization, between

NOON = "2025-11-10T12:00"
DAY_10 = between("2025-11-10", "2025-11-11")
RANGE = {"custom_range": {"start": 1, "end": 2}}


@pytest.mark.parametrize(
    ("call", "body", "field"),
    [
        ("listing", {"offset": 1.5}, "offset"),
        ("listing", {"offset": "first"}, "offset"),
        ("listing", {"limit": None}, "limit"),
        ("listing", {"customer_id": 7}, "customer_id"),
        ("listing", {"feature_id": ["a", 1]}, "feature_id"),
        ("listing", {"entity_id": ""}, "entity_id"),
        ("listing", {"custom_range": {"start": "today"}}, "custom_range.start"),
        ("listing", {"custom_range": {"end": -1}}, "custom_range.end"),
        ("listing", {"custom_range": {"end": 1e300}}, "custom_range.end"),
        ("listing", {"custom_range": 5}, "custom_range"),
        ("aggregate", {"feature_id": 5}, "feature_id"),
        ("aggregate", {"range": "8d"}, "range"),
        ("aggregate", {"bin_size": "minute"}, "bin_size"),
        ("aggregate", {"group_by": "$feature"}, "group_by"),
        ("aggregate", {"custom_range": {"start": 1}}, "custom_range.end"),
        ("aggregate", {"custom_range": {"start": 2, "end": 2}}, "custom_range"),
        ("aggregate", {"filter_by": {"a": None}}, "filter_by.a"),
        ("aggregate", {"filter_by": {"a": ["x"]}}, "filter_by.a"),
        ("aggregate", {"aggregate_on": "tracked"}, "aggregate_on"),
    ],
)
def test_invalid_field_is_named_first(
    org: Organization, call: str, body: dict[str, object], field: str
) -> None:
    """The message of the 400 starts with the field's name."""
    answer = getattr(org, call)(**body)
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_inputs"
    assert answer.json()["message"].startswith(f"{field}: ")
    assert set(answer.json()) == {"message", "code", "env"}


@pytest.mark.parametrize("path", ["", "a-b", "a\n", "a.", "a..b"])
def test_invalid_path_is_not_named(org: Organization, path: str) -> None:
    answer = org.aggregate(group_by=f"properties.{path}", **RANGE)
    message = "Invalid property path. Should only contain alphanumeric and underscore characters."
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_inputs")
    assert answer.json()["message"] == message


@pytest.mark.parametrize("more", [{"filter_by": {"model": "a"}}, {"group_by": "$plan_id"}])
def test_deductions_refuse_filters_and_plans(org: Organization, more: dict[str, object]) -> None:
    answer = org.aggregate(customer_id="cus_1", aggregate_on="deducted", **more, **RANGE)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def test_custom_range_from_0_is_used_instead_of_a_preset(org: Organization) -> None:
    """Only one of the two is allowed, but a bound of 0 counts as none."""
    org.track("1970-01-02T12:00", 3)
    window = {"start": 0, "end": 2 * 86_400_000 - 1}
    assert org.values(range="7d", custom_range=window, bin_size="day") == [0, 3]


@pytest.mark.parametrize("content", [b"{}", b""])
def test_aggregate_needs_a_feature(org: Organization, content: bytes) -> None:
    answer = org.client.post("/v1/events.aggregate", content=content)
    assert (answer.status_code, answer.json()["message"]) == (400, "feature_id: Invalid input")


def test_whole_numbers_may_be_written_with_a_point(org: Organization) -> None:
    """100.0 is a whole number in JSON, and the SDK writes bounds this way."""
    answer = org.client.post("/v1/events.list", content=b'{"limit": 5.0, "custom_range": {"end": 5.0}}')
    assert answer.raise_for_status().json()["limit"] == 5


def test_body_that_is_not_an_object_is_refused(org: Organization) -> None:
    """The code is `invalid_request`."""
    answer = org.client.post("/v1/events.list", content=b"[1]")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "customer_id: must be a string (received undefined)"),
        ({"customer_id": ""}, "customer_id: cannot be empty"),
    ],
)
def test_older_server_names_the_customer_it_requires(
    make_org: MakeOrg, body: dict[str, str], message: str
) -> None:
    answer = make_org(age="older").aggregate(range="7d", **body)
    assert (answer.json()["code"], answer.json()["message"]) == ("invalid_inputs", message)

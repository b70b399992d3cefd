"""What an empty list says of conditions that no event meets."""

from __future__ import annotations

from usage.events.unmet import MAX_UNKNOWN, unmet_conditions
from usage.query import PropertyFilter, Query
from usage.results import Event

EVENTS = [Event("evt_1", 0, "cus_1", "api_calls", 1.0, {"status": 200, "Region": "eu"})]


def test_similar_properties_are_suggested_for_the_first_unknown_ones() -> None:
    """Each comparison costs; the others are named without a suggestion."""
    wrong = ("statu", "sttus", "region", "statuss")
    unmet = unmet_conditions(Query(filter=tuple(PropertyFilter(path, "1") for path in wrong)), EVENTS)
    assert [each.path for each in unmet] == sorted(wrong)
    assert [each.near for each in unmet] == ["Region", "status", "status", None]
    assert len([each for each in unmet if each.near]) == MAX_UNKNOWN


def test_known_property_without_the_value_needs_no_suggestion() -> None:
    conditions = (PropertyFilter("status", "503"), PropertyFilter("Region", "eu"))
    [unmet] = unmet_conditions(Query(filter=conditions), EVENTS)
    assert (unmet.path, unmet.values, unmet.is_known, unmet.near) == ("status", ("503",), True, None)

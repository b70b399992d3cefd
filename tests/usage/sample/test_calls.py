"""Lists and aggregates: the events they select, their order, and the names of groups."""

import json
import threading

import pytest

from usage.sample.document import stored

from .conftest import HOUR, Organization, between, ms

NOON = "2025-11-10T12:00"
DAY_10 = between("2025-11-10", "2025-11-11")


def test_value_with_the_reserved_name_is_added_to_folded_groups(org: Organization) -> None:
    """A property value AUTUMN_RESERVED is one group with the folded ones."""
    for model, value in (("AUTUMN_RESERVED", 5), ("a", 3), ("b", 2)):
        org.track(NOON, value, properties={"model": model})
    body = {"group_by": "properties.model", **DAY_10}
    assert org.groups(max_groups=3, **body) == [{"AUTUMN_RESERVED": 5, "a": 3, "b": 2}]
    assert org.groups(max_groups=2, **body) == [{"AUTUMN_RESERVED": 7, "a": 3}]


def test_entity_id_filters_an_aggregate(org: Organization) -> None:
    org.track(NOON, 1, entity_id="ws_1")
    org.track(NOON, 2)
    assert org.values(entity_id="ws_1", **DAY_10) == [1]


def test_event_with_a_known_id_is_ignored(org: Organization) -> None:
    """It is neither in the rows nor in the hour's sum."""
    org.track(NOON, 5, id="evt_1")
    org.track(ms(NOON) + 2 * HOUR, 7, id="evt_1")
    assert len(org.rows()) == 1
    assert org.values(**DAY_10) == [5]


def test_sixteen_threads_read_and_write_at_once(org: Organization) -> None:
    """No event is lost."""

    def work(number: int) -> None:
        for call in range(10):
            org.track(NOON, 1, id=f"evt_{number}_{call}")
            org.listing(limit=5).raise_for_status()

    threads = [threading.Thread(target=work, args=[number]) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert org.values(**DAY_10) == [160]


def test_group_names_at_a_dotted_path(org: Organization) -> None:
    """Paths of two parts are read from rows: lists as text, without objects and empty texts."""
    for value in ("200", 200, 1.5, True, ["a"], {"b": 1}, "", 'say "hi"\n'):
        org.track(NOON, properties={"meta": {"tier_1": value}})
    (got,) = org.groups(group_by="properties.meta.tier_1", max_groups=250, **DAY_10)
    assert got == {"200": 2, "1.5": 1, "true": 1, "['a']": 1, 'say "hi"\n': 1}


@pytest.mark.parametrize(
    ("filter_by", "value"),
    [
        ({"model": "a"}, 5),
        ({"model": "a", "meta.tier": "x"}, 1),
        ({"properties.model": "a"}, 0),
        ({"model": "none"}, 0),
    ],
)
def test_aggregate_counts_events_that_match_all_filters(
    org: Organization, filter_by: dict[str, str], value: int
) -> None:
    """Only events that match every `property = value` count, in bins and total; a path has no prefix."""
    org.track(NOON, 1, properties={"model": "a", "meta": {"tier": "x"}})
    org.track(NOON, 4, properties={"model": "a"})
    org.track(NOON, 8, properties={"model": "b"})
    answer = org.aggregate(customer_id="cus_1", filter_by=filter_by, **DAY_10).json()
    assert answer["list"][0]["values"] == {"messages": value}
    assert answer["total"].get("messages", {"sum": 0})["sum"] == value


@pytest.mark.parametrize("inner", ["b", 'b"c', "b\\c"])
def test_key_with_a_dot_is_a_path_whatever_follows_the_dot(inner: str) -> None:
    assert json.loads(stored({f"a.{inner}": 1})) == {"a": {inner: 1}}

"""Lists and aggregates: what they select, in which order, and how they name groups."""

import json
import threading

import pytest

from usage.sample.document import stored

from .conftest import HOUR, Organization, between, ms

NOON = "2025-11-10T12:00"
DAY_10 = between("2025-11-10", "2025-11-11")


def test_a_real_value_may_have_the_reserved_name(org: Organization) -> None:
    """AUTUMN_RESERVED as a property's value is one with the groups folded there."""
    for model, value in (("AUTUMN_RESERVED", 5), ("a", 3), ("b", 2)):
        org.track(NOON, value, properties={"model": model})
    ask = {"group_by": "properties.model", **DAY_10}
    assert org.groups(max_groups=3, **ask) == [{"AUTUMN_RESERVED": 5, "a": 3, "b": 2}]
    assert org.groups(max_groups=2, **ask) == [{"AUTUMN_RESERVED": 7, "a": 3}]


def test_entities_narrow_an_aggregate(org: Organization) -> None:
    """entity_id counts that entity's events only."""
    org.track(NOON, 1, entity_id="ws_1")
    org.track(NOON, 2)
    assert org.values(entity_id="ws_1", **DAY_10) == [1]


def test_an_event_comes_once(org: Organization) -> None:
    """An id that is there already is left out of the rows and of the hour's sum."""
    org.track(NOON, 5, id="evt_1")
    org.track(ms(NOON) + 2 * HOUR, 7, id="evt_1")
    assert len(org.rows()) == 1
    assert org.values(**DAY_10) == [5]


def test_many_threads_at_once(org: Organization) -> None:
    """Sixteen threads that write and read lose nothing."""

    def work(number: int) -> None:
        for turn in range(10):
            org.track(NOON, 1, id=f"evt_{number}_{turn}")
            org.listing(limit=5).raise_for_status()

    threads = [threading.Thread(target=work, args=[number]) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert org.values(**DAY_10) == [160]


def test_group_names_at_a_dotted_path(org: Organization) -> None:
    """Paths of two parts are read from rows: lists by their text, and neither objects nor empty texts."""
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
def test_filters(org: Organization, filter_by: dict[str, str], value: int) -> None:
    """Only events that match every property = value count, in bins and total; a path has no prefix."""
    org.track(NOON, 1, properties={"model": "a", "meta": {"tier": "x"}})
    org.track(NOON, 4, properties={"model": "a"})
    org.track(NOON, 8, properties={"model": "b"})
    answer = org.aggregate(customer_id="cus_1", filter_by=filter_by, **DAY_10).json()
    assert answer["list"][0]["values"] == {"messages": value}
    assert answer["total"].get("messages", {"sum": 0})["sum"] == value


@pytest.mark.parametrize("inner", ["b", 'b"c', "b\\c"])
def test_key_with_a_dot_is_a_path_whatever_follows_the_dot(inner: str) -> None:
    assert json.loads(stored({f"a.{inner}": 1})) == {"a": {inner: 1}}

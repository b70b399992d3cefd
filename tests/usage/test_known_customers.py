"""The customers and features seen so far: one contract for both catalogs, in memory and in the database."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.forms import MAX_TEXT_LENGTH
from dashboard.known_customers import StoredKnownCustomers
from usage.known_customers import InMemoryKnownCustomers, KnownCustomers, Seen, sightings
from usage.results import Event


def event(customer: str, feature: str, at: int) -> Event:
    return Event(f"e{at}", at, feature, customer, 1)


def test_sightings_have_the_newest_time_of_each_pair() -> None:
    rows = [event("c", "f", 5), event("c", "f", 9), event("c", "g", 1), event("d", "f", 3)]
    assert sightings(rows) == [Seen("c", "f", 9), Seen("c", "g", 1), Seen("d", "f", 3)]


@pytest.fixture(params=["memory", pytest.param("database", marks=pytest.mark.django_db)])
def known(request: pytest.FixtureRequest) -> KnownCustomers:
    """Each catalog of known customers that the service can have, empty."""
    if request.param == "memory":
        return InMemoryKnownCustomers()
    return StoredKnownCustomers("tests")


class TestEveryCatalog:
    """The contract of every catalog."""

    def test_starts_empty(self, known: KnownCustomers) -> None:
        assert not known.customers()
        assert not known.features(None)

    def test_customers_are_ordered_newest_first(self, known: KnownCustomers) -> None:
        known.note([Seen("old", "f", 5), Seen("new", "f", 9), Seen("middle", "f", 7)])
        assert known.customers() == [("new", 9), ("middle", 7), ("old", 5)]
        assert known.customers(limit=2) == [("new", 9), ("middle", 7)]

    def test_search_finds_a_part_of_the_id_in_any_case(self, known: KnownCustomers) -> None:
        known.note(
            [Seen("Acme", "f", 5), Seen("acme-2", "f", 9), Seen("other", "f", 7), Seen("Straße", "f", 1)]
        )
        assert known.customers("ACME") == [("acme-2", 9), ("Acme", 5)]
        assert known.customers("STRASSE") == [("Straße", 1)]
        assert known.customers("nobody") == []

    @pytest.mark.parametrize("wildcard", ["%", "_", "*", "\\"])
    def test_search_takes_wildcards_literally(self, known: KnownCustomers, wildcard: str) -> None:
        known.note([Seen("Acme", "f", 5), Seen(f"a{wildcard}b", "f", 9)])
        assert known.customers(wildcard) == [(f"a{wildcard}b", 9)]

    def test_earlier_sighting_does_not_change_the_newest_time(self, known: KnownCustomers) -> None:
        known.note([Seen("c", "f", 9)])
        known.note([Seen("c", "f", 2)])
        assert known.customers() == [("c", 9)]

    def test_customer_is_as_new_as_its_newest_feature(self, known: KnownCustomers) -> None:
        known.note([Seen("c", "f", 2), Seen("c", "g", 9)])
        assert known.customers() == [("c", 9)]

    def test_features_of_one_customer_or_of_all(self, known: KnownCustomers) -> None:
        known.note([Seen("c", "f", 5), Seen("c", "g", 9), Seen("d", "h", 7)])
        assert known.features("c") == ["g", "f"]
        assert known.features(None) == ["g", "h", "f"]
        assert known.features("nobody") == []

    def test_feature_sets_are_those_of_customers(self, known: KnownCustomers) -> None:
        known.note([Seen("c", "f", 5), Seen("c", "g", 9), Seen("d", "h", 7), Seen("e", "", 0)])
        assert known.feature_sets() - {frozenset()} == {frozenset("fg"), frozenset("h")}
        known.note([Seen("d", "f", 8)])
        assert frozenset("fh") in known.feature_sets()

    def test_customer_known_by_id_only_has_no_features(self, known: KnownCustomers) -> None:
        known.note([Seen("e", "", 0)])
        assert known.customers() == [("e", 0)]
        assert known.features("e") == known.features(None) == []

    @pytest.mark.parametrize("name", ["x" * MAX_TEXT_LENGTH, "\u202e</script>", "=1+1", " ", "日本"])
    def test_any_name_is_stored_unchanged(self, known: KnownCustomers, name: str) -> None:
        known.note([Seen(name, name, 1)])
        assert known.customers() == [(name, 1)]
        assert known.features(name) == [name]


def test_memory_holds_the_newest_customers() -> None:
    known = InMemoryKnownCustomers(most=100)
    known.note(Seen(f"c{number:05}", "f", number) for number in range(1000))
    assert 50 <= len(known.customers(limit=10_000)) <= 100
    assert known.customers(limit=1) == [("c00999", 999)]


def test_customer_just_read_stays_known_in_full_memory() -> None:
    """However old its events are; and one batch that is larger than the memory does not exceed it."""
    known = InMemoryKnownCustomers(most=100)
    known.note(Seen(f"c{number:05}", "f", number) for number in range(100, 200))
    known.note([Seen("old", "f", 1)])
    assert known.features("old") == ["f"]
    known.note(Seen(f"d{number:05}", "f", number) for number in range(1000))
    assert len(known.customers(limit=10_000)) <= 100


SHORT = st.text(alphabet="aAßs\0\ufffd ", max_size=4)


@given(
    st.lists(st.lists(st.tuples(SHORT, st.sampled_from("fg"), st.integers(0, 9)), max_size=8), max_size=6),
    SHORT,
    st.integers(1, 4),
)
def test_search_is_that_of_each_customer_by_itself(
    notes: list[list[tuple[str, str, int]]], needle: str, limit: int
) -> None:
    """Whatever was seen before it, and between two searches; NUL is in no ID."""
    known, last = InMemoryKnownCustomers(), dict[str, int]()
    for rows in notes:
        known.note(Seen(*row) for row in rows)
        for customer, _, at in rows:
            last[customer] = max(at, last.get(customer, 0))
        folded = needle.casefold().replace("\0", "\ufffd")
        found = [each for each in last if folded in each.casefold().replace("\0", "\ufffd")]
        expected = sorted(((each, last[each]) for each in found), key=lambda each: (-each[1], each[0]))
        assert known.customers(needle, limit) == expected[:limit]


def test_order_of_many_customers_follows_what_is_seen() -> None:
    known = InMemoryKnownCustomers()
    known.note(Seen(f"c{number:04}", "f", number) for number in range(2_000))
    assert known.customers("c0", 2) == [("c0999", 999), ("c0998", 998)]
    known.note(Seen(f"c{number:04}", "f", 5_000 - number) for number in range(700))
    assert known.customers("c0", 2) == [("c0000", 5_000), ("c0001", 4_999)]
    known.note([Seen("c0998", "f", 9_000)])
    assert known.customers("c0", 2) == [("c0998", 9_000), ("c0000", 5_000)]
    assert known.customers(limit=10_000)[-1] == ("c0700", 700)


def test_threads_add_and_search_concurrently() -> None:
    known = InMemoryKnownCustomers(most=500)

    def work(name: int) -> None:
        for number in range(200):
            known.note([Seen(f"{name}-{number}", "f", number)])
            known.customers("1", 5)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 250 <= len(known.customers(limit=10_000)) <= 500

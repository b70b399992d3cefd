"""Who and what has been seen."""

from __future__ import annotations

import threading

from usage.known_customers import InMemoryKnownCustomers, Seen, sightings
from usage.results import Event


def event(customer: str, feature: str, at: int) -> Event:
    return Event(f"e{at}", at, feature, customer, 1)


def test_sightings() -> None:
    """One for each customer and feature, with the newest time."""
    rows = [event("c", "f", 5), event("c", "f", 9), event("c", "g", 1), event("d", "f", 3)]
    assert sightings(rows) == [Seen("c", "f", 9), Seen("c", "g", 1), Seen("d", "f", 3)]


def test_search() -> None:
    """Customers by a part of their id in any case, newest first; a later sighting never makes one older."""
    known = InMemoryKnownCustomers()
    known.note([Seen("Acme", "f", 5), Seen("acme-2", "f", 9), Seen("other", "f", 7), Seen("Straße", "f", 1)])
    known.note([Seen("acme-2", "f", 2)])
    assert known.customers("ACME") == [("acme-2", 9), ("Acme", 5)]
    assert known.customers("STRASSE") == [("Straße", 1)]
    assert known.customers(limit=2) == [("acme-2", 9), ("other", 7)]
    assert known.customers("%") == known.customers("nobody") == []


def test_features() -> None:
    """Features of one customer, or of all; a customer known by name only has none."""
    known = InMemoryKnownCustomers()
    known.note([Seen("c", "f", 5), Seen("c", "g", 9), Seen("d", "h", 7), Seen("e", "", 0)])
    assert known.features("c") == ["g", "f"]
    assert known.features(None) == ["g", "h", "f"]
    assert known.features("e") == known.features("nobody") == []


def test_bounded() -> None:
    """However many are seen, the newest are kept and memory is not filled."""
    known = InMemoryKnownCustomers(most=100)
    known.note(Seen(f"c{number:05}", "f", number) for number in range(1000))
    assert len(known.customers(limit=10_000)) <= 100
    assert known.customers(limit=1) == [("c00999", 999)]


def test_threads() -> None:
    """Many threads may note and ask at once."""
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

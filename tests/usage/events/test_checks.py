"""The checks of rows: their findings are correct, planted cases are found, and order does not matter."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from usage.events.checks import (
    DUPLICATE_MS,
    MIN_ROWS,
    SHORTEST_GAP_MS,
    SKEW_MS,
    checks_of,
    duplicates,
    gaps,
    outliers,
)
from usage.results import Event

NOW = 1_795_000_000_000
names = st.sampled_from(["a", "b", "c"])
properties = st.dictionaries(names, st.sampled_from([1, "x", None, [1], {"y": 2}]), max_size=2)
rows = st.lists(
    st.builds(
        Event,
        id=st.text("abcdef", min_size=6, max_size=12),
        timestamp=st.integers(NOW - 5_000, NOW + 5_000),
        feature_id=names,
        customer_id=names,
        value=st.sampled_from([0, 1, -2.5, 1e12]),
        properties=properties,
    ),
    max_size=40,
)
values = st.lists(st.floats(-1e299, 1e299, allow_nan=False), max_size=80)


def event(at: int, value: float = 1, /, **properties: object) -> Event:
    return Event(f"evt_{at}_{value}_{len(properties)}", at, "calls", "acme", value, dict(properties))


@given(rows)
def test_duplicates_are_alike_and_close(events: list[Event]) -> None:
    """Rows of a run have one customer, feature, value and property set, and each follows within a second."""
    for run in duplicates(events):
        assert len(run) > 1
        assert (
            len(
                {
                    (
                        item.customer_id,
                        item.feature_id,
                        item.value,
                        str(sorted(item.properties.items(), key=str)),
                    )
                    for item in run
                }
            )
            == 1
        )
        assert all(0 <= newer.timestamp - older.timestamp <= DUPLICATE_MS for older, newer in pairwise(run))


@given(rows)
def test_every_pair_of_duplicates_is_found(events: list[Event]) -> None:
    """Two alike rows at most a second apart are in one run, and no row is in two runs."""
    runs = duplicates(events)
    where = {id(item): at for at, run in enumerate(runs) for item in run}
    assert len(where) == sum(map(len, runs))
    for one in events:
        for other in events:
            same = (one.customer_id, one.feature_id, one.value) == (
                other.customer_id,
                other.feature_id,
                other.value,
            )
            close = abs(one.timestamp - other.timestamp) <= DUPLICATE_MS
            if one is not other and same and close and one.properties == other.properties:
                assert where[id(one)] == where[id(other)]


@given(rows, st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(events: list[Event], chance: random.Random) -> None:
    distinct = list({item.id: item for item in events}.values())
    shuffled = distinct[:]
    chance.shuffle(shuffled)
    one, other = checks_of(distinct, NOW), checks_of(shuffled, NOW)
    assert (one.duplicates, one.gaps, one.outliers) == (other.duplicates, other.gaps, other.outliers)


@given(values)
def test_outliers_lie_outside_the_middle_half(amounts: list[float]) -> None:
    """For any finite values, the count is the number of values at or beyond the bound."""
    for item in outliers([event(at, value) for at, value in enumerate(amounts)]):
        beyond = [value for value in amounts if (value >= item.bound if item.above else value <= item.bound)]
        assert len(beyond) == item.count
        assert item.bound > item.high if item.above else item.bound < item.low
        assert item.count <= len(amounts) / 2


def test_retry_with_the_same_request_id_is_a_duplicate() -> None:
    """The same request a minute later is not."""
    first = event(NOW, 5, request_id="req_1", attempt=1)
    again = event(NOW + 900, 5, request_id="req_1", attempt=2, more=True)
    later = event(NOW + 60_000, 5, request_id="req_1")
    assert duplicates([later, again, first]) == [(first, again)]


def test_timestamps_over_a_minute_ahead_are_reported() -> None:
    near, far = event(NOW + SKEW_MS), event(NOW + SKEW_MS + 1)
    assert checks_of([near, far], NOW).ahead == (far,)


def test_silence_among_frequent_rows_is_a_gap() -> None:
    """An hour among rows a second apart is the only gap; rows a day apart have none."""
    before = [event(NOW + at * 1000) for at in range(MIN_ROWS)]
    after = [event(NOW + 3_600_000 + at * 1000) for at in range(MIN_ROWS)]
    (gap,) = gaps(before + after)
    assert (gap.older, gap.newer) == (before[-1], after[0])
    assert gap.ms > SHORTEST_GAP_MS
    assert gaps([event(NOW + at * 86_400_000) for at in range(MIN_ROWS)]) == []


def test_single_extreme_value_is_an_outlier() -> None:
    """Widely spread values are not."""
    (found,) = outliers([event(at, 100 + at % 7) for at in range(100)] + [event(NOW, 90_000)])
    assert (found.bound, found.count, found.above, found.rows) == (90_000, 1, True, 101)
    assert outliers([event(at, 1.2**at) for at in range(60)]) == []


def test_fewer_than_thirty_rows_have_no_findings() -> None:
    few = [event(at, 1) for at in range(MIN_ROWS - 2)] + [event(NOW, 1e9)]
    assert (gaps(few), outliers(few)) == ([], [])

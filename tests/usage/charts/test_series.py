"""Bins into series: pure arithmetic."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.usage.sample_service import DAY, HOUR
from usage.charts.groups import MAX_LINES, by_group, group_lines
from usage.charts.series import Line, Reconciliation, by_name, exact
from usage.freshness import freshness_of
from usage.notes import Note
from usage.results import RESERVED, AutumnBin
from usage.window import Bins

DAYS = Bins(tuple(range(0, 5 * DAY, DAY)))
amounts = st.integers(-1000, 1000).map(lambda number: number / 8)
cells = st.dictionaries(st.sampled_from([f"g{number:02}" for number in range(14)]), amounts, max_size=14)


def hours(groups: list[dict[str, float]]) -> list[AutumnBin]:
    """One of Autumn's hour bins for each, five hours apart."""
    return [
        AutumnBin(number * 5 * HOUR, {"f": sum(cell.values())}, {"f": cell})
        for number, cell in enumerate(groups)
    ]


def fold(cell: dict[str, float], most: int) -> dict[str, float]:
    """Fold like Autumn: the largest have their value, the others a 0, their sum a name of its own."""
    ranked = sorted(cell, key=lambda group: (-cell[group], group))
    rest = ranked[most:]
    stored = {group: 0.0 if group in rest else value for group, value in cell.items()}
    return stored | ({RESERVED: sum(cell[group] for group in rest)} if rest else {})


@given(st.lists(cells, max_size=18))
def test_groups_sum_to_the_feature(groups: list[dict[str, float]]) -> None:
    """Named groups, Other and events without a group sum to the feature in each bin."""
    periods = hours(groups)
    whole = [value + 5 for value in by_name(periods, ["f"], DAYS)["f"]]
    lines = group_lines(by_group(periods, ["f"], DAYS, 250), whole, None)
    sums = [sum(column) for column in zip(*(line.values for line in lines), strict=True)]
    assert [exact(value) for value in sums] == [exact(value) for value in whole]
    assert [line.kind for line in lines if line.kind not in ("group", "other")] == ["none"]
    assert sum(line.kind == "group" for line in lines) <= MAX_LINES
    sizes = [sum(map(abs, line.values)) for line in lines if line.kind == "group"]
    assert all(a >= b - 1e-9 for a, b in pairwise(sizes))


@given(st.lists(cells, max_size=18), st.integers(1, 9))
def test_folded_bins_are_marked(groups: list[dict[str, float]], most: int) -> None:
    """A group's bin is exact, or marked as part of Other; the sums stay the same."""
    folded = by_group(hours([fold(cell, most) for cell in groups]), ["f"], DAYS, most)
    truth = by_group(hours(groups), ["f"], DAYS, 250)
    assert [exact(value) for value in folded.sums()] == [exact(value) for value in truth.sums()]
    for group, values in folded.values.items():
        for index, value in enumerate(values):
            right = truth.values.get(group, [0.0] * len(DAYS))[index]
            assert value == right or index in folded.folded[group]


@given(st.lists(cells, max_size=18))
def test_nothing_is_marked_that_was_not_folded(groups: list[dict[str, float]]) -> None:
    """Also where a group is called as Autumn calls what it folds."""
    named = [
        {{"g00": RESERVED, "g01": "Other"}.get(name, name): abs(v) for name, v in cell.items()}
        for cell in groups
    ]
    most = max(map(len, named), default=0) + 1
    found = by_group(hours(named), ["f"], DAYS, most)
    assert not any(found.folded.values())
    assert not any(found.rest)


@given(st.lists(cells, max_size=18), st.lists(cells, max_size=18))
def test_previous_period_has_the_same_lines(
    now: list[dict[str, float]], then: list[dict[str, float]]
) -> None:
    """It sums to its own total."""
    current, previous = by_group(hours(now), ["f"], DAYS, 250), by_group(hours(then), ["f"], DAYS, 250)
    lines = group_lines(current, current.sums(), (previous, previous.sums()))
    totals = [sum(column) for column in zip(*(line.previous or () for line in lines), strict=True)]
    assert [exact(value) for value in totals or [0] * 4] == [exact(value) for value in previous.sums()]
    assert all(line.previous_total is not None for line in lines)


def test_names_of_a_feature_are_added() -> None:
    """The groups of all names under which a feature is tracked are one feature's."""
    cell = AutumnBin(0, {"a": 3.0, "b": 5.0}, {"a": {"x": 3.0}, "b": {"x": 4.0, "y": 1.0}})
    groups = by_group([cell], ["a", "b"], DAYS, 250)
    assert {name: values[0] for name, values in groups.values.items()} == {"x": 7.0, "y": 1.0}


def test_group_folded_under_one_name_is_marked() -> None:
    """A group that one name has whole, and another one folds, is not exact."""
    cell = AutumnBin(
        0,
        {"a": 9.0, "b": 3.0},
        {
            "a": {"x": 6.0, "y": 2.0, "z": 0.0, RESERVED: 1.0},
            "b": {"x": 0.0, "y": 0.0, "z": 3.0, RESERVED: 0.0},
        },
    )
    groups = by_group([cell], ["a", "b"], DAYS, 2)
    assert groups.folded["z"] == {0}
    assert not groups.folded["x"]


def test_reserved_names() -> None:
    """Other is a group like any other; what Autumn folds has one name."""
    cell = {"a": 5.0, "Other": 4.0, RESERVED: 3.0}
    groups = by_group(hours([cell]), ["f"], DAYS, 2)
    assert groups.values.keys() == {"a", "Other"}
    assert groups.rest[0] == 3
    assert by_group(hours([cell]), ["f"], DAYS, 3).values.keys() == cell.keys()
    negative = by_group(hours([cell | {RESERVED: -3.0}]), ["f"], DAYS, 3)
    assert (negative.values[RESERVED][0], negative.rest[0]) == (-3, 0)


def test_folded_groups_that_sum_to_zero_are_marked() -> None:
    groups = by_group(hours([{"a": 5.0, "b": 4.0, "c": 0.0, "AUTUMN_RESERVED": 0.0}]), ["f"], DAYS, 2)
    assert groups.folded["c"] == {0}
    assert not groups.folded["a"]


def test_folded_groups_with_a_negative_sum_are_marked() -> None:
    """Also where a group of 0 is among the largest."""
    groups = by_group(hours([{"a": 5.0, "b": 0.0, "c": 0.0, RESERVED: -3.0}]), ["f"], DAYS, 2)
    assert groups.folded["c"] == {0}
    assert (groups.rest[0], RESERVED in groups.values) == (-3, False)


def test_bin_beside_a_folded_one_of_the_previous_period_is_not_exact() -> None:
    line = Line("group", "a", (1.0, 2.0), (0.0, 2.0), previous_folded=frozenset({0}))
    assert (line.bound_at(0), line.bound_at(1)) == ("unknown", "exact")
    assert (line.bound, line.is_comparable) == ("exact", False)


def test_float_rounding_is_no_difference() -> None:
    """A larger difference is reported."""
    assert Reconciliation(0.1 + 0.2, 0.3, 2).difference == 0
    assert Reconciliation(1e15, 1e15 + 0.125, 2).difference == 0
    assert Reconciliation(10, 12.5, 2).difference == 2.5


def test_no_negative_zero() -> None:
    assert str(exact(-0.0)) == str(exact(-1e-12)) == "0.0"


class Part:
    def __init__(self, fetched_at: float, source: Any, reason: Note | None = None) -> None:
        self.fetched_at, self.source, self.reason = fetched_at, source, reason


def test_freshness_is_that_of_the_oldest_and_worst_part() -> None:
    reason = Note("stale", "Autumn is out of reach.")
    parts = [Part(30, "live"), Part(10, "cache"), Part(20, "stale", reason)]
    fresh = freshness_of(parts, bad_rows=2)
    assert (fresh.fetched_at, fresh.source, fresh.reason) == (10, "stale", reason)
    assert (fresh.bad_rows, fresh.foreign_rows) == (2, 0)

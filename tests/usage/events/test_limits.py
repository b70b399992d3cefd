"""What is counted of rows and of groups stops at limits, and says so."""

from __future__ import annotations

import pytest

from usage.charts.groups import MAX_SUMS, by_group
from usage.errors import TooLarge
from usage.events.facets import MAX_PATHS, MAX_VALUES, facets_of
from usage.query import MAX_PATH_DEPTH, MAX_PATH_LENGTH, BadQuery, PropertyFilter, Query
from usage.results import AutumnBin, Event
from usage.window import HOUR_MS, Bins


def rows(properties: list[dict[str, object]]) -> list[Event]:
    return [Event(f"e{n}", n, "f", "c", 1.0, each) for n, each in enumerate(properties)]


@pytest.mark.parametrize(("more", "left_out"), [(0, False), (1, True)])
def test_properties_beyond_the_limit_are_left_out(more: int, left_out: bool) -> None:
    """Not the one that is chosen, wherever it comes."""
    names = [f"p{n:05}" for n in range(MAX_PATHS + more)]
    last = names[-1]
    events = rows([{name: 1} for name in names])
    found = facets_of(events, paths=2 * MAX_PATHS)
    assert (len(found.properties), found.left_out) == (MAX_PATHS, left_out)
    chosen = facets_of(events, Query(filter=(PropertyFilter(last, "1"),)), paths=1)
    assert [(each.path, each.rows) for each in chosen.properties] == [(last, 1)]


@pytest.mark.parametrize(("more", "left_out"), [(0, False), (1, True)])
def test_values_beyond_the_limit_are_left_out(more: int, left_out: bool) -> None:
    """How many rows have the property is still counted."""
    values = list(range(MAX_VALUES + more))
    found = facets_of(rows([{"a": value} for value in values]))
    assert found.left_out == left_out
    [facet] = found.properties
    assert (facet.rows, facet.distinct) == (len(values), len(values))


@pytest.mark.parametrize("field", ["columns", "filter", "exclude", "group_by"])
def test_path_has_so_many_parts_and_characters(field: str) -> None:
    def query(path: str) -> Query:
        values = {"columns": (path,), "group_by": f"properties.{path}"}
        value = values.get(field, (PropertyFilter(path, "x"),))
        return Query(**{field: value})  # type: ignore[arg-type]

    query(".".join("a" * MAX_PATH_DEPTH))
    query("a" * MAX_PATH_LENGTH)
    for path in (".".join("a" * (MAX_PATH_DEPTH + 1)), "a" * (MAX_PATH_LENGTH + 1)):
        with pytest.raises(BadQuery) as bad:
            query(path)
        assert bad.value.field == field


def test_groups_times_bins_have_a_limit() -> None:
    """Ten thousand groups of a hundred bins can be summed, one more cannot."""
    bins = Bins(tuple(range(0, 101 * HOUR_MS, HOUR_MS)))

    def summed(groups: int) -> int:
        answer = AutumnBin(0, {"f": 1.0}, {"f": {f"g{n}": 1.0 for n in range(groups)}})
        return len(by_group([answer], ["f"], bins, 250).values)

    assert summed(MAX_SUMS // 100) == MAX_SUMS // 100
    with pytest.raises(TooLarge):
        summed(MAX_SUMS // 100 + 1)

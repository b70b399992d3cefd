"""Filters on single rows, and the values that rows have in common."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage.events.facets import facets_of
from usage.events.match import MISSING, flatten, lookup, matches, text_of
from usage.query import PropertyFilter, Query
from usage.results import Event

PROPERTIES: dict[str, Any] = {
    "model": "gpt",
    "a": {"b": {"c": 1}, "empty": {}},
    "a.b": {"c": 2, "d": None},
    "tags": ["x", "y"],
    "ok": True,
    "": "blank",
}


def event(value: float = 1, feature: str = "f", **properties: Any) -> Event:
    return Event("e", 1, feature, "c", value, properties or PROPERTIES)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("model", "gpt"),
        ("a.b", {"c": 2, "d": None}),
        ("a.b.c", 1),
        ("a.b.d", None),
        ("a.empty", {}),
        ("", "blank"),
        ("a.b.x", MISSING),
        ("model.x", MISSING),
        ("tags.0", MISSING),
        (".", MISSING),
        ("__class__", MISSING),
    ],
)
def test_lookup_follows_nested_objects(path: str, found: object) -> None:
    """A key that contains dots itself takes precedence."""
    assert lookup(PROPERTIES, path) == found


@pytest.mark.parametrize(
    ("requested", "passes"),
    [
        ({"filter": ("model:gpt",)}, True),
        ({"filter": ("model:other",)}, False),
        ({"filter": ("model:other", "model:gpt")}, True),
        ({"filter": ("model:gpt", "ok:false")}, False),
        ({"filter": ("ok:true", "a.b.c:1", 'tags:["x","y"]', "a.b.d:null")}, True),
        ({"filter": ("absent:null",)}, False),
        ({"exclude": ("model:gpt",)}, False),
        ({"exclude": ("model:other", "absent:x")}, True),
        ({"exclude": ("model:other", "model:gpt")}, False),
        ({"value_min": 1}, True),
        ({"value_min": 1.5}, False),
        ({"value_max": 1}, True),
        ({"value_max": 0.5}, False),
    ],
)
def test_matches_combines_conditions(requested: dict[str, Any], passes: bool) -> None:
    """The same path twice is or, different paths are and; exclusions win; bounds are inclusive."""
    for name in {"filter", "exclude"} & requested.keys():
        requested[name] = tuple(PropertyFilter(*text.split(":", 1)) for text in requested[name])
    assert matches(Query(**requested), event()) is passes


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**400) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), json_values, min_size=1, max_size=4))
def test_filter_finds_every_value_of_a_facet(properties: dict[str, Any]) -> None:
    """Path and text of each property find the rows that have it."""
    row = Event("e", 1, "f", "c", 1, properties)
    for path, value in flatten(properties):
        if lookup(properties, path) == value:
            found = Query(filter=(PropertyFilter(path, text_of(value)),))
            assert matches(found, row)


@pytest.mark.parametrize("wanted", ["5", "1e400", "-0.5", "9" * 400])
def test_number_beyond_all_floats_matches_no_other(wanted: str) -> None:
    one = Query(filter=(PropertyFilter("n", wanted),))
    assert not matches(one, event(n=10**320))
    assert matches(one.having(filter=(PropertyFilter("n", str(10**320)),)), event(n=10**320))


def test_facets_count_rows() -> None:
    """Features and properties by number of rows, with the most common values and the number of values."""
    rows = [event(feature="f" if n % 3 else "g", model=f"m{n % 4}", meta={"n": n}) for n in range(12)]
    facets = facets_of(rows, paths=2, values=3)
    assert (facets.rows, facets.features) == (12, (("f", 8), ("g", 4)))
    meta, model = facets.properties
    assert (meta.path, meta.rows, meta.distinct, len(meta.values)) == ("meta.n", 12, 12, 3)
    assert (model.path, model.values, model.distinct) == ("model", (("m0", 3), ("m1", 3), ("m2", 3)), 4)
    assert facets_of([]).rows == 0


def test_chosen_feature_is_counted_among_many() -> None:
    rows = [event(feature=f"f{number:02}") for number in range(60) for _ in range(2)]
    found = facets_of([*rows, event(feature="rare")], Query(feature_id=("rare",)))
    assert dict(found.features)["rare"] == 1


def test_properties_deeper_than_four_are_not_flattened() -> None:
    """A hostile row cannot create a thousand paths."""
    deep: dict[str, Any] = {"x": 1}
    for _ in range(50):
        deep = {"x": deep}
    assert [path for path, _ in flatten(deep)] == ["x.x.x.x"]

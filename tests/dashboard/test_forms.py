from __future__ import annotations

import string
from typing import Any

import pytest
from django.http import QueryDict
from hypothesis import assume, given
from hypothesis import strategies as st

from dashboard.forms import QueryForm
from usage.query import (
    BIN_SIZES,
    CHARTS,
    MAX_MOMENT,
    PARAMETERS,
    PER_PAGES,
    RANGES,
    BadQuery,
    Position,
    PropertyFilter,
    Query,
)

words = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=30
).filter(str.strip)
moments = st.integers(0, MAX_MOMENT - 1)
positions = st.builds(Position, moments, words)
filters = st.builds(PropertyFilter, words.filter(lambda path: ":" not in path), words)
numbers = st.floats(-1e12, 1e12, allow_nan=False).map(lambda value: value + 0.0)
zones = st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "America/Los_Angeles", "Pacific/Auckland"])


@st.composite
def queries(draw: st.DrawFn) -> Query:
    """Any valid query."""
    window: dict[str, Any] = draw(
        st.one_of(
            st.sampled_from(RANGES).map(lambda name: {"range": name}),
            st.tuples(moments, moments)
            .filter(lambda pair: pair[0] != pair[1])
            .map(lambda pair: {"start": min(pair), "end": max(pair)}),
            moments.map(lambda start: {"start": start}),
            st.just({}),
        )
    )
    optional: dict[str, st.SearchStrategy[Any]] = {
        "customer_id": words,
        "entity_id": words,
        "bin_size": st.sampled_from(BIN_SIZES),
        "group_by": st.sampled_from(
            ["properties.model", "properties.meta.tier", "$entity_id", "$customer_id", "$plan_id"]
        ),
        "focus": words,
        "chart": st.sampled_from(CHARTS),
        "value_min": numbers,
        "value_max": numbers,
        "compare": st.just("previous"),
        "per_page": st.sampled_from(PER_PAGES),
        "until": moments,
        "before": positions,
        "page": st.integers(1, 10_000),
        "event": positions,
        "feature_id": st.lists(words, max_size=4).map(tuple),
        "group": st.lists(words, max_size=4).map(tuple),
        "hide": st.lists(words, max_size=4).map(tuple),
        "filter": st.lists(filters, max_size=4).map(tuple),
        "exclude": st.lists(filters, max_size=4).map(tuple),
        "columns": st.lists(words, max_size=4).map(tuple),
    }
    chosen = {name: draw(strategy) for name, strategy in optional.items() if draw(st.booleans())}
    try:
        return Query(**window, **chosen, tz=draw(zones))
    except BadQuery:
        assume(False)
        raise


@given(queries())
def test_query_string_round_trip(query: Query) -> None:
    """A query equals the one parsed from its query string, which is canonical."""
    form = QueryForm(QueryDict(query.to_query_string()))
    assert form.is_valid(), form.errors
    assert form.query == query
    assert form.query.to_query_string() == query.to_query_string()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(PARAMETERS) | words,
            st.text(max_size=20) | st.sampled_from(["1e999", "NaN", "-1", "0", "7d", "\0", "5,x", "a:b"]),
        )
    )
)
def test_form_has_query_of_days_or_an_error_for_any_input(pairs: list[tuple[str, str]]) -> None:
    """It never raises an exception."""
    params = QueryDict(mutable=True)
    for name, value in pairs:
        params.appendlist(name, value)
    form = QueryForm(params)
    if not form.is_valid():
        assert all(str(sentence).strip() for sentences in form.errors.values() for sentence in sentences)
    else:
        assert form.query.to_params()


def test_empty_fields_are_ignored() -> None:
    """A form without script sends them."""
    blank = "&".join(f"{name}=" for name in PARAMETERS)
    form = QueryForm(QueryDict(blank))
    assert form.is_valid(), form.errors
    assert form.query == Query(tz=form.query.tz)


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ("customer_id=a&customer_id=b", "customer_id"),
        ("range=5d", "range"),
        ("range=7d&start=2026-11-01", "range"),
        ("start=2026-11-02&end=2026-11-01", "start"),
        ("start=2026-11-02&end=9998-12-31", "end"),
        ("end=2026-11-02", "start"),
        ("start=yesterday", "start"),
        ("start=1e999", "start"),
        ("start=999999999999999999", "start"),
        ("tz=Mars/Olympus", "tz"),
        ("tz=../../etc/passwd", "tz"),
        ("bin_size=minute", "bin_size"),
        ("group_by=model", "group_by"),
        ("group_by=properties.", "group_by"),
        ("group_by=properties.a%0A", "group_by"),
        ("group=x", "group"),
        ("chart=pie", "chart"),
        ("filter=model", "filter"),
        ("filter=:x", "filter"),
        ("value_min=1e999", "value_min"),
        ("value_min=nan", "value_min"),
        ("value_min=2&value_max=1", "value_min"),
        ("compare=next", "compare"),
        ("per_page=7", "per_page"),
        ("page=0", "page"),
        ("page=1.5", "page"),
        ("until=-1", "until"),
        ("before=5", "before"),
        ("event=x,y", "event"),
        ("customer_id=%00", "customer_id"),
        ("nonsense=1", "__all__"),
        ("Customer_id=a", "__all__"),
    ],
)
def test_error_is_beside_its_field(params: str, field: str) -> None:
    form = QueryForm(QueryDict(params))
    assert not form.is_valid()
    assert list(form.errors) == [field]


def test_moments_without_offset_are_in_the_viewers_zone() -> None:
    """Moments with an offset, and epoch milliseconds, do not depend on `tz`."""
    form = QueryForm(QueryDict("tz=Europe/Berlin&start=2026-07-01&end=2026-07-02T00:00:00-05:00"))
    assert form.is_valid()
    assert form.query.start == 1782856800000
    assert form.query.end == 1782968400000


def test_window_of_one_date_is_that_day() -> None:
    form = QueryForm(QueryDict("tz=Europe/Berlin&start=2026-10-31&end=2026-10-31"))
    assert form.is_valid()
    assert form.query.start is not None
    assert form.query.end == form.query.start + 24 * 3_600_000


def test_viewers_zone_is_the_default() -> None:
    """Every link of the page has that zone."""
    form = QueryForm(QueryDict(""), "Asia/Tokyo")
    assert form.is_valid()
    assert form.query.tz == "Asia/Tokyo"
    assert not form.given_tz
    assert "tz=Asia%2FTokyo" in form.query.to_query_string()


def test_parameter_names_need_no_encoding() -> None:
    assert all(set(name) <= set(string.ascii_lowercase + "_") for name in PARAMETERS)

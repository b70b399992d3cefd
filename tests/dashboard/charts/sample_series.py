"""Series for tests of charts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from usage.charts.series import FeatureTotal, Line, Reconciliation, Series
from usage.freshness import Freshness
from usage.query import Query
from usage.window import DAY_MS, bins_of

NOW = int(datetime(2026, 11, 23, 13, 2, 30, tzinfo=UTC).timestamp() * 1000)
DAY = int(datetime(2026, 11, 23, tzinfo=UTC).timestamp() * 1000)

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    '"><svg onload=alert(1)>',
    "{{7*7}} %{y} ${x}",
    "<a href='javascript:alert(1)'>b</a>",
    "evil\u202etxt.exe",
    "nul\x00bell\x07\u2028",
    "x" * 5000,
    "AUTUMN_RESERVED",
    "Other",
    "(none)",
    "__proto__",
    "constructor",
    "",
)

names = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=30))
values = st.one_of(
    st.integers(-(10**12), 10**12).map(float),
    st.floats(allow_nan=False, allow_infinity=False),
)


def query_of_days(days: int = 31, **changes: Any) -> Query:
    """That many UTC days up to the end of today, of one customer."""
    requested: dict[str, Any] = {"customer_id": "acme", "tz": "UTC", "bin_size": "day"}
    requested |= {"start": DAY - (days - 1) * DAY_MS, "end": DAY + DAY_MS}
    return Query(**(requested | changes))


def series_of(lines: Sequence[Line], query: Query | None = None, **changes: Any) -> Series:
    """A series with these lines, and matching features and totals."""
    size = len(lines[0].values) if lines else 31
    query = query or query_of_days(size)
    window = query.window(NOW)
    assert window is not None
    bins = bins_of(window, query.bin_size_for(window), query.zone)
    total = sum(line.total for line in lines)
    running = next((at for at, start in enumerate(bins.starts) if start <= NOW < bins.edges[at + 1]), None)
    features = tuple(a_total(line.name, line.values, line.previous) for line in lines if line.name)
    parts: dict[str, Any] = {
        "features": features,
        "focus": "tokens" if query.group_by is not None else lines[0].name if lines else None,
        "count": 5 * len(features),
        "reconciliation": Reconciliation(total, total, 31_204),
        "fresh": Freshness(NOW / 1000, "live"),
        "running": running,
    }
    return Series(query, bins, query.bin_size_for(window), NOW, tuple(lines), **(parts | changes))


def a_total(name: str, values: tuple[float, ...], previous: tuple[float, ...] | None = None) -> FeatureTotal:
    """A feature with five events, whose bins have all that Autumn has."""
    return FeatureTotal(name, Reconciliation(sum(values), sum(values), 5), values, previous)


def groups(*names: str, size: int = 31, **query: Any) -> Series:
    """One feature by model: each name is a group, then Other and the events without a group."""
    lines = [
        Line("group", name, tuple(float((at + 2) * 100 * (day + 1)) for day in range(size)))
        for at, name in enumerate(names)
    ]
    rest = [Line("other", "", (40.0,) * size, members=9), Line("none", "", (7.0,) * size)]
    return series_of([*lines, *rest], query_of_days(size, group_by="properties.model", **query))


@st.composite
def any_series(draw: st.DrawFn) -> Series:
    """Up to eight lines and Other, over up to forty days, with any values, with or without a previous
    period.
    """
    size = draw(st.integers(1, 40))
    row = st.lists(values, min_size=size, max_size=size).map(tuple)
    before = st.one_of(st.none(), row)
    chosen = draw(st.lists(names, max_size=8, unique=True))
    folded = st.frozensets(st.integers(0, size - 1), max_size=3)
    lines = [Line("group", name, draw(row), draw(before), draw(folded)) for name in chosen]
    lines.append(Line("other", "", draw(row), draw(before), members=3))
    shape = draw(st.sampled_from(["bars", "lines", "cumulative", "percent"]))
    query = query_of_days(size, group_by="properties.model", chart=shape, compare="previous")
    return series_of(lines, query, previous=draw(before))

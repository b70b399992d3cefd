"""The chart as data, as SVG and as a Plotly figure."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import plotly.graph_objects as go  # type: ignore[import-untyped]  # plotly ships no types
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plotly.io import to_json  # type: ignore[import-untyped]  # likewise

from dashboard.charts import chart_of, chart_panel, figure, svg
from dashboard.charts.chart import stack
from dashboard.charts.colors import SLOTS, slots
from dashboard.charts.ticks import (
    MAX_NARROW,
    MAX_WIDE,
    bin_labels,
    bin_times,
    time_ticks,
    value_range,
    value_ticks,
)
from tests.dashboard.charts.sample_series import (
    DAY,
    HOSTILE,
    any_series,
    groups,
    names,
    query_of_days,
    series_of,
    values,
)
from usage.charts.series import Line, Series
from usage.query import BIN_SIZES, PropertyFilter
from usage.window import HOUR_MS, BinSize, Window, bins_of

moderate = st.floats(-1e15, 1e15, allow_nan=False)


@given(st.tuples(values, values))
def test_value_axis_covers_the_data(ends: tuple[float, float]) -> None:
    """The axis includes zero and every value, and has a few round labels."""
    clamped = [0 if abs(end) < 1e-300 else min(max(end, -1e300), 1e300) for end in ends]
    low, high = value_range(min(clamped), max(clamped))
    ticks = value_ticks(low, high)
    assert low <= min(0.0, *clamped) <= max(0.0, *clamped) <= high
    assert 1 <= len(ticks) <= 14
    assert all(low <= tick.at <= high or math.isclose(tick.at, 0, abs_tol=1e-9) for tick in ticks)
    assert any(tick.at == 0 for tick in ticks)


@given(
    st.integers(1, 1200),
    st.sampled_from(BIN_SIZES),
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "Pacific/Auckland"]),
)
def test_time_axis_has_few_labels(days: int, size: Any, zone: str) -> None:
    """At most nine on a wide screen, five on a narrow one, each at a bin; every bin has a unique name."""
    query = query_of_days(days if size != "hour" else days % 100 + 1, tz=zone)
    window = query.window(0)
    assert window is not None
    bins = bins_of(window, size, query.zone)
    times = bin_times(bins, size, query.zone)
    ticks = time_ticks(times, size)
    assert 1 <= len(ticks) <= MAX_WIDE
    assert 1 <= sum(tick.narrow for tick in ticks) <= MAX_NARROW
    assert all(0 <= tick.at < len(bins) for tick in ticks)
    assert len(set(bin_labels(times, size))) == len(bins)


def named(start: datetime, hours: int, size: BinSize, zone: str) -> tuple[str, ...]:
    query = query_of_days(tz=zone)
    ms = int(start.timestamp() * 1000)
    bins = bins_of(Window(ms, ms + hours * HOUR_MS), size, query.zone)
    return bin_labels(bin_times(bins, size, query.zone), size)


def test_repeated_hour_has_two_bins() -> None:
    """They have different offsets."""
    found = named(datetime(2026, 10, 25, tzinfo=UTC), 3, "hour", "Europe/Berlin")
    assert found == ("25 Oct 2026 02:00 UTC+2", "25 Oct 2026 02:00 UTC+1", "25 Oct 2026 03:00 UTC+1")


def test_days_off_the_hour_have_their_date() -> None:
    """In Kolkata the bin of a day starts half an hour before its midnight."""
    found = named(datetime(2026, 11, 1, 18, 30, tzinfo=UTC), 48, "day", "Asia/Kolkata")
    assert found == ("2 Nov 2026", "3 Nov 2026")


def test_cut_bins_name_their_start() -> None:
    found = named(datetime(2026, 11, 10, 14, tzinfo=UTC), 24, "day", "UTC")
    assert found == ("10 Nov 2026 from 14:00", "11 Nov 2026")
    found = named(datetime(2026, 11, 10, 14, tzinfo=UTC), 24 * 30, "month", "UTC")
    assert found == ("from 10 Nov 2026, 14:00", "Dec 2026")
    found = named(datetime(2026, 11, 21, 18, tzinfo=UTC), 24, "week", "Asia/Kolkata")
    assert found == ("week of 21 Nov 2026 from 23:30",)
    found = named(datetime(2026, 11, 21, 10, tzinfo=UTC), 24, "day", "Pacific/Chatham")
    assert found == ("22 Nov 2026",)


@given(st.lists(st.tuples(*[moderate] * 3), min_size=1, max_size=9), st.booleans())
def test_parts_of_a_stack_sum_to_the_bin(lines: list[tuple[float, ...]], apart: bool) -> None:
    """Every part is as long as its value."""
    parts = stack(lines, apart=apart)
    for line, part in zip(lines, parts, strict=True):
        assert all(
            math.isclose(end - start, value, abs_tol=1)
            for value, (start, end) in zip(line, part, strict=True)
        )
    for at in range(3):
        column = [line[at] for line in lines]
        ends = [part[at][1] for part in parts]
        if apart:
            assert math.isclose(max(0, *ends), sum(v for v in column if v > 0), abs_tol=1e-3)
            assert math.isclose(min(0, *ends), sum(v for v in column if v < 0), abs_tol=1e-3)
        else:
            assert math.isclose(ends[-1], sum(column), rel_tol=1e-9, abs_tol=1e-3)


@given(st.sets(names, min_size=1, max_size=20), st.data())
def test_colors_do_not_change_with_filters(rivals: set[str], data: st.DataObject) -> None:
    """If eight colors are enough for all series."""
    drawn = data.draw(st.sets(st.sampled_from(sorted(rivals)), min_size=1, max_size=8))
    found = slots("acme", "feature", drawn, rivals)
    assert set(found.values()) <= set(SLOTS)
    assert len(set(found.values())) == len(drawn)
    if len(rivals) <= len(SLOTS):
        whole = slots("acme", "feature", rivals, rivals)
        assert all(found[name] == whole[name] for name in drawn)


def test_colors_do_not_depend_on_the_process() -> None:
    """Neither the process nor the sizes change them: the expected colors are constants."""
    assert slots("acme", "feature", ["api_calls", "emails"]) == slots(
        "acme", "feature", ["emails", "api_calls"]
    )
    assert slots("acme", "feature", ["api_calls", "ai_tokens", "emails"]) == EXPECTED_COLORS


EXPECTED_COLORS = {"api_calls": "s1", "ai_tokens": "s5", "emails": "s4"}


@given(any_series())
def test_svg_is_well_formed(series: Series) -> None:
    """For any names and values, the drawings are XML with numbers and the chart's own elements only."""
    chart = chart_of(series)
    parts = svg.axes(chart), svg.marks(chart), svg.hatch(chart, "c"), svg.hits(["/e/?a=1&b=2"], ['<"&>'])
    tree = ElementTree.fromstring(f"<svg>{''.join(parts)}</svg>")
    assert {item.tag for item in tree.iter()} <= {"svg", "line", "text", "path", "rect", "a", "title"}
    assert "nan" not in "".join(parts[:3])
    assert "inf" not in "".join(parts[:3])


@given(any_series())
def test_figure_is_valid(series: Series) -> None:
    """graph_objects, which checks every attribute of Plotly, accepts each figure."""
    spec = json.loads(figure.embedded(figure.figure(chart_of(series))))
    go.Figure(spec)
    assert len(figure.origins(chart_of(series))) == len(spec["data"])


@given(any_series())
def test_figure_names_are_text(series: Series) -> None:
    """No label has an unescaped < or >, and the JSON cannot end its script element."""
    chart = chart_of(series)
    for trace in figure.figure(chart)["data"]:
        assert not {"<", ">"} & set(trace.get("name", ""))
    panel = chart_panel(series)
    assert not {"<", ">", "&", "\u2028", "\u2029"} & set(panel.figure)
    assert [line["label"] for line in json.loads(panel.figure)["lines"]] == [
        line.label for line in chart.lines
    ]


@pytest.mark.parametrize("value", [math.nan, math.inf, [1, {"a": -math.inf}]])
def test_json_refuses_nan_and_infinity(value: object) -> None:
    """They would become null in the page."""
    with pytest.raises(ValueError, match="NaN"):
        figure.embedded(value)


def test_figure_is_small() -> None:
    """90 days by 10 lines: at most a third of graph_objects' bytes, and the SVG is below 12 KB."""
    lines = [
        Line("feature", f"feature-{at}", tuple(float(at * 1000 + day * 37) for day in range(90)))
        for at in range(1, 11)
    ]
    chart = chart_of(series_of(lines, query_of_days(90)))
    ours = figure.embedded(figure.figure(chart))
    theirs = to_json(
        go.Figure([go.Bar(x=list(chart.labels), y=line.values, name=line.name) for line in chart.lines])
    )
    assert len(ours) <= 0.3 * len(theirs)
    assert len(svg.axes(chart)) + len(svg.marks(chart)) <= 12_288


def test_other_and_no_value_are_gray() -> None:
    """Other has the number of its groups; a group named Other is a separate line."""
    chart = chart_of(groups("Other", "gpt"))
    assert [(line.label, line.slot in SLOTS) for line in chart.lines] == [
        ("“Other”", True),
        ("gpt", True),
        ("Other (9)", False),
        ("No value or not reported", False),
    ]


def test_cumulative_line_ends_at_the_running_bin() -> None:
    line = Line("feature", "calls", (1.0,) * 31)
    query = query_of_days(31, chart="cumulative")
    later = replace(series_of([line], query), now=series_of([line], query).bins.starts[9])
    assert chart_of(later).lines[0].values == tuple(float(day) for day in range(1, 11))


def test_legend_and_table_have_the_figures_of_the_series() -> None:
    """With ≈ for groups that are partly in Other."""
    series = groups("gpt", "embed", size=3)
    folded = replace(series, lines=(replace(series.lines[0], folded=frozenset({1})), *series.lines[1:]))
    panel = chart_panel(folded)
    assert [(row.label, row.sum, row.share) for row in panel.legend.rows] == [
        ("gpt", "≈ 1,200", "38\N{NO-BREAK SPACE}%"),
        ("embed", "1,800", "57\N{NO-BREAK SPACE}%"),
        ("Other (9)", "120", "4\N{NO-BREAK SPACE}%"),
        ("No value or not reported", "21", "1\N{NO-BREAK SPACE}%"),
    ]
    assert panel.legend.total == "3,141"
    assert [row.cells for row in panel.table.rows][1] == ("≈ 400", "600", "40", "7", "1,047")
    assert panel.table.rows[2].label == "23 Nov 2026 (partial)"


@pytest.mark.parametrize(
    ("chosen", "previous_folded", "is_shown"),
    [(("gpt",), {1}, False), (("gpt",), set(), True), ((), {1}, True)],
    ids=["a chosen group is folded", "a chosen group is not", "all groups"],
)
def test_change_of_all_lines_needs_exact_ones(
    chosen: tuple[str, ...], previous_folded: set[int], is_shown: bool
) -> None:
    """All groups together are exact, whatever Autumn folded; chosen ones are not."""
    line = Line("group", "gpt", (4.0, 2.0), (1.0, 2.0), previous_folded=frozenset(previous_folded))
    query = query_of_days(2, group_by="properties.model", group=chosen, compare="previous")
    legend = chart_panel(series_of([line], query, previous=line.previous)).legend
    assert (legend.total_change is not None) is is_shown
    assert (legend.rows[0].change is None) is bool(previous_folded)


def test_partial_interval_ends_with_the_bars() -> None:
    """Now, or at the last full hour if the chart is compared."""
    running = series_of([Line("feature", "tokens", (1.0, 2.0))], query_of_days(2))
    assert chart_panel(running).check_line.partial == "Today is partial. It includes events until 13:02."
    cut = query_of_days(2, end=DAY + 12 * HOUR_MS)
    compared = series_of([Line("feature", "tokens", (1.0, 2.0))], cut, running=1)
    assert chart_panel(compared).check_line.partial == "Today is partial. It includes events until 12:00."


@pytest.mark.parametrize("shape", ["bars", "lines", "cumulative", "percent"])
@pytest.mark.parametrize("count", [1, 3])
def test_hidden_lines_are_listed_but_not_drawn(shape: Any, count: int) -> None:
    """Neither in the SVG nor for Plotly; one of them, and all; the axis fits what is left."""
    series = series_of([Line("group", name, (9.0, 8.0, 7.0)) for name in ("a", "b", "c")], query_of_days(3))
    query = series.query.having(group_by="properties.model", chart=shape)
    shown = chart_panel(replace(series, query=query))
    hidden = ("a", "b", "c")[:count]
    panel = chart_panel(replace(series, query=query.having(hide=hidden)))
    assert [row.name for row in panel.legend.rows] == ["a", "b", "c"]
    assert [row.is_hidden for row in panel.legend.rows] == [at < count for at in range(3)]
    assert [row.sum for row in panel.legend.rows] == [row.sum for row in shown.legend.rows]
    assert len(json.loads(panel.figure)["data"]) == 3 - count
    assert panel.drawing is not None
    assert shown.drawing is not None
    assert panel.drawing.marks.count('d="M') == shown.drawing.marks.count('d="M') * (3 - count) // 3
    hides = [row.hides or "" for row in panel.legend.rows]
    assert [("hide=a" in href, "hide=b" in href) for href in hides[:2]] == [
        (False, count > 1),
        (True, count == 1),
    ]


def test_chart_links_change_one_parameter() -> None:
    """One group, all groups, a bin, another chart type."""
    panel = chart_panel(
        groups("gpt", "", size=2), base_path="/shared/7/usage/", events_path="/shared/7/events/"
    )
    only, nameless, *rest = [row.href for row in panel.legend.rows]
    assert only is not None
    assert only.startswith("/shared/7/usage/?")
    assert "&group=gpt&group_by=properties.model&" in only
    assert [nameless, *rest] == [None, None, None]
    assert panel.table.rows[0].href.startswith("/shared/7/events/?")
    assert "start=1795305600000" in panel.table.rows[0].href
    again = chart_panel(groups("gpt", size=2, group=("gpt",)))
    assert "group=gpt" not in str(again.legend.rows[0].href)


def test_bar_of_a_group_links_to_its_rows() -> None:
    """Its filter replaces an earlier filter on the same property."""
    series = groups("gpt", size=2, filter=(PropertyFilter("model", "embed"), PropertyFilter("region", "eu")))
    spec = json.loads(chart_panel(series).figure)
    assert "filter=model%3Agpt&filter=region%3Aeu" in spec["lines"][0]["rows"]
    assert "embed" not in spec["lines"][0]["rows"]


def test_bin_with_chosen_groups_links_to_their_rows() -> None:
    """Not to those of the whole feature."""
    both = chart_panel(groups("gpt", "embed", size=2, group=("gpt", "embed")))
    assert "&filter=model%3Aembed&filter=model%3Agpt&" in both.table.rows[0].href
    one = chart_panel(
        series_of(
            [Line("group", "gpt", (1.0, 2.0))], query_of_days(2, group_by="properties.model", group=("gpt",))
        )
    )
    assert "&filter=model%3Agpt&" in one.table.rows[0].href
    assert json.loads(one.figure)["lines"][0]["rows"].count("filter=") == 1
    by_customer = query_of_days(2, customer_id=None, group_by="$customer_id", group=("acme",))
    mine = chart_panel(series_of([Line("group", "acme", (1.0, 2.0))], by_customer))
    for address in (mine.table.rows[0].href, json.loads(mine.figure)["lines"][0]["rows"]):
        assert "customer_id=acme" in address
        assert "group" not in address


def test_hostile_names_are_visible_and_short() -> None:
    """Every hostile name is used in every part of a panel."""
    for at in range(0, len(HOSTILE), 5):
        series = series_of(
            [Line("feature", name, (1.0, 2.0)) for name in HOSTILE[at : at + 5]], query_of_days(2)
        )
        panel = chart_panel(series)
        for row in panel.legend.rows:
            assert len(row.label) <= 250
            assert "\u202e" not in row.label + row.title
            assert row.title.strip()

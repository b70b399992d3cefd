"""Shares of groups, and panels: what they draw, what they say, and what they never add up."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import plotly.graph_objects as go  # type: ignore[import-untyped]  # plotly ships no types
import pytest
from django.test import Client

from dashboard.charts import chart_panel
from dashboard.charts.colors import SLOTS, feature_slots
from dashboard.formats import GAP
from tests.dashboard.charts.sample_series import a_total, groups, query_of_days, series_of
from tests.page import Page, parameters
from usage.charts.queries import MAX_FEATURES
from usage.charts.series import Line, Series
from usage.sample import Store

ACME = "acme-robotics"
MINE = {"customer_id": ACME, "tz": "UTC"}


def grouped(*lines: tuple[float, ...], whole: tuple[float, ...] | None = None, **query: Any) -> Series:
    """Groups a, b, … of one feature in a percent chart; `whole`: what the feature has."""
    requested = query_of_days(len(lines[0]), group_by="properties.model", chart="percent", **query)
    named = [Line("group", "abc"[at], values) for at, values in enumerate(lines)]
    total = whole or tuple(map(sum, zip(*lines, strict=True)))
    return series_of(named, requested, features=(a_total("tokens", total),))


def features(*names: str, size: int = 3, **query: Any) -> Series:
    """Features in panels, each with a tenth of the usage of the one before."""
    totals = tuple(a_total(name, (10.0 ** (9 - at),) * size) for at, name in enumerate(names))
    focused = [Line("feature", names[0], totals[0].values)]
    return series_of(focused, query_of_days(size, chart="panels", **query), features=totals)


def get(client: Client, address: str, **params: Any) -> Page:
    return Page(client.get(address, params))


def test_shares_are_of_each_interval() -> None:
    """In the figure, in the table beside the values, and of the whole feature where groups are chosen."""
    panel = chart_panel(grouped((30.0, 1.0, 0.0), (10.0, 3.0, 0.0)))
    spec = json.loads(panel.figure)
    assert [trace["y"] for trace in spec["data"]] == [[75, 25, 0], [25, 75, 0]]
    assert [trace["customdata"] for trace in spec["data"]] == [[30, 1, 0], [10, 3, 0]]
    row = panel.table.rows[0]
    assert (row.cells, row.shares) == (("30", "10", "40"), (f"75{GAP}%", f"25{GAP}%", f"100{GAP}%"))
    assert (panel.check_line.state, panel.note) == ("yes", "")
    chosen = chart_panel(grouped((30.0, 1.0), whole=(40.0, 4.0), group=("a",)))
    assert json.loads(chosen.figure)["data"][0]["y"] == [75, 25]
    assert [chosen.legend.rows[0].share, chosen.legend.share] == [f"70{GAP}%"] * 2


def test_interval_with_negative_values_has_no_shares() -> None:
    """It stays blank, which is said; its values stay in hover box and table."""
    panel = chart_panel(grouped((30.0, 5.0), (10.0, -1.0)))
    spec = json.loads(panel.figure)
    assert [trace["y"] for trace in spec["data"]] == [[75, 0], [25, 0]]
    assert ["%{y" in each for each in spec["data"][1]["hovertemplate"]] == [True, False]
    assert spec["data"][1]["customdata"] == [10, -1]
    assert panel.note.endswith(": 1.")
    assert panel.table.rows[1].cells == ("5", "−1", "4")
    assert set(panel.table.rows[1].shares) == {"–"}


def test_hidden_group_leaves_its_share_blank() -> None:
    spec = json.loads(chart_panel(grouped((30.0,), (10.0,), hide=("a",))).figure)
    assert [trace["y"] for trace in spec["data"]] == [[25]]


def test_share_of_a_folded_group_is_not_exact() -> None:
    series = grouped((30.0,), (10.0,))
    folded = replace(series, lines=(replace(series.lines[0], folded=frozenset({0})), series.lines[1]))
    assert chart_panel(folded).table.rows[0].shares == (f"≈ 75{GAP}%", f"25{GAP}%", f"100{GAP}%")


def test_percent_is_offered_with_groups_only() -> None:
    assert "Percent" in [each.name for each in chart_panel(groups("a", size=2)).chart_types]
    alone = chart_panel(series_of([Line("feature", "a", (1.0, 2.0))], query_of_days(2)))
    assert [each.name for each in alone.chart_types] == ["Bars", "Lines", "Cumulative", "Panels"]


def test_groups_that_could_not_be_loaded_leave_bars() -> None:
    series = series_of([Line("feature", "tokens", (1.0, 2.0))], query_of_days(2))
    query = series.query.having(group_by="properties.model", chart="percent")
    assert json.loads(chart_panel(replace(series, query=query)).figure)["data"][0]["y"] == [1, 2]


def test_panels_share_a_time_axis_and_nothing_else() -> None:
    """Each has its own value axis; one Plotly figure holds them, and nothing is added up."""
    panel = chart_panel(features("a", "b", "c"))
    spec = json.loads(panel.figure)
    go.Figure({"data": spec["data"], "layout": spec["layout"]})
    assert [trace["yaxis"] for trace in spec["data"]] == ["y", "y2", "y3"]
    tops = [spec["layout"][name]["range"][1] for name in ("yaxis", "yaxis2", "yaxis3")]
    assert tops == pytest.approx([1.05e9, 1.05e8, 1.05e7])
    assert [row.drawing.axes.count('class="x') > 0 for row in panel.rows] == [False, False, True]
    assert [row.feature for row in panel.rows] == ["a", "b", "c"]
    assert panel.table.rows[0].cells == ("1,000,000,000", "100,000,000", "10,000,000")
    assert not panel.legend.adds_up
    assert panel.check_line.state == ""
    assert "1,110,000,000" not in repr(panel)


def test_panels_are_of_the_features_that_have_a_card() -> None:
    names = [f"f{at}" for at in range(MAX_FEATURES + 2)]
    panel = chart_panel(features(*names))
    assert [row.feature for row in panel.rows] == names[:MAX_FEATURES] == [c.feature_id for c in panel.cards]
    hidden = chart_panel(features(*names, hide=("f0", "f3")))
    assert [row.feature for row in hidden.rows] == [n for n in names[:MAX_FEATURES] if n not in ("f0", "f3")]
    assert len(hidden.legend.rows) == MAX_FEATURES


def test_bar_of_a_panel_opens_its_features_events() -> None:
    """A card, and a panel's name, lead to the feature alone."""
    panel = chart_panel(features("a", "b"))
    assert "feature_id=b" in panel.rows[1].drawing.hits
    assert "feature_id=b" in json.loads(panel.figure)["lines"][1]["rows"]
    assert "feature_id" not in panel.table.rows[0].href
    for href in (panel.rows[1].href, panel.cards[1].href):
        assert href is not None
        assert parameters(href)["focus"] == ["b"]
        assert "chart" not in parameters(href)


def test_percent_without_groups_is_refused_beside_its_field(page: Client) -> None:
    """The form, which sends its cleared list of groups, has bars instead."""
    response = page.get("/usage/", MINE | {"chart": "percent"})
    assert response.status_code == 400
    assert "chart" in Page(response).values("data-error")
    cleared = page.get("/usage/", MINE | {"chart": "percent", "group_by": "", "group": "gpt-large"})
    assert cleared.status_code == 200
    assert "chart" not in parameters(Page(cleared).one(id="view")["data-address"] or "")


def test_panels_show_whole_features_and_say_so(page: Client) -> None:
    """With groups chosen, which the address keeps; the events below are those of all features."""
    shown = get(page, "/usage/", **MINE, chart="panels", group_by="properties.model", group="gpt-large")
    panels = shown.values("data-panel")
    assert panels == shown.values("data-feature", "a")
    assert shown.has(data_chart_note=True)
    chart = shown.one(data_chart=True)
    assert len(chart.all(class_="bar")) == len(panels)
    assert not shown.has("section", data_reconciled=True)
    assert not chart.has(data_reconciled=True)
    assert [each["data-events"] for each in shown.all(data_total=True)] == []
    sums = {one["data-group"]: one["data-sum"] for one in shown.all("tr", data_group=True)}
    assert sums == {one["data-feature"]: one["data-sum"] for one in shown.all("a", data_feature=True)}
    assert parameters(shown.one(id="view")["data-address"] or "")["group"] == ["gpt-large"]


@pytest.mark.parametrize("chart", ["percent", "panels"])
def test_file_has_the_same_figures_for_each_chart_type(page: Client, chart: str) -> None:
    query = MINE | {"range": "7d", "group_by": "properties.model"}
    bars, other = [page.get("/usage/export.csv", query | {"chart": each}) for each in ("bars", chart)]
    assert bars.getvalue() == other.getvalue()


def test_feature_has_one_color_on_every_page(page: Client, sample: Store) -> None:
    """Cards, chart, panels, histogram, overview; of one customer's, no two are alike."""
    usage = get(page, "/usage/", **MINE)
    colors = colors_of_cards(usage)
    assert len(set(colors.values())) == len(colors) > 3
    assert colors_of_cards(get(page, "/usage/", **MINE, chart="panels")) == colors
    name = "storage_gb"
    focused = get(page, "/usage/", **MINE, focus=name)
    assert colors[name] in focused.one(data_chart=True).all(class_="bar")[0].classes
    rows = get(page, "/events/", **MINE, feature_id=name)
    assert all(colors[name] in tag.classes for tag in rows.one("tbody", id="found").all("span", class_="tag"))
    histogram = get(page, "/events/histogram/", **MINE, feature_id=name)
    assert colors[name] in histogram.all(class_="bar")[0].classes
    overview = colors_of_cards(get(page, "/", range="30d"))
    assert {name: overview[name] for name in colors if name in overview} == colors


def colors_of_cards(shown: Page) -> dict[str, str]:
    """The color of each feature's card, which is that of its bars."""
    cards = {card["data-feature"] or "": card for card in shown.all("a", class_="feature-card")}
    dots = {name: card.all("i", class_="dot")[0] for name, card in cards.items()}
    colors = {name: (dot.classes & set(SLOTS)).pop() for name, dot in dots.items()}
    for name, card in cards.items():
        paths = card.one(class_="small-bars").all("path")
        assert [each.classes for each in paths] == [{colors[name]}]
    return colors


def test_color_of_a_feature_depends_on_those_beside_it_only() -> None:
    """Features of other customers, and hidden ones, change none."""
    mine = frozenset({"api_calls", "ai_tokens", "emails"})
    alone = feature_slots(mine, frozenset({mine}))
    others = frozenset({frozenset({f"meter_{at}" for at in range(30)})})
    assert {name: feature_slots(mine, others | {mine})[name] for name in mine} == alone
    many = frozenset(f"f{at}" for at in range(12))
    assert len(set(feature_slots(many, frozenset({many})).values())) == len(SLOTS)

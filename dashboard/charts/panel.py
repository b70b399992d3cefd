"""What the templates of a chart are given: every sentence, figure and link ready, nothing left to decide."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from dashboard import formats, messages
from dashboard.charts import figure, svg
from dashboard.charts.cards import FeatureCard, feature_cards, listed_features, reconciled
from dashboard.charts.chart import Chart, DrawnLine, chart_of
from dashboard.charts.legend import Legend, bound_sign, legend_of
from dashboard.charts.links import Links
from dashboard.charts.svg import Drawing
from dashboard.formats import number
from usage.charts.series import Line, Series
from usage.notes import INCOMPLETE_FEATURES, Note
from usage.query import CHARTS, Query
from usage.window import local

MAX_LINKED_BINS = 120
"""Beyond this many bins their links would weigh more than the page; the table has them, or the script makes
them.
"""

MAX_TABLE_ROWS = 200
"""Beyond this many bins the table is the export's business."""


@dataclass(frozen=True, slots=True)
class BinRow:
    """One bin in the table beside the chart.

    `cells`: a figure for each line, then their sum; ≈ marks those that are not exact.
    """

    label: str
    href: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BinTable:
    """The table beside the chart; without rows where there are too many."""

    heads: tuple[str, ...]
    rows: tuple[BinRow, ...]


@dataclass(frozen=True, slots=True)
class CheckLine:
    """The line that says whether the chart has all that Autumn has.

    `state`: yes, no, or unknown. `shown`, `counted`, `events`: plain decimals, empty where unknown.
    """

    state: str
    shown: str
    counted: str
    events: str
    approximate: bool
    bars: str
    total: str
    count: str
    gap: str
    reason: str | None
    partial: str | None
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class AllFeatures:
    """All features together: their events are added, their sums never.

    `others`: those without a card.
    """

    state: str
    events: str
    count: str
    features: int
    others: tuple[FeatureCard, ...]


@dataclass(frozen=True, slots=True)
class ChartTypeLink:
    """One way to draw: the segmented control above the chart."""

    name: str
    href: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart with all that belongs to it.

    `name` is unique on the page; `figure` is JSON for the script.
    """

    name: str
    title: str
    subtitle: str
    described: str
    drawing: Drawing
    figure: Markup
    chart_types: tuple[ChartTypeLink, ...]
    legend: Legend
    cards: tuple[FeatureCard, ...]
    all_features: AllFeatures
    feature: str
    check_line: CheckLine
    table: BinTable
    export: str


def chart_panel(
    series: Series,
    *,
    requested: Query | None = None,
    base_path: str = "/usage/",
    events_path: str = "/events/",
    name: str = "chart",
    color_peers: Collection[str] = (),
    features: Collection[str] = (),
    ranges: bool = True,
) -> Panel:
    """Everything about one chart. `requested`: the query that its links start from, where it differs from the
    figures'.

    `ranges`: whether a part of its time can be selected. `color_peers`: the lines of the unfiltered chart.
    `features`: all that the customer has. Both keep colors steady while filters change what is drawn.
    """
    links = Links(requested or series.query, series.focus, base_path, events_path)
    features = features or [total.feature_id for total in series.features]
    chart = chart_of(series, color_peers or (features if series.query.group_by is None else ()))
    bin_hrefs = links.bins(series.bins.edges) if len(series.bins) <= MAX_TABLE_ROWS else []
    return Panel(
        name=name,
        title=chart.title,
        subtitle=_subtitle(series, chart),
        described=_described(series, chart),
        drawing=svg.drawing(chart, f"{name}-hatch", _hits(series, chart, bin_hrefs)),
        figure=figure.embedded(_for_script(series, chart, links, ranges)),
        chart_types=_chart_types(chart, links),
        legend=legend_of(series, chart, links),
        cards=feature_cards(series, links, features),
        all_features=_all_features(series, links),
        feature=series.focus or "",
        check_line=_check_line(series),
        table=BinTable((*(line.label for line in chart.lines), "Total"), _bin_rows(series, chart, bin_hrefs)),
        export=f"{base_path}export.csv?{links.query.having().to_query_string()}",
    )


def _subtitle(series: Series, chart: Chart) -> str:
    kind = "running sum" if chart.shape == "cumulative" else "sum of values"
    return ", ".join(filter(None, (f"per {_interval(series)}", kind, _compared_with(series))))


def _compared_with(series: Series) -> str:
    """Which dates these figures are compared with; empty without a comparison."""
    bins = series.previous_bins
    if bins is None:
        return ""
    return f"compared with {formats.period_text(bins.edges[0], bins.edges[-1], series.query.zone)}"


def _interval(series: Series) -> str:
    return series.size


def _described(series: Series, chart: Chart) -> str:
    whole = f"{chart.title}, {chart.labels[0]} to {chart.labels[-1]}: {number(sum(series.totals))} in total"
    return messages.CHART_WITHOUT_VALUES.format(
        chart=whole, count=len(chart.labels), interval=_interval(series)
    )


def _hits(series: Series, chart: Chart, bin_hrefs: Sequence[str]) -> Markup:
    if not 0 < len(bin_hrefs) <= MAX_LINKED_BINS:
        return Markup("")
    return svg.hits(
        bin_hrefs,
        [f"{label}: {number(total)}" for label, total in zip(chart.labels, series.totals, strict=False)],
    )


def _chart_types(chart: Chart, links: Links) -> tuple[ChartTypeLink, ...]:
    return tuple(
        ChartTypeLink(kind.capitalize(), links.to(chart=kind) or "", kind == chart.shape) for kind in CHARTS
    )


def _for_script(series: Series, chart: Chart, links: Links, ranges: bool) -> dict[str, Any]:
    """What the script needs beside the figure: names to announce, and where a bin, a
    line and a range lead.
    """
    return {
        **figure.figure(chart),
        "origins": figure.origins(chart),
        "title": figure.plotly_text(", ".join(filter(None, (chart.title, _compared_with(series))))),
        "notes": figure.plotly_text(" ".join(note.sentence for note in series.notes)),
        "labels": chart.labels,
        "edges": series.bins.edges,
        "running": chart.running,
        "lines": [_line_for_script(line, links) for line in chart.lines],
        "events": links.events,
        "all": links.rows_of("other", ""),
        "base": links.base,
        "range": links.range() if ranges else None,
    }


def _line_for_script(line: DrawnLine, links: Links) -> dict[str, Any]:
    return {"label": line.label, "rows": links.rows_of(line.kind, line.name), "folded": sorted(line.folded)}


def _bin_rows(series: Series, chart: Chart, bin_hrefs: Sequence[str]) -> tuple[BinRow, ...]:
    labels = [
        f"{label} (partial)" if at == series.running else label for at, label in enumerate(chart.labels)
    ]
    totals = series.totals or (0.0,) * len(bin_hrefs)
    return tuple(
        BinRow(labels[at], href, (*(_bin_cell(line, at) for line in series.lines), number(totals[at])))
        for at, href in enumerate(bin_hrefs)
    )


def _bin_cell(line: Line, at: int) -> str:
    return bound_sign("unknown" if at in line.folded else "exact") + number(line.values[at])


def _check_line(series: Series) -> CheckLine:
    result = series.reconciliation
    gap = result.difference
    return CheckLine(
        state=reconciled(result, series),
        shown=formats.plain(result.bars),
        counted="" if result.total is None else formats.plain(result.total),
        events="" if result.count is None else str(result.count),
        approximate=series.bins.approximate,
        bars=number(result.bars),
        total="" if result.total is None else number(result.total),
        count="" if result.count is None else f"{result.count:,}",
        gap=f"{number(abs(gap))} {'more' if gap > 0 else 'less'}" if gap else "",
        reason=result.reason if gap else None,
        partial=_partial(series),
        notes=series.notes,
    )


def _all_features(series: Series, links: Links) -> AllFeatures:
    states = {reconciled(total.reconciliation, series) for total in series.features}
    is_listed = not any(note.code in INCOMPLETE_FEATURES for note in series.notes)
    return AllFeatures(
        state="no" if "no" in states else "yes" if states <= {"yes"} and is_listed else "unknown",
        events="" if series.count is None else str(series.count),
        count="" if series.count is None else f"{series.count:,}",
        features=len(series.features),
        others=listed_features(series, links),
    )


def _partial(series: Series) -> str | None:
    if series.running is None:
        return None
    which = {"hour": "The current hour", "day": "Today", "week": "This week", "month": "This month"}[
        _interval(series)
    ]
    until = min(series.now, series.bins.edges[-1])  # a comparison ends with the last full hour
    return messages.INTERVAL_IS_PARTIAL.format(interval=which, until=local(until, series.query.zone))

"""What the templates of a chart are given: every sentence, figure and link ready, nothing left to decide."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from dashboard import formats, messages
from dashboard.charts import feature_rows, figure, svg
from dashboard.charts.allowance import AllowanceText, BalanceCard, balance_cards
from dashboard.charts.cards import FeatureCard, feature_cards, listed_features, reconciled
from dashboard.charts.chart import Chart, DrawnLine, chart_of
from dashboard.charts.check_line import CheckLine, check_line_of, notes_for_picture
from dashboard.charts.colors import feature_slots
from dashboard.charts.feature_rows import FeatureRow
from dashboard.charts.legend import Legend, bound_sign, legend_of
from dashboard.charts.links import Links
from dashboard.charts.picture import PictureSubject, picture_texts
from dashboard.charts.svg import Drawing
from dashboard.formats import all_digits, number
from dashboard.names.labels import Labels
from usage.charts.allowance import Allowance
from usage.charts.series import Line, Series
from usage.notes import INCOMPLETE_FEATURES
from usage.query import CHARTS, Query

MAX_LINKED_BINS = 120
"""Beyond this many bins their links would weigh more than the page; the table has them, or the script makes
them.
"""

SUBTITLES = {"cumulative": "running sum", "percent": "share of the total", "panels": ""}

MAX_TABLE_ROWS = 200
"""Beyond this many bins the table is the export's business."""


@dataclass(frozen=True, slots=True)
class BinRow:
    """One bin in the table beside the chart.

    `cells`: a figure for each line, then their sum, except for panels; ≈ marks those that are not exact.
    `shares`: in a percent chart, the share beside each.
    """

    label: str
    href: str
    cells: tuple[str, ...]
    shares: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BinTable:
    """The table beside the chart; without rows where there are too many."""

    heads: tuple[str, ...]
    rows: tuple[BinRow, ...]

    @property
    def has_shares(self) -> bool:
        return any(row.shares for row in self.rows)


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

    `name` is unique on the page; `figure` is JSON for the script. `by_event_name`: the feature beside each
    other name of its events, where it has such. `allowance`: of the feature that is drawn; `balances`:
    allowances of features without a card. `rows`: panels, each with a drawing of its own, instead of
    `drawing`. `note`: what the chart leaves out because of its type, as a sentence.
    `explain`: where its change is explained, None without a comparison.
    """

    name: str
    title: str
    subtitle: str
    described: str
    drawing: Drawing | None
    rows: tuple[FeatureRow, ...]
    note: str
    figure: Markup
    chart_types: tuple[ChartTypeLink, ...]
    legend: Legend
    cards: tuple[FeatureCard, ...]
    all_features: AllFeatures
    feature: str
    is_archived: bool
    by_event_name: str | None
    check_line: CheckLine
    table: BinTable
    export: str
    explain: str | None
    allowance: AllowanceText | None
    balances: tuple[BalanceCard, ...]


def chart_panel(
    series: Series,
    *,
    requested: Query | None = None,
    base_path: str = "/usage/",
    events_path: str = "/events/",
    name: str = "chart",
    color_peers: Collection[str] = (),
    slots: Mapping[str, str] | None = None,
    ranges: bool = True,
    exports: bool = True,
    labels: Labels | None = None,
    allowances: Mapping[str, Allowance] | None = None,
    subject: PictureSubject | None = None,
) -> Panel:
    """Everything about one chart. `requested`: the query that its links start from, where it differs from the
    figures'.

    `ranges`: whether a part of its time can be selected; `exports`: whether its figures can be taken away.
    `color_peers`: the groups of the unfiltered chart,
    whose colors stay the same while filters change what is drawn. `slots`: the colors of features.
    `labels`: what customers and features are called. `allowances`: of the customer, by feature.
    `subject`: whose usage a downloaded picture names.
    """
    labels, allowances, requested = labels or Labels(), allowances or {}, requested or series.query
    names = frozenset(total.feature_id for total in series.features)
    slots = slots or feature_slots(names, frozenset({names}))
    is_panels = series.query.chart == "panels"
    links = Links(requested, None if is_panels else series.focus, base_path, events_path)
    cards = feature_cards(series, links, slots, labels, allowances)
    all_features = _all_features(series, links, slots, labels, allowances)
    series = feature_rows.by_feature(series) if is_panels else series
    chart = chart_of(series, color_peers, labels, allowances.get(series.focus or ""), slots)
    charts = feature_rows.row_charts(chart, labels, series) if is_panels else []
    focus = labels.of_feature(series.focus) if series.focus else None
    bin_hrefs = links.bins(series.bins.edges) if len(series.bins) <= MAX_TABLE_ROWS else []
    legend, check_line = legend_of(series, chart, links, labels), check_line_of(series, chart)
    note = _note(chart, requested)
    picture = picture_texts(
        series, chart, legend, labels, subject or PictureSubject(), notes_for_picture(note, check_line)
    )
    return Panel(
        name=name,
        title=chart.title,
        subtitle=_subtitle(series, chart),
        described=_described(series, chart),
        drawing=None if charts else svg.drawing(chart, f"{name}-hatch", _hits(series, chart, bin_hrefs)),
        rows=feature_rows.feature_rows(chart, charts, name, links, series.bins.edges),
        note=note,
        figure=figure.embedded(_for_script(series, chart, charts, links, ranges, picture)),
        chart_types=_chart_types(links),
        legend=legend,
        cards=cards,
        all_features=all_features,
        feature=series.focus or "",
        is_archived=focus is not None and focus.archived,
        by_event_name=links.by_event_name(focus.id, focus.event_names)
        if focus is not None and labels.event_names
        else None,
        check_line=check_line,
        table=BinTable(_heads(series, chart, labels), _bin_rows(series, chart, bin_hrefs)),
        export=f"{base_path}export.csv?{links.query.having().to_query_string()}" if exports else "",
        explain=None if is_panels or series.previous_bins is None else links.explain(series.focus or ""),
        allowance=next((card.allowance for card in cards if card.current), None),
        balances=_balance_cards(allowances, series, labels),
    )


def _subtitle(series: Series, chart: Chart) -> str:
    kind = SUBTITLES.get(series.query.chart, "" if chart.unit.many else "sum of values")
    per = f"{formats.label(chart.unit.many, 24) if chart.unit.many else ''} per {_interval(series)}".strip()
    return ", ".join(filter(None, (per, kind, _compared_with(series))))


def _compared_with(series: Series) -> str:
    """Which dates these figures are compared with; empty without a comparison."""
    bins, zone = series.previous_bins, series.query.zone
    if bins is None:
        return ""
    return f"compared with {formats.period_text(*bins.named_ends(zone), zone)}"


def _interval(series: Series) -> str:
    return series.size


def _described(series: Series, chart: Chart) -> str:
    total = sum(series.totals)
    what = f"{chart.unit.after(number(total), total)} in total"
    if series.query.chart == "panels":
        what = f"{len(series.lines)} features"
    whole = f"{chart.title}, {chart.labels[0]} to {chart.labels[-1]}: {what}"
    return messages.CHART_WITHOUT_VALUES.format(
        chart=whole, count=len(chart.labels), interval=_interval(series)
    )


def _hits(series: Series, chart: Chart, bin_hrefs: Sequence[str]) -> Markup:
    if not 0 < len(bin_hrefs) <= MAX_LINKED_BINS:
        return Markup("")
    return svg.hits(
        bin_hrefs,
        [
            f"{label}: {chart.unit.after(number(total), total)}"
            for label, total in zip(chart.labels, series.totals, strict=False)
        ],
    )


def _note(chart: Chart, requested: Query) -> str:
    if chart.without_shares:
        return messages.INTERVALS_WITHOUT_SHARES.format(count=len(chart.without_shares))
    is_whole = requested.chart == "panels" and requested.group_by is not None
    return messages.PANELS_WITHOUT_GROUPS if is_whole else ""


def _chart_types(links: Links) -> tuple[ChartTypeLink, ...]:
    """The ways to draw that this query can have: there are no shares without groups."""
    hrefs = {kind: links.to(chart=kind) for kind in CHARTS}
    chosen = links.query.chart
    return tuple(
        ChartTypeLink(kind.capitalize(), href, kind == chosen) for kind, href in hrefs.items() if href
    )


def _for_script(
    series: Series,
    chart: Chart,
    rows: Sequence[Chart],
    links: Links,
    ranges: bool,
    picture: dict[str, Any],
) -> dict[str, Any]:
    """What the script needs beside the figure: names to announce, where a bin, a line and a range lead, and
    the texts of a downloaded picture.
    """
    plotted = {**figure.figure(chart), "origins": figure.origins(chart), "rows": []}
    return {
        **(feature_rows.rows_figure(chart, rows, picture["legend"]) if rows else plotted),
        "shares": chart.shape == "percent",
        "picture": picture,
        "labels": chart.labels,
        "edges": series.bins.edges,
        "running": chart.running,
        "unit": [chart.unit.one, chart.unit.many],
        "lines": [_line_for_script(line, links) for line in chart.lines],
        "units": [[row.unit.one, row.unit.many] for row in rows],
        "events": links.events,
        "all": links.rows_of("other", ""),
        "base": links.base,
        "range": links.range() if ranges else None,
    }


def _line_for_script(line: DrawnLine, links: Links) -> dict[str, Any]:
    return {"label": line.label, "rows": links.rows_of(line.kind, line.name), "folded": sorted(line.folded)}


def _heads(series: Series, chart: Chart, labels: Labels) -> tuple[str, ...]:
    if series.query.chart == "panels":
        units = [labels.measured_in(line.name, series.query.measure).many for line in chart.lines]
        pairs = zip(chart.lines, units, strict=True)
        return tuple(
            f"{line.label}, {formats.label(unit, 24)}" if unit else line.label for line, unit in pairs
        )
    unit = formats.label(chart.unit.many, 24) if chart.unit.many else ""
    return (*(line.label for line in chart.lines), f"Total, {unit}" if unit else "Total")


def _bin_rows(series: Series, chart: Chart, bin_hrefs: Sequence[str]) -> tuple[BinRow, ...]:
    labels = [
        f"{label} (partial)" if at == series.running else label for at, label in enumerate(chart.labels)
    ]
    totals = series.totals or (0.0,) * len(bin_hrefs)
    adds_up = series.query.chart != "panels"
    return tuple(
        BinRow(
            labels[at],
            href,
            (*(_bin_cell(line, at) for line in series.lines), *([all_digits(totals[at])] if adds_up else [])),
            _bin_shares(chart, at) if chart.shape == "percent" else (),
        )
        for at, href in enumerate(bin_hrefs)
    )


def _bin_shares(chart: Chart, at: int) -> tuple[str, ...]:
    """The share of each line, then that of all together."""
    if at >= chart.drawn or at in chart.without_shares:
        return (formats.DASH,) * (len(chart.lines) + 1)
    shares = [line.values[at] / 100 for line in chart.lines]
    signs = [bound_sign("unknown" if at in line.folded else "exact") for line in chart.lines]
    texts = [f"{sign}{formats.whole_percent(share)}" for sign, share in zip(signs, shares, strict=True)]
    return (*texts, formats.whole_percent(min(round(sum(shares), 4), 1.0)))


def _bin_cell(line: Line, at: int) -> str:
    return bound_sign("unknown" if at in line.folded else "exact") + all_digits(line.values[at])


def _balance_cards(
    allowances: Mapping[str, Allowance], series: Series, labels: Labels
) -> tuple[BalanceCard, ...]:
    """Those of the features that the query names, or all."""
    chosen, shown = series.query.feature_id, {total.feature_id for total in series.features}
    of_view = {name: each for name, each in allowances.items() if not chosen or name in chosen}
    return balance_cards(of_view, shown, labels, series.now, series.query.zone)


def _all_features(
    series: Series,
    links: Links,
    slots: Mapping[str, str],
    labels: Labels,
    allowances: Mapping[str, Allowance],
) -> AllFeatures:
    states = {reconciled(total.reconciliation, series) for total in series.features}
    is_listed = not any(note.code in INCOMPLETE_FEATURES for note in series.notes)
    return AllFeatures(
        state="no" if "no" in states else "yes" if states <= {"yes"} and is_listed else "unknown",
        events="" if series.count is None else str(series.count),
        count="" if series.count is None else f"{series.count:,}",
        features=len(series.features),
        others=listed_features(series, links, slots, labels, allowances),
    )

"""What a chart's downloaded picture says beside the drawing: whose figures, of when, how much, and what they
leave out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dashboard import formats, messages
from dashboard.charts.chart import Chart
from dashboard.charts.legend import Legend, LegendRow, bound_sign
from dashboard.formats import all_digits, file_part, period_text, zone_name
from dashboard.names.labels import Labels
from usage.charts.series import Series
from usage.window import Bins, local


@dataclass(frozen=True, slots=True)
class PictureSubject:
    """Whose usage a chart shows. `id`: the customer's, empty for all customers together.

    `conditions`: the filters of the view, as text.
    """

    name: str = messages.ALL_CUSTOMERS
    id: str = ""
    conditions: tuple[str, ...] = ()


def picture_texts(
    series: Series,
    chart: Chart,
    legend: Legend,
    labels: Labels,
    subject: PictureSubject,
    notes: Iterable[str],
) -> dict[str, Any]:
    """Texts for the script. `title` and `facts` stand above the chart and `notes` below it; `legend` has the
    name and figures of each line. `file`: the name of the file, without its suffix.
    """
    return {
        "title": f"{subject.name}: {chart.title}",
        "facts": [_shown(series, chart), *_compared(series, chart, legend), *_filters(subject)],
        "notes": " ".join([*notes, *_not_drawn(series, chart)]),
        "legend": [_line_texts(row, legend) for row in legend.rows],
        "file": picture_name(series, labels, subject),
    }


def _shown(series: Series, chart: Chart) -> str:
    """The dates with their zone, the unit, and the total of what adds up."""
    unit = formats.label(chart.unit.many, 24) if chart.unit.many else ""
    parts = [_dates(series, series.bins), f"{unit} per {series.size}".strip()]
    if series.query.chart != "panels":
        parts.append(f"total {_with_unit(sum(series.totals), chart)}")
    return " · ".join(parts)


def _compared(series: Series, chart: Chart, legend: Legend) -> list[str]:
    """The dates of the previous period, its total and the change; nothing without a comparison."""
    if series.previous_bins is None:
        return []
    dashed = " (dashed)" if _has_dashes(chart) else ""
    text = f"Compared with {_dates(series, series.previous_bins)}{dashed}"
    if series.query.chart == "panels" or series.previous is None:
        return [text]
    before, moved = sum(series.previous), legend.total_change
    told = "" if moved is None else f" · change {_change_text(moved)}"
    return [f"{text} · total {_with_unit(before, chart)}{told}"]


def _has_dashes(chart: Chart) -> bool:
    """Whether the previous period is drawn."""
    apart = not chart.stacked and any(line.previous is not None for line in chart.visible)
    return chart.previous is not None or apart


def _with_unit(value: float, chart: Chart) -> str:
    return chart.unit.after(all_digits(value), value)


def _dates(series: Series, bins: Bins) -> str:
    zone = series.query.zone
    first, end = bins.named_ends(zone)
    offsets = {zone_name(ms, zone) for ms in (first, end - 1)}
    names = [series.query.tz, *(offsets if len(offsets) == 1 else ())]
    return f"{period_text(first, end, zone)} ({', '.join(dict.fromkeys(names))})"


def _filters(subject: PictureSubject) -> list[str]:
    return [f"Filters: {', '.join(subject.conditions)}"] if subject.conditions else []


def _not_drawn(series: Series, chart: Chart) -> list[str]:
    """Hidden lines, which the total has, and the features that have no panel."""
    names = [chart.lines[at].label for at in sorted(chart.hidden)]
    hidden = [messages.LINES_NOT_DRAWN.format(names=", ".join(names))] if names else []
    more = len(series.features) - len(series.lines) if series.query.chart == "panels" else 0
    return [*hidden, messages.FEATURES_NOT_IN_PICTURE.format(count=more)] if more > 0 else hidden


def _line_texts(row: LegendRow, legend: Legend) -> list[str]:
    """A line's name, then its figures."""
    figures = [bound_sign(row.bound) + row.exact]
    if legend.adds_up and len(legend.rows) > 1 and row.share != formats.DASH:
        figures.append(row.share)
    if row.change is not None and row.change.way != "unknown":
        figures.append(_change_text(row.change))
    return [row.label, " · ".join(figures)]


def _change_text(moved: formats.Change) -> str:
    return f"{moved.arrow}{formats.GAP}{moved.exact}".strip(f" {formats.GAP}")


def picture_name(series: Series, labels: Labels, subject: PictureSubject) -> str:
    """`acme-robotics-ai_tokens-2026-10-01-2026-10-31`: customer, feature, how it is drawn where that is not
    bars, first and last day.
    """
    query = series.query
    first, end = series.bins.named_ends(query.zone)
    shape = "" if query.chart == "bars" else query.chart
    days = (f"{local(ms, query.zone):%Y-%m-%d}" for ms in (first, end - 1))
    feature = file_part(series.focus) if series.focus and query.chart != "panels" else ""
    return "-".join(filter(None, (file_part(subject.id or "all-customers"), feature, shape, *days)))

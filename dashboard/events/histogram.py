"""Usage over the window as a histogram above the rows: bars that open their bin."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from markupsafe import Markup

from dashboard.charts import svg
from dashboard.charts.chart import chart_of
from dashboard.charts.colors import feature_colors
from dashboard.charts.panel import MAX_LINKED_BINS
from dashboard.charts.svg import Drawing
from dashboard.charts.ticks import value_ticks
from dashboard.formats import label, number
from dashboard.mount import Mount
from dashboard.names.labels import NO_UNIT
from usage.charts.series import Series
from usage.notes import Note
from usage.query import Query


@dataclass(frozen=True, slots=True)
class Histogram:
    """What the template of a histogram shows: one feature, of several the one with most events.

    `edges`: of its bins, for the script that marks the rows shown.
    """

    title: str
    size: str
    unit: str
    described: str
    drawing: Drawing
    edges: str
    notes: tuple[Note, ...]


def histogram_of(series: Series, mount: Mount, query: Query) -> Histogram:
    """The histogram of `series`; its bars open their bin of `query` on the same page."""
    colors = feature_colors(mount, series.query.customer_id, [total.feature_id for total in series.features])
    drawn = chart_of(series, labels=mount.labels, feature_slots=colors)
    # Its head has the unit; there is no room above the axis.
    chart = replace(drawn, y_ticks=value_ticks(drawn.low, drawn.high, most=2), unit=NO_UNIT)
    size = series.size
    edges = series.bins.edges
    unit, total = drawn.unit, sum(series.totals)
    names = [
        f"{name}: {unit.after(number(value), value)}"
        for name, value in zip(chart.labels, series.totals, strict=False)
    ]
    hrefs = [
        mount.url("events", query.having(range=None, start=start, end=end)) for start, end in pairwise(edges)
    ]
    return Histogram(
        title=chart.title,
        size=size,
        unit=label(unit.many, 24) if unit.many else "",
        described=f"{chart.labels[0]} to {chart.labels[-1]}: {unit.after(number(total), total)} in total",
        drawing=svg.drawing(
            chart, "histogram-hatch", svg.hits(hrefs, names) if len(hrefs) <= MAX_LINKED_BINS else Markup()
        ),
        edges=" ".join(map(str, edges)),
        notes=tuple(note for note in series.notes if note.code != "features-not-drawn"),
    )

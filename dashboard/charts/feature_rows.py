"""Panels: each feature's bars in a row of their own, on one time axis. Nothing is added across rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from dashboard import formats
from dashboard.charts import figure, svg
from dashboard.charts.chart import Chart, DrawnLine
from dashboard.charts.links import Links
from dashboard.charts.svg import Drawing
from dashboard.charts.ticks import value_range, value_ticks
from dashboard.names.labels import NO_UNIT, Labels
from usage.charts.queries import MAX_FEATURES
from usage.charts.series import FeatureTotal, Series, feature_line

HEAD = 24 / 88
"""The part of a row that its name takes: charts.css has the heights."""
MAX_LINKED_BARS = 360
"""Beyond this many bars their links would weigh more than the page."""


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """One feature's row. `href`: this feature alone."""

    feature: str
    slot: str
    label: str
    title: str
    unit: str
    href: str | None
    drawing: Drawing


def by_feature(series: Series) -> Series:
    """The features that have a card as the lines of one series, whole: without groups and without a focus."""
    query = replace(series.query, group_by=None, group=())
    lines = tuple(_line_of(total) for total in series.features[:MAX_FEATURES])
    return replace(series, query=query, lines=lines, focus=None, previous=None)


def row_charts(chart: Chart, labels: Labels, series: Series) -> list[Chart]:
    """The chart of each feature of `chart` that is drawn, each with a value axis of its own; the last one has
    the time axis.
    """
    rows = [_row_chart(chart, line, labels, series) for line in chart.visible]
    return [*(replace(row, x_ticks=()) for row in rows[:-1]), *rows[-1:]]


def feature_rows(
    chart: Chart, rows: Sequence[Chart], name: str, links: Links, edges: Sequence[int]
) -> tuple[FeatureRow, ...]:
    """What the page draws. `name`: of the chart, unique on the page. `edges`: of the bins."""
    is_linked = len(rows) * (len(edges) - 1) <= MAX_LINKED_BARS
    found = []
    for at, row in enumerate(rows):
        line, hits = row.lines[0], Markup("")
        if is_linked:
            values = zip(chart.labels, line.values, strict=False)
            titles = [f"{label}: {row.unit.after(formats.number(value), value)}" for label, value in values]
            hits = svg.hits(links.bins(edges, line.name)[: len(titles)], titles)
        found.append(
            FeatureRow(
                feature=line.name,
                slot=line.slot,
                label=formats.label(line.label, 28),  # what fits one line of a phone
                title=line.title,
                unit=formats.label(row.unit.many, 16) if row.unit.many else "",
                href=links.feature(line.name),
                drawing=svg.drawing(replace(row, unit=NO_UNIT), f"{name}-hatch-{at}", hits),
            )
        )
    return tuple(found)


def rows_figure(chart: Chart, rows: Sequence[Chart], texts: Sequence[Sequence[str]]) -> dict[str, Any]:
    """One Plotly figure for all rows: they share the time axis, so that its hover box names each feature.

    `texts`: the name and the figures of each line of `chart`, which stand at its row in a downloaded picture.
    """
    figures = [figure.figure(row) for row in rows]
    layout = {name: part for name, part in figures[-1]["layout"].items() if name not in ("xaxis", "yaxis")}
    layout["xaxis"] = figures[-1]["layout"]["xaxis"] | {"anchor": _axis(len(rows) - 1)}
    layout["hoversubplots"] = "axis"
    data, origins, names = [], [], []
    for at, (row, each, line) in enumerate(zip(rows, figures, _lines_of(chart), strict=True)):
        top = 1 - (at + HEAD) / len(rows)
        layout[_axis(at).replace("y", "yaxis")] = each["layout"]["yaxis"] | {
            "domain": [max(1 - (at + 1) / len(rows), 0), top],
        }
        label = row.lines[0].label
        names.append(_name(figure.plotly_text(": ".join(texts[line])), top))
        for trace, (slot, own) in zip(each["data"], figure.origins(row), strict=True):
            name = trace["name"] if own == 0 else f"{figure.plotly_text(label)}, {trace['name']}"
            data.append(trace | {"yaxis": _axis(at), "name": name})
            origins.append((slot, line if own == 0 else -1))
    return {
        "data": data,
        "layout": layout | {"annotations": names},
        "origins": origins,
        "rows": _lines_of(chart),
    }


def _line_of(total: FeatureTotal) -> Any:
    return feature_line(total.feature_id, total.values, total.previous_values)


def _row_chart(chart: Chart, line: DrawnLine, labels: Labels, series: Series) -> Chart:
    reached = (*line.values, *(line.previous or ()))
    low, high = value_range(min(reached), max(reached))
    return replace(
        chart,
        lines=(line,),
        hidden=frozenset(),
        previous=line.previous,
        low=low,
        high=high,
        y_ticks=value_ticks(low, high, most=2),
        unit=labels.measured_in(line.name, series.query.measure),
    )


def _lines_of(chart: Chart) -> list[int]:
    return [at for at in range(len(chart.lines)) if at not in chart.hidden]


def _axis(at: int) -> str:
    return f"y{at + 1}" if at else "y"


def _name(text: str, top: float) -> dict[str, Any]:
    """A row's name in a downloaded picture; on the page it is text of the page's own."""
    place = {"x": 0, "xref": "paper", "xanchor": "left", "y": top, "yref": "paper", "yanchor": "bottom"}
    return {"text": text, "showarrow": False, **place}

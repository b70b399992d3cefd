"""The legend beside a chart: its lines as a table."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard import formats
from dashboard.charts.cards import fraction
from dashboard.charts.chart import Chart, DrawnLine
from dashboard.charts.links import Links
from dashboard.formats import Change, change, dimension_name, label, number, rounded
from usage.charts.series import Bound, Line, Series


@dataclass(frozen=True, slots=True)
class LegendRow:
    """One line in the legend. `at`: its trace's place among the chart's lines.

    `name` and `kind` are the line's own ("value" for a group and for a feature), `plain` its sum as a plain
    decimal. `fraction`: the change as a plain decimal, empty where there is none.
    """

    at: int
    name: str
    kind: str
    plain: str
    label: str
    title: str
    slot: str
    sum: str
    exact: str
    share: str
    change: Change | None
    fraction: str
    href: str | None
    only: bool
    dim: bool
    bound: Bound


@dataclass(frozen=True, slots=True)
class Legend:
    """All lines as a table; `compared` says whether it has a column of changes."""

    dimension: str
    rows: tuple[LegendRow, ...]
    total: str
    plain: str
    exact: str
    total_change: Change | None
    compared: bool


def legend_of(series: Series, chart: Chart, links: Links) -> Legend:
    """The legend of `chart`, which draws the lines of `series`."""
    whole = sum(line.total for line in series.lines)
    plain = all(line.total >= 0 for line in series.lines) and whole > 0
    pairs = enumerate(zip(series.lines, chart.lines, strict=True))
    rows = tuple(_legend_row(at, line, drawn, whole if plain else None, links) for at, (line, drawn) in pairs)
    by = series.query.group_by
    before = None if series.previous is None else sum(series.previous)
    return Legend(
        dimension="Feature" if by is None else label(dimension_name(by)),
        rows=rows,
        total=rounded(whole),
        plain=formats.plain(whole),
        exact=number(whole),
        total_change=change(whole, before) if _is_whole(series) else None,
        compared=series.query.compare is not None,
    )


def bound_sign(bound: Bound) -> str:
    """What stands before a figure that is not exact."""
    return {"exact": "", "unknown": "≈ "}[bound]


def _is_whole(series: Series) -> bool:
    """Whether all lines together are exact: each of them is, or none is left out."""
    return not series.query.group or all(line.is_comparable for line in series.lines)


def _legend_row(at: int, line: Line, drawn: DrawnLine, whole: float | None, links: Links) -> LegendRow:
    chosen = links.query.feature_id if line.kind == "feature" else links.query.group
    before = line.previous_total if line.is_comparable else None
    return LegendRow(
        at=at,
        name=line.name,
        kind=line.kind if line.kind in ("other", "none") else "value",
        plain=formats.plain(line.total),
        label=drawn.label,
        title=drawn.title,
        slot=drawn.slot,
        sum=bound_sign(line.bound) + rounded(line.total),
        exact=number(line.total),
        share=formats.DASH if whole is None else formats.whole_percent(line.total / whole),
        change=change(line.total, before),
        fraction=fraction(line.total, before),
        href=links.only(line.kind, line.name),
        only=bool(line.name) and chosen == (line.name,),
        dim=line.kind in ("other", "none"),
        bound=line.bound,
    )

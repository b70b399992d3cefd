"""The legend beside a chart: its lines as a table."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard import formats
from dashboard.charts.cards import fraction
from dashboard.charts.chart import Chart, DrawnLine, can_hide
from dashboard.charts.links import Links
from dashboard.formats import Change, all_digits, change, dimension_name, label, rounded
from dashboard.names.labels import Labels, Unit
from usage.charts.series import Bound, Line, Series


@dataclass(frozen=True, slots=True)
class LegendRow:
    """One line in the legend. `at`: its trace's place among the chart's lines.

    `name` and `kind` are the line's own ("value" for a group and for a feature), `plain` its sum as a plain
    decimal. `id_text`: the ID where the label is another name. `fraction`: the change as a plain decimal,
    empty where there is none. `digits`: the sum with all digits. `hides`: the address of the chart without
    the line, or with it again. `unit`: in panels, where it differs from row to row.
    """

    at: int
    name: str
    kind: str
    plain: str
    label: str
    title: str
    id_text: str
    slot: str
    sum: str
    unit: str
    exact: str
    digits: str
    share: str
    change: Change | None
    fraction: str
    href: str | None
    hides: str | None
    is_hidden: bool
    only: bool
    dim: bool
    bound: Bound


@dataclass(frozen=True, slots=True)
class Legend:
    """All lines as a table; `compared` says whether it has a column of changes, `unit` heads that of sums.

    `share`: of all lines together, of what the whole feature has. `adds_up`: whether there are shares and a
    total: not of panels, which have units of their own.
    """

    dimension: str
    unit: str
    rows: tuple[LegendRow, ...]
    total: str
    plain: str
    exact: str
    digits: str
    total_change: Change | None
    compared: bool
    share: str
    adds_up: bool


def legend_of(series: Series, chart: Chart, links: Links, labels: Labels) -> Legend:
    """The legend of `chart`, which draws the lines of `series`."""
    is_panels = series.query.chart == "panels"
    whole = 0.0 if is_panels else sum(line.total for line in series.lines)
    share_of = _share_of(series, whole)
    rows = tuple(
        _legend_row(
            at,
            line,
            drawn,
            share_of,
            links,
            labels.measured_in(line.name, series.query.measure) if is_panels else chart.unit,
            at in chart.hidden,
        )
        for at, (line, drawn) in enumerate(zip(series.lines, chart.lines, strict=True))
    )
    unit = chart.unit
    by = series.query.dimension
    before = None if series.previous is None else sum(series.previous)
    return Legend(
        unit=label(unit.many, 16) if unit.many else "Sum",
        dimension="Feature" if by is None else label(dimension_name(by)),
        rows=rows,
        total=rounded(whole),
        plain=formats.plain(whole),
        exact=unit.after(all_digits(whole), whole),
        digits=all_digits(whole),
        total_change=change(whole, before) if _is_whole(series) else None,
        compared=series.query.compare is not None,
        share=_share_text(whole, share_of),
        adds_up=not is_panels,
    )


def _share_of(series: Series, shown: float) -> float | None:
    """What shares are of: the whole feature, also where only some groups are chosen; None where there are
    none.
    """
    feature = series.drawn_feature
    whole = shown if feature is None else feature.sum
    is_shared = all(line.total >= 0 for line in series.lines) and 0 < shown <= whole * (1 + 1e-9)
    return whole if is_shared else None


def _share_text(value: float, whole: float | None) -> str:
    return formats.DASH if whole is None else formats.whole_percent(min(value / whole, 1.0))


def bound_sign(bound: Bound) -> str:
    """What stands before a figure that is not exact."""
    return {"exact": "", "unknown": "≈ "}[bound]


def _is_whole(series: Series) -> bool:
    """Whether all lines together are exact: each of them is, or none is left out."""
    return not series.query.group or all(line.is_comparable for line in series.lines)


def _legend_row(
    at: int, line: Line, drawn: DrawnLine, whole: float | None, links: Links, unit: Unit, is_hidden: bool
) -> LegendRow:
    chosen = links.query.feature_id if line.kind == "feature" else links.query.group
    is_panel = links.query.chart == "panels"
    before = line.previous_total if line.is_comparable else None
    return LegendRow(
        at=at,
        name=line.name,
        kind=line.kind if line.kind in ("other", "none") else "value",
        plain=formats.plain(line.total),
        label=drawn.label,
        title=drawn.title,
        id_text="" if drawn.id_text in drawn.label else drawn.id_text,
        slot=drawn.slot,
        sum=bound_sign(line.bound) + rounded(line.total),
        unit=label(unit.one if line.total == 1 else unit.many, 16) if is_panel and unit.many else "",
        exact=unit.after(all_digits(line.total), line.total),
        digits=bound_sign(line.bound) + all_digits(line.total),
        share=_share_text(line.total, whole),
        change=change(line.total, before),
        fraction=fraction(line.total, before),
        href=links.feature(line.name) if is_panel else links.only(line.kind, line.name),
        hides=links.hide(line.name) if can_hide(line) else None,
        is_hidden=is_hidden,
        only=bool(line.name) and chosen == (line.name,),
        dim=line.kind in ("other", "none"),
        bound=line.bound,
    )

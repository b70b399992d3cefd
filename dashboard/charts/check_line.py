"""The line below a chart: whether it has all that Autumn has, and what its figures leave out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dashboard import formats, messages
from dashboard.charts.cards import reconciled
from dashboard.charts.chart import Chart
from dashboard.formats import number
from usage.charts.series import Series
from usage.notes import Note
from usage.window import local


@dataclass(frozen=True, slots=True)
class CheckLine:
    """The line that says whether the chart has all that Autumn has.

    `state`: yes, no, or unknown; empty for panels, where each feature has its own. `shown`, `counted`,
    `events`: plain decimals, empty where unknown.
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


NO_CHECK = CheckLine("", "", "", "", False, "", "", "", "", None, None, ())


def check_line_of(series: Series, chart: Chart) -> CheckLine:
    """The line of `chart`, which draws `series`."""
    result, unit = series.reconciliation, chart.unit
    gap = result.difference
    if series.query.chart == "panels":
        return replace(
            NO_CHECK, approximate=series.bins.approximate, partial=_partial(series), notes=series.notes
        )
    return CheckLine(
        state=reconciled(result, series),
        shown=formats.plain(result.bars),
        counted="" if result.total is None else formats.plain(result.total),
        events="" if result.count is None else str(result.count),
        approximate=series.bins.approximate,
        bars=unit.after(number(result.bars), result.bars),
        total="" if result.total is None else unit.after(number(result.total), result.total),
        count="" if result.count is None or series.query.measure == "count" else f"{result.count:,}",
        gap=f"{number(abs(gap))} {'more' if gap > 0 else 'less'}" if gap else "",
        reason=result.reason if gap else None,
        partial=_partial(series),
        notes=series.notes,
    )


def notes_for_picture(note: str, line: CheckLine) -> list[str]:
    """What the page says below the chart about figures that are not whole."""
    differs = messages.AUTUMN_TOTAL_DIFFERS.format(total=line.total, gap=line.gap) if line.gap else ""
    sentences = (each.sentence for each in line.notes if each.code != "features-not-drawn")  # names the cards
    return [each for each in (note, differs, line.reason, line.partial, *sentences) if each]


def _partial(series: Series) -> str | None:
    if series.running is None:
        return None
    which = {"hour": "The current hour", "day": "Today", "week": "This week", "month": "This month"}[
        series.size
    ]
    until = min(series.now, series.bins.edges[-1])  # a comparison ends with the last full hour
    return messages.INTERVAL_IS_PARTIAL.format(interval=which, until=local(until, series.query.zone))

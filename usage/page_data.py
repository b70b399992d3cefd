"""A chart and the newest events behind it: what a page of usage shows at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

from usage import messages
from usage.charts.series import Series
from usage.errors import Unsupported, UsageError
from usage.events.pages import EventPage
from usage.freshness import Freshness, freshness_of
from usage.notes import Note
from usage.query import Query


@dataclass(frozen=True, slots=True)
class UsagePage:
    """`series` is None where there are no figures; `sentence` says why. A page without events has a note.

    `is_partial`: figures could not be loaded, though the server has such.
    """

    series: Series | None
    sentence: str | None
    page: EventPage
    is_partial: bool = False

    @property
    def fresh(self) -> Freshness:
        """The older of the two, with the list's own counts of rows."""
        rows = self.page.fresh
        parts = [rows] if self.series is None else [self.series.fresh, rows]
        return freshness_of(
            parts,
            bad_rows=rows.bad_rows,
            foreign_rows=rows.foreign_rows,
            repaired_rows=rows.repaired_rows,
        )


def chart_rows(query: Query) -> Query:
    """The rows that a chart of `query` shows: a grouped one is of one feature, known beforehand where it is
    named.
    """
    if query.group_by is None or query.focus is None or query.measure == "deducted":
        return query  # what was deducted is of a balance's feature, which events need not be tracked under
    return query.having(feature_id=(query.focus,))


def chart_missing(error: UsageError | None) -> str:
    """Why there is no chart: this server has no such figures, or they could not be loaded."""
    sentence = "" if error is None else error.sentence
    return sentence if isinstance(error, Unsupported) else messages.CHART_NOT_LOADED.format(error=sentence)


def without_events(series: Series, error: UsageError) -> EventPage:
    """A page in place of the one that could not be loaded."""
    note = Note("partial", messages.EVENTS_NOT_LOADED.format(error=error.sentence))
    return EventPage((), series.bins.edges[-1], None, 0, False, series.fresh, notes=(note,))


RECENT_MS = 60_000
"""Rows that are this new may have arrived between the two answers."""
WIDER_FIGURES = frozenset({"windows-widened", "approximate-zone", "filters-not-applied"})
"""What notes say of figures that are of more than the rows beside them."""


def checked_against_rows(series: Series, page: EventPage, query: Query, now: int) -> Series:
    """The figures, with notes where rows of `page`, the first one of `query`, contradict their count, or have
    timestamps in the future.

    Rows can contradict where the page has all of them. Then a figure is not complete, however well Autumn's
    own agree.
    """
    is_wider = any(note.code in WIDER_FIGURES for note in series.notes)
    series = replace(series, notes=(*series.notes, *(n for n in page.notes if n.code == "future-rows")))
    counts = {total.feature_id: total.count for total in series.features}
    count = series.count if len(query.feature_id) != 1 else counts.get(query.feature_id[0])
    window = series.bins.window
    if count is None or page.next is not None or page.unfinished or query.before is not None:
        return series
    rows = [event for event in page.events if event.timestamp in window]
    has_unreadable = len(rows) <= count <= len(rows) + page.fresh.bad_rows
    if has_unreadable or (len(rows) < count and (is_wider or window.end > now - RECENT_MS)):
        return series
    recent = sum(event.timestamp > now - RECENT_MS for event in rows)
    may_have_arrived = recent >= len(rows) - count > 0 or page.fresh.fetched_at > series.fresh.fetched_at + 1
    if may_have_arrived:
        note = Note("events-arriving", messages.ROWS_ARRIVED.format(rows=len(rows), count=count))
    else:
        note = Note("rows-disagree", messages.ROWS_DISAGREE.format(rows=len(rows), count=count))
    return replace(series, notes=(*series.notes, note))

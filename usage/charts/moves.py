"""How usage moved from one week to the next: of features, and of customers. Pure: no call, no clock."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from usage.charts.series import Bound, FeatureTotal, Series, exact
from usage.freshness import Freshness
from usage.notes import INCOMPLETE_FEATURES, Note
from usage.query import Query
from usage.window import Window, calendar_window, local, midnight, nearest_hour, shift_of


@dataclass(frozen=True, slots=True)
class Move:
    """The usage of a feature or customer in a week and in the week before. `is_exact`: both are all of it."""

    id: str
    sum: float
    previous: float
    is_exact: bool = True

    @property
    def bound(self) -> Bound:
        """What `sum` and `previous` say of the true ones."""
        return "exact" if self.is_exact else "unknown"

    @property
    def change(self) -> float:
        """By how much usage rose; negative where it fell."""
        return exact(self.sum - self.previous)

    @property
    def ratio(self) -> float:
        """The size of the change as a share of what was before: infinite from nothing, 0 from less."""
        if self.previous == 0:
            return math.inf if self.sum else 0.0
        return abs(self.sum / self.previous - 1) if self.previous > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Moves:
    """What moved from the week before to `week`, by local dates.

    `features`: those that moved, the largest `ratio` first, as their units differ. `customers`: those of the
    feature `feature_id` that moved, the largest change first. `are_all`: no customer was left out by
    Autumn, which names the largest of each interval. `notes`: what the features leave out.
    """

    week: Window
    before: Window
    features: tuple[Move, ...]
    feature_id: str
    customers: tuple[Move, ...]
    are_all: bool
    fresh: Freshness
    notes: tuple[Note, ...] = ()


def moved_week(query: Query, now: int) -> Window:
    """The last calendar week where the query names it, else the last seven full local days."""
    if query.range == "last_week":
        return calendar_window("last_week", now, query.zone)
    today = local(now, query.zone).date()
    return Window(midnight(today - timedelta(7), query.zone), midnight(today, query.zone))


def week_edges(week: Window, query: Query) -> tuple[int, int, int]:
    """Where the week before `week`, and `week` itself, begin and end in figures of whole hours."""
    start, end = nearest_hour(week.start), nearest_hour(week.end)
    return shift_of(week, query.zone).back(start), start, end


def feature_moves(series: Series, edges: tuple[int, int, int]) -> tuple[Move, ...]:
    """The moves of all features of `series`, whose bins are days of both weeks and others."""
    moves = [_feature_move(total, series.bins.starts, edges) for total in series.features]
    moved = [move for move in moves if move.change]
    return tuple(sorted(moved, key=lambda move: (-move.ratio, move.id)))


def incomplete_notes(series: Series) -> tuple[Note, ...]:
    """What the figures of features leave out."""
    return tuple(note for note in series.notes if note.code in INCOMPLETE_FEATURES)


def _feature_move(total: FeatureTotal, starts: Iterable[int], edges: tuple[int, int, int]) -> Move:
    first, middle, end = edges
    pairs = list(zip(starts, total.values, strict=True))
    return Move(
        total.feature_id,
        exact(sum(value for at, value in pairs if middle <= at < end)),
        exact(sum(value for at, value in pairs if first <= at < middle)),
        not total.reconciliation.difference,
    )

"""What was fetched for a chart, made into its Series. Pure: no call, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from usage.api.calls import AggregateAnswer
from usage.charts.bins import Frame
from usage.charts.series import (
    Groups,
    Line,
    Reconciliation,
    Series,
    by_feature,
    by_group,
    exact,
    feature_lines,
    feature_totals,
    group_lines,
    within,
)
from usage.freshness import freshness_of
from usage.notes import Note
from usage.query import Query
from usage.results import Bin
from usage.window import Window

Sums = Mapping[str, list[float]]


@dataclass(frozen=True, slots=True)
class Answers:
    """Autumn's answers for this period and, where compared, for the one before (two cycles, or one call for both)."""

    now: AggregateAnswer
    before: AggregateAnswer | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """All that was fetched for one chart. `features`: those it shows. `focus`: the one whose groups it shows."""

    query: Query
    features: tuple[str, ...]
    frame: Frame
    plain: Answers
    focus: str | None
    grouped: Answers | None
    most_groups: int

    def series(self, notes: tuple[Note, ...]) -> Series:
        """The chart's figures, with `notes` after the frame's own."""
        frame, current, before = self.frame, self._current(), self._before()
        shown = list(current) if self.focus is None else [self.focus]
        lines = self._lines(current, before, self.query.group)
        answers = [
            item for pair in (self.plain, self.grouped) if pair for item in (pair.now, pair.before) if item
        ]
        return Series(
            query=self.query,
            bins=frame.bins,
            now=frame.now,
            lines=lines,
            features=feature_totals(self.plain.now.figures, current, before),
            focus=self.focus,
            reconciliation=self._reconciled(shown, exact(sum(line.total for line in lines))),
            fresh=freshness_of(answer.dated for answer in answers),
            running=frame.running,
            previous=None if before is None else _whole(before, shown, len(frame.bins)),
            notes=(*frame.notes, *notes),
            named=tuple(line.name for line in self._lines(current, before) if line.name),
        )

    def _current(self) -> dict[str, list[float]]:
        bins = self.plain.now.figures.bins
        if self.frame.cycle is not None:
            bins = within(bins, self.frame.asked)
        return by_feature(bins, self.features, self.frame.bins)

    def _before(self) -> dict[str, list[float]] | None:
        if self.plain.before is None or self.frame.before is None:
            return None
        bins = self.plain.before.figures.bins
        if self.frame.cycle_before is not None:
            bins = within(bins, self.frame.before.window)
        return by_feature(bins, self.features, self.frame.before)

    def _lines(self, current: Sums, before: Sums | None, only: tuple[str, ...] = ()) -> tuple[Line, ...]:
        if self.focus is None or self.grouped is None:
            return feature_lines(current, before, len(self.frame.bins))
        previous: tuple[Groups, list[float]] | None = None
        if before is not None and self.frame.before is not None and self.grouped.before is not None:
            earlier = _clipped(self.grouped.before, self.frame.before.window)
            previous = (
                by_group(earlier, self.focus, self.frame.before, self.most_groups),
                before[self.focus],
            )
        now = self.grouped.now
        # A cut week begins before the window does; nothing else is in an answer for this period alone.
        alone = self.frame.before is None and self.frame.cycle is None
        bins = now.figures.bins if alone else _clipped(now, self.frame.asked)
        groups = by_group(bins, self.focus, self.frame.bins, self.most_groups)
        return group_lines(groups, current[self.focus], previous, only)

    def _reconciled(self, shown: list[str], bars: float) -> Reconciliation:
        answer = self.plain.now.figures.total
        totals = [answer[name] for name in shown if name in answer]
        checked = Reconciliation(
            bars, exact(sum(item.sum for item in totals)), sum(item.count for item in totals)
        )
        return replace(checked, reason=self._why_different()) if checked.difference else checked

    def _why_different(self) -> str:
        if self.query.group:
            return "Only the chosen groups are drawn."
        if self.frame.cycle is not None and self.frame.before is not None:
            return "Autumn totals the whole billing cycle; compared bars end with its last full hour."
        if self.frame.cycle is not None:
            return "Autumn totals a billing cycle by a start of its own; the bars begin with its first hour."
        return "Autumn's bins do not sum to its own total."


def _clipped(answer: AggregateAnswer, window: Window) -> list[Bin]:
    return within(answer.figures.bins, window)


def _whole(sums: Sums, features: list[str], size: int) -> tuple[float, ...]:
    columns = [sums.get(name, [0.0] * size) for name in features]
    return tuple(exact(sum(column)) for column in zip([0.0] * size, *columns, strict=True))

"""What was fetched for a chart, made into its Series. Pure: no call, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from usage import messages
from usage.api.calls import AggregateAnswer
from usage.charts.chart_window import ChartWindow
from usage.charts.series import (
    GroupSums,
    Line,
    Reconciliation,
    Series,
    bins_in,
    by_feature,
    by_group,
    exact,
    feature_lines,
    feature_totals,
    group_lines,
)
from usage.freshness import freshness_of
from usage.notes import Note
from usage.query import Query
from usage.results import AutumnBin
from usage.window import Window

Sums = Mapping[str, list[float]]


@dataclass(frozen=True, slots=True)
class PeriodAnswers:
    """Autumn's answers for this period and, where compared, for the previous one (two cycles, or one call for
    both).
    """

    current: AggregateAnswer
    previous: AggregateAnswer | None = None


@dataclass(frozen=True, slots=True)
class ChartAssembly:
    """All that was fetched for one chart.

    `features`: those it shows. `focus`: the one whose groups it shows.
    """

    query: Query
    features: tuple[str, ...]
    chart: ChartWindow
    ungrouped: PeriodAnswers
    focus: str | None
    grouped: PeriodAnswers | None
    group_limit: int

    def series(self, notes: tuple[Note, ...]) -> Series:
        """The chart's figures, with `notes` after the frame's own."""
        chart, current, previous = self.chart, self._current_sums(), self._previous_sums()
        shown = list(current) if self.focus is None else [self.focus]
        lines = self._lines(current, previous, self.query.group)
        answers = [
            item
            for pair in (self.ungrouped, self.grouped)
            if pair
            for item in (pair.current, pair.previous)
            if item
        ]
        return Series(
            query=self.query,
            bins=chart.bins,
            now=chart.now,
            lines=lines,
            features=feature_totals(self.ungrouped.current.figures, current, previous),
            focus=self.focus,
            reconciliation=self._reconciled(shown, exact(sum(line.total for line in lines))),
            fresh=freshness_of(answer.fetch_info for answer in answers),
            running=chart.running,
            previous=None if previous is None else _sum_of_features(previous, shown, len(chart.bins)),
            notes=(*chart.notes, *notes),
            named=tuple(line.name for line in self._lines(current, previous) if line.name),
        )

    def _current_sums(self) -> dict[str, list[float]]:
        bins = self.ungrouped.current.figures.bins
        if self.chart.cycle is not None:
            bins = bins_in(bins, self.chart.requested)
        return by_feature(bins, self.features, self.chart.bins)

    def _previous_sums(self) -> dict[str, list[float]] | None:
        if self.ungrouped.previous is None or self.chart.previous is None:
            return None
        bins = self.ungrouped.previous.figures.bins
        if self.chart.previous_cycle is not None:
            bins = bins_in(bins, self.chart.previous.window)
        return by_feature(bins, self.features, self.chart.previous)

    def _lines(self, current: Sums, previous: Sums | None, only: tuple[str, ...] = ()) -> tuple[Line, ...]:
        if self.focus is None or self.grouped is None:
            return feature_lines(current, previous, len(self.chart.bins))
        compared: tuple[GroupSums, list[float]] | None = None
        if previous is not None and self.chart.previous is not None and self.grouped.previous is not None:
            earlier = _clipped(self.grouped.previous, self.chart.previous.window)
            compared = (
                by_group(earlier, self.focus, self.chart.previous, self.group_limit),
                previous[self.focus],
            )
        current_answer = self.grouped.current
        # A cut week begins before the window does; nothing else is in an answer for this period alone.
        alone = self.chart.previous is None and self.chart.cycle is None
        bins = current_answer.figures.bins if alone else _clipped(current_answer, self.chart.requested)
        groups = by_group(bins, self.focus, self.chart.bins, self.group_limit)
        return group_lines(groups, current[self.focus], compared, only)

    def _reconciled(self, shown: list[str], bars: float) -> Reconciliation:
        answer = self.ungrouped.current.figures.total
        totals = [answer[name] for name in shown if name in answer]
        checked = Reconciliation(
            bars, exact(sum(item.sum for item in totals)), sum(item.count for item in totals)
        )
        return replace(checked, reason=self._why_different()) if checked.difference else checked

    def _why_different(self) -> str:
        if self.query.group:
            return messages.SELECTED_GROUPS_ONLY
        if self.chart.cycle is not None and self.chart.previous is not None:
            return messages.COMPARED_CYCLE
        if self.chart.cycle is not None:
            return messages.CYCLE_STARTS_INSIDE_AN_HOUR
        return messages.INTERVALS_DIFFER_FROM_TOTAL


def _clipped(answer: AggregateAnswer, window: Window) -> list[AutumnBin]:
    return bins_in(answer.figures.bins, window)


def _sum_of_features(sums: Sums, features: list[str], size: int) -> tuple[float, ...]:
    columns = [sums.get(name, [0.0] * size) for name in features]
    return tuple(exact(sum(column)) for column in zip([0.0] * size, *columns, strict=True))

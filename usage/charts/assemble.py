"""What was fetched for a chart, made into its Series. Pure: no call, no clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from usage import messages
from usage.api.calls import AggregateAnswer
from usage.charts.chart_window import ChartWindow
from usage.charts.groups import GroupSums, by_group, group_lines
from usage.charts.series import (
    FeatureTotal,
    Line,
    Reconciliation,
    Series,
    by_name,
    exact,
    exact_values,
    feature_line,
    is_near,
)
from usage.features.names import FeatureNames
from usage.freshness import Freshness, freshness_of
from usage.notes import Note
from usage.query import Query
from usage.results import Aggregate, AutumnBin, Total
from usage.window import Bins

NOTHING = Total(0, 0.0)
_serials = count()


@dataclass(frozen=True, slots=True)
class PeriodAnswers:
    """Autumn's answers for this period and, where compared, for the previous one (two cycles, or one call for
    both).

    `at_end`: its answer for what was requested beyond this period. `inside`: for all but the last second,
    where what comes after must not be read.
    """

    current: AggregateAnswer
    previous: AggregateAnswer | None = None
    at_end: AggregateAnswer | None = None
    inside: AggregateAnswer | None = None

    def all(self) -> list[AggregateAnswer]:
        """Those that there are."""
        found = (self.current, self.previous, self.at_end, self.inside)
        return [item for item in found if item is not None]

    @property
    def bodies(self) -> tuple[bytes | None, ...]:
        """What all figures here are read from."""
        found = (self.current, self.previous, self.at_end, self.inside)
        return tuple(None if item is None else item.body for item in found)

    def having(self, change: Callable[[Aggregate], Aggregate]) -> PeriodAnswers:
        """Both periods with other figures."""
        current, previous = self.current, self.previous
        return PeriodAnswers(
            _changed(current, change),
            None if previous is None else _changed(previous, change),
        )


@dataclass(frozen=True, slots=True)
class UngroupedFigures:
    """The figures of each stored name in the bins of a chart, and those of the features tracked by them.

    `totals`: every feature, those with most events first. `checks`: each stored name against Autumn's total
    of it; `has_totals`: whether Autumn has such.
    """

    answers: PeriodAnswers
    features: FeatureNames
    totals: tuple[FeatureTotal, ...]
    checks: Mapping[str, Reconciliation]
    has_totals: bool

    @classmethod
    def of(
        cls, chart: ChartWindow, answers: PeriodAnswers, features: FeatureNames, *, has_totals: bool = True
    ) -> UngroupedFigures:
        """The figures in `answers`."""
        return _Reading(chart, answers, features, has_totals).figures()

    def count(self, features: Sequence[str]) -> int | None:
        """Autumn's count of the events of these features, each event once; None where it is not known."""
        names = {name for feature in features for name in self.features.stored[feature]}
        counts = [self.checks[name].count for name in names]
        is_unknown = None in counts or not self.has_totals
        return None if is_unknown else sum(count or 0 for count in counts)


@dataclass(frozen=True, slots=True)
class _Reading:
    """Answers on their way to figures."""

    chart: ChartWindow
    answers: PeriodAnswers
    features: FeatureNames
    has_totals: bool

    def figures(self) -> UngroupedFigures:
        current, previous = self._current(), self._previous()
        checks = self._checks(current)
        found = list[tuple[int, FeatureTotal]]()
        for feature, names in self.features.stored.items():
            check = _added([checks[name] for name in names], self._reason)
            # Autumn's own count may be of more than the window: a last resort.
            requested = sum(self._total(name).count or 0 for name in names)
            total = FeatureTotal(
                feature,
                check,
                _column_sums([current[name] for name in names], self.chart.bins),
                None
                if previous is None
                else _column_sums([previous[name] for name in names], self.chart.bins),
                bool(check.difference) and self.chart.cycle is None,
                requested,
            )
            found.append((requested if check.count is None else check.count, total))
        found.sort(key=lambda item: (-item[0], item[1].feature_id))
        totals = tuple(total for _, total in found)
        return UngroupedFigures(self.answers, self.features, totals, checks, self.has_totals)

    def _current(self) -> dict[str, list[float]]:
        bins = own_bins(self.answers.current, self.chart.bins, alone=self.chart.cycle is None)
        return by_name(bins, self.features.names, self.chart.bins)

    def _previous(self) -> dict[str, list[float]] | None:
        answer, bins = self.answers.previous, self.chart.previous
        if answer is None or bins is None:
            return None
        alone = self.chart.previous_cycle is None
        return by_name(own_bins(answer, bins, alone=alone), self.features.names, bins)

    def _total(self, name: str) -> Total:
        return self.answers.current.figures.total.get(name, NOTHING)

    def _checks(self, current: Mapping[str, Sequence[float]]) -> dict[str, Reconciliation]:
        end = self.chart.bins.edges[-1]
        beyond = [item for item in self.answers.current.figures.bins if item.period >= end]
        return {
            name: self._check(name, exact(sum(values)), sum(item.values.get(name, 0.0) for item in beyond))
            for name, values in current.items()
        }

    def _check(self, name: str, bars: float, beyond: float) -> Reconciliation:
        """Autumn's total of a name, without what it has beyond the window.

        That is all of the hour at the window's end on some servers, one second of it on others; `beyond` is
        what its bins have there.
        """
        total, at_end, inside = self._total(name), self.answers.at_end, self.answers.inside
        if not self.has_totals:
            return Reconciliation(bars, None, None)
        if self.chart.bins.edges[-1] > self.chart.now or self.chart.cycle is not None:
            return Reconciliation(bars, total.sum, total.count)
        if at_end is not None:
            after = at_end.figures.total.get(name, NOTHING)
            if is_near(total.sum - after.sum, bars):
                count = None if total.count is None or after.count is None else total.count - after.count
                return Reconciliation(bars, exact(total.sum - after.sum), count)
        if inside is not None and is_near(inside.figures.total.get(name, NOTHING).sum, bars):
            total = inside.figures.total.get(name, NOTHING)
            return Reconciliation(bars, total.sum, total.count)
        if is_near(total.sum, bars):
            # Events of value 0 beyond the window change the count and not the sum.
            return Reconciliation(bars, total.sum, total.count if self.chart.first_version else None)
        return Reconciliation(bars, exact(total.sum - beyond), None)

    @property
    def _reason(self) -> str:
        if self.chart.cycle is not None and self.chart.previous is not None:
            return messages.COMPARED_CYCLE
        if self.chart.cycle is not None:
            return messages.CYCLE_STARTS_INSIDE_AN_HOUR
        return messages.INTERVALS_DIFFER_FROM_TOTAL


@dataclass(frozen=True, slots=True)
class ChartAssembly:
    """All that was fetched for one chart.

    `totals`: the features that it has figures of. `focus`: the one that it draws, None where there is none.
    `grouped`: its groups, where requested, which have figures under `group_names`. `apart`: there is an
    answer for each period, not one for both. `by_window`: the same groups are named in all bins. `plans`: see
    `Series`.
    """

    query: Query
    chart: ChartWindow
    ungrouped: UngroupedFigures
    totals: tuple[FeatureTotal, ...]
    focus: str | None
    grouped: PeriodAnswers | None
    group_limit: int
    group_names: tuple[str, ...] = ()
    apart: bool = False
    by_window: bool = False
    plans: Mapping[str, str | None] = field(default_factory=dict)

    def fresh(self) -> Freshness:
        """The freshness of all that was fetched."""
        answers = [*self.ungrouped.answers.all(), *(self.grouped.all() if self.grouped else ())]
        return freshness_of(answer.fetch_info for answer in answers)

    def series(self, notes: tuple[Note, ...]) -> Series:
        """The chart's figures, with `notes` after those of its window."""
        lines = self._lines(self.query.group)
        is_compared = self.chart.previous is not None and self.ungrouped.answers.previous is not None
        return Series(
            query=self.query,
            bins=self.chart.bins,
            size=self.chart.size,
            now=self.chart.now,
            lines=lines,
            features=self.totals,
            count=self.ungrouped.count([total.feature_id for total in self.totals]),
            focus=self.focus,
            reconciliation=self._reconciled(lines),
            fresh=self.fresh(),
            serial=next(_serials),
            running=self.chart.running,
            previous=self._previous_of(lines) if is_compared else None,
            previous_bins=self.chart.previous if is_compared else None,
            notes=(*self.chart.notes, *notes),
            named=tuple(line.name for line in self._lines(()) if line.name),
            plans=self.plans,
        )

    @property
    def _focused(self) -> FeatureTotal | None:
        return next((total for total in self.totals if total.feature_id == self.focus), None)

    def _lines(self, only: tuple[str, ...]) -> tuple[Line, ...]:
        total = self._focused
        if total is None:
            return ()
        if self.grouped is None:
            return (feature_line(total.feature_id, total.values, total.previous_values),)
        compared: tuple[GroupSums, Sequence[float]] | None = None
        previous = self.chart.previous
        if previous is not None and self.grouped.previous is not None and total.previous_values is not None:
            alone = self.apart and self.chart.previous_cycle is None
            compared = self._groups(self.grouped.previous, previous, alone=alone), total.previous_values
        # A cut week begins before the window does; nothing else is in an answer for this period alone.
        alone = (self.apart or previous is None) and self.chart.cycle is None
        groups = self._groups(self.grouped.current, self.chart.bins, alone=alone)
        return group_lines(groups, total.values, compared, only)

    def _groups(self, answer: AggregateAnswer, bins: Bins, *, alone: bool) -> GroupSums:
        periods = own_bins(answer, bins, alone=alone)
        return by_group(periods, self.group_names, bins, self.group_limit, by_window=self.by_window)

    def _previous_of(self, lines: Sequence[Line]) -> tuple[float, ...]:
        """The previous period of all that is drawn: of the chosen groups, where groups are chosen."""
        return _column_sums([line.previous for line in lines if line.previous is not None], self.chart.bins)

    def _reconciled(self, lines: Sequence[Line]) -> Reconciliation:
        total, drawn = self._focused, exact(sum(line.total for line in lines))
        if total is None:
            return (
                Reconciliation(drawn, 0.0, 0)
                if self.ungrouped.has_totals
                else Reconciliation(0.0, None, None)
            )
        if not self.query.group or is_near(drawn, total.sum):
            return replace(total.reconciliation, bars=drawn)
        return replace(total.reconciliation, bars=drawn, reason=messages.SELECTED_GROUPS_ONLY)


def _changed(answer: AggregateAnswer, change: Callable[[Aggregate], Aggregate]) -> AggregateAnswer:
    figures = change(answer.figures)
    return replace(answer, read=lambda _: figures)


def own_bins(answer: AggregateAnswer, bins: Bins, *, alone: bool) -> list[AutumnBin]:
    """Autumn's bins that belong to `bins`: the others are at or after its end, or of another period.

    `alone`: the answer is for this period only, so that a first bin which begins earlier is a cut one of it.
    """
    first, end = bins.edges[0], bins.edges[-1]
    return [item for item in answer.figures.bins if item.period < end and (alone or item.period >= first)]


def _added(parts: Sequence[Reconciliation], reason: str) -> Reconciliation:
    """The names of a feature, checked together."""
    totals, counts = [part.total for part in parts], [part.count for part in parts]
    whole = Reconciliation(
        exact(sum(part.bars for part in parts)),
        None if None in totals else exact(sum(total or 0.0 for total in totals)),
        None if None in counts else sum(count or 0 for count in counts),
    )
    return replace(whole, reason=reason) if whole.difference else whole


def _column_sums(rows: Sequence[Sequence[float]], bins: Bins) -> tuple[float, ...]:
    if len(rows) == 1:
        return exact_values(rows[0])
    return tuple(exact(sum(column)) for column in zip([0.0] * len(bins), *rows, strict=True))

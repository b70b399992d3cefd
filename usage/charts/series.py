"""From Autumn's bins to the bins of a chart: summed, grouped, compared and reconciled. Pure: no call, no
clock.

The traps that live here: 7 (bins and totals), 10 (viewer's days), 12 (folded groups), 13 (events without the
property).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from usage.freshness import Freshness
from usage.notes import Note
from usage.query import Query
from usage.results import RESERVED, Aggregate, AutumnBin
from usage.window import Bins, Window

MAX_LINES = 8
"""A chart draws this many series by name; the rest is Other."""

Kind = Literal["feature", "group", "other", "none"]


@dataclass(frozen=True, slots=True)
class Line:
    """One series of a chart: a value for each bin.

    `kind`: a feature, a group value, `other` (all groups outside the top ones) or `none` (events without the
    property); the last two have no name. `folded`: bins in which this group is, at least partly, inside
    Other, so that its value there is a lower bound. `members`: how many groups Other holds, of those that
    Autumn named. `previous`: values of the period before, bin by bin.
    """

    kind: Kind
    name: str
    values: tuple[float, ...]
    previous: tuple[float, ...] | None = None
    folded: frozenset[int] = frozenset()
    members: int = 0

    @property
    def total(self) -> float:
        """The sum over all bins."""
        return exact(sum(self.values))

    @property
    def previous_total(self) -> float | None:
        """The sum over all bins of the period before; None without a comparison."""
        return None if self.previous is None else exact(sum(self.previous))


@dataclass(frozen=True, slots=True)
class FeatureTotal:
    """A feature over the window: the sum of its bins, Autumn's own count, `values` for each bin, the sum
    before.
    """

    feature_id: str
    sum: float
    count: int
    values: tuple[float, ...]
    previous: float | None = None


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Whether the bars tell the truth: what they sum to, Autumn's total and count of the same features and
    window.
    """

    bars: float
    total: float
    count: int
    reason: str | None = None

    @property
    def difference(self) -> float:
        """Autumn's total minus the bars; 0 where they differ by no more than floats do."""
        gap = exact(self.total - self.bars)
        return 0.0 if abs(gap) <= 1e-9 * max(1.0, abs(self.total), abs(self.bars)) else gap


@dataclass(frozen=True, slots=True)
class Series:
    """A chart's figures, and everything a page says about them.

    `lines`: largest first, then Other, then (none). `running`: the bin that `now` lies in, whose value still
    moves. `previous`: the whole of the period before, bin by bin, over the same elapsed time. `notes`: what
    these figures are not. `named`: the lines that are drawn where no groups are chosen; colors go by these.
    """

    query: Query
    bins: Bins
    now: int
    lines: tuple[Line, ...]
    features: tuple[FeatureTotal, ...]
    focus: str | None
    reconciliation: Reconciliation
    fresh: Freshness
    running: int | None = None
    previous: tuple[float, ...] | None = None
    notes: tuple[Note, ...] = field(default=())
    named: tuple[str, ...] = ()

    @property
    def totals(self) -> tuple[float, ...]:
        """All lines together, bin by bin."""
        empty = (0.0,) * len(self.bins)
        return tuple(
            exact(sum(values)) for values in zip(empty, *(line.values for line in self.lines), strict=True)
        )


def exact(value: float) -> float:
    """Rounded to the ten places that Autumn keeps, so that sums of floats don't show their dust; never minus
    zero.
    """
    return round(value, 10) + 0.0


def bins_in(periods: Iterable[AutumnBin], window: Window) -> list[AutumnBin]:
    """Autumn's bins that begin in `window`."""
    return [item for item in periods if item.period in window]


def by_feature(periods: Sequence[AutumnBin], features: Iterable[str], bins: Bins) -> dict[str, list[float]]:
    """Each feature's values, summed into `bins`; zeros for one without events. `periods` in time order."""
    sums = {feature: [0.0] * len(bins) for feature in features}
    cells = list(
        zip(bins.indexes(item.period for item in periods), (item.values for item in periods), strict=True)
    )
    for feature, values in sums.items():
        for index, cell in cells:
            values[index] += cell.get(feature, 0.0)
    return sums


@dataclass(frozen=True, slots=True)
class GroupSums:
    """One feature's groups, summed into bins; what Autumn folded away, and where it did."""

    values: dict[str, list[float]]
    rest: list[float]
    folded: dict[str, frozenset[int]]

    def sums(self) -> list[float]:
        """All groups and the rest together, bin by bin."""
        return [sum(column) for column in zip(self.rest, *self.values.values(), strict=True)]


def by_group(periods: Sequence[AutumnBin], feature: str, bins: Bins, max_groups: int) -> GroupSums:
    """The groups of `feature`.

    With at most `max_groups` names nothing was folded: a reserved one is a value then.
    """
    groups = ((item.grouped_values or {}).get(feature, {}) for item in periods)
    cells = list(zip(bins.indexes(item.period for item in periods), groups, strict=True))
    names = {name for _, values in cells for name in values}
    reserved = next((name for name in RESERVED if name in names), None)
    if reserved is not None and len(names) <= max_groups:
        reserved = None
    sums = {name: [0.0] * len(bins) for name in names if name != reserved}
    rest, folded = [0.0] * len(bins), {name: set[int]() for name in sums}
    for index, values in cells:
        for name, value in values.items():
            if name == reserved:
                rest[index] += value
            elif value:
                sums[name][index] += value
        if reserved in values and _hides(values, reserved, max_groups):
            for name in sums:
                if not values.get(name):
                    folded[name].add(index)
    return GroupSums(sums, rest, {name: frozenset(at) for name, at in folded.items()})


def _hides(values: Mapping[str, float], reserved: str, max_groups: int) -> bool:
    """Whether groups are folded in a bin, also where what they hold sums to nothing."""
    return values[reserved] != 0 or sum(1 for value in values.values() if value) >= max_groups


def feature_lines(
    current: Mapping[str, list[float]], previous: Mapping[str, list[float]] | None, size: int
) -> tuple[Line, ...]:
    """A line for each of the largest features, the others together as Other."""
    before = None if previous is None else {name: previous.get(name, [0.0] * size) for name in current}
    return _largest_lines("feature", current, before, {}, [0.0] * size, [0.0] * size)


def group_lines(
    current: GroupSums,
    whole: list[float],
    previous: tuple[GroupSums, list[float]] | None,
    only: tuple[str, ...] = (),
) -> tuple[Line, ...]:
    """A line for each of the largest groups, then Other, then (none): what the feature has beyond its groups
    (trap 13).

    `whole`: the feature's ungrouped values. `previous`: the same two of the period before. `only`: just these
    groups.
    """
    size = len(whole)
    empty = [0.0] * size
    before = None
    if previous is not None:
        before = {
            name: previous[0].values.get(name, empty) for name in {*current.values, *previous[0].values}
        }
    values = {name: current.values.get(name, empty) for name in {*current.values, *(before or {}), *only}}
    if only:
        chosen = {name: values[name] for name in only}
        only_previous = None if before is None else {name: before.get(name, empty) for name in only}
        return _largest_lines("group", chosen, only_previous, current.folded, empty, empty)
    rest_before = previous[0].rest if previous else empty
    lines = _largest_lines("group", values, before, current.folded, current.rest, rest_before)
    return (*lines, *_none_line(current, whole, previous))


def _none_line(
    current: GroupSums, whole: list[float], previous: tuple[GroupSums, list[float]] | None
) -> tuple[Line, ...]:
    missing = _gaps(whole, current.sums())
    before = None if previous is None else _gaps(previous[1], previous[0].sums())
    if not any(missing) and not any(before or ()):
        return ()
    return (Line("none", "", missing, before),)


def _gaps(whole: list[float], part: list[float]) -> tuple[float, ...]:
    gaps = [exact(a - b) for a, b in zip(whole, part, strict=True)]
    return tuple(
        0.0 if abs(gap) <= 1e-9 * max(1.0, abs(a)) else gap for gap, a in zip(gaps, whole, strict=True)
    )


def _largest_lines(
    kind: Kind,
    current: Mapping[str, list[float]],
    previous: Mapping[str, list[float]] | None,
    folded: Mapping[str, frozenset[int]],
    rest: list[float],
    rest_before: list[float],
) -> tuple[Line, ...]:
    by_size = sorted(current, key=lambda name: (-sum(map(abs, current[name])), name))
    top, small = by_size[:MAX_LINES], by_size[MAX_LINES:]
    lines = [
        Line(
            kind,
            name,
            _exact(current[name]),
            None if previous is None else _exact(previous[name]),
            folded.get(name, frozenset()),
        )
        for name in top
    ]
    if small or any(rest) or any(rest_before):
        other = _exact(map(sum, zip(rest, *(current[name] for name in small), strict=True)))
        before = None
        if previous is not None:
            before = _exact(map(sum, zip(rest_before, *(previous[name] for name in small), strict=True)))
        lines.append(Line("other", "", other, before, members=len(small)))
    return tuple(lines)


def _exact(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(exact(value) for value in values)


def feature_totals(
    answer: Aggregate, current: Mapping[str, list[float]], previous: Mapping[str, list[float]] | None
) -> tuple[FeatureTotal, ...]:
    """A total for each feature, largest first; the sum is that of its bins, the
    count Autumn's own (trap 1).
    """
    totals = [
        FeatureTotal(
            name,
            exact(sum(values)),
            answer.total[name].count if name in answer.total else 0,
            _exact(values),
            None if previous is None else exact(sum(previous.get(name, ()))),
        )
        for name, values in current.items()
    ]
    return tuple(sorted(totals, key=lambda total: (-abs(total.sum), total.feature_id)))

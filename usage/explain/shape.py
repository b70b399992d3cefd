"""When a change happened: in one spike, since a moment, bit by bit, or at certain hours or weekdays. Pure.

The later period is compared with what the earlier one had at the same hour and weekday: to each of its bins
belongs an expected value. Each model multiplies these by other numbers in different parts of the period,
fitted by least squares where a bin's variance is in proportion to its expected value; see the package's
docstring.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from statistics import fmean, median
from typing import Literal
from zoneinfo import ZoneInfo

from usage.explain.attribution import MAIN_PART, SMALL_CHANGE
from usage.window import DAY_MS, HOUR_MS, local, named_moment

ShapeKind = Literal["spike", "level", "drift", "weekday", "hour", "none"]

FEWEST_BINS_OF_SHAPE = 12
LONGEST_SPIKE_MS = 3 * DAY_MS
SPIKE_PART = 4
"""A spike lasts for at most this part (a quarter) of a period."""
LEAST_GAIN = 40.0
"""A model explains this many times the variance of a bin, at least: many moments are tried."""
LEAST_EXPECTED = 0.05
"""Of the mean: no bin is expected to have less, since none has a variance of 0."""
LARGEST_FITTED = 1e100
"""Where a bin has more, or the inverse of it is expected, there is no shape: squares may not be finite."""
OTHER_LEVEL = 1 / 3
"""Of a change since a moment, what comes before the moment has at most this part."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a change lies in time.

    `start`, `end` (epoch ms): of a spike; of a level only its onset, `start`. `parts`: the weekdays (Monday
    is 0) or hours of the day that changed. `share`: what of the change it accounts for. `is_previous`: the
    spike was in the earlier period.
    """

    kind: ShapeKind
    start: int | None = None
    end: int | None = None
    parts: tuple[int, ...] = ()
    share: float = 0.0
    is_previous: bool = False


NO_SHAPE = Shape("none")


@dataclass(frozen=True, slots=True)
class TimedBins:
    """Consecutive bins: where each starts (epoch ms), and its sum."""

    starts: tuple[int, ...]
    values: tuple[float, ...]

    @property
    def total(self) -> float:
        """The sum of all bins."""
        return math.fsum(self.values)


def bin_moments(starts: Sequence[int], zone: ZoneInfo) -> list[datetime]:
    """The local time that names each bin: a day off the hour by its midnight, half an hour away at most."""
    are_hours = len(starts) < 2 or starts[1] - starts[0] <= HOUR_MS
    return [local(at if are_hours else named_moment(at, zone), zone) for at in starts]


@dataclass(frozen=True, slots=True)
class _Fit:
    """A model: what it takes from the sum of squares, its parameters, and what of the change it holds."""

    shape: Shape
    gain: float
    parameters: int


def shape_of(before: TimedBins, after: TimedBins, zone: ZoneInfo) -> Shape:
    """The shape of the change from `before` to `after`; "none" where there is no change, where it is spread
    over all of the period, or where there are too few bins or too large ones.
    """
    if not all(abs(value) <= LARGEST_FITTED for value in (*before.values, *after.values)):
        return NO_SHAPE
    change = after.total - before.total
    largest = max(abs(before.total), abs(after.total))
    few = min(len(before.values), len(after.values)) < FEWEST_BINS_OF_SHAPE
    if few or not change or abs(change) < SMALL_CHANGE * largest:
        return NO_SHAPE
    if change < 0:
        # Usage may have fallen from a spike: to the later period nothing happened.
        expected = expected_values(before, before.starts, zone, by_weekday=False)
        earlier = _Fitting(before, expected, zone, -change).spike() if _can_fit(expected) else None
        if earlier is not None:
            return Shape("spike", earlier.start, earlier.end, (), earlier.share, is_previous=True)
    expected = expected_values(before, after.starts, zone)
    return _Fitting(after, expected, zone, change).best() if _can_fit(expected) else NO_SHAPE


def _can_fit(expected: Sequence[float]) -> bool:
    return all(1 / LARGEST_FITTED <= each <= LARGEST_FITTED for each in expected)


def expected_values(
    before: TimedBins, starts: Sequence[int], zone: ZoneInfo, *, by_weekday: bool = True
) -> tuple[float, ...]:
    """What bins at these `starts` would have if they had what `before` has at the same hour and weekday."""
    if before.total <= 0:
        return (1.0,) * len(starts)
    moments = bin_moments(before.starts, zone)
    by_hour = _means([moment.hour for moment in moments], before.values)
    days = [(moment.date(), moment.weekday()) for moment in moments]
    of_days = defaultdict[Hashable, list[float]](list)
    for day, value in zip(days, before.values, strict=True):
        of_days[day].append(value)
    full = max(map(len, of_days.values()))
    whole = {day: fmean(values) for day, values in of_days.items() if len(values) >= full - 1}
    weekdays = [day[1] for day in whole]  # type: ignore[index]  # keys are pairs
    has_weekdays = by_weekday and len(set(weekdays)) == 7
    of_weekday = _means(weekdays, list(whole.values())) if has_weekdays else {}
    mean_hour, mean_day = fmean(by_hour.values()), fmean(of_weekday.values()) if of_weekday else 1.0

    def raw(moment: datetime) -> float:
        hour = _smooth(by_hour, moment.hour) if len(whole) <= 7 else by_hour.get(moment.hour, mean_hour)
        day = of_weekday.get(moment.weekday(), mean_day) / mean_day if mean_day > 0 else 1.0
        return max(hour * day, LEAST_EXPECTED * mean_hour, 1e-12)

    scale = _usual_ratio(before.values, days, list(map(raw, moments)))
    return tuple(raw(moment) * scale for moment in bin_moments(starts, zone))


def _usual_ratio(values: Sequence[float], days: Sequence[Hashable], expectations: Sequence[float]) -> float:
    """Of what there was, to what is expected: that of the middle day, so that one spike has no say."""
    sums = defaultdict[Hashable, list[float]](lambda: [0.0, 0.0])
    for day, value, expected in zip(days, values, expectations, strict=True):
        sums[day][0] += value
        sums[day][1] += expected
    whole = math.fsum(values) / sum(expectations)
    if len(sums) < 3:
        return whole
    usual = median(value / expected for value, expected in sums.values())
    return usual if usual > 0 else whole


def _means(keys: Sequence[int], values: Sequence[float]) -> dict[int, float]:
    """The mean of each key's values, without the largest and the smallest where there are five or more."""
    found = defaultdict[int, list[float]](list)
    for key, value in zip(keys, values, strict=True):
        found[key].append(value)
    return {key: fmean(sorted(each)[1:-1] if len(each) >= 5 else each) for key, each in found.items()}


def _smooth(by_hour: dict[int, float], hour: int) -> float:
    """The mean with the hours beside it: a few days tell little about each single hour."""
    near = [by_hour[at % 24] for at in (hour - 1, hour, hour + 1) if at % 24 in by_hour]
    return fmean(near) if near else fmean(by_hour.values())


class _Fitting:
    """The models of one period, whose bins are `expected` to have so much."""

    def __init__(self, bins: TimedBins, expected: Sequence[float], zone: ZoneInfo, change: float) -> None:
        self._bins, self._expected, self._zone, self._change = bins, expected, zone, change
        self._values = (0.0, *accumulate(bins.values))
        self._sums = (0.0, *accumulate(expected))
        self._count = len(expected)
        self._squares = math.fsum(v * v / e for v, e in zip(bins.values, expected, strict=True))
        self._null = self._values[-1] * self._values[-1] / self._sums[-1]

    def best(self) -> Shape:
        """The shape of the model with the lowest information criterion, if it accounts for the change."""
        fits = [fit for fit in (self._step(), self._spike(), self._drift(), *self._regular()) if fit]
        kept = [fit for fit in fits if self._is_clear(fit)]
        return min(kept, key=self._criterion).shape if kept else NO_SHAPE

    def spike(self) -> Shape | None:
        """Its spike, if there is one that accounts for the change."""
        fit = self._spike()
        return fit.shape if fit is not None and self._is_clear(fit) else None

    def _rest(self, fit: _Fit) -> float:
        return max(self._squares - self._null - fit.gain, 1e-9 * self._squares, 1e-300)

    def _criterion(self, fit: _Fit) -> float:
        return self._count * math.log(self._rest(fit)) + fit.parameters * math.log(self._count)

    def _is_clear(self, fit: _Fit) -> bool:
        dispersion = self._rest(fit) / max(1, self._count - fit.parameters)
        return MAIN_PART <= fit.shape.share < math.inf and fit.gain >= LEAST_GAIN * dispersion

    def _split(self, values: float, expected: float) -> tuple[float, float]:
        """For a part with these sums: the gain of a number of its own, and its excess over the others."""
        other_values, other_expected = self._values[-1] - values, self._sums[-1] - expected
        if expected <= 0 or other_expected <= 0:
            return 0.0, 0.0
        gain = values * values / expected + other_values * other_values / other_expected - self._null
        return gain, values - expected * other_values / other_expected

    def _step(self) -> _Fit | None:
        best, at = 0.0, 0
        for k in range(1, self._count):
            gain, _ = self._split(self._values[-1] - self._values[k], self._sums[-1] - self._sums[k])
            if gain > best:
                best, at = gain, k
        if not at:
            return None
        _, excess = self._split(self._values[-1] - self._values[at], self._sums[-1] - self._sums[at])
        level = self._values[at] / self._sums[at] - 1
        later = (self._values[-1] - self._values[at]) / (self._sums[-1] - self._sums[at]) - 1
        share = excess / self._change
        if abs(level) > OTHER_LEVEL * abs(later):
            share = 0.0
        return _Fit(Shape("level", self._bins.starts[at], None, (), share), best, 3)

    def _spike(self) -> _Fit | None:
        starts, best, found = self._bins.starts, 0.0, (0, 0)
        step = max(HOUR_MS, starts[1] - starts[0])
        longest = max(1, min(self._count // SPIKE_PART, LONGEST_SPIKE_MS // step))
        for first in range(self._count - 1):
            # One that reaches the last bin has not ended: it is a level.
            for end in range(first + 1, min(first + longest + 1, self._count)):
                values, expected = (
                    self._values[end] - self._values[first],
                    self._sums[end] - self._sums[first],
                )
                gain, excess = self._split(values, expected)
                if gain > best and excess * self._change > 0:
                    best, found = gain, (first, end)
        first, end = found
        if first == end:
            return None
        values, expected = self._values[end] - self._values[first], self._sums[end] - self._sums[first]
        _, excess = self._split(values, expected)
        return _Fit(Shape("spike", starts[first], starts[end], (), excess / self._change), best, 4)

    def _drift(self) -> _Fit | None:
        total = self._sums[-1]
        middle = math.fsum(e * t for t, e in enumerate(self._expected)) / total
        spread = math.fsum(e * (t - middle) ** 2 for t, e in enumerate(self._expected))
        level = self._values[-1] / total
        cross = math.fsum((t - middle) * v for t, v in enumerate(self._bins.values)) - level * math.fsum(
            e * (t - middle) for t, e in enumerate(self._expected)
        )
        if spread <= 0:
            return None
        slope = cross / spread
        risen = slope * middle * total  # over what it had been if it had stayed as in its first bin
        first = level - slope * middle
        share = risen / self._change
        if abs(first - 1) > OTHER_LEVEL * abs(slope * self._count):
            share = 0.0
        return _Fit(Shape("drift", share=share), slope * cross, 2)

    def _regular(self) -> list[_Fit]:
        moments = bin_moments(self._bins.starts, self._zone)
        dates = [moment.date().toordinal() for moment in moments]
        weekdays, hours = [m.weekday() for m in moments], [m.hour for m in moments]
        found = list[_Fit]()
        if len(set(hours)) == 24:
            found += [self._part("hour", (hour,), hours, dates) for hour in range(24)]
        for parts in (*((day,) for day in range(7)), (5, 6)):
            found.append(self._part("weekday", parts, weekdays, dates))
        return found

    def _part(
        self, kind: ShapeKind, parts: tuple[int, ...], keys: Sequence[int], dates: Sequence[int]
    ) -> _Fit:
        """The bins with these `keys`: they must have changed on each date but a quarter of them, twice or
        more.
        """
        inside = [at for at, key in enumerate(keys) if key in parts]
        values = math.fsum(self._bins.values[at] for at in inside)
        expected = math.fsum(self._expected[at] for at in inside)
        gain, excess = self._split(values, expected)
        level = (self._values[-1] - values) / max(self._sums[-1] - expected, 1e-300)
        by_date = defaultdict[int, float](float)
        for at in inside:
            by_date[dates[at]] += self._bins.values[at] - level * self._expected[at]
        moved = sum(each * self._change > 0 for each in by_date.values())
        largest = max((each / excess for each in by_date.values()), default=1.0) if excess else 1.0
        is_regular = len(by_date) >= 2 and moved >= 0.75 * len(by_date) and largest <= 0.75
        share = excess / self._change if is_regular else 0.0
        return _Fit(Shape(kind, None, None, parts, share), gain, 3)

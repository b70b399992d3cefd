"""Generated causes of a change, planted among eight properties with the noise of the sample's story."""

from __future__ import annotations

from bisect import bisect
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from random import Random
from statistics import median
from typing import Literal
from zoneinfo import ZoneInfo

from usage.charts.groups import GroupSums
from usage.explain.attribution import WEEKDAY, Attribution, attribute
from usage.explain.dimensions import grouped_dimension, regular_values, time_dimensions
from usage.explain.noise import unit_of_bins, unit_of_events
from usage.explain.shape import Shape, TimedBins, shape_of
from usage.sample.story.events import HOURS, WEEKDAYS
from usage.window import DAY_MS, HOUR_MS

Kind = Literal["one", "two", "new", "vanished", "shift", "spike", "level", "weekday", "none"]
KINDS: tuple[Kind, ...] = ("one", "two", "new", "vanished", "shift", "spike", "level", "weekday", "none")

VALUES = {
    "endpoint": 5,
    "status": 5,
    "user": 12,
    "trial": 2,
    "tier": 3,
    "client": 4,
    "region": 6,
    "model": 14,
}
"""The properties, each with its number of values."""
UTC = ZoneInfo("UTC")
START = 20_412 * DAY_MS
"""A Thursday."""


@dataclass(frozen=True, slots=True)
class PlantedEvent:
    """An event of a case. `at`: epoch ms."""

    at: int
    value: float
    properties: dict[str, str]


@dataclass(frozen=True, slots=True)
class Case:
    """The events of two periods of `days` each, and what was planted into the second.

    `values`: of the property `path`, each of which may rank first. `moment`: when it began, if at a moment.
    """

    seed: int
    kind: Kind
    days: int
    events: tuple[PlantedEvent, ...]
    path: str = ""
    values: tuple[str, ...] = ()
    moment: int | None = None
    weekday: int | None = None

    @property
    def middle(self) -> int:
        """Where the second period begins."""
        return START + self.days * DAY_MS


def case(seed: int, kind: Kind) -> Case:
    """A case of a kind, always the same for a seed."""
    rng = Random(f"{kind}:{seed}")
    days = rng.choice((14, 28)) if kind == "weekday" else rng.choice((7, 14, 28))
    per_day = rng.uniform(40, 300) * 28 / days
    shares = {path: _shares(count, rng) for path, count in VALUES.items()}
    usual = Case(seed, kind, days, tuple(_events(days, per_day, shares, rng)))
    return _plant(usual, shares, rng)


def _shares(count: int, rng: Random) -> list[float]:
    """Cumulated shares, of which the first are the larger, as in the story."""
    weights = [((each + 1) / count) ** 0.5 - (each / count) ** 0.5 for each in range(count)]
    weights = [weight * rng.uniform(0.7, 1.3) for weight in weights]
    return list(accumulate(weight / sum(weights) for weight in weights))


def _drawn(shares: dict[str, list[float]], rng: Random) -> dict[str, str]:
    found = {}
    for path, shared in shares.items():
        if path != "region" or rng.random() > 0.12:
            found[path] = f"{path}-{min(bisect(shared, rng.random()), len(shared) - 1)}"
    return found


def _event(hour: int, shares: dict[str, list[float]], rng: Random) -> PlantedEvent:
    value = 80 + int(7200 * rng.random() ** 3)
    return PlantedEvent(hour + int(rng.random() * HOUR_MS), value, _drawn(shares, rng))


def _events(days: int, per_day: float, shares: dict[str, list[float]], rng: Random) -> Iterator[PlantedEvent]:
    for hour in range(START, START + 2 * days * DAY_MS, HOUR_MS):
        rate = per_day / 24 * HOURS[hour // HOUR_MS % 24] * WEEKDAYS[(hour // DAY_MS + 3) % 7]
        for _ in range(int(rate * (0.6 + 0.8 * rng.random()) + rng.random())):
            yield _event(hour, shares, rng)


def _plant(usual: Case, shares: dict[str, list[float]], rng: Random) -> Case:
    # Both values of a property that has no others rose as all did: there is no cause.
    path = rng.choice([each for each, count in VALUES.items() if count > 3 or usual.kind != "two"])
    planter = _Planter(replace(usual, path=path), shares, rng)
    return {
        "one": planter.one,
        "two": planter.two,
        "new": planter.new,
        "vanished": planter.vanished,
        "shift": planter.shift,
        "spike": planter.spike,
        "level": planter.level,
        "weekday": planter.weekday,
        "none": planter.none,
    }[usual.kind]()


class _Planter:
    """Changes the second period of a case."""

    def __init__(self, usual: Case, shares: dict[str, list[float]], rng: Random) -> None:
        self.usual, self.shares, self.rng = usual, shares, rng
        self.before = [event for event in usual.events if event.at < usual.middle]
        self.after = [event for event in usual.events if event.at >= usual.middle]
        total = sum(event.value for event in self.before)
        sums = defaultdict[str, float](float)
        for event in self.before:
            if usual.path in event.properties:
                sums[event.properties[usual.path]] += event.value / total
        self.names = list(sums)
        self.large = [name for name in sums if 0.12 <= sums[name] <= 0.7] or self.names
        self.extra = rng.uniform(0.3, 1.5) * total
        self.hours = usual.days * 24

    def one(self) -> Case:
        value = self.rng.choice(self.names)
        return self._case([*self.after, *self._more(self.extra, value)], value)

    def two(self) -> Case:
        first, second = self.rng.sample(self.names, 2)
        part = self.rng.uniform(0.4, 0.6)
        more = [*self._more(self.extra * part, first), *self._more(self.extra * (1 - part), second)]
        return self._case([*self.after, *more], first, second)

    def new(self) -> Case:
        return self._case([*self.after, *self._more(self.extra, "brand-new")], "brand-new")

    def vanished(self) -> Case:
        value = self.rng.choice(self.large)
        left = [event for event in self.after if event.properties.get(self.usual.path) != value]
        return self._case(left, value)

    def shift(self) -> Case:
        source = self.rng.choice(self.large)
        target = self.rng.choice([name for name in self.names if name != source])
        part = self.rng.uniform(0.5, 0.95)
        moved = [
            self._with(event, target)
            if event.properties.get(self.usual.path) == source and self.rng.random() < part
            else event
            for event in self.after
        ]
        return self._case(moved, source, target)

    def spike(self) -> Case:
        value = self.rng.choice([*self.names, "brand-new"])
        since = self._moment(0.1, 0.8)
        until = since + self.rng.randrange(2, 10) * HOUR_MS
        found = self._case([*self.after, *self._more(self.extra, value, since, until)], value)
        return replace(found, moment=since)

    def level(self) -> Case:
        value = self.rng.choice([*self.names, "brand-new"])
        since = self._moment(0.25, 0.75)
        return replace(self._case([*self.after, *self._more(self.extra, value, since)], value), moment=since)

    def weekday(self) -> Case:
        weekday, times = self.rng.randrange(7), self.rng.uniform(2.0, 4.0)
        of_day = [event for event in self.after if (event.at // DAY_MS + 3) % 7 == weekday]
        return replace(self._case([*self.after, *self._times(of_day, times - 1)]), weekday=weekday)

    def none(self) -> Case:
        growth = self.rng.choice((1.0, self.rng.uniform(0.6, 1.8)))
        return self._case(self._times(self.after, growth))

    def _moment(self, first: float, last: float) -> int:
        at = self.rng.randrange(int(self.hours * first), int(self.hours * last))
        return self.usual.middle + at * HOUR_MS

    def _times(self, events: list[PlantedEvent], times: float) -> list[PlantedEvent]:
        return [event for event in events for _ in range(int(times + self.rng.random()))]

    def _with(self, event: PlantedEvent, value: str) -> PlantedEvent:
        return replace(event, properties={**event.properties, self.usual.path: value})

    def _more(self, amount: float, value: str, since: int = 0, until: int = 2**60) -> list[PlantedEvent]:
        """Events of one value that sum to `amount`, spread as all events of the time are."""
        near = [event.at for event in self.after if since <= event.at < until] or [since]
        found, left = list[PlantedEvent](), amount
        while left > 0:
            event = _event(self.rng.choice(near) // HOUR_MS * HOUR_MS, self.shares, self.rng)
            found.append(self._with(event, value))
            left -= event.value
        return found

    def _case(self, after: list[PlantedEvent], *values: str) -> Case:
        events = sorted([*self.before, *after], key=lambda event: event.at)
        return replace(self.usual, events=tuple(events), values=values)


def explained(of: Case) -> tuple[Attribution, Shape]:
    """What the engine finds in a case, without calls: by days, as a page of these periods has it."""
    sums = {name: defaultdict[str, list[float]](lambda: [0.0] * 2 * of.days) for name in VALUES}
    hours, days = [0.0] * 48 * of.days, [0.0] * 2 * of.days
    for event in of.events:
        hour = (event.at - START) // HOUR_MS
        hours[hour] += event.value
        days[hour // 24] += event.value
        for name, value in event.properties.items():
            sums[name][value][hour // 24] += event.value
    starts, middle = range(START, START + len(hours) * HOUR_MS, HOUR_MS), len(hours) // 2
    before = TimedBins(tuple(starts[:middle]), tuple(hours[:middle]))
    after = TimedBins(tuple(starts[middle:]), tuple(hours[middle:]))
    shape = shape_of(before, after, UTC)
    of_events, units = unit_of_events(event.value for event in of.events if event.at >= of.middle), []
    found = list(time_dimensions(before, after, UTC, has_hours=True)[0])
    for name, groups in sums.items():
        parts = [{value: each[cut] for value, each in groups.items()} for cut in _halves(of.days)]
        current, previous = (GroupSums(part, [0.0] * of.days, {}, frozenset()) for part in reversed(parts))
        found.append(
            grouped_dimension(f"properties.{name}", current, previous, days[of.days :], days[: of.days])
        )
        units.append(unit_of_bins(previous.values.values(), days[: of.days]) or 0.0)
    regular = regular_values(shape.kind, shape.parts)
    return attribute(
        before.total, after.total, found, unit=max(of_events, median(units)), regular=regular
    ), shape


def _halves(days: int) -> tuple[slice, slice]:
    return slice(days), slice(days, None)


def is_found(of: Case, found: Attribution, shape: Shape) -> bool:
    """Whether the planted cause ranks first: of two values both; without a cause, whether none is named."""
    if of.kind == "none":
        return found.cause == "none"
    if of.kind == "weekday":
        first = found.rows[0]
        return (first.group_by, first.line.value) == (WEEKDAY, str(of.weekday)) and shape.kind == "weekday"
    first_rows = found.rows[: 2 if of.kind == "two" else 1]
    is_first = all((row.group_by, row.line.value) in _planted_rows(of) for row in first_rows)
    return is_first and found.cause in ("single", "several")


def _planted_rows(of: Case) -> set[tuple[str, str]]:
    return {(f"properties.{of.path}", value) for value in of.values}

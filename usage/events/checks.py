"""Checks on rows: likely duplicates, timestamps in the future, gaps, unusual values.

Pure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import quantiles

import msgspec

from usage.results import Event

DUPLICATE_MS = 1000
"""Duplicates are at most this far apart."""
SKEW_MS = 60_000
"""A clock may be this far ahead before its events count as from a time to come."""
MIN_ROWS = 30
"""With fewer rows than this, nothing counts as usual or unusual."""
SHORTEST_GAP_MS = 300_000
TIMES_USUAL = 12
"""A silence is this many times longer than nine in ten pauses."""
OUTLIER_FENCE = 3.0
"""An outlier lies this many spans of the middle half beyond it: Tukey's "far out"."""
LEAST_RATIO = 1.5
"""Where the middle half is all one value, its span is taken for this ratio."""
MOST_LISTED = 5
REQUEST = "request_id"


@dataclass(frozen=True, slots=True)
class Gap:
    """No event between these two. `usual_ms`: nine in ten pauses are at most this long."""

    older: Event
    newer: Event
    usual_ms: float

    @property
    def ms(self) -> int:
        """How long it lasted."""
        return self.newer.timestamp - self.older.timestamp


@dataclass(frozen=True, slots=True)
class Outlier:
    """`count` of a feature's `rows` values lie at or beyond `bound`; the middle half of all is `low` to
    `high`.
    """

    feature_id: str
    above: bool
    bound: float
    count: int
    rows: int
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Checks:
    """Results of checks on `rows` rows.

    Duplicates are oldest first; of gaps and outliers only the largest.
    """

    rows: int
    duplicates: tuple[tuple[Event, ...], ...]
    ahead: tuple[Event, ...]
    gaps: tuple[Gap, ...]
    outliers: tuple[Outlier, ...]


def checks_of(events: Sequence[Event], now: int) -> Checks:
    """The checks of `events`, in any order. `now`: epoch ms."""
    return Checks(
        rows=len(events),
        duplicates=tuple(duplicates(events)),
        ahead=tuple(event for event in events if event.timestamp > now + SKEW_MS),
        gaps=tuple(gaps(events)),
        outliers=tuple(outliers(events)),
    )


def duplicates(events: Iterable[Event]) -> list[tuple[Event, ...]]:
    """Runs of rows alike in customer, feature, value and request (else properties), each a second apart at
    most.
    """
    alike: dict[tuple[object, ...], list[Event]] = {}
    for event in events:
        key = (event.customer_id, event.feature_id, event.value, _request(event))
        alike.setdefault(key, []).append(event)
    runs = [run for group in alike.values() if len(group) > 1 for run in _runs(group)]
    return sorted(runs, key=lambda run: (run[0].timestamp, run[0].id))


def _request(event: Event) -> object:
    named = event.properties.get(REQUEST)
    if isinstance(named, str | int) and named != "":
        return (REQUEST, str(named))
    return msgspec.json.encode(event.properties, order="deterministic")


def _runs(group: list[Event]) -> Iterator[tuple[Event, ...]]:
    ordered = sorted(group, key=lambda event: (event.timestamp, event.id))
    run = ordered[:1]
    for event in ordered[1:]:
        if event.timestamp - run[-1].timestamp > DUPLICATE_MS:
            if len(run) > 1:
                yield tuple(run)
            run = []
        run.append(event)
    if len(run) > 1:
        yield tuple(run)


def gaps(events: Iterable[Event]) -> list[Gap]:
    """Silences far longer than the pauses between these rows usually are, longest first."""
    ordered = sorted(events, key=lambda event: (event.timestamp, event.id))
    if len(ordered) < MIN_ROWS:
        return []
    usual = quantiles((newer.timestamp - older.timestamp for older, newer in pairwise(ordered)), n=10)[-1]
    least = max(TIMES_USUAL * usual, SHORTEST_GAP_MS)
    found = [Gap(older, newer, usual) for older, newer in pairwise(ordered)]
    return sorted((gap for gap in found if gap.ms > least), key=lambda gap: -gap.ms)[:MOST_LISTED]


def outliers(events: Iterable[Event]) -> list[Outlier]:
    """Values far outside the middle half of their feature's, by ratio where all are positive; most first."""
    values: dict[str, list[float]] = {}
    for event in events:
        values.setdefault(event.feature_id, []).append(event.value)
    found = [item for name, of in values.items() if len(of) >= MIN_ROWS for item in _of_feature(name, of)]
    return sorted(found, key=lambda item: (-item.count, item.feature_id, item.above))[:MOST_LISTED]


def _of_feature(name: str, values: list[float]) -> Iterator[Outlier]:
    low, _, high = quantiles(values, n=4)
    floor, ceiling = _fences(low, high, by_ratio=min(values) > 0)
    above = [value for value in values if value > ceiling]
    below = [value for value in values if value < floor]
    if above:
        yield Outlier(name, True, min(above), len(above), len(values), low, high)
    if below:
        yield Outlier(name, False, max(below), len(below), len(values), low, high)


def _fences(low: float, high: float, *, by_ratio: bool) -> tuple[float, float]:
    to, back = _scale(by_ratio)
    least = math.log(LEAST_RATIO) if by_ratio else max(abs(low), abs(high)) * (LEAST_RATIO - 1)
    span = max(to(high) - to(low), least)
    return back(to(low) - OUTLIER_FENCE * span), back(to(high) + OUTLIER_FENCE * span)


def _scale(by_ratio: bool) -> tuple[Callable[[float], float], Callable[[float], float]]:
    if by_ratio:
        return math.log, lambda exponent: math.exp(min(exponent, 700.0))
    return float, float

"""Where an axis has its labels, and what they say. Both pictures of a chart use these, on a linear axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from dashboard import formats
from usage.window import Bins, BinSize, local, named_moment

MAX_WIDE, MAX_NARROW = 9, 5
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Tick:
    """A label at a position on the axis. On a narrow screen only those stay that are `narrow`."""

    at: float
    text: str
    narrow: bool = True


def value_range(low: float, high: float) -> tuple[float, float]:
    """A little more than the values take, always with zero in it."""
    low, high = min(low, 0.0), max(high, 0.0)
    if high - low < 1e-300:  # nothing, or so little that dividing it fails
        return 0.0, 1.0
    return low * 1.05, high * 1.05


def value_ticks(low: float, high: float, most: int = 6) -> tuple[Tick, ...]:
    """Round values from `low` to `high`, at most about `most` of them."""
    step = _nice_step((high - low) / most)
    first, last = math.ceil(low / step), math.floor(high / step)
    return tuple(
        Tick(at, formats.axis_number(at))
        for at in (_rounded(index * step, step) for index in range(first, last + 1))
    )


def _nice_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in STEPS if step * power >= rough * (1 - 1e-9) or step == STEPS[-1])


def _rounded(value: float, step: float) -> float:
    return round(value, max(0, 2 - math.floor(math.log10(step)))) + 0.0


TickRule = Callable[[datetime], bool]


def _hours(step: int) -> TickRule:
    return lambda at: at.hour % step == 0


def _days(step: int) -> TickRule:
    """A tick every few days, on Mondays where possible."""
    return lambda at: at.hour == 0 and (at.toordinal() - 1) % step == 0


def _months(step: int) -> TickRule:
    return lambda at: (at.month - 1) % step == 0


TICK_RULES: dict[BinSize, tuple[TickRule, ...]] = {
    "hour": (*map(_hours, (1, 2, 3, 6, 12)), *map(_days, (1, 2, 7, 14, 28))),
    "day": tuple(map(_days, (1, 2, 7, 14, 28))),
    "week": (),
    "month": tuple(map(_months, (1, 2, 3, 6, 12))),
}


def bin_times(bins: Bins, size: BinSize, zone: tzinfo) -> list[datetime]:
    """The local time that names each bin.

    Days off the hour begin up to half an hour before or after their midnight. A week or month that is cut is
    named by where it begins.
    """
    if size == "hour":
        return [local(start, zone) for start in bins.starts]
    return [
        local(start if at == 0 and bins.is_cut and size != "day" else named_moment(start, zone), zone)
        for at, start in enumerate(bins.starts)
    ]


def bin_labels(times: Sequence[datetime], size: BinSize) -> tuple[str, ...]:
    """A bin's whole name: year and all, and the offset where the clocks change within the window."""
    moving = len({at.utcoffset() for at in times}) > 1
    return tuple(_bin_label(at, size, moving) for at in times)


def _bin_label(at: datetime, size: BinSize, moving: bool) -> str:
    day = formats.date_text(at)
    if size == "hour":
        return f"{day} {at:%H:%M}" + (f" {formats.offset_name(at)}" if moving else "")
    cut = f" from {at:%H:%M}" if at.hour else ""
    if size == "month":
        return (f"from {day}" if at.day > 1 else day.split(" ", 1)[1]) + cut.replace(" from", ",")
    return ("week of " if size == "week" else "") + day + cut


def time_ticks(times: Sequence[datetime], size: BinSize) -> tuple[Tick, ...]:
    """At most nine labels under the bins, at round times where there are such; five of them on a narrow
    screen.
    """
    wide = _tick_bins(times, TICK_RULES[size])
    every = -(-len(wide) // MAX_NARROW)
    return tuple(Tick(at, _tick_text(times[at], size), index % every == 0) for index, at in enumerate(wide))


def _tick_bins(times: Sequence[datetime], rules: Sequence[TickRule]) -> list[int]:
    for at in _ticks_by_rule(times, rules):
        if len(at) <= MAX_WIDE:
            return at or [0]
    return list(range(0, len(times), -(-len(times) // MAX_WIDE)))


def _ticks_by_rule(times: Sequence[datetime], rules: Sequence[TickRule]) -> Iterator[list[int]]:
    for rule in rules:
        yield [index for index, at in enumerate(times) if rule(at)]


def _tick_text(at: datetime, size: BinSize) -> str:
    month = formats.MONTHS[at.month - 1]
    if size == "month":
        return f"{month} {at.year}"
    return f"{at:%H:%M}" if size == "hour" and at.hour else f"{at.day} {month}"

"""When a change happened."""

from __future__ import annotations

import math
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage.explain.attribution import Dimension, DimensionLine, attribute
from usage.explain.dimensions import time_dimensions
from usage.explain.noise import unit_of_bins, unit_of_events
from usage.explain.shape import Shape, TimedBins, shape_of
from usage.sample.story.events import HOURS, WEEKDAYS
from usage.window import DAY_MS, HOUR_MS

BERLIN = ZoneInfo("Europe/Berlin")
DAYS = 14
MIDDLE = 20_412 * DAY_MS


def usage_of(first: int, seed: int = 0) -> list[float]:
    """A fortnight with days, nights, weekends and noise, by hours."""
    rng = Random(seed + first)
    return [
        1000 * HOURS[at // HOUR_MS % 24] * WEEKDAYS[(at // DAY_MS + 3) % 7] * rng.uniform(0.7, 1.3)
        for at in range(first, first + DAYS * DAY_MS, HOUR_MS)
    ]


def bins(first: int, values: list[float]) -> TimedBins:
    return TimedBins(tuple(range(first, first + len(values) * HOUR_MS, HOUR_MS)), tuple(values))


def shape(change: list[float], *, before: list[float] | None = None) -> Shape:
    """Of a later period with `change` times the usual, hour by hour, after one with `before` times it."""
    start = MIDDLE - DAYS * DAY_MS
    earlier = [a * b for a, b in zip(usage_of(start), before or [1.0] * DAYS * 24, strict=True)]
    later = [a * b for a, b in zip(usage_of(MIDDLE), change, strict=True)]
    return shape_of(bins(start, earlier), bins(MIDDLE, later), BERLIN)


STEADY = [1.0] * DAYS * 24
SPIKE = [25.0 if 100 <= hour < 106 else 1.0 for hour in range(DAYS * 24)]


def test_spike() -> None:
    found = shape(SPIKE)
    assert (found.kind, found.is_previous) == ("spike", False)
    assert (found.start, found.end) == (MIDDLE + 100 * HOUR_MS, MIDDLE + 106 * HOUR_MS)
    assert found.share > 0.9


def test_fall_from_a_spike_of_the_earlier_period() -> None:
    found = shape(STEADY, before=SPIKE)
    assert (found.kind, found.is_previous) == ("spike", True)
    assert found.start == MIDDLE - DAYS * DAY_MS + 100 * HOUR_MS


@pytest.mark.parametrize("times", [2.0, 0.2])
def test_level_since_a_moment(times: float) -> None:
    found = shape([times if hour >= 150 else 1.0 for hour in range(DAYS * 24)])
    assert found.kind == "level"
    assert found.start is not None
    assert abs(found.start - (MIDDLE + 150 * HOUR_MS)) <= 4 * HOUR_MS


def test_drift() -> None:
    assert shape([1 + hour / 200 for hour in range(DAYS * 24)]).kind == "drift"


def test_weekday() -> None:
    """Both Mondays, in UTC: in Berlin's days they begin an hour later."""
    found = shape([3.0 if (MIDDLE // DAY_MS + hour // 24 + 3) % 7 == 0 else 1.0 for hour in range(DAYS * 24)])
    assert (found.kind, found.parts) == ("weekday", (0,))


def test_hour_of_the_day() -> None:
    """03:00 in UTC is 04:00 in Berlin."""
    found = shape([20.0 if hour % 24 == 3 else 1.0 for hour in range(DAYS * 24)])
    assert (found.kind, found.parts) == ("hour", (4,))


@pytest.mark.parametrize("times", [1.0, 1.7, 0.5])
def test_growth_over_all_of_the_period_has_no_shape(times: float) -> None:
    assert shape([times] * DAYS * 24).kind == "none"


def test_few_or_empty_bins_have_no_shape() -> None:
    few, empty = bins(MIDDLE, [1.0, 9.0]), bins(MIDDLE, [0.0] * 48)
    assert shape_of(few, few, BERLIN).kind == "none"
    assert shape_of(empty, empty, BERLIN).kind == "none"
    assert shape_of(empty, bins(MIDDLE + 2 * DAY_MS, [0.0] * 30 + [50.0] * 18), BERLIN).kind == "level"


AMOUNTS = st.lists(
    st.floats(-1e9, 1e9, allow_nan=False) | st.integers(0, 50).map(float), min_size=30, max_size=60
)


@given(AMOUNTS, AMOUNTS)
def test_any_values_have_a_shape(before: list[float], after: list[float]) -> None:
    """Refunds make sums negative, also of whole periods."""
    found = shape_of(bins(MIDDLE, before), bins(MIDDLE + len(before) * HOUR_MS, after), BERLIN)
    assert math.isfinite(found.share)
    assert found.start is None or found.is_previous or found.start >= MIDDLE + len(before) * HOUR_MS


LARGE = st.lists(
    st.floats(-1e300, 1e300) | st.sampled_from((0.0, 1.0, 1e-10, 1e99, -1e99, 1e160, 1e300)),
    min_size=1,
    max_size=40,
)


@given(LARGE, LARGE)
def test_sums_of_any_size_are_explained(before: list[float], after: list[float]) -> None:
    """Squares of such figures are no numbers any more: there is no shape then, and no error."""
    before, after = before * (1 + 200 // len(before)), after * (1 + 200 // len(after))
    one, other = bins(MIDDLE, before), bins(MIDDLE + len(before) * HOUR_MS, after)
    assert math.isfinite(shape_of(one, other, BERLIN).share)
    times, _ = time_dimensions(one, other, BERLIN, has_hours=True)
    size = min(len(before), len(after))
    unit = unit_of_bins([before[:size]], [abs(value) for value in after[:size]])
    assert unit is None or math.isfinite(unit)
    lines = tuple(
        DimensionLine("value", str(at), a, b) for at, (a, b) in enumerate(zip(before, after, strict=False))
    )
    attribute(
        sum(before),
        sum(after),
        (Dimension("properties.user", lines), *times),
        unit=max(unit or 0.0, unit_of_events(after)),
    )

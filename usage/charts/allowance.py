"""What a customer's plan grants of a feature, and about when it runs out. Pure: no call, no clock."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from usage.catalog import Balance, Customer, FeatureName
from usage.charts.series import Series, is_near
from usage.window import DAY_MS, HOUR_MS, Window, floor_hour, local, midnight, nearest_hour

WEEK = 7
MIN_DAYS = 3 * WEEK
"""Full days that an estimate needs: a week to go by, one to check it with, and one that is checked."""
MAX_ERROR = 1 / 4
"""By how much of the time left the same estimate may have been wrong on any day of the past weeks: less than
the third that it may be off, as weeks to come differ more from the past than past ones from each other.
"""
MIN_LEFT = 1.0
"""Days left below which there is no estimate: days are too coarse for it."""
MAX_LEFT = 92.0
"""Days left above which there is no estimate."""
CYCLE_DAYS: Mapping[str, tuple[int, int]] = {
    "hour": (0, 1),
    "day": (1, 1),
    "week": (7, 7),
    "month": (28, 31),
    "quarter": (89, 92),
    "semi_annual": (181, 184),
    "year": (365, 366),
}
"""The shortest and the longest of each interval after which a balance is reset."""


@dataclass(frozen=True, slots=True)
class RunsOut:
    """When nothing is left: `at` in epoch milliseconds, on `day` of the viewer's zone.

    Each day from now on is taken to use what the same weekday of the last seven full days did. `per_day`:
    their mean, in the balance's unit.
    """

    at: int
    day: date
    per_day: float


@dataclass(frozen=True, slots=True)
class Allowance:
    """A balance and what its feature's events say about it.

    `runs_out`: None where it cannot be told. `cycle`: from the last reset to the next, [start, end) in epoch
    milliseconds, None where that is not known. `in_chart`: what the events of this cycle sum to, None where
    the chart shows other events than those.
    """

    balance: Balance
    runs_out: RunsOut | None = None
    cycle: Window | None = None
    in_chart: float | None = None

    @property
    def is_in_chart(self) -> bool:
        """Whether the chart shows this balance's cycle and all of its usage."""
        return self.in_chart is not None

    @property
    def differs(self) -> bool:
        """Whether the chart and the balance have different figures for the same cycle."""
        return self.in_chart is not None and not is_near(self.in_chart, self.balance.usage)


@dataclass(frozen=True, slots=True)
class RecentDays:
    """Usage by stored name of the last full days, the oldest first; `today`: when the running day began, in
    epoch milliseconds.
    """

    today: int
    values: Mapping[str, Sequence[float]]


NO_DAYS = RecentDays(0, {})


def allowances(
    customer: Customer, features: Iterable[FeatureName], series: Series, recent: RecentDays
) -> dict[str, Allowance]:
    """The customer's allowances by feature.

    `series`: the chart beside them; `recent`: days to estimate by.
    """
    named = {feature.id: feature for feature in features}
    return {
        balance.feature_id: _allowance(balance, customer, named.get(balance.feature_id), series, recent)
        for balance in customer.balances
    }


def recent_days(series: Series) -> RecentDays:
    """The full days of `series`, whose bins are days up to now. Its first day may be a part of one."""
    zone, edges = series.query.zone, series.bins.edges
    today = nearest_hour(midnight(local(series.now, zone).date(), zone))
    full = [at for at in range(1, len(series.bins)) if edges[at + 1] <= today]
    if not full or edges[full[-1] + 1] != today:
        return NO_DAYS  # it does not reach today
    values = {total.feature_id: [total.values[at] for at in full] for total in series.features}
    return RecentDays(today, values)


def cycle_of(balance: Balance, customer: Customer) -> Window | None:
    """The running cycle of a balance: the period of the active subscription that ends with its reset.

    None where the two do not go together: a balance may have an interval of its own.
    """
    reset = balance.next_reset_at
    for each in customer.subscriptions:
        start, end = each.current_period_start, each.current_period_end
        if each.status != "active" or start is None or end is None or end != reset:
            continue
        days = (end - start) / DAY_MS
        resetting = [grant for grant in balance.grants if grant.resets_at is not None]
        if resetting and all(_takes(grant.interval, grant.interval_count, days) for grant in resetting):
            return Window(start, end)
    return None


def days_left(remaining: float, week: Sequence[float], begun: float = 0.0) -> float | None:
    """Days from midnight until `remaining` is used, if days go on as those of `week` did.

    The first of these is the weekday of today. `begun`: how much of today is over, 0 to 1.

    None for over three months, and for a week without usage.
    """
    if sum(week) <= 0:
        return None
    left, at = remaining, begun
    while at < MAX_LEFT:
        day = math.floor(at)
        rest = week[day % WEEK] * (day + 1 - at)
        if rest > 0 and rest >= left - 1e-9 * remaining:  # sums of floats are off by as little
            return at + (day + 1 - at) * min(max(left / rest, 0.0), 1.0)
        left, at = left - rest, day + 1.0
    return None


def is_reliable(days: Sequence[float], horizon: float) -> bool:
    """Whether the estimate would have been right within MAX_ERROR on each of the past days, for about as many
    days ahead (`horizon`), or half of those that are known where there are fewer.
    """
    if len(days) < MIN_DAYS:
        return False
    ahead = min(max(1, round(horizon)), len(days) - 2 * WEEK)
    for at in range(WEEK, len(days) - ahead + 1):
        used = sum(days[at : at + ahead])
        estimated = days_left(used, days[at - WEEK : at]) if used > 0 else None
        if estimated is None or abs(estimated - ahead) > MAX_ERROR * min(estimated, ahead):
            return False
    return True


def runs_out(balance: Balance, days: Sequence[float], today: int, series: Series) -> RunsOut | None:
    """About when nothing is left of a balance, by the usage of the last full `days`.

    None where that cannot be told, and where the balance is reset or a part of it expires before. `today`:
    when the running day began, in epoch milliseconds.
    """
    if balance.unlimited or balance.remaining <= 0 or len(days) < MIN_DAYS:
        return None
    begun = min(max((series.now - today) / DAY_MS, 0.0), 0.999)
    at = days_left(balance.remaining, days[-WEEK:], begun)
    if at is None or at - begun < MIN_LEFT or not is_reliable(days, at - begun):
        return None
    moment = today + round(at * DAY_MS)
    ends = [balance.next_reset_at, *(grant.expires_at for grant in balance.grants)]
    if any(end is not None and end <= moment for end in ends):
        return None
    return RunsOut(moment, local(moment, series.query.zone).date(), sum(days[-WEEK:]) / WEEK)


def _allowance(
    balance: Balance, customer: Customer, feature: FeatureName | None, series: Series, recent: RecentDays
) -> Allowance:
    cycle = cycle_of(balance, customer)
    drawn = _drawn_by(balance.feature_id, feature)
    is_held = feature is not None and not feature.consumable
    days = [] if is_held or drawn is None else _drawn(drawn, recent.values)
    found = runs_out(balance, days, recent.today, series)
    if cycle is not None and found is not None and not _moves_with(balance, cycle, days, recent.today):
        found = None
    in_chart = None
    if cycle is not None and _shows_cycle(series, cycle) and drawn == {balance.feature_id: 1.0}:
        in_chart = _whole_sum(series, balance.feature_id, feature)
    return Allowance(balance, found, cycle, in_chart)


def _takes(interval: str | None, count: float, days: float) -> bool:
    shortest, longest = CYCLE_DAYS.get(interval or "", (0, -1))
    # An hour less or more where the clocks change.
    return shortest * count - 1 / 12 <= days <= longest * count + 1 / 12


def _drawn_by(feature_id: str, feature: FeatureName | None) -> dict[str, float] | None:
    """What one unit of each feature takes from a balance; None where the rates are not known."""
    if feature is None or feature.type != "credit_system":
        return {feature_id: 1.0}
    if feature.credit_schema is None:
        return None
    return {feature_id: 1.0} | {each.metered_feature_id: each.credit_cost for each in feature.credit_schema}


def _drawn(costs: Mapping[str, float], values: Mapping[str, Sequence[float]]) -> list[float]:
    used = [[cost * value for value in values[name]] for name, cost in costs.items() if name in values]
    return [sum(each) for each in zip(*used, strict=True)]


def _moves_with(balance: Balance, cycle: Window, days: Sequence[float], today: int) -> bool:
    """Whether the balance's usage is about that of the events since its cycle began, as far as days tell."""
    inside = (today - cycle.start) // DAY_MS
    if not 0 < inside < len(days):
        return True
    least, most = sum(days[-inside:]), sum(days[-inside - 1 :]) + max(days[-WEEK:])
    return least * (1 - MAX_ERROR) <= balance.usage <= most * (1 + MAX_ERROR)


def _shows_cycle(series: Series, cycle: Window) -> bool:
    edges, query = series.bins.edges, series.query
    if query.has_row_filters or query.entity_id is not None or query.measure != "sum":
        return False
    is_from_start = floor_hour(cycle.start) == edges[0]
    return (
        is_from_start
        and edges[-1] >= min(cycle.end, floor_hour(series.now))
        and edges[-1] < cycle.end + HOUR_MS
    )


def _whole_sum(series: Series, feature_id: str, feature: FeatureName | None) -> float | None:
    """A feature's sum; None where events under its other names are shown apart from it."""
    if feature is not None and set(feature.event_names) & set(series.query.feature_id):
        return None
    return next((total.sum for total in series.features if total.feature_id == feature_id), None)

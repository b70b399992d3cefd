"""``events.aggregate``: bins, totals, and groups within bins."""

import sqlite3
from collections import defaultdict

from msgspec import UNSET

from usage.sample.ages import Age
from usage.sample.aggregates.bins import Bins, bins_of
from usage.sample.aggregates.cycles import window_of
from usage.sample.aggregates.deducted import deductions
from usage.sample.aggregates.groups import Answer, grouped_bins
from usage.sample.aggregates.sources import Source, bins_source, total_source
from usage.sample.numbers import number
from usage.sample.windows import Window
from usage.sample.wire import AggregateBody, feature_list


def aggregate(connection: sqlite3.Connection, body: AggregateBody, age: Age, now: int) -> Answer:
    """The answer at ``now`` (epoch milliseconds); a large one has an iterator of bins. Raises ApiError."""
    window = window_of(connection, body, age, now)
    bins = bins_of(window, body, window.end if age.future_bins else now)
    events = bins_source(body, age, window.start, window.end)
    if body.grouped():
        listed = grouped_bins(connection, body, age, events, bins)
    else:
        listed = _plain_bins(connection, body, events, bins)
    answer: Answer = {"list": listed, "total": _total(connection, body, age, window)}
    if body.aggregate_on is not UNSET:
        answer["deductions"] = deductions(connection, body, age, window, bins)
    return answer


def _total(connection: sqlite3.Connection, body: AggregateBody, age: Age, window: Window) -> Answer:
    """The total without grouping: events that grouping drops are counted here."""
    events = total_source(body, age, window.total_start, window.end)
    sql = f"SELECT feature_id, sum(n), sum(v) FROM ({events.sql}) GROUP BY 1 HAVING sum(n) > 0"  # noqa: S608
    found = connection.execute(sql, events.values)
    return {feature: {"count": count, "sum": number(total)} for feature, count, total in found}


def _plain_bins(
    connection: sqlite3.Connection, body: AggregateBody, events: Source, bins: Bins
) -> list[Answer]:
    """Every bin, with a zero for each feature that has nothing in it."""
    figure = "sum(n)" if body.measure == "count" else "sum(v)"
    sql = f"SELECT {bins.sql}, feature_id, {figure} FROM ({events.sql}) GROUP BY 1, 2"  # noqa: S608 constants
    sums: dict[tuple[object, str], float] = defaultdict(float)
    for at, feature, figures in connection.execute(sql, events.values):
        sums[bins.label(at), feature] += figures
    features = feature_list(body.feature_id)
    return [
        {
            "period": each.period,
            "values": {name: number(sums.get((each.label, name), 0)) for name in features},
        }
        for each in bins.grid
    ]

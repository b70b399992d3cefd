"""Random queries over all parameters of the product, near the times of a customer's rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from random import Random

from tests.audit.calendars import DAY, HOUR, ZONES, clock_changes, day_start, local, moment_of
from tests.audit.query import Query
from tests.audit.truth import shown_properties, text_of
from tests.audit.windows import last_of_month
from tests.audit.world import Customer, Properties, Row

RANGES = ("24h", "7d", "30d", "90d")
NEW_RANGES = ("today", "yesterday", "this_week", "last_week", "this_month", "last_month", "180d", "365d")
SIZES = (None, None, "hour", "day", "week", "month")


class RandomQueries:
    """Random queries about one customer; `now` in epoch milliseconds."""

    def __init__(self, rng: Random, customer: Customer, now: int) -> None:
        self.rng = rng
        self.customer = customer
        self.now = now

    def usage(self) -> Query:
        """A query of charts."""
        query = self.windowed()
        query = query.having(bin_size=self._size(query), feature_id=self._features())
        if self.rng.random() < 0.45:
            query = self._grouped(query)
        if self.rng.random() < 0.3:
            query = query.having(compare="previous")
        if self.rng.random() < 0.2:
            query = self.filtered(query)
        if self.rng.random() < 0.06:
            query = query.having(measure=self.rng.choice(("count", "sum")))
        if any(row.deductions for row in self.customer.rows) and self.rng.random() < 0.6:
            query = self._deducted(query)
        if self.rng.random() < 0.05 and (entities := {row.entity_id for row in self.customer.rows} - {None}):
            query = query.having(entity_id=self.rng.choice(sorted(map(str, entities))))
        return query

    def events(self) -> Query:
        """A query of lists and files."""
        query = self.windowed().having(feature_id=self._features())
        return self.filtered(query) if self.rng.random() < 0.5 else query

    def windowed(self) -> Query:
        """A window in a random zone."""
        zone = self.rng.choice(ZONES)
        query = Query(customer_id=self.customer.id, tz=zone)
        if self.customer.cycle is not None and self.rng.random() < 0.5:
            return query.having(range="1bc")
        draw = self.rng.random()
        if draw < 0.35:
            return query.having(range=self.rng.choice(RANGES))
        if draw < 0.45:
            return query.having(range=self.rng.choice(NEW_RANGES))
        if draw < 0.65:
            return self._of_dates(query)
        return self._between(query, *self._bounds(zone))

    def _bounds(self, zone: str) -> tuple[int, int]:
        if self.rng.random() < 0.3 and (
            near := clock_changes(zone, self.now - 300 * DAY, self.now - 3 * DAY)
        ):
            change = self.rng.choice(near)
            start = change - self.rng.randrange(1, 80) * HOUR
            return start, min(change + self.rng.randrange(1, 80) * HOUR, self.now)
        start = self._row().timestamp - self.rng.randrange(5 * DAY)
        start -= start % self.rng.choice((1, 1000, HOUR, HOUR))
        length = self.rng.choice((HOUR, 5 * HOUR, DAY, 6 * DAY, 20 * DAY, 60 * DAY))
        return start, start + length + self.rng.choice((0, 0, 1, -1, 999, 500, 90_000))

    def _between(self, query: Query, start: int, end: int) -> Query:
        end = max(end, start + 1)
        return query.having(
            start=self._moment(start, query.tz), start_ms=start, end=self._moment(end, query.tz), end_ms=end
        )

    def _moment(self, ms: int, zone: str) -> str:
        """A moment in one of its notations: digits, local time, or with its offset."""
        wall = local(ms, zone)
        choice = self.rng.randrange(3)
        if choice == 1 and moment_of(wall.replace(tzinfo=None, fold=0), zone) == ms:
            return wall.replace(tzinfo=None).isoformat()
        return wall.isoformat() if choice == 2 else str(ms)

    def _of_dates(self, query: Query) -> Query:
        """Dates, with the end date included; often a whole month or week."""
        first = local(self._row().timestamp, query.tz).date()
        last = first + timedelta(self.rng.choice((0, 1, 6, 13, 29)))
        draw = self.rng.random()
        if draw < 0.4:
            first, last = first.replace(day=1), last_of_month(first)
        elif draw < 0.6:
            first -= timedelta(first.weekday())
            last = first + timedelta(6)
        start, end = day_start(first, query.tz), day_start(last + timedelta(1), query.tz)
        return query.having(start=first.isoformat(), start_ms=start, end=last.isoformat(), end_ms=end)

    def _size(self, query: Query) -> str | None:
        size = self.rng.choice(SIZES)
        long = query.range not in (None, "24h", "7d", "today", "yesterday") or (
            query.end_ms is not None and query.end_ms - query.start_ms > 30 * DAY
        )
        return None if size == "hour" and long else size

    def _row(self) -> Row:
        rows = self.customer.rows
        return self.rng.choice(rows) if rows else Row("", "", "", self.now - DAY)

    def _features(self) -> tuple[str, ...]:
        names = sorted({row.feature_id for row in self.customer.rows})
        if not names or self.rng.random() < 0.5:
            return ()
        return tuple(sorted(self.rng.sample(names, min(len(names), self.rng.choice((1, 1, 2))))))

    def _grouped(self, query: Query) -> Query:
        paths = sorted(_scalar_paths(self.customer.rows[:400])) or ["region"]
        by = self.rng.choice([*(f"properties.{path}" for path in paths), "$entity_id", "$plan_id"])
        if by.startswith("$") and self.rng.random() < 0.7:
            by = f"properties.{self.rng.choice(paths)}"
        query = query.having(group_by=by)
        if self.rng.random() < 0.3 and by.startswith("properties.") and (values := self._values(by[11:])):
            query = query.having(group=tuple(self.rng.sample(values, min(len(values), 2))))
        if query.feature_id and self.rng.random() < 0.3:
            query = query.having(focus=self.rng.choice(query.feature_id))
        return query

    def _deducted(self, query: Query) -> Query:
        """The query about what was deducted, which has no filters and no groups of plans."""
        query = query.having(filter=(), exclude=(), value_min=None, value_max=None, focus=None)
        by_plan = query.group_by == "$plan_id"
        query = query.having(group_by=None, group=()) if by_plan else query
        return query.having(measure="deducted")

    def filtered(self, query: Query) -> Query:
        """The query with conditions of one or more types."""
        row = self._row()
        pairs = list(flat(shown_properties(row.properties)))
        conditions = [
            f"{path}:{text_of(value)}" for path, value in pairs if path.strip() and text_of(value).strip()
        ]
        draw = self.rng.random()
        if conditions and draw < 0.45:
            path = self.rng.choice(conditions).partition(":")[0]
            same = [f"{path}:{value}" for value in self._values(path)] or conditions
            return query.having(filter=tuple(sorted(set(self.rng.sample(same, min(len(same), 2))))))
        if conditions and draw < 0.6:
            return query.having(exclude=(self.rng.choice(conditions),))
        if conditions and draw < 0.8:
            return query.having(filter=(self.rng.choice(conditions),))
        low = json.dumps(row.listed)
        return query.having(value_min=low) if self.rng.random() < 0.5 else query.having(value_max=low)

    def _values(self, path: str) -> list[str]:
        found = set()
        for row in self.customer.rows[:600]:
            for name, value in flat(shown_properties(row.properties)):
                if name == path and not isinstance(value, list | dict) and text_of(value).strip():
                    found.add(text_of(value))
        return sorted(found)


def flat(properties: Properties, prefix: str = "") -> Sequence[tuple[str, object]]:
    """Every path of shown properties with its value; lists are not flattened."""
    found: list[tuple[str, object]] = []
    for name, value in properties.items():
        found += flat(value, f"{prefix}{name}.") if isinstance(value, dict) else [(f"{prefix}{name}", value)]
    return found


def _scalar_paths(rows: Sequence[Row]) -> set[str]:
    paths = {path for row in rows for path, _ in flat(shown_properties(row.properties))}
    return {path for path in paths if path.replace(".", "").replace("_", "").isalnum() and path.isascii()}

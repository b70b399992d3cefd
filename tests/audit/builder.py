"""Builds customers with rows: unique ids, times relative to one moment, values in JSON's types."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.audit.calendars import DAY, HOUR
from tests.audit.world import Customer, Cycle, Row

REGIONS = ("eu-west", "us-east", "ap-south", "sa-east")


@dataclass(slots=True)
class CustomerBuilder:
    """Collects one customer's rows. `now`: epoch milliseconds; no row is in the five minutes before it."""

    rng: Random
    now: int
    customer_id: str
    kind: str
    rows: list[Row] = field(default_factory=list)
    late: list[Row] = field(default_factory=list)

    def add(
        self,
        feature: str,
        timestamp: int,
        value: float | None = 1,
        properties: dict[str, Any] | None = None,
        *,
        late: bool = False,
        **more: Any,
    ) -> None:
        """Add one row; `more` has the other fields of a Row."""
        number = len(self.rows) + len(self.late)
        event_id = f"evt_{self.rng.getrandbits(40):010x}{number:05d}"
        row = Row(event_id, self.customer_id, feature, int(timestamp), value, properties or {}, **more)
        (self.late if late else self.rows).append(row)

    def past(self, days: float = 90) -> int:
        """A moment in the last `days` days."""
        return self.now - 300_000 - int(self.rng.random() * days * DAY)

    def hour(self, days: float = 60) -> int:
        """A whole UTC hour in the past."""
        moment = self.past(days) - HOUR
        return moment - moment % HOUR

    def some(self, choices: Iterable[Any]) -> Any:
        """One of the choices."""
        return self.rng.choice(tuple(choices))

    def build(self, *, name: str | None = None, cycle: Cycle | None = None) -> Customer:
        """The customer with all rows so far."""
        rows, late = tuple(self.rows), tuple(self.late)
        return Customer(self.customer_id, self.kind, rows, late, name or f"Name of {self.kind}", cycle)


def scatter(
    builder: CustomerBuilder, feature: str, count: int, days: float, values: tuple[float, ...] = (1, 2, 5)
) -> None:
    """Add rows at random times, each with the same few properties."""
    for _ in range(count):
        properties = {"region": builder.some(REGIONS), "status": builder.some((200, 404, 500))}
        builder.add(feature, builder.past(days), builder.some(values), properties)

"""When a figure was fetched, and from where it came."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from usage.notes import Note

Source = Literal["live", "cache", "stale"]


class FetchInfo(Protocol):
    """When an answer was fetched, and from where it came: what the cache returns."""

    @property
    def fetched_at(self) -> float: ...
    @property
    def source(self) -> Source: ...
    @property
    def reason(self) -> Note | None: ...


@dataclass(frozen=True, slots=True)
class Freshness:
    """`fetched_at`: epoch seconds of the oldest part. `reason`: why it is stale.

    `bad_rows`: rows that broke the contract. `foreign_rows`: rows of other customers or features.
    `repaired_rows`: rows that are shown without something in them.
    """

    fetched_at: float
    source: Source
    reason: Note | None = None
    bad_rows: int = 0
    foreign_rows: int = 0
    repaired_rows: int = 0


def freshness_of(
    answers: Iterable[FetchInfo], *, bad_rows: int = 0, foreign_rows: int = 0, repaired_rows: int = 0
) -> Freshness:
    """The freshness of figures made from several answers: that of the oldest, and
    the worst of their sources.
    """
    parts = list(answers)
    order: tuple[Source, ...] = ("live", "cache", "stale")
    source = max((part.source for part in parts), key=order.index)
    reason = next((part.reason for part in parts if part.reason), None)
    fetched_at = min(part.fetched_at for part in parts)
    return Freshness(fetched_at, source, reason, bad_rows, foreign_rows, repaired_rows)

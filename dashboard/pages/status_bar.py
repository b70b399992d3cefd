"""The status bar at the foot of each page: as of when, from where, in which zone, how many calls are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dashboard.events.left_out import left_out
from dashboard.formats import exact_moment, relative, zone_name
from dashboard.mount import Mount
from usage.api.pace import AUTUMN_PER_SECOND
from usage.freshness import Freshness
from usage.notes import Note
from usage.query import Query
from usage.window import local

SOURCE_WORDS = {"live": "live", "cache": "cached", "stale": "stale"}


@dataclass(frozen=True, slots=True)
class StatusBar:
    """`state` is a CSS class. `reason`: why what is shown is old. `left_out`: rows that are not shown, and
    why.

    `in_use`: how many calls a second are made; None for recipients, who would learn when others view this
    customer.
    """

    source: str
    state: Literal["ok", "stale"]
    as_of: str
    title: str
    word: str
    reason: Note | None
    left_out: str | None
    unreadable: int
    repaired: int
    foreign: int
    zone: str
    zone_title: str
    in_use: int | None
    allowed: int = AUTUMN_PER_SECOND


def status_bar(mount: Mount, query: Query, fresh: Freshness, now: int) -> StatusBar:
    """The status bar of a page that shows `fresh` figures of `query`."""
    at = int(fresh.fetched_at * 1000)
    age = relative(at, now)
    return StatusBar(
        source=fresh.source,
        state="stale" if fresh.source == "stale" else "ok",
        as_of=f"{local(at, query.zone):%H:%M:%S}",
        title=f"{exact_moment(at, query.zone)}, {age}",
        word=SOURCE_WORDS[fresh.source] if fresh.source != "stale" else f"{SOURCE_WORDS['stale']}, {age}",
        reason=fresh.reason,
        left_out=left_out(fresh),
        unreadable=fresh.bad_rows,
        repaired=fresh.repaired_rows,
        foreign=fresh.foreign_rows,
        zone=zone_name(now, query.zone),
        zone_title=query.tz,
        in_use=None if mount.shared else min(AUTUMN_PER_SECOND, mount.usage.in_use(query.customer_id)),
    )

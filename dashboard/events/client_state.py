"""What a page shows already, which it sends when it requests a part: in headers, as an address names no such
thing.

All of it only decides what is drawn, so what makes no sense counts as nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from django.http import HttpRequest

from dashboard.events.filter_links import can_name
from dashboard.forms import MAX_REPEATS
from usage.query import Position, parse_position


@dataclass(frozen=True, slots=True)
class ClientState:
    """`searched`, `matches`: of a search so far.

    `newest`: the newest row shown. `missed`: rows that live tail left out, `misses_more` if there may be
    more. `columns`: those of the table. `rows`: how many it has.
    """

    searched: int = 0
    matches: int = 0
    newest: Position | None = None
    missed: int = 0
    misses_more: bool = False
    columns: tuple[str, ...] = ()
    rows: int = 0

    @classmethod
    def of(cls, request: HttpRequest) -> ClientState:
        """What the headers of a request tell."""
        counts = re.fullmatch(r"([0-9]{1,12}) ([0-9]{1,12})", request.headers.get("Scan-So-Far", ""))
        searched, matches = (int(counts[1]), int(counts[2])) if counts else (0, 0)
        rows = re.fullmatch(r"[0-9]{1,5}", request.headers.get("Rows-Shown", ""))
        missed = re.fullmatch(r"([0-9]{1,9})(\+?)", request.headers.get("Live-Missed", ""))
        return cls(
            searched,
            matches,
            _newest(request),
            missed=int(missed[1]) if missed else 0,
            misses_more=bool(missed and missed[2]),
            columns=_columns(request),
            rows=int(rows[0]) if rows else 0,
        )


def _newest(request: HttpRequest) -> Position | None:
    try:
        return parse_position(request.headers.get("Live-After", ""))
    except ValueError:
        return None


def _columns(request: HttpRequest) -> tuple[str, ...]:
    names = map(unquote, request.headers.get("Columns", "").split(",")[:MAX_REPEATS])
    return tuple(name for name in names if can_name(name))

"""The query of a view: one frozen value, the same on every page, in every export, link and cache key.

A `Query` has three faces: `to_params()` (its canonical query string, which the form reads back to an equal
value), `window(now)` (its moments, presets resolved once) and the bodies of Autumn's two calls, which the
service builds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, Literal, NamedTuple, get_args
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, available_timezones

from usage import messages
from usage.window import (
    CALENDAR_RANGES,
    BinSize,
    Window,
    calendar_window,
    default_bin_size,
    hour_end,
    last_days,
    last_hours,
    midnight,
    to_ms,
)

Range = Literal[
    "24h",
    "7d",
    "30d",
    "90d",
    "180d",
    "365d",
    "today",
    "yesterday",
    "this_week",
    "last_week",
    "this_month",
    "last_month",
    "1bc",
    "3bc",
    "last_cycle",
]
ChartType = Literal["bars", "lines", "cumulative", "percent", "panels"]
Measure = Literal["sum", "count", "deducted"]
PerPage = Literal[50, 100, 500, 1000]

CYCLES: frozenset[str] = frozenset({"1bc", "3bc", "last_cycle"})
BIN_SIZES: tuple[BinSize, ...] = get_args(BinSize)
RANGES: tuple[Range, ...] = get_args(Range)
CHARTS: tuple[ChartType, ...] = get_args(ChartType)
MEASURES: tuple[Measure, ...] = get_args(Measure)
PER_PAGES: tuple[PerPage, ...] = get_args(PerPage)

MAX_MOMENT = 253_370_764_800_000
"""The first millisecond of the year 9999: later moments have no next day in Python's calendar."""

MAX_BINS = 2_500
"""The most bins that one chart draws."""

MAX_DAYS = 1_250
"""The longest window of a chart, in days: its hours must be summed one by one in zones off UTC."""

MAX_PATH_LENGTH = 1_000
MAX_PATH_DEPTH = 10
"""Characters, and parts between dots, of a property's path: each dot may or may not part two names."""

_PROPERTY_GROUP = re.compile(r"properties(\.[A-Za-z0-9_]+)+\Z")
FIXED_GROUPS = ("$entity_id", "$customer_id", "$plan_id")


class BadQuery(ValueError):
    """A query that is invalid. `sentence` belongs beside the field `field`, which is a parameter's name."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(f"{field}: {sentence}")
        self.field = field
        self.sentence = sentence


class PropertyFilter(NamedTuple):
    """`path:value`. The value is a string as it is, or another JSON value's text."""

    path: str
    value: str

    def __str__(self) -> str:
        return f"{self.path}:{self.value}"


class Position(NamedTuple):
    """A row's place in the list, newest first: epoch milliseconds, then id."""

    timestamp: int
    id: str

    def __str__(self) -> str:
        return f"{self.timestamp},{self.id}"


def is_path(text: str) -> bool:
    """Whether a text can be the path of a property in a query."""
    return 0 < len(text) <= MAX_PATH_LENGTH and text.count(".") < MAX_PATH_DEPTH


def parse_filter(text: str) -> PropertyFilter:
    """`path:value`, split at the first colon. Raises ValueError with a sentence."""
    path, colon, value = text.partition(":")
    if not path or not colon:
        raise ValueError(messages.NOT_A_FILTER)
    return PropertyFilter(path, value)


def parse_moment_ms(text: str) -> int:
    """Epoch milliseconds, all digits. Raises ValueError with a sentence."""
    if not re.fullmatch(r"[0-9]{1,15}", text) or int(text) >= MAX_MOMENT:
        raise ValueError(messages.NOT_A_TIME)
    return int(text)


def parse_position(text: str) -> Position:
    """`MS,ID`. Raises ValueError with a sentence."""
    moment, comma, event_id = text.partition(",")
    if not comma or not event_id:
        raise ValueError(messages.NOT_A_POSITION)
    return Position(parse_moment_ms(moment), event_id)


def parse_moment(text: str, zone: ZoneInfo) -> int:
    """All digits: epoch milliseconds; else ISO 8601, in `zone` where it has no offset.

    ValueError with a sentence.
    """
    if re.fullmatch(r"[0-9]+", text):
        return parse_moment_ms(text)
    try:
        moment = datetime.fromisoformat(text)
        ms = to_ms(moment if moment.tzinfo else moment.replace(tzinfo=zone))
    except (ValueError, OverflowError):
        raise ValueError(messages.NOT_A_DATE) from None
    return _in_calendar(ms)


def parse_end(text: str, zone: ZoneInfo) -> int:
    """The same for the end of a window, which is not part of it: after a bare date, its day is over.

    ValueError with a sentence.
    """
    try:
        day = date.fromisoformat(text) if not text.isdigit() else None
    except ValueError:
        day = None
    if day is None:
        return parse_moment(text, zone)
    if day.year >= date.max.year:
        raise ValueError(messages.DATE_OUT_OF_RANGE)
    return _in_calendar(midnight(day + timedelta(1), zone))


def _in_calendar(ms: int) -> int:
    if not 0 <= ms < MAX_MOMENT:
        raise ValueError(messages.DATE_OUT_OF_RANGE)
    return ms


@cache
def zone_names() -> frozenset[str]:
    """Every IANA zone that can be named in `tz`."""
    return frozenset(available_timezones())


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Every parameter of the product's query string, under its own name; absent ones have their default.

    Raises BadQuery where parameters contradict each other. Moments are epoch milliseconds; `tz` is an IANA
    name. `measure`: what charts add up: values, events, or what was deducted from balances.
    """

    customer_id: str | None = None
    feature_id: tuple[str, ...] = ()
    entity_id: str | None = None
    range: Range | None = None
    start: int | None = None
    end: int | None = None
    bin_size: BinSize | None = None
    group_by: str | None = None
    focus: str | None = None
    group: tuple[str, ...] = ()
    hide: tuple[str, ...] = ()
    chart: ChartType = "bars"
    measure: Measure = "sum"
    filter: tuple[PropertyFilter, ...] = ()
    exclude: tuple[PropertyFilter, ...] = ()
    value_min: float | int | None = None
    value_max: float | int | None = None
    compare: Literal["previous"] | None = None
    tz: str = "UTC"
    columns: tuple[str, ...] = ()
    per_page: PerPage = 100
    until: int | None = None
    before: Position | None = None
    page: int = 1
    event: Position | None = None

    def __post_init__(self) -> None:
        if self.range is None and self.start is None and self.end is None:
            object.__setattr__(self, "range", "30d")
        for name in ("feature_id", "group", "hide", "filter", "exclude"):
            object.__setattr__(self, name, tuple(sorted(set(getattr(self, name)))))
        object.__setattr__(self, "columns", tuple(dict.fromkeys(self.columns)))
        _check_names(self)
        _check_paths(self)
        _check_window(self)
        _check_group(self)
        _check_values(self)
        if self.tz not in zone_names():
            raise BadQuery("tz", messages.NOT_A_TIME_ZONE)

    @property
    def zone(self) -> ZoneInfo:
        """The zone of bins and times."""
        return ZoneInfo(self.tz)

    @property
    def dimension(self) -> str | None:
        """What the lines of a chart are: groups, balances (`$balance`), or None for the feature itself."""
        return self.group_by or ("$balance" if self.measure == "deducted" else None)

    @property
    def is_cycle(self) -> bool:
        """Whether the window is a billing cycle: known to Autumn by name only (trap 8)."""
        return self.range in CYCLES

    @property
    def has_row_filters(self) -> bool:
        """Whether rows must be filtered one by one: events.list filters by no property and no value."""
        return bool(self.filter or self.exclude) or self.value_min is not None or self.value_max is not None

    def window(self, now: int) -> Window | None:
        """The exact window, resolved with `now` (epoch ms); None for a billing cycle, which only Autumn
        knows. Without an end it ends with the running hour, as Autumn's figures do.
        """
        if self.start is not None:
            end = self.end if self.end is not None else max(hour_end(now), self.start + 1)
            return Window(self.start, end)
        if self.is_cycle:
            return None
        if self.range == "24h":
            return last_hours(24, now)
        if self.range in CALENDAR_RANGES:
            return calendar_window(self.range, now, self.zone)
        return last_days(int((self.range or "30d")[:-1]), now, self.zone)

    def bin_size_for(self, window: Window) -> BinSize:
        """The requested bin size, or the default for a window of that length.

        BadQuery if that is too many bins.
        """
        size = self.bin_size or default_bin_size(window)
        if window.length > MAX_DAYS * 86_400_000:
            raise BadQuery("start", messages.TOO_MANY_DAYS.format(count=MAX_DAYS))
        if size == "hour" and window.length > MAX_BINS * 3_600_000:
            count = window.length // 3_600_000
            raise BadQuery(
                "bin_size",
                messages.TOO_MANY_INTERVALS.format(count=count, limit=MAX_BINS),
            )
        return size

    def having(self, **changes: Any) -> Query:
        """The same query with other values, back on its first page unless a place in the list is given.

        Shares are those of groups: without groups, they become bars.
        """
        others: dict[str, Any] = {"until": None, "before": None, "page": 1, "event": None}
        if self.chart == "percent" and changes.get("group_by", self.group_by) is None:
            others["chart"] = "bars"
        return replace(self, **{**others, **changes})

    def to_params(self) -> list[tuple[str, str]]:
        """The canonical query string as pairs: in a fixed order, defaults dropped, `tz` always there."""
        return [pair for name in sorted(PARAMETERS) for pair in self._pairs(name)]

    def to_query_string(self) -> str:
        """`to_params()`, percent-encoded."""
        return urlencode(self.to_params())

    def _pairs(self, name: str) -> Iterator[tuple[str, str]]:
        value = getattr(self, name)
        if name in REPEATABLE:
            yield from ((name, str(item)) for item in value)
        elif name == "tz" or value not in (None, DEFAULTS[name]):
            yield name, _param_text(value)


def _param_text(value: object) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _check_names(query: Query) -> None:
    for name in ("customer_id", "entity_id", "focus"):
        value = getattr(query, name)
        if value is not None and not value.strip():
            # To Autumn a blank customer means all of them (trap 3).
            raise BadQuery(name, messages.BLANK_VALUE)
    if not all(name.strip() for name in query.feature_id):
        raise BadQuery("feature_id", messages.BLANK_VALUE)


def _check_paths(query: Query) -> None:
    paths = {
        "filter": [item.path for item in query.filter],
        "exclude": [item.path for item in query.exclude],
        "columns": query.columns,
        "group_by": [(query.group_by or "").removeprefix("properties.")],
    }
    for name, found in paths.items():
        if any(path and not is_path(path) for path in found):
            raise BadQuery(name, messages.PATH_TOO_DEEP.format(depth=MAX_PATH_DEPTH, length=MAX_PATH_LENGTH))


def _check_values(query: Query) -> None:
    for name in ("value_min", "value_max"):
        value = getattr(query, name)
        if value is not None and not math.isfinite(value):
            raise BadQuery(name, messages.NOT_A_NUMBER)
    if query.value_min is not None and query.value_max is not None and query.value_min > query.value_max:
        raise BadQuery("value_min", messages.MINIMUM_ABOVE_MAXIMUM)


def _check_window(query: Query) -> None:
    if query.range is not None and (query.start is not None or query.end is not None):
        raise BadQuery("range", messages.RANGE_AND_DATES)
    if query.end is not None and query.start is None:
        raise BadQuery("start", messages.END_WITHOUT_START)
    if query.start is not None and query.end is not None and query.start >= query.end:
        raise BadQuery("start", messages.START_NOT_BEFORE_END)


def _check_group(query: Query) -> None:
    by = query.group_by
    if by is not None and by not in FIXED_GROUPS and not _PROPERTY_GROUP.match(by):
        raise BadQuery("group_by", messages.NOT_A_GROUP_BY)
    if query.group and by is None:
        raise BadQuery("group", messages.GROUPS_WITHOUT_GROUP_BY)
    if query.chart == "percent" and by is None:
        raise BadQuery("chart", messages.PERCENT_WITHOUT_GROUP_BY)


PARAMETERS: tuple[str, ...] = tuple(f.name for f in fields(Query))
REPEATABLE = frozenset({"feature_id", "group", "hide", "filter", "exclude", "columns"})
DEFAULTS: dict[str, object] = {
    f.name: "30d" if f.name == "range" else None if f.default is MISSING else f.default for f in fields(Query)
}

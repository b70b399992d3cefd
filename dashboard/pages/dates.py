"""The dates of a page: native fields with the window on display, and the way to the periods beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from dashboard.formats import period_text
from dashboard.forms import QueryForm
from dashboard.mount import Mount, Page
from usage.query import Query
from usage.window import (
    HOUR_MS,
    Window,
    calendar_window,
    hour_end,
    is_midnight,
    local,
    shift_of,
    to_ms,
)

ZONES = (
    "UTC",
    "America/Los_Angeles",
    "America/Denver",
    "America/Chicago",
    "America/New_York",
    "America/Sao_Paulo",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Athens",
    "Africa/Lagos",
    "Africa/Nairobi",
    "Asia/Dubai",
    "Asia/Kolkata",
    "Asia/Singapore",
    "Asia/Tokyo",
    "Australia/Sydney",
    "Pacific/Auckland",
)
DATES = frozenset({"range", "start", "end", "tz"})
"""The parameters that the form of the dates replaces."""
NEIGHBORS = {"1bc": ("last_cycle", None), "last_cycle": (None, "1bc")}
"""The billing cycles before and after one, by name: only Autumn knows their dates."""
_NATIVE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:T([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,3})?)?))?")


@dataclass(frozen=True, slots=True)
class MomentField:
    """A bound as its fields show it: a date, and a time where it is not a whole day.

    `text`: in one plain field instead, what native ones cannot show, such as an invalid date; else None.
    """

    name: str
    date: str = ""
    time: str = ""
    text: str | None = None


@dataclass(frozen=True, slots=True)
class DateFields:
    """The menu of dates. `carried`: the rest of the query; `whole`: the default range, where dates are set.

    `window`: what is on display, as text; `earlier`, `later`: links to the periods beside it.
    """

    carried: tuple[tuple[str, str], ...]
    bounds: tuple[MomentField, MomentField]
    tz: str
    zones: tuple[str, ...]
    window: str
    whole: str | None
    earlier: str | None
    later: str | None


def date_fields(
    form: QueryForm, mount: Mount, page: Page, now: int, carried: tuple[tuple[str, str], ...]
) -> DateFields:
    """The dates of `page`, in its own zone."""
    query: Query | None = getattr(form, "query", None)
    window = None if query is None else query.window(now)
    if query is None or form.errors:
        bounds = _given(form, "start"), _given(form, "end")
    elif window is None:
        bounds = MomentField("start"), MomentField("end")
    else:
        bounds = _start(window.start, query.zone), _end(window.end, query.zone)
    return DateFields(
        carried=carried,
        bounds=bounds,
        tz=next(iter(form.given("tz")), form.viewer_tz) if query is None else query.tz,
        zones=tuple(dict.fromkeys((form.viewer_tz, *ZONES))),
        window="dates" if query is None else _window_text(query, window),
        whole=None
        if query is None or query.start is None or mount.one_period
        else mount.url(page, query.having(range=None, start=None, end=None)),
        earlier=None if query is None else _earlier(query, window, mount, page),
        later=None if query is None else _later(query, window, mount, page, now),
    )


def _given(form: QueryForm, name: str) -> MomentField:
    """What was written, to be corrected."""
    text, time = ("".join(form.given(each)[:1]) for each in (name, f"{name}_time"))
    native = _NATIVE.fullmatch(text)
    if native is None and text:
        return MomentField(name, text=text)
    return MomentField(name, native[1] if native else "", time or (native[2] or "" if native else ""))


def _start(ms: int, zone: ZoneInfo) -> MomentField:
    return _shown("start", ms, zone, whole_day=is_midnight(ms, zone))


def _end(ms: int, zone: ZoneInfo) -> MomentField:
    """A date as the end includes that day."""
    if is_midnight(ms, zone):
        return _shown("end", ms - 1, zone, whole_day=True)
    return _shown("end", ms, zone, whole_day=False)


def _shown(name: str, ms: int, zone: ZoneInfo, *, whole_day: bool) -> MomentField:
    at = local(ms, zone)
    plain = at.replace(tzinfo=None, fold=0)
    if whole_day:
        return MomentField(name, plain.date().isoformat())
    precision = "milliseconds" if ms % 1000 else "seconds" if ms % 60_000 else "minutes"
    if to_ms(plain.replace(tzinfo=zone)) != ms:  # the clocks show that time twice
        return MomentField(name, text=at.isoformat(timespec=precision))
    return MomentField(name, plain.date().isoformat(), plain.time().isoformat(timespec=precision))


def _window_text(query: Query, window: Window | None) -> str:
    return "Billing cycle dates" if window is None else period_text(window.start, window.end, query.zone)


def _earlier(query: Query, window: Window | None, mount: Mount, page: Page) -> str | None:
    if window is None:
        return _cycle(query, 0, mount, page)
    start = shift_of(window, query.zone).back(window.start)
    return None if start < 0 else _to_period(query, mount, page, start, window.start)


def _later(query: Query, window: Window | None, mount: Mount, page: Page, now: int) -> str | None:
    """The period after, unless it lies in the future.

    Days are counted, so that it is as many local dates long. It ends with today, but for whole weeks, months
    and years, which presets show whole too.
    """
    if window is None:
        return _cycle(query, 1, mount, page)
    if window.end > now:
        return None
    shift = shift_of(window, query.zone)
    after = replace(shift, days=-shift.days, ms=-shift.ms, months=-shift.months)
    end = after.back(window.end)
    is_week = shift.days == 7 and local(window.start, query.zone).weekday() == 0
    if not shift.months and not is_week:
        today = calendar_window("today", now, query.zone)
        end = min(end, today.end if shift.days else max(hour_end(now), window.end + HOUR_MS))
    return _to_period(query, mount, page, window.end, end)


def _cycle(query: Query, which: int, mount: Mount, page: Page) -> str | None:
    name = NEIGHBORS.get(query.range or "", (None, None))[which]
    return None if name is None else mount.url(page, query.having(range=name))


def _to_period(query: Query, mount: Mount, page: Page, start: int, end: int) -> str | None:
    """A link to another period, unless a share does not show it."""
    scope = mount.usage.scope
    if scope is not None and scope.bound(Window(start, end)) is None:
        return None
    return mount.url(page, query.having(range=None, start=start, end=end))

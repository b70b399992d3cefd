"""The filter bar: what is chosen, what can be chosen, what is wrong with it. Works as a plain form."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from dashboard.formats import (
    FIXED_GROUPS,
    dimension_name,
    full_label,
    label,
    period_text,
)
from dashboard.forms import QueryForm
from dashboard.mount import Mount, Page
from usage.query import BIN_SIZES, PARAMETERS, PER_PAGES, Query
from usage.scope import Scope
from usage.window import Window, local, shift_of, to_ms

RANGE_NAMES = {
    "24h": "Last 24 hours",
    "7d": "Last 7 days",
    "30d": "Last 30 days",
    "90d": "Last 90 days",
    "180d": "Last 180 days",
    "365d": "Last 365 days",
    "today": "Today",
    "yesterday": "Yesterday",
    "this_week": "This week",
    "last_week": "Last week",
    "this_month": "This month",
    "last_month": "Last month",
    "1bc": "This billing cycle",
    "last_cycle": "Last billing cycle",
    "3bc": "Last 3 billing cycles",
}
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
FIELDS: dict[Page, frozenset[str]] = {
    "overview": frozenset({"range", "start", "end", "tz"}),
    "events": frozenset(
        {"customer_id", "feature_id", "range", "start", "end", "tz", "per_page", "value_min", "value_max"}
    ),
    "usage": frozenset(
        {"customer_id", "feature_id", "range", "start", "end", "tz", "bin_size", "group_by", "compare"}
    ),
}
NOT_IN_SNAPSHOTS: dict[Page, frozenset[str]] = {"usage": frozenset({"range", "start", "end", "compare"})}
"""Fields that a snapshot's usage page hides: its figures have one period."""
POSITION_IN_LIST = frozenset({"until", "before", "page", "event"})
ACTIVE_FILTERS = ("filter", "exclude", "group", "entity_id")


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of a list."""

    value: str
    text: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class ActiveFilter:
    """One active condition, and the address without it; None where a snapshot is limited to it."""

    name: str
    text: str
    title: str
    without: str | None


@dataclass(frozen=True, slots=True)
class FilterBar:
    """Everything the filter form shows. `carried`: parameters that it hands on unseen."""

    action: str
    shown: frozenset[str]
    carried: tuple[tuple[str, str], ...]
    values: dict[str, str]
    ranges: tuple[Option, ...]
    bin_sizes: tuple[Option, ...]
    groups: tuple[Option, ...]
    features: tuple[Option, ...]
    per_pages: tuple[Option, ...]
    customers: tuple[str, ...]
    zones: tuple[str, ...]
    active_filters: tuple[ActiveFilter, ...]
    window: str
    earlier: str | None
    later: str | None

    @property
    def features_text(self) -> str:
        """What the closed list of features says."""
        chosen = [label(option.value, 24) for option in self.features if option.chosen]
        return (
            ", ".join(chosen[:2]) + (f" +{len(chosen) - 2}" if len(chosen) > 2 else "") if chosen else "all"
        )


def filter_bar(form: QueryForm, mount: Mount, page: Page, now: int, paths: Iterable[str] = ()) -> FilterBar:
    """The bar of `page`. `paths`: properties that have been seen, to group by."""
    shown = FIELDS[page] - ({"customer_id"} if mount.shared else set())
    if mount.snapshot_groupings is not None:
        shown -= NOT_IN_SNAPSHOTS.get(page, frozenset())
    query = getattr(form, "query", None)
    customer = None if mount.shared else query.customer_id if query else None
    known = mount.usage.features(customer)
    return FilterBar(
        action=mount.url(page),
        shown=shown,
        carried=tuple(_carried(form, mount, shown)),
        values=_values(form, query),
        ranges=()
        if mount.one_period or "range" not in shown
        else _options(form, "range", RANGE_NAMES, "30d" if not form.given("start") else ""),
        bin_sizes=_options(form, "bin_size", {size: size for size in BIN_SIZES}),
        groups=_groups(form, paths, mount),
        features=tuple(
            Option(name, label(name), name in form.given("feature_id"))
            for name in _with(known, form.given("feature_id"))
        ),
        per_pages=_options(form, "per_page", {str(size): str(size) for size in PER_PAGES}, "100"),
        customers=() if mount.shared else tuple(name for name, _ in mount.usage.customers(limit=50)),
        zones=tuple(dict.fromkeys((form.viewer_tz, *ZONES))),
        active_filters=tuple(_without_removal(_active_filters(query, mount, page), mount, page))
        if query
        else (),
        window="dates" if query is None else _window_text(query, now),
        earlier=None if query is None else _earlier(query, mount, page, now),
        later=None if query is None else _later(query, mount, page, now),
    )


def _carried(form: QueryForm, mount: Mount, shown: frozenset[str]) -> Iterable[tuple[str, str]]:
    for name in PARAMETERS:
        if name not in shown and name not in POSITION_IN_LIST and (name != "customer_id" or not mount.shared):
            for value in form.given(name):
                yield name, value


def _values(form: QueryForm, query: Query | None) -> dict[str, str]:
    values = {name: next(iter(form.given(name)), "") for name in PARAMETERS}
    if query is None:
        return values
    for name, ms in (("start", query.start), ("end", query.end)):
        if ms is not None:
            values[name] = _as_form_value(ms, query.zone)
    return {**values, "tz": query.tz}


def _options(form: QueryForm, name: str, names: dict[str, str], default: str = "") -> tuple[Option, ...]:
    chosen = next(iter(form.given(name)), default)
    return tuple(Option(value, text, value == chosen) for value, text in names.items())


def _groups(form: QueryForm, paths: Iterable[str], mount: Mount) -> tuple[Option, ...]:
    chosen = next(iter(form.given("group_by")), "")
    if mount.snapshot_groupings is None:
        names = {**_seen_groups(paths), **_fixed_groups(mount.usage.scope)}
    else:
        names = {by: dimension_name(by) for by in mount.snapshot_groupings}
    if chosen and chosen not in names:
        names = {chosen: chosen.removeprefix("properties."), **names}
    return tuple(Option(value, label(text), value == chosen) for value, text in names.items())


def _seen_groups(paths: Iterable[str]) -> dict[str, str]:
    return {
        f"properties.{path}": path
        for path in paths
        if all(part.isascii() and part.replace("_", "a").isalnum() for part in path.split("."))
    }


def _fixed_groups(scope: Scope | None) -> dict[str, str]:
    """What can be grouped by beside properties: for a recipient plans at most."""
    if scope is None:
        return FIXED_GROUPS
    return {name: text for name, text in FIXED_GROUPS.items() if name == "$plan_id" and scope.plans}


def _with(known: Iterable[str], given: Iterable[str]) -> list[str]:
    return sorted({*known, *given})[:200]


def _active_filters(query: Query, mount: Mount, page: Page) -> Iterable[ActiveFilter]:
    for name, word in (("filter", ""), ("exclude", "not "), ("group", "group ")):
        items = getattr(query, name)
        for item in items:
            left = query.having(**{name: tuple(other for other in items if other != item)})
            yield ActiveFilter(
                name, f"{word}{label(str(item))}", full_label(str(item)), mount.url(page, left)
            )
    if query.entity_id is not None:
        yield ActiveFilter(
            "entity_id",
            f"entity {label(query.entity_id)}",
            full_label(query.entity_id),
            mount.url(page, query.having(entity_id=None)),
        )


def _without_removal(
    active_filters: Iterable[ActiveFilter], mount: Mount, page: Page
) -> Iterable[ActiveFilter]:
    for active_filter in active_filters:
        stays = mount.snapshot_groupings is not None and page == "usage" and active_filter.name != "group"
        yield replace(active_filter, without=None) if stays else active_filter


def _earlier(query: Query, mount: Mount, page: Page, now: int) -> str | None:
    window = query.window(now)
    if window is None:
        return None
    start = shift_of(window, query.zone).back(window.start)
    return None if start < 0 else _to_period(query, mount, page, start, window.start)


def _later(query: Query, mount: Mount, page: Page, now: int) -> str | None:
    """The period after, unless it lies in the future.

    Days are counted, so that it is as many local dates long.
    """
    window = query.window(now)
    if window is None or window.end > now:
        return None
    shift = shift_of(window, query.zone)
    after = replace(shift, days=-shift.days, ms=-shift.ms, months=-shift.months)
    end = after.back(window.end)
    return _to_period(query, mount, page, window.end, end)


def _to_period(query: Query, mount: Mount, page: Page, start: int, end: int) -> str | None:
    """A link to another period, unless a share does not show it."""
    scope = mount.usage.scope
    if scope is not None and scope.bound(Window(start, end)) is None:
        return None
    return mount.url(page, query.having(range=None, start=start, end=end))


def _window_text(query: Query, now: int) -> str:
    window = query.window(now)
    return "Billing cycle dates" if window is None else period_text(window.start, window.end, query.zone)


def _as_form_value(ms: int, zone: ZoneInfo) -> str:
    """A moment as the form reads it back: local, with its offset where the clocks show that time twice."""
    at = local(ms, zone)
    plain = at.replace(tzinfo=None, fold=0)
    twice = to_ms(plain.replace(tzinfo=zone)) != ms
    return (at if twice else plain).isoformat(timespec="milliseconds" if ms % 60_000 else "minutes")

"""The filter bar: what is chosen, what can be chosen, what is wrong with it. Works as a plain form."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from dashboard.formats import (
    FIXED_GROUPS,
    dimension_name,
    full_label,
    label,
    whole_number,
)
from dashboard.forms import QueryForm
from dashboard.mount import Mount, Page
from dashboard.names.labels import Labels
from dashboard.pages.add_filter import AddFilter, add_filter
from dashboard.pages.dates import DATES, DateFields, date_fields
from usage.events.facets import Facets
from usage.query import BIN_SIZES, MEASURES, PARAMETERS, PER_PAGES, Query
from usage.scope import Scope

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
MEASURE_NAMES = {"sum": "Usage", "count": "Events", "deducted": "Deducted"}
FIELDS: dict[Page, frozenset[str]] = {
    "overview": frozenset({"range"}),
    "events": frozenset({"customer_id", "feature_id", "range", "per_page", "value_min", "value_max"}),
    "usage": frozenset({"customer_id", "feature_id", "range", "bin_size", "group_by", "measure", "compare"}),
}
NOT_IN_SNAPSHOTS: dict[Page, frozenset[str]] = {"usage": frozenset({"range", "measure", "compare"})}
"""Fields that a snapshot's usage page hides: its figures have one period."""
POSITION_IN_LIST = frozenset({"until", "before", "page", "event"})


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of a list. `id_text`: its ID where `text` is a name. `is_archived`: a feature of earlier.
    `missing`: why it cannot be chosen, as a sentence; empty where it can.
    """

    value: str
    text: str
    chosen: bool
    id_text: str = ""
    is_archived: bool = False
    missing: str = ""


@dataclass(frozen=True, slots=True)
class ActiveFilter:
    """One active condition, and the address without it; None where a snapshot is limited to it. `changes`:
    what differs without it.
    """

    name: str
    text: str
    title: str
    changes: dict[str, Any]
    without: str | None


@dataclass(frozen=True, slots=True)
class FilterBar:
    """Everything the filter form shows. `carried`: parameters that it hands on unseen. `dates`, `add_filter`:
    forms of their own, which are sent when they are complete; there may be nothing to filter.
    """

    action: str
    shown: frozenset[str]
    carried: tuple[tuple[str, str], ...]
    values: dict[str, str]
    ranges: tuple[Option, ...]
    bin_sizes: tuple[Option, ...]
    groups: tuple[Option, ...]
    measures: tuple[Option, ...]
    features: tuple[Option, ...]
    per_pages: tuple[Option, ...]
    active_filters: tuple[ActiveFilter, ...]
    dates: DateFields
    add_filter: AddFilter | None

    @property
    def features_text(self) -> str:
        """What the closed list of features says."""
        chosen = [label(option.text, 24) for option in self.features if option.chosen]
        return (
            ", ".join(chosen[:2]) + (f" +{len(chosen) - 2}" if len(chosen) > 2 else "") if chosen else "all"
        )


def filter_bar(
    form: QueryForm, mount: Mount, page: Page, now: int, paths: Iterable[str] = (), seen: Facets | None = None
) -> FilterBar:
    """The bar of `page`. `paths`: properties that have been seen, to group by. `seen`: what the rows that
    were read have in common, to filter by.
    """
    shown = FIELDS[page] - ({"customer_id"} if mount.shared else set())
    if mount.snapshot_groupings is not None:
        shown -= NOT_IN_SNAPSHOTS.get(page, frozenset())
    is_frozen = page == "usage" and mount.snapshot_groupings is not None
    query = getattr(form, "query", None)
    customer = None if mount.shared else query.customer_id if query else None
    known = mount.usage.features(customer)
    return FilterBar(
        action=mount.url(page),
        shown=shown,
        carried=tuple(carried(form, mount, shown)),
        values=_values(form),
        ranges=()
        if mount.one_period or "range" not in shown
        else _options(form, "range", RANGE_NAMES, "30d" if not form.given("start") else ""),
        bin_sizes=_options(form, "bin_size", {size: size for size in BIN_SIZES}),
        groups=_groups(form, paths, mount),
        measures=_measures(form, mount),
        features=tuple(
            _feature_option(name, name in form.given("feature_id"), mount.labels)
            for name in _with(known, form.given("feature_id"))
        ),
        per_pages=_options(form, "per_page", {str(size): str(size) for size in PER_PAGES}, "100"),
        # The overview's figures are of all events: conditions only travel along.
        active_filters=tuple(active_filters(query, mount, page)) if query and page != "overview" else (),
        dates=date_fields(form, mount, page, now, tuple(carried(form, mount, DATES))),
        add_filter=None
        if page == "overview" or is_frozen
        else add_filter(seen, tuple(carried(form, mount, frozenset()))),
    )


def _feature_option(name: str, is_chosen: bool, labels: Labels) -> Option:
    text, feature = labels.feature_text(name), labels.of_feature(name)
    is_archived = feature is not None and feature.archived
    return Option(name, label(text), is_chosen, "" if text == name else label(name, 24), is_archived)


def carried(form: QueryForm, mount: Mount, own: frozenset[str]) -> Iterable[tuple[str, str]]:
    """The parameters that a form hands on beside its `own` fields: those of the query, or as they were given
    where it is not valid.
    """
    query = None if form.errors else getattr(form, "query", None)
    pairs = (
        [(name, value) for name in PARAMETERS for value in form.given(name)]
        if query is None
        else query.to_params()
    )
    for name, value in pairs:
        if name not in own | POSITION_IN_LIST and (name != "customer_id" or not mount.shared):
            yield name, value


def _values(form: QueryForm) -> dict[str, str]:
    return {name: next(iter(form.given(name)), "") for name in PARAMETERS}


def _options(form: QueryForm, name: str, names: dict[str, str], default: str = "") -> tuple[Option, ...]:
    chosen = next(iter(form.given(name)), default)
    return tuple(Option(value, text, value == chosen) for value, text in names.items())


def _groups(form: QueryForm, paths: Iterable[str], mount: Mount) -> tuple[Option, ...]:
    chosen = next(iter(form.given("group_by")), "")
    if mount.snapshot_groupings is None:
        names = {**_seen_groups(paths, mount.usage.scope), **_fixed_groups(mount.usage.scope)}
    else:
        names = {by: dimension_name(by) for by in mount.snapshot_groupings}
    if chosen and chosen not in names:
        names = {chosen: chosen.removeprefix("properties."), **names}
    return tuple(Option(value, label(text), value == chosen) for value, text in names.items())


def _measures(form: QueryForm, mount: Mount) -> tuple[Option, ...]:
    missing, scope = mount.usage.missing_measures(), mount.usage.scope
    options = zip(MEASURES, _options(form, "measure", MEASURE_NAMES, "sum"), strict=True)
    return tuple(
        replace(option, missing="" if option.chosen else missing.get(measure, ""))
        for measure, option in options
        if option.chosen or measure != "deducted" or scope is None or scope.deductions
    )


def _seen_groups(paths: Iterable[str], scope: Scope | None) -> dict[str, str]:
    return {
        f"properties.{path}": path
        for path in paths
        if all(part.isascii() and part.replace("_", "a").isalnum() for part in path.split("."))
        and (scope is None or scope.lists(path))
    }


def _fixed_groups(scope: Scope | None) -> dict[str, str]:
    """What can be grouped by beside properties: for a recipient plans at most."""
    if scope is None:
        return FIXED_GROUPS
    return {name: text for name, text in FIXED_GROUPS.items() if name == "$plan_id" and scope.plans}


def _with(known: Iterable[str], given: Iterable[str]) -> list[str]:
    return sorted({*known, *given})[:200]


def active_filters(query: Query, mount: Mount, page: Page) -> Iterable[ActiveFilter]:
    """The conditions of `query` that have no field of their own on `page`."""
    for name, word in (("filter", "is"), ("exclude", "is not")):
        for item in getattr(query, name):
            text = f"{label(item.path)} {word} {label(item.value)}"
            title = f"{full_label(item.path)} {word} {full_label(item.value)}"
            yield _active(query, mount, page, name, text, title, {name: _less(getattr(query, name), item)})
    for group in query.group:
        name = mount.labels.customer_text(group) if query.group_by == "$customer_id" else group
        changes = {"group": _less(query.group, group)}
        yield _active(query, mount, page, "group", f"group {label(name)}", full_label(name), changes)
    if query.entity_id is not None:
        text, title = f"entity {label(query.entity_id)}", full_label(query.entity_id)
        yield _active(query, mount, page, "entity_id", text, title, {"entity_id": None})
    for name, sign in (("value_min", "≥"), ("value_max", "≤")):
        bound = getattr(query, name)
        if bound is not None and name not in FIELDS[page]:
            text = f"value {sign} {whole_number(bound)}"
            yield _active(query, mount, page, name, text, text, {name: None})


def _less(items: tuple[Any, ...], left_out: object) -> tuple[Any, ...]:
    return tuple(item for item in items if item != left_out)


def _active(
    query: Query, mount: Mount, page: Page, name: str, text: str, title: str, changes: dict[str, Any]
) -> ActiveFilter:
    stays = mount.snapshot_groupings is not None and page == "usage" and name != "group"
    return ActiveFilter(
        name, text, title, changes, None if stays else mount.url(page, query.having(**changes))
    )

"""Why a list is empty although the time range has events, and which condition to drop."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dashboard import messages
from dashboard.events.filter_links import can_filter
from dashboard.formats import label, number
from dashboard.mount import Mount, Page
from dashboard.pages.filter_bar import ActiveFilter, active_filters
from usage.events.pages import EventPage
from usage.events.unmet import Unmet, count_without, unmet_conditions
from usage.query import PropertyFilter, Query

MAX_COUNTED = 10
"""Conditions of which it is counted what they exclude."""
OF_ROWS = frozenset({"filter", "exclude", "value_min", "value_max"})


@dataclass(frozen=True, slots=True)
class Reason:
    """A condition that no event meets. `near`: a similar property, and `href` the same filter by that one."""

    sentence: str
    near: str = ""
    href: str | None = None


@dataclass(frozen=True, slots=True)
class Removal:
    """A condition that can be dropped. `count`: how many of the events that were searched match without it;
    empty where none does, or it is not known.
    """

    active_filter: ActiveFilter
    count: str


@dataclass(frozen=True, slots=True)
class NoMatches:
    """What an empty list says of its conditions. `whole`: whether all events of the window were searched."""

    reasons: tuple[Reason, ...]
    removals: tuple[Removal, ...]
    whole: bool


def no_matches(mount: Mount, page: Page, query: Query, listed: EventPage) -> NoMatches | None:
    """The reasons why `listed` is empty; None where it is not, where its window is, or where a search that
    goes on may find events.
    """
    if listed.events or not listed.read or query.before is not None or not query.has_row_filters:
        return None
    whole = listed.next is None
    unmet = unmet_conditions(query, listed.read)
    if not unmet and not whole:
        return None
    rows = (
        messages.NO_ROW if whole else messages.NONE_OF_THE_NEWEST_ROWS.format(count=number(len(listed.read)))
    )
    reasons = tuple(_reason(mount, page, query, rows, each) for each in unmet)
    return NoMatches(
        reasons or (Reason(messages.CONDITIONS_EXCLUDE_EACH_OTHER),),
        tuple(_removals(mount, page, query, listed)),
        whole,
    )


def _reason(mount: Mount, page: Page, query: Query, rows: str, unmet: Unmet) -> Reason:
    name = label(unmet.path)
    if unmet.is_known:
        values = " or ".join(f"“{label(value)}”" for value in unmet.values[:MAX_COUNTED])
        return Reason(messages.VALUE_NOT_FOUND.format(rows=rows, values=values, property=name))
    sentence = messages.PROPERTY_NOT_FOUND.format(rows=rows, property=name)
    if unmet.near is None or not all(can_filter(unmet.near, value) for value in unmet.values):
        return Reason(sentence)
    others = [item for item in query.filter if item.path != unmet.path]
    meant = query.having(filter=(*others, *(PropertyFilter(unmet.near, value) for value in unmet.values)))
    return Reason(sentence, label(unmet.near), mount.url(page, meant))


def _removals(mount: Mount, page: Page, query: Query, listed: EventPage) -> Iterable[Removal]:
    for at, active_filter in enumerate(active_filters(query, mount, page)):
        is_counted = at < MAX_COUNTED and active_filter.changes.keys() <= OF_ROWS
        count = count_without(query, listed.read, **active_filter.changes) if is_counted else 0
        yield Removal(active_filter, number(count) if count else "")

"""From a view to a link: what a form begins with, what the link opens with, and what of the view it cannot
keep.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from dashboard import messages
from dashboard.formats import full_label, minute_text
from dashboard.services import usage
from dashboard.sharing.manage.warnings import LinkWarning
from dashboard.sharing.models import public_id
from usage.errors import UsageError
from usage.query import MAX_BINS, BadQuery, Query
from usage.scope import Scope
from usage.window import HOUR_MS, Window, ceil_hour, floor_hour, local, to_ms


def initial_values(query: Query, now: int) -> dict[str, Any]:
    """The fields of a new form: they show no more than the view that was open."""
    hours = viewed_hours(query, now)
    first, last = (
        (None, None) if hours is None else (_form_value(query, hours.start), _form_value(query, hours.end))
    )
    is_period = query.start is not None or first is None  # left empty, a period is that of the view
    if first is None or last is None:
        first = last = None
    return {
        "share_id": public_id(),
        "view": query.having().to_query_string(),
        "customer_id": query.customer_id,
        "every_feature": not query.feature_id,
        "features": list(query.feature_id),
        "properties": list(dict.fromkeys(_properties(query))),
        "plans": query.group_by == "$plan_id",
        "deductions": query.measure == "deducted",
        "period": "fixed" if is_period else "free",
        "since": None if is_period else first,
        "start": first if is_period else None,
        "end": last if is_period else None,
    }


def viewed_hours(query: Query, now: int) -> Window | None:
    """The whole hours of a view that have begun; None where none has, and for an unknown cycle."""
    try:
        window = usage().window(query, now)
    except (UsageError, BadQuery):
        return None
    if window.start > now:
        return None
    return Window(
        floor_hour(window.start), max(ceil_hour(min(window.end, now)), floor_hour(window.start) + HOUR_MS)
    )


def viewed_period(query: Query, now: int) -> str:
    """The hours of a view in words."""
    hours = viewed_hours(query, now)
    if hours is None:
        return "which has no dates yet: enter them here"
    return f"{minute_text(hours.start, query.zone)} – {minute_text(hours.end, query.zone)}"


def view_within(scope: Scope, query: Query) -> Query:
    """As much of `query` as `scope` shows, without a customer."""
    by = query.group_by
    is_whole = query.measure != "deducted" or scope.features is None
    may_group = by is not None and scope.may_group(by) and is_whole
    shown = query.having(
        customer_id=None,
        entity_id=None,
        feature_id=tuple(
            name for name in query.feature_id if scope.features is None or name in scope.features
        ),
        focus=query.focus if scope.features is None or query.focus in scope.features else None,
        measure=query.measure if scope.deductions or query.measure != "deducted" else "sum",
        group_by=by if may_group else None,
        group=query.group if may_group else (),
        hide=tuple(
            name
            for name in query.hide
            if may_group or (by is None and (scope.features is None or name in scope.features))
        ),
        filter=tuple(item for item in query.filter if scope.shows(item.path)),
        exclude=tuple(item for item in query.exclude if scope.shows(item.path)),
        columns=tuple(path for path in query.columns if scope.shows(path)),
    )
    if scope.start is None or scope.end is None:
        return shown
    too_many = scope.end - scope.start > MAX_BINS * HOUR_MS
    size = None if shown.bin_size == "hour" and too_many else shown.bin_size
    return replace(shown, range=None, start=scope.start, end=scope.end, bin_size=size)


def widenings(scope: Scope, query: Query) -> Iterator[LinkWarning]:
    """What the link shows that the view did not, as the view was narrower than a link can be."""
    if query.entity_id is not None:
        yield LinkWarning(
            "entity-left-out",
            messages.ENTITY_LEFT_OUT.format(entity=full_label(query.entity_id)),
            query.entity_id,
        )
    if query.group and query.group_by is not None and not scope.may_group(query.group_by):
        yield LinkWarning(
            "groups-left-out",
            messages.GROUPS_LEFT_OUT.format(property=full_label(query.group_by.removeprefix("properties."))),
            query.group_by,
        )
    for item in (*query.filter, *query.exclude):
        if not scope.shows(item.path):
            yield LinkWarning(
                "filter-left-out",
                messages.FILTER_LEFT_OUT.format(property=full_label(item.path)),
                item.path,
            )


def filter_texts(query: Query) -> list[str]:
    """The filters that the link opens with, in words. Recipients can remove them."""
    texts = [full_label(str(item)) for item in query.filter]
    texts += [f"not {full_label(str(item))}" for item in query.exclude]
    for word, bound in (("at least", query.value_min), ("at most", query.value_max)):
        if bound is not None:
            texts.append(f"value {word} {bound:g}")
    return texts


def _properties(query: Query) -> Iterator[str]:
    yield from (item.path for item in (*query.filter, *query.exclude))
    yield from query.columns
    if query.group_by is not None and query.group_by.startswith("properties."):
        yield query.group_by.removeprefix("properties.")


def _form_value(query: Query, ms: int) -> str | None:
    """A moment as the form's fields have it; None where the clocks show it twice, which these cannot tell
    apart.
    """
    plain = local(ms, query.zone).replace(tzinfo=None, fold=0)
    seconds = {to_ms(plain.replace(tzinfo=query.zone, fold=fold)) for fold in (0, 1)}
    return plain.isoformat(timespec="minutes") if seconds == {ms} else None

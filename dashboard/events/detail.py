"""One event, opened: its properties as a tree that filters, its JSON, why it was charged, links to related
events.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec
from django.conf import settings

from dashboard.events.charge import Phrase, charge_sentences, event_json
from dashboard.events.filter_links import FilterLinks, can_filter
from dashboard.formats import exact_moment, full_label, label, relative, whole_number
from dashboard.forms import MAX_TEXT_LENGTH
from dashboard.mount import Mount
from dashboard.names.labels import Labels
from usage.events.match import text_of
from usage.events.pages import position_of
from usage.query import MAX_MOMENT, PropertyFilter, Query
from usage.results import Event
from usage.window import Window

MAX_DEPTH = 6
MAX_LEAVES = 200
MAX_VALUE_LENGTH = 200
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
# What services call the two things that support looks for first, and how far around the event it is looked
# for.
REQUEST_NAMES = ("request_id", "requestId", "trace_id")
USER_NAMES = ("user", "user_id", "userId", "email")


@dataclass(frozen=True, slots=True)
class Leaf:
    """A property: its value with the links that filter by it, or what is nested in it.

    `column` makes it a column, or none where it is one (`is_column`). `raw`: the value itself,
    percent-encoded, to copy; None for one that is too long.
    """

    name: str
    value: str = ""
    title: str = ""
    only: str | None = None
    exclude: str | None = None
    column: str | None = None
    is_column: bool = False
    raw: str | None = None
    inner: tuple[Leaf, ...] = ()


@dataclass(frozen=True, slots=True)
class RelatedLink:
    """A link to the events around this one. `kind`: request, user or minute."""

    kind: str
    text: str
    title: str
    href: str


@dataclass(frozen=True, slots=True)
class EventDetail:
    """An open row. `charge_sentences` is None where deductions may not be seen; `curl` where there is no key.

    `shared`: whether it is seen through a link, which may show just some properties. `some_balances`: whether
    deductions from balances of other features are left out.
    """

    id: str
    when: str
    value: str
    feature: str
    customer: str
    customer_href: str | None
    facts: tuple[Leaf, ...]
    tree: tuple[Leaf, ...]
    left_out: int
    json: str
    charge_sentences: list[list[Phrase]] | None
    shared: bool
    some_balances: bool
    related: tuple[RelatedLink, ...]
    link: str
    curl: str | None


def event_detail(event: Event, mount: Mount, filter_links: FilterLinks, now: int) -> EventDetail:
    """`event`, with links that go on from the list it stands in."""
    scope, query = mount.usage.scope, filter_links.query
    shows_deductions = scope is None or scope.deductions
    leaves, labels = _Leaves(filter_links), mount.labels
    tree = tuple(leaves.of(event.properties))
    return EventDetail(
        id=full_label(event.id),
        when=f"{exact_moment(event.timestamp, query.zone)}, {relative(event.timestamp, now)}",
        value=whole_number(event.value),
        feature=full_label(_counted_as(event, labels)),
        customer=full_label(event.customer_id if mount.shared else labels.customer_text(event.customer_id)),
        customer_href=None
        if mount.shared
        else mount.url("usage", Query(customer_id=event.customer_id, tz=query.tz)),
        facts=tuple(_facts(event, filter_links)),
        tree=tree,
        left_out=leaves.left_out,
        json=event_json(event, deductions=shows_deductions),
        charge_sentences=charge_sentences(event, query.zone, labels) if shows_deductions else None,
        shared=mount.shared,
        some_balances=scope is not None and scope.features is not None,
        related=tuple(_related_links(event, mount, query)),
        link=mount.url("events", _around(event, query, MINUTE_MS)),
        curl=None if mount.shared else _curl(event),
    )


class _Leaves:
    """Walks an event's properties, up to a limit: their size is not ours to decide."""

    def __init__(self, filter_links: FilterLinks) -> None:
        self._filter_links = filter_links
        self._count = 0
        self.left_out = 0

    def of(self, properties: dict[str, Any], prefix: str = "", depth: int = 1) -> Iterator[Leaf]:
        for name, value in properties.items():
            if self._count >= MAX_LEAVES:
                self.left_out += 1
                continue
            self._count += 1
            path = f"{prefix}{name}"
            if isinstance(value, dict) and value and depth < MAX_DEPTH:
                yield Leaf(full_label(name), inner=tuple(self.of(value, f"{path}.", depth + 1)))
            else:
                yield self._leaf(name, path, text_of(value))

    def _leaf(self, name: str, path: str, text: str) -> Leaf:
        return Leaf(
            name=full_label(name),
            value=label(text, MAX_VALUE_LENGTH),
            title=full_label(f"{path} = {text}" if len(text) < MAX_VALUE_LENGTH else path),
            only=self._filter_links.only(path, text),
            exclude=self._filter_links.exclude(path, text),
            column=self._filter_links.column(path),
            is_column=path in self._filter_links.columns,
            raw=_raw(text),
        )


def _facts(event: Event, filter_links: FilterLinks) -> Iterator[Leaf]:
    """What every event has, with the same links."""
    if not filter_links.mount.shared:
        id_ = event.customer_id
        name = full_label(filter_links.mount.labels.customer_text(id_))
        yield Leaf("customer", name, name, filter_links.customer(id_), raw=_raw(id_))
    name = full_label(filter_links.mount.labels.feature_text(event.feature_id))
    only = filter_links.only_feature(event.feature_id)
    yield Leaf("feature", name, full_label(event.feature_id), only, raw=_raw(event.feature_id))
    yield Leaf("value", whole_number(event.value), str(event.value), raw=_raw(str(event.value)))


def _raw(text: str) -> str | None:
    return quote(text, safe="") if len(text) <= MAX_TEXT_LENGTH else None


def _counted_as(event: Event, labels: Labels) -> str:
    """What the event's value counts: its feature's unit, or else the feature."""
    unit = labels.unit_of(event.feature_id)
    return (unit.one if event.value == 1 else unit.many) or labels.feature_text(event.feature_id)


def _related_links(event: Event, mount: Mount, query: Query) -> Iterator[RelatedLink]:
    for kind, names, around, words in (
        ("request", REQUEST_NAMES, HOUR_MS, "within one hour"),
        ("user", USER_NAMES, DAY_MS, "within one day"),
    ):
        for name in names:
            value = event.properties.get(name)
            if isinstance(value, str | int) and can_filter(name, text_of(value)):
                same = PropertyFilter(name, text_of(value))
                href = mount.url("events", _around(event, query, around, same))
                yield RelatedLink(kind, f"Same {name}", f"{label(same.value)}, {words}", href)
                break
    href = mount.url("events", _around(event, query, MINUTE_MS))
    yield RelatedLink("minute", "Within one minute", "Other events of this customer", href)


def _around(event: Event, query: Query, ms: int, same: PropertyFilter | None = None) -> Query:
    """Some time around an event, with nothing of the list it was found in but its customer.

    It stays open there.
    """
    return Query(
        customer_id=event.customer_id,
        tz=query.tz,
        columns=query.columns,
        start=max(0, event.timestamp - ms),
        end=min(MAX_MOMENT - 1, event.timestamp + ms),
        filter=() if same is None else (same,),
        event=position_of(event),
    )


def _curl(event: Event) -> str:
    """The curl command that finds this event again; the key comes from the shell."""
    body = {
        "customer_id": event.customer_id,
        "custom_range": Window(event.timestamp, event.timestamp + 1).list_range(),
        "limit": 1000,
    }
    return " \\\n  ".join(
        (
            f"curl {shlex.quote(f'{settings.AUTUMN_API_URL}/v1/events.list')}",
            '-H "Authorization: Bearer $AUTUMN_SECRET_KEY"',
            "-H 'x-api-version: 2.1' -H 'Content-Type: application/json'",
            f"-d {shlex.quote(msgspec.json.encode(body).decode())}",
        )
    )

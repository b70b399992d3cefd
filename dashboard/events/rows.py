"""Events as the rows of a table, drawn once for the same answers, names and links.

The HTML is written here and not in a template: a page has up to a thousand rows, and each value is escaped
once, however many rows have it (`make bench` compares this with a template's loop).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from html import escape
from urllib.parse import quote, quote_plus

from django.template.loader import render_to_string
from markupsafe import Markup

from dashboard import services
from dashboard.charts.colors import feature_colors
from dashboard.events.columns import Column, columns_of, usual_columns, width_for
from dashboard.events.detail import event_detail
from dashboard.events.filter_links import FilterLinks
from dashboard.formats import date_text, full_label, label, offset_name, relative, whole_number
from dashboard.forms import MAX_TEXT_LENGTH
from dashboard.mount import Mount, Page
from dashboard.web.templates import PackedHtml
from usage.events.match import MISSING, lookup, text_of
from usage.events.pages import EventPage, position_of
from usage.query import Position, Query
from usage.results import Event
from usage.window import local

MAX_REST = 4
SHORT_NAME, SHORT_VALUE = 24, 32
PLACEHOLDER = Position(0, "x")
MAX_KEPT = 200
"""Rows of longer pages are drawn each time: few people look at the same thousand."""
NO_CELL = '<td class="dash">–</td>'


@dataclass(frozen=True, slots=True)
class DrawnRows:
    """Rows of a table as HTML, and what the table takes from them: its columns, with their paths in `chosen`,
    and the class of the width of its values.
    """

    html: Markup | PackedHtml
    columns: tuple[Column, ...]
    chosen: tuple[str, ...]
    value_width: str


def drawn_rows(
    mount: Mount, page: Page, query: Query, listed: EventPage, now: int, columns: tuple[str, ...] | None
) -> DrawnRows:
    """The rows of `listed`, whose links repeat `query`. `columns`: those of the table that they are for, if
    there is one already.
    """
    features = {event.feature_id for event in listed.events}
    colors = feature_colors(mount, query.customer_id, features)
    make = partial(_drawn, mount, page, query, listed, now, columns, colors)
    if not (listed.bodies and listed.events) or query.event is not None or len(listed.events) > MAX_KEPT:
        return make()
    customers = () if mount.shared else sorted({event.customer_id for event in listed.events})
    made_of = (
        *("rows", mount.root, page, query, columns, listed.bodies),
        *(tuple((event.id, relative(event.timestamp, now)) for event in listed.events),),
        *(tuple(sorted(colors.items())), mount.labels.named(customers)),
    )

    def size(drawn: DrawnRows) -> int:
        return sum(map(len, listed.bodies)) + 2 * len(drawn.html.__html__())  # not all of it is ASCII

    return services.rendered_parts().get(made_of, partial(make, keep=True), size=size)


def _drawn(
    mount: Mount,
    page: Page,
    query: Query,
    listed: EventPage,
    now: int,
    columns: tuple[str, ...] | None,
    colors: Mapping[str, str],
    *,
    keep: bool = False,
) -> DrawnRows:
    chosen = columns if columns is not None else query.columns or usual_columns(listed.events or listed.read)
    renderer = _RowRenderer(mount, page, query, chosen, now, colors)
    rows = map(renderer.row, listed.events)
    html = Markup("\n".join(rows))  # noqa: S704  each value is escaped in its cell
    return DrawnRows(
        html=PackedHtml.of(html) if keep else html,
        columns=columns_of(chosen, listed.events),
        chosen=chosen,
        value_width=width_for(renderer.longest_value),
    )


class _Rendered(dict[str, str]):
    """Texts and their HTML, which is rendered once: most values of a page are on it many times."""

    def __init__(self, render: Callable[[str], str]) -> None:
        self._render = render

    def __missing__(self, text: str) -> str:
        html = self._render(text)
        if len(text) <= MAX_TEXT_LENGTH:
            self[text] = html
        return html


class _RowRenderer:
    """Renders rows. It remembers what many of them have in common: cells, and the address around an event."""

    def __init__(
        self,
        mount: Mount,
        page: Page,
        query: Query,
        columns: tuple[str, ...],
        now: int,
        colors: Mapping[str, str],
    ) -> None:
        self.mount, self.page, self.query, self.columns, self.now = mount, page, query, columns, now
        self.colors = colors
        self.with_customer = has_customers(mount, query)
        self._address = self._around_event()
        self._customers, self._features = _Rendered(self._customer), _Rendered(self._feature)
        self._cells, self._names, self._values = _Rendered(_cell), _Rendered(_name), _Rendered(_value)
        self.longest_value = 0

    def row(self, event: Event) -> str:
        """The row, and the details of the open event in another one below it."""
        at = local(event.timestamp, self.query.zone)
        time = f"{date_text(at)} {at:%H:%M:%S}.{event.timestamp % 1000:03d}"
        title = f"{time} {offset_name(at)}, {relative(event.timestamp, self.now)}"
        head, href, expanded, detail = "<tr>", self._opens(event), "false", ""
        if self.query.event == position_of(event):
            head, href, expanded = '<tr class="open">', escape(self._without_event()), "true"
            detail = self._detail(event)
        value = whole_number(event.value)
        self.longest_value = max(self.longest_value, len(value))
        customer = self._customers[event.customer_id] if self.with_customer else ""
        others = [path for path in event.properties if path not in self.columns][:MAX_REST]
        rest = [self._names[path] + self._values[text_of(event.properties[path])] for path in others]
        return (
            f'{head}<td class="mono"><a href="{href}" title="{title}" aria-expanded="{expanded}">{time}</a>'
            f"</td>{customer}{self._features[event.feature_id]}"
            f'<td class="num">{value}</td>'
            f"{''.join([self._cell_at(event, path) for path in self.columns])}"
            f'<td class="kv clip">{" ".join(rest)}</td></tr>{detail}'
        )

    def _customer(self, customer_id: str) -> str:
        name = self.mount.labels.of_customer(customer_id)
        if name is None:
            shown, attributes = _shortened(customer_id)
            return f'<td class="clip"{attributes}>{shown}</td>'
        id_ = escape(label(customer_id, SHORT_NAME))
        shown, attributes = _named(name, customer_id)
        return f'<td class="clip"{attributes}>{shown} <small class="mono">{id_}</small></td>'

    def _feature(self, feature_id: str) -> str:
        name = self.mount.labels.feature_text(feature_id)
        shown, attributes = _shortened(name) if name == feature_id else _named(name, feature_id)
        return f'<td{attributes}><span class="tag {self.colors[feature_id]}">{shown}</span></td>'

    def _cell_at(self, event: Event, path: str) -> str:
        value = lookup(event.properties, path)
        return NO_CELL if value is MISSING else self._cells[text_of(value)]

    def _detail(self, event: Event) -> str:
        filter_links = links_of_cells(self.mount, self.page, self.query, self.columns)
        shown = {
            "detail": event_detail(event, self.mount, filter_links, self.now),
            "close": self._without_event(),
            "columns": 4 + len(self.columns) + self.with_customer,
        }
        return render_to_string("events/_detail_row.html", shown)

    def _without_event(self) -> str:
        return self.mount.url(self.page, self._with(None))

    def _opens(self, event: Event) -> str:
        before, after = self._address
        return f"{before}{event.timestamp}%2C{_quoted(event.id)}{after}"

    def _around_event(self) -> tuple[str, str]:
        """The address of an open row, escaped, before and behind the event: a query string is too dear to
        make for each.
        """
        whole = escape(self.mount.url(self.page, self._with(PLACEHOLDER)))
        before, after = whole.split(f"event={quote_plus(str(PLACEHOLDER))}", 1)
        return f"{before}event=", after

    def _with(self, event: Position | None) -> Query:
        query = self.query
        return query.having(until=query.until, before=query.before, page=query.page, event=event)


def has_customers(mount: Mount, query: Query) -> bool:
    """Whether a table has a column of customers."""
    return query.customer_id is None and not mount.shared


def links_of_cells(mount: Mount, page: Page, query: Query, columns: tuple[str, ...]) -> FilterLinks:
    """The links that filter by a value of these rows: to the event browser where the page has no filters."""
    return FilterLinks(mount, "events" if page == "overview" else page, query, columns)


def _cell(text: str) -> str:
    shown, attributes = _shortened(text)
    return f"<td{attributes}>{shown}</td>"


def _name(path: str) -> str:
    """The name of a property that has no column, and where its value begins."""
    shown = label(path, SHORT_NAME)
    return f"{escape(shown)} <i" + ("" if shown == path else f' data-p="{_raw(path)}"')


def _value(text: str) -> str:
    shown = label(text, SHORT_VALUE)
    return ("" if shown == text else f' data-v="{_raw(text)}"') + f">{escape(shown)}</i>"


def _shortened(text: str) -> tuple[str, str]:
    """A text as it is shown, and the attributes that have what was cut off, and the value itself."""
    shown = label(text)
    if shown == text:
        return escape(text), ""
    return escape(shown), f' title="{escape(full_label(text))}" data-v="{_raw(text)}"'


def _named(name: str, id_: str) -> tuple[str, str]:
    """A name as it is shown, and the attributes that have all of it, and the ID."""
    title = f"{full_label(name)} ({full_label(id_)})"
    return escape(label(name)), f' title="{escape(title)}" data-v="{quote(id_, safe="")}"'


def _raw(text: str) -> str:
    """For the script. One character more than a filter may have says that there is none."""
    return quote(text[: MAX_TEXT_LENGTH + 1], safe="")


def _quoted(event_id: str) -> str:
    plain = event_id.isascii() and event_id.isidentifier()
    return event_id if plain else quote_plus(event_id)

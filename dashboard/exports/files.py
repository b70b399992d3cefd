"""Results → rows → bytes: what the files of an export hold. Pure: no call, no clock, no database.

CSV is UTF-8 without a byte order mark, lines end with CR LF (RFC 4180), and texts that a spreadsheet would
take for a formula begin with an apostrophe. A mark would help Excel's double click alone, and give every
parser that does not look for one a first column of the wrong name; Excel's own "From Text/CSV" reads the file
as it is.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Protocol

import msgspec

from dashboard import messages
from dashboard.charts.ticks import bin_times
from dashboard.formats import file_part
from dashboard.names.labels import Labels
from usage.charts.series import Kind, Line, Series
from usage.events.facets import facets_of
from usage.events.match import MISSING, lookup
from usage.notes import Note, NoteCode
from usage.query import BadQuery, Measure
from usage.results import Event
from usage.window import Bins, local

EVENT_COLUMNS = ("id", "timestamp", "customer_id", "feature_id", "value")
USAGE_COLUMNS = ("period_start", "feature_id", "group_kind", "group", "value", "bound")
COMPARED_COLUMNS = ("previous_start", "previous_value")
NAME_COLUMNS = ("feature_name", "unit", "measure")
PLAN_COLUMN = "plan_id"
"""Only where rows are balances: the plan of each."""
LAST_EVENT_COLUMNS = ("customer_name", "feature_name", "local_time")
MOST_PATHS = 50
LARGEST_PLAIN = 1e21

GROUP_KINDS: dict[Kind, str] = {"feature": "", "group": "value", "other": "other", "none": "none"}

# What a spreadsheet may skip before it looks for a formula: blanks, controls, and characters that show
# nothing.
_SKIPPED = r"\s\x00-\x1f\x7f-\x9f\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
_FORMULA = re.compile(rf"[{_SKIPPED}]*+[=+\-@＝＋－＠]|[^\S\t\r\n]*+[\t\r\n]")
# Where lists are written with semicolons, a spreadsheet splits rows there, and does not know the quotes that
# keep a text of several lines together: a cell begins behind each.
_FORMULA_BEHIND = re.compile(rf'[;\r\n](?=(?:(?![\r\n])["{_SKIPPED}])*+[=+\-@＝＋－＠])')

SAID_IN_NAMES: dict[NoteCode, str] = {
    "features-not-listed": "features-seen-so-far",
    "partial": "some-features",
    "windows-widened": "whole-hours",
    "rows-disagree": "not-confirmed",
}

_json = msgspec.json.Encoder()


class FileRows(Protocol):
    """One format of events: what a file begins with, and what each batch of events adds."""

    head: bytes

    def of(self, events: Iterable[Event]) -> bytes:
        """The events as lines."""


class CsvRows:
    """Events as CSV: a column for each of the commonest properties among `newest`, one with all of them, and
    names and the local time, in `zone`, last.
    """

    def __init__(self, newest: Iterable[Event], labels: Labels, zone: tzinfo) -> None:
        self._labels, self._zone = labels, zone
        self.paths = tuple(facet.path for facet in facets_of(newest, paths=MOST_PATHS, values=0).properties)
        columns = (f"properties.{path}" for path in self.paths)
        self.head = csv_file([[*EVENT_COLUMNS, *columns, "properties", *LAST_EVENT_COLUMNS]])

    def of(self, events: Iterable[Event]) -> bytes:
        return csv_file(self._row(event) for event in events)

    def _row(self, event: Event) -> list[str | float]:
        return [
            guarded(event.id),
            moment_text(event.timestamp),
            guarded(event.customer_id),
            guarded(event.feature_id),
            plain_value(event.value),
            *(cell(lookup(event.properties, path)) for path in self.paths),
            _guarded_json(event.properties),
            guarded(self._labels.of_customer(event.customer_id) or ""),
            guarded(_feature_name(event.feature_id, self._labels)),
            local(event.timestamp, self._zone).isoformat(timespec="milliseconds"),
        ]


class JsonRows:
    """Events as JSON Lines: the API's rows, their fields by the API's names."""

    def __init__(self, newest: Iterable[Event], labels: Labels, zone: tzinfo) -> None:
        self.head = b""

    def of(self, events: Iterable[Event]) -> bytes:
        return _json.encode_lines(map(_with_all_digits, events))


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file that events are exported to."""

    suffix: str
    content_type: str
    rows: type[CsvRows] | type[JsonRows]


CSV = Format("csv", "text/csv; charset=utf-8", CsvRows)
JSON_LINES = Format("jsonl", "application/x-ndjson; charset=utf-8", JsonRows)


def chart_csv(series: Series, labels: Labels) -> tuple[int, bytes]:
    """What a chart shows, bin by bin: the groups of its feature, or without groups all features.

    How many rows that is, and the file. BadQuery where a page could only say that filters were not applied: a
    file has no place for that.
    """
    if any(note.code == "filters-not-applied" for note in series.notes):
        raise BadQuery("filter", messages.FILTERS_NOT_IN_FILES)
    if series.query.dimension is None:
        lines = [
            (total.feature_id, Line("feature", "", total.values, total.previous_values))
            for total in series.features
        ]
    else:
        lines = [(series.focus or "", line) for line in series.lines or (_nothing(series),)]
    starts = _starts(series, series.bins)
    before = [] if series.previous_bins is None else _starts(series, series.previous_bins)
    contradicted = {total.feature_id for total in series.features if total.is_contradicted}
    named = {feature: _names_of(feature, labels, series.query.measure) for feature, _ in lines}
    rows = [
        _usage_row(at, starts[at], before[at] if before else None, feature, line, feature in contradicted)
        + named[feature]
        for at in range(len(series.bins))
        for feature, line in lines
    ]
    columns = USAGE_COLUMNS if series.previous_bins is None else (*USAGE_COLUMNS, *COMPARED_COLUMNS)
    if series.query.dimension != "$balance":
        return len(rows), csv_file([(*columns, *NAME_COLUMNS), *rows])
    plans = [guarded(series.plans.get(line.name) or "") for _ in range(len(series.bins)) for _, line in lines]
    with_plans = ([*row, plan] for row, plan in zip(rows, plans, strict=True))
    return len(rows), csv_file([(*columns, *NAME_COLUMNS, PLAN_COLUMN), *with_plans])


def _names_of(feature: str, labels: Labels, measure: Measure) -> list[str | float]:
    """A feature's name, its unit, and what the values measure."""
    return [
        guarded(_feature_name(feature, labels)),
        guarded(labels.measured_in(feature, measure).many),
        measure,
    ]


def _feature_name(feature: str, labels: Labels) -> str:
    """What a feature is called; empty where its name is not known."""
    name = labels.feature_text(feature)
    return "" if name == feature else name


def _nothing(series: Series) -> Line:
    """The line of a grouped chart without events: zeros, not no rows."""
    empty = (0.0,) * len(series.bins)
    return Line("none", "", empty, None if series.previous_bins is None else empty)


def _usage_row(
    at: int, start: str, previous_start: str | None, feature: str, line: Line, is_contradicted: bool
) -> list[str | float]:
    row: list[str | float] = [start, guarded(feature), GROUP_KINDS[line.kind], guarded(line.name)]
    row += [_whole(line.values[at]), "unknown" if is_contradicted else line.bound_at(at)]
    if previous_start is not None:
        row += ["", ""] if line.previous is None else [previous_start, _whole(line.previous[at])]
    return row


def _starts(series: Series, bins: Bins) -> list[str]:
    """When bins start: hours as they are, days, weeks and months by the local date that the page shows."""
    size = series.size
    return [at.isoformat(timespec="seconds") for at in bin_times(bins, size, series.query.zone)]


def cell(value: Any) -> str | float:
    """A property as a cell: numbers and texts as they are, absent and null ones
    empty, anything else as JSON.
    """
    if isinstance(value, str):
        return guarded(value)
    if value is MISSING or value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return plain_value(value)
    return _guarded_json(value)


def plain_value(value: float) -> float | str:
    """A single value with all the digits that Autumn sent, without an exponent below 10^21."""
    if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST_PLAIN:
        return f"{value:.0f}"
    return value


def _with_all_digits(event: Event) -> Event:
    """The event with a large whole value written without an exponent."""
    value = plain_value(event.value)
    return event if value == event.value else msgspec.structs.replace(event, value=int(event.value))


def guarded(text: str) -> str:
    """The text, with an apostrophe before what a spreadsheet would run: all of it, or what comes behind a
    semicolon or a line break.
    """
    text = _FORMULA_BEHIND.sub(r"\g<0>'", text)
    return f"'{text}" if _FORMULA.match(text) else text


def _guarded_json(value: Any) -> str:
    """The value as JSON in which no semicolon begins a formula: it reads the same."""
    return _json.encode(value).decode().replace(";", "\\u003b")


def moment_text(ms: int) -> str:
    """ISO 8601 in UTC, with milliseconds."""
    return f"{local(ms, UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def file_name(
    page: str, customer_id: str | None, at: datetime, suffix: str, about: str = "", name: str | None = None
) -> str:
    """`events-Acme-cus_1-2026-11-23.csv`: letters, digits and a few signs, whatever the customer is called.

    `about`: what the file leaves out, as a few words. `name`: the customer's, before the ID.
    """
    customer = file_part(customer_id or "all")
    called = file_part((name or ""), most=40).strip("_.")
    return f"{page}-{called and f'{called}-'}{customer}-{about and f'{about}-'}{at:%Y-%m-%d}.{suffix}"


def said_in_name(notes: Iterable[Note]) -> str:
    """What a file says in its name: a table has no place for a notice."""
    codes = {note.code for note in notes}
    return "-".join(words for code, words in SAID_IN_NAMES.items() if code in codes)


def csv_file(rows: Iterable[Iterable[str | float]]) -> bytes:
    """Rows, their heads first, as CSV; texts are `guarded` before."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _whole(value: float) -> float:
    return int(value) if value.is_integer() and abs(value) < 2**53 else value

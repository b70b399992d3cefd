"""Work on strangers' text grows no faster than the text: hypothesis searches for texts where it does."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from django.core.exceptions import ValidationError
from hypothesis import given, target
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from dashboard.charts.figure import embedded, plotly_text
from dashboard.events.charge import event_json
from dashboard.events.filter_links import can_filter, can_name
from dashboard.exports.files import CsvRows, JsonRows, cell, file_name, guarded
from dashboard.formats import full_label, label, visible
from dashboard.forms import One
from dashboard.names.labels import Labels
from dashboard.server.dispatch import Lanes
from dashboard.sharing.manage.suggestions import privacy_hint
from dashboard.web.logging import cut, redacted
from tests.usage.sample_service import NOW
from usage.errors import UsageError
from usage.events.checks import checks_of
from usage.events.facets import facets_of
from usage.events.match import flatten, lookup, matches, text_of
from usage.events.typed import parse_typed
from usage.query import PropertyFilter, Query, parse_end, parse_filter, parse_moment, parse_position
from usage.results import Event, decode_aggregate, decode_rows
from usage.text import printable
from usage.window import local

SHORT, TIMES = 1_500, 8
"""Repeats of the unit, and how many times longer the long text is."""
SLACK, NOISE_S = 3.0, 0.02
"""What is linear takes TIMES as long, or a little more for its memory; what is quadratic TIMES ** 2."""

ALPHABET = [*"a.@:;,=+-\"'\\{}[]<>&% \t\n0e1Z/", "\x00", "\u202e", "\ud800", "é", "＝", "💥"]
pieces = st.text(alphabet=ALPHABET, max_size=4)
UTC = Query().zone


def event(text: str) -> Event:
    return Event(text, NOW, text, text, 1.0, {text: text, "a": {text[:50]: [text]}})


def row(text: str) -> bytes:
    encoded = text.encode("utf-8", "surrogatepass")
    return b'{"list":[{"id":"' + encoded + b'","properties":{"a":' + encoded + b'}}],"has_more":false}'


def list_of(text: str) -> bytes:
    whole = msgspec.json.encode({"list": [], "has_more": False})
    return whole.replace(b"[]", b"[" + text.encode("utf-8", "surrogatepass") + b"]")


FUNCTIONS: dict[str, Callable[[str], Any]] = {
    "csv": lambda text: CsvRows([event(text)], Labels(), UTC).of([event(text)]),
    "jsonl": lambda text: JsonRows((), Labels(), UTC).of([event(text)]),
    "cell": cell,
    "guarded": guarded,
    "file name": lambda text: file_name("events", text, local(NOW, UTC), "csv"),
    "visible": visible,
    "label": label,
    "full label": full_label,
    "plotly": plotly_text,
    "embedded": lambda text: embedded({text: text}),
    "event as JSON": lambda text: event_json(event(text)),
    "filter link": lambda text: (can_filter(text, text), can_name(text)),
    "filter": parse_filter,
    "typed filter": parse_typed,
    "moment": lambda text: parse_moment(text, UTC),
    "end": lambda text: parse_end(text, UTC),
    "position": parse_position,
    "parameter": lambda text: One().clean([text]),
    "query": lambda text: Query(customer_id=text, group_by=f"properties.{text}"),
    "privacy hint": lambda text: privacy_hint(text, [text]),
    "cookies": lambda text: Lanes(32, "sessionid").of("/", f"sessionid={text}"),
    "log line": lambda text: (redacted(text, ["am_sk_x"]), cut(None, "", {"event": text})),
    "facets": lambda text: facets_of([event(text)], Query()),
    "checks": lambda text: checks_of([event(text)] * 3, NOW),
    "lookup": lambda text: lookup({text: {text: 1}, "a": {"a": {}}}, text),
    "flatten": lambda text: list(flatten({text: {text: text}})),
    "match": lambda text: matches(Query(filter=(PropertyFilter(text, text),)), event(text)),
    "text of a value": lambda text: text_of({text: [text]}),
    "printable": printable,
    "list": lambda text: decode_rows(row(text)),
    "broken list": lambda text: decode_rows(list_of(text)),
    "figures": lambda text: decode_aggregate(list_of(text)),
}


def seconds(function: Callable[[str], Any], text: str) -> float:
    """The CPU time of a call, the least of three."""
    found = []
    for _ in range(3):
        started = time.thread_time()
        with suppress(ValueError, ValidationError, UsageError, RecursionError):
            function(text)
        found.append(time.thread_time() - started)
    return min(found)


@pytest.mark.parametrize("name", FUNCTIONS)
@hypothesis_settings(max_examples=60)
@given(before=pieces, unit=pieces.filter(bool), behind=pieces)
def test_work_grows_no_faster_than_the_text(name: str, before: str, unit: str, behind: str) -> None:
    """Eight times the text takes eight times as long, and not sixty-four times."""
    short, long = (seconds(FUNCTIONS[name], before + unit * n + behind) for n in (SHORT, SHORT * TIMES))
    target(long, label="seconds")
    assert long <= max(NOISE_S, short * TIMES * SLACK)

"""The table of events, compared with a plain Django template loop over the same rows: the same HTML."""

from __future__ import annotations

import gzip
import html
import os
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC
from typing import Any
from urllib.parse import quote

import httpx

from tests.bench import canned
from usage.api.gateway import open_gateway
from usage.events.match import text_of
from usage.events.pages import EventPage
from usage.freshness import Freshness
from usage.known_customers import InMemoryKnownCustomers
from usage.query import Position, Query
from usage.results import Event, decode_rows
from usage.sample import SAMPLE_KEY, SampleApp, Store
from usage.service import open_usage
from usage.window import local

ROUNDS = 15
GOALS = {100: 0.3, 1000: 0.12}
NOW = canned.START + canned.DAY
PLAIN = """<tbody>
{% for row in rows %}
<tr><td class="mono"><a href="{{ row.href }}" title="{{ row.title }}" aria-expanded="false">{{ row.time }}</a></td><td class="clip">{{ row.customer }}</td><td><span class="tag {{ row.slot }}">{{ row.feature }}</span></td><td class="num">{{ row.value }}</td>{% for cell in row.cells %}{% if cell is None %}<td class="dash">–</td>{% else %}<td{% if cell.whole != cell.text %} title="{{ cell.whole }}" data-v="{{ cell.raw }}"{% endif %}>{{ cell.text }}</td>{% endif %}{% endfor %}<td class="kv clip">{% for pair in row.rest %}{{ pair.name }} <i{% if pair.cell.whole != pair.cell.text %} data-v="{{ pair.cell.raw }}"{% endif %}>{{ pair.cell.text }}</i> {% endfor %}</td></tr>
{% endfor %}
</tbody>"""  # noqa: E501  a row without spaces, as ours has it


def medians(*calls: Callable[[], object]) -> list[float]:
    """Milliseconds of each, measured alternately."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(ROUNDS):
        for call, taken in zip(calls, times, strict=True):
            start = time.perf_counter()
            call()
            taken.append(1000 * (time.perf_counter() - start))
    return [statistics.median(taken) for taken in times]


def rows_of(drawn: str) -> str:
    """The rows of a table, with quotes and line breaks normalized."""
    start = drawn.index("<tr", drawn.index("<tbody"))
    return "".join(html.unescape(drawn[start : drawn.rindex("</tbody>")]).split())


def plain_rows(
    events: Iterable[Event], href: str, columns: Sequence[str], slots: Mapping[str, str]
) -> list[dict[str, Any]]:
    """What a view would hand to such a loop: the same texts. `href`: an open row's, but for its event."""
    from dashboard.formats import date_text, full_label, label, offset_name, relative, whole_number

    def cell(value: object, most: int = 64) -> dict[str, str]:
        text = text_of(value)
        return {"text": label(text, most), "whole": full_label(text), "raw": quote(text, safe="")}

    rows = []
    for event in events:
        at = local(event.timestamp, UTC)
        time_text = f"{date_text(at)} {at:%H:%M:%S}.{event.timestamp % 1000:03d}"
        others = [path for path in event.properties if path not in columns][:4]
        rows.append(
            {
                "href": href.replace("EVENT", f"{event.timestamp}%2C{event.id}"),
                "title": f"{time_text} {offset_name(at)}, {relative(event.timestamp, NOW)}",
                "time": time_text,
                "customer": label(event.customer_id),
                "feature": label(event.feature_id),
                "slot": slots[event.feature_id],
                "value": whole_number(event.value),
                "cells": [
                    cell(event.properties[path]) if path in event.properties else None for path in columns
                ],
                "rest": [
                    {"name": label(path, 24), "cell": cell(event.properties[path], 32)} for path in others
                ],
            }
        )
    return rows


def measured(rows: int) -> tuple[float, float, int]:
    """For this number of rows: ours and the plain loop, making the rows included (ms); our gzipped size."""
    from django.template import engines

    from dashboard.charts.colors import feature_colors
    from dashboard.events.table import table
    from dashboard.mount import Exporter, Mount

    transport = httpx.WSGITransport(app=SampleApp(Store()))
    usage = open_usage(
        open_gateway(url="https://sample.test", key=SAMPLE_KEY, transport=transport), InMemoryKnownCustomers()
    )
    mount, query = Mount(usage, Exporter("bench", "bench", lambda: True)), Query(per_page=1000)
    events = tuple(decode_rows(canned.events(rows)).events)
    # Without the answers that they are from, rows are drawn each time.
    listed = EventPage(events, NOW, None, rows, False, Freshness(NOW / 1000, "live"))
    ours = engines["pages"].get_template("events/_table.html")
    plain = engines["django"].from_string(PLAIN)
    made = table(mount, "events", query, listed, NOW)
    drawn = ours.render({"table": made})
    slots = feature_colors(mount, None, {event.feature_id for event in events})
    href = mount.url("events", query.having(until=NOW, event=Position(0, "x"))).replace("0%2Cx", "EVENT")

    def loop() -> str:
        html: str = plain.render({"rows": plain_rows(events, href, made.chosen, slots)})
        return html

    if rows_of(drawn) != rows_of(loop()):
        raise ValueError("The two tables are not the same HTML.")
    whole, by_loop = medians(
        lambda: ours.render({"table": table(mount, "events", query, listed, NOW)}),
        loop,
    )
    return whole, by_loop, len(gzip.compress(drawn.encode(), 6))


def report() -> str:
    """A table of ratios, and the goals."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    lines = [
        "| rows | ours | plain loop | ours / loop | goal | KB, gzip 6 |",
        "|---|---|---|---|---|---|",
    ]
    for rows, goal in GOALS.items():
        whole, loop, size = measured(rows)
        ratio = f"{whole / loop:.2f} | ≤ {goal}"
        lines.append(f"| {rows:,} | {whole:.1f} ms | {loop:.1f} ms | {ratio} | {size / 1000:.1f} |")
    return "\n".join(lines) + (
        f"\n\nMedians of {ROUNDS} interleaved rounds: the same HTML of the same events, making rows included."
    )

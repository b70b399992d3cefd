"""The table of events, compared with a plain Django template loop over the same rows: the same HTML."""

from __future__ import annotations

import gzip
import html
import os
import statistics
import time
from collections.abc import Callable

import httpx

from tests.bench import canned
from usage.api.gateway import open_gateway
from usage.events.pages import EventPage
from usage.freshness import Freshness
from usage.known_customers import InMemoryKnownCustomers
from usage.query import Query
from usage.results import decode_rows
from usage.sample import SAMPLE_KEY, SampleApp, Store
from usage.service import open_usage

ROUNDS = 15
GOALS = {100: 0.5, 1000: 0.15}
NOW = canned.START + canned.DAY
PLAIN = """<tbody>
{% for row in table.rows %}
<tr{% if row.detail %} class="open"{% endif %}><td class="mono"><a href="{{ row.href }}" title="{{ row.title }}" aria-expanded="{% if row.detail %}true{% else %}false{% endif %}">{{ row.time }}</a></td>{% if table.with_customer %}<td class="clip"{% if row.customer.raw is not None %} title="{{ row.customer.title }}" data-v="{{ row.customer.raw }}"{% endif %}>{{ row.customer.text }}</td>{% endif %}<td{% if row.feature.raw is not None %} title="{{ row.feature.title }}" data-v="{{ row.feature.raw }}"{% endif %}><span class="tag">{{ row.feature.text }}</span></td><td class="num">{{ row.value }}</td>{% for cell in row.cells %}{% if cell is None %}<td class="dash">–</td>{% elif cell.raw is None %}<td>{{ cell.text }}</td>{% else %}<td title="{{ cell.title }}" data-v="{{ cell.raw }}">{{ cell.text }}</td>{% endif %}{% endfor %}<td class="kv clip">{% for pair in row.rest %}{{ pair.name }} <i{% if pair.key is not None %} data-p="{{ pair.key }}"{% endif %}{% if pair.cell.raw is not None %} data-v="{{ pair.cell.raw }}"{% endif %}>{{ pair.cell.text }}</i> {% endfor %}</td></tr>
{% endfor %}
</tbody>"""  # noqa: E501  the row's own line, as in _row_list.html


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


def measured(rows: int) -> tuple[float, float, float, int]:
    """For this number of rows: building and rendering ours, rendering ours, the plain loop (ms); our size
    with gzip.
    """
    from django.template import engines

    from dashboard.events.table import table
    from dashboard.mount import Exporter, Mount

    transport = httpx.WSGITransport(app=SampleApp(Store()))
    usage = open_usage(
        open_gateway(url="https://sample.test", key=SAMPLE_KEY, transport=transport), InMemoryKnownCustomers()
    )
    mount, query = Mount(usage, Exporter("bench", "bench", lambda: True)), Query(per_page=1000)
    events = tuple(decode_rows(canned.events(rows)).events)
    listed = EventPage(events, NOW, None, rows, False, Freshness(NOW / 1000, "live"))
    ours = engines["pages"].get_template("events/_table.html")
    plain = engines["django"].from_string(PLAIN)
    made = table(mount, "events", query, listed, NOW)
    drawn = ours.render({"table": made})
    if rows_of(drawn) != rows_of(plain.render({"table": made})):
        raise ValueError("The two tables are not the same HTML.")
    whole, drawing, by_loop = medians(
        lambda: ours.render({"table": table(mount, "events", query, listed, NOW)}),
        lambda: ours.render({"table": made}),
        lambda: plain.render({"table": made}),
    )
    return whole, drawing, by_loop, len(gzip.compress(drawn.encode(), 6))


def report() -> str:
    """A table of ratios, and the goals."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    head = [
        (
            "| rows | ours, prepared and rendered | rendered only | plain loop | both / loop |"
            " rendered / loop | goal | KB, gzip 6 |"
        ),
        "|---|---|---|---|---|---|---|---|",
    ]
    lines = []
    for rows, goal in GOALS.items():
        whole, drawing, loop, size = measured(rows)
        ratios = f"{whole / loop:.2f} | {drawing / loop:.2f} | ≤ {goal}"
        lines.append(
            f"| {rows:,} | {whole:.1f} ms | {drawing:.1f} ms | {loop:.1f} ms | {ratios} | {size / 1000:.1f} |"
        )
    return "\n".join([*head, *lines]) + (
        f"\n\nMedians of {ROUNDS} interleaved rounds."
        " The loop gets its rows prepared, and renders the same HTML."
    )

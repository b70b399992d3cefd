"""What /metrics counts.

A label has few values, all of them from the code: no IDs, no paths, no text of strangers.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from usage.api.client import Endpoint
from usage.api.gateway import AnswerState

disable_created_metrics()  # a second series for each one, with the time of its first count

REGISTRY = CollectorRegistry()
SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)

_calls = Histogram(
    "usage_dashboard_autumn_call_duration_seconds",
    "Time of each call to Autumn",
    ("endpoint", "outcome"),
    buckets=SECONDS,
    registry=REGISTRY,
)
_answers = Counter(
    "usage_dashboard_answers_total", "Answers by how the cache had them", ("state",), registry=REGISTRY
)
_requests = Histogram(
    "usage_dashboard_request_duration_seconds",
    "Time until the response to each request began",
    ("route", "status"),
    buckets=SECONDS,
    registry=REGISTRY,
)
_waiting = Gauge(
    "usage_dashboard_waiting_requests",
    "Requests that wait now, for a thread or for Autumn",
    ("wait",),
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
_refusals = Counter(
    "usage_dashboard_refusals_total",
    "Requests refused with Retry-After",
    ("reason",),
    registry=REGISTRY,
)
_exports = Counter(
    "usage_dashboard_exports_total", "Exports that ended", ("kind", "outcome"), registry=REGISTRY
)
_export_rows = Counter("usage_dashboard_export_rows_total", "Rows of exports", ("kind",), registry=REGISTRY)
_links = Counter(
    "usage_dashboard_links_total", "Share links by what was done", ("action",), registry=REGISTRY
)
_sign_ins = Counter("usage_dashboard_sign_ins_total", "Attempts to sign in", ("outcome",), registry=REGISTRY)


class CallCounts:
    """Counts what a gateway does."""

    def called(self, endpoint: Endpoint, outcome: str, seconds: float) -> None:
        _calls.labels(endpoint, outcome).observe(seconds)

    def answered(self, state: AnswerState) -> None:
        _answers.labels(state).inc()


def count_request(route: str, status: int, seconds: float) -> None:
    """`route`: its name, or one name for several routes. `seconds`: until the response began."""
    _requests.labels(route, f"{status // 100}xx").observe(seconds)


def note_waiting(for_thread: int, for_autumn: int) -> None:
    """How many requests of this process wait now."""
    _waiting.labels("thread").set(for_thread)
    _waiting.labels("autumn").set(for_autumn)


def count_refusal(reason: str) -> None:
    """Of a response with Retry-After."""
    _refusals.labels(reason).inc()


def count_export(kind: str, outcome: str, rows: int) -> None:
    """`kind`: the page that it is from and its format, such as events.csv."""
    _exports.labels(kind, outcome).inc()
    _export_rows.labels(kind).inc(rows)


def count_links(action: str, links: int = 1) -> None:
    """`action`: created, revoked or opened."""
    _links.labels(action).inc(links)


def count_sign_in(outcome: str) -> None:
    """`outcome`: signed-in, wrong, throttled, busy, or how OpenID Connect failed: the code of its page."""
    _sign_ins.labels(outcome).inc()

"""One test for each trap of Autumn's API: it fails if the handling of that trap is removed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest

from tests.usage.sample_service import DAY, HOUR, NOW, Autumn, autumn, later, ms
from usage.errors import UnknownCustomer, Unreachable
from usage.query import BadQuery, Position, Query
from usage.results import decode_rows
from usage.scope import Scope

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MONTH = Query(customer_id="cus_1", feature_id=("messages",))


def test_1_total_of_a_list() -> None:
    """A count of events is the aggregate's, not the number of rows on a page."""
    with autumn() as service:
        service.add(*({"timestamp": NOW - number * 60_000} for number in range(250)))
        assert service.usage.count(MONTH) == 250
        assert len(service.usage.page(MONTH).events) == 100


def test_2_events_that_arrive() -> None:
    """Events that arrive between two pages neither repeat a row nor hide one, and are on neither page."""
    with autumn() as service:
        service.add(
            *({"timestamp": NOW - 60_000 - number, "id": f"evt_{number:04}"} for number in range(150))
        )
        first = service.usage.page(MONTH)
        service.add(*({"timestamp": NOW - 2, "id": f"evt_new_{number}"} for number in range(20)))
        with later(30_000):
            second = service.usage.page(MONTH.having(until=first.until, before=first.next))
        ids = [event.id for event in (*first.events, *second.events)]
        assert ids == [f"evt_{number:04}" for number in range(150)]


@pytest.mark.parametrize("blank", ["", " ", "\t"])
def test_3_blank_customer(blank: str) -> None:
    """A blank customer is never sent: Autumn would return all customers' events."""
    with autumn() as service:
        service.track(NOW - 1, customer_id="somebody")
        with pytest.raises(BadQuery):
            service.usage.page(Query(customer_id=blank))
        with pytest.raises(ValueError, match="customer"):
            Scope(customer_id=blank)
        assert not service.sent


class Dropping:
    """A server that ignores one key of each request."""

    def __init__(self, app: WSGIApplication, key: str) -> None:
        self.app, self.key = app, key

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = json.loads(environ["wsgi.input"].read())
        body.pop(self.key, None)
        raw = json.dumps(body).encode()
        environ["wsgi.input"] = type("Input", (), {"read": lambda *_: raw})()
        environ["CONTENT_LENGTH"] = str(len(raw))
        return self.app(environ, start_response)


def test_4_dropped_filter() -> None:
    """If a server ignores the customer of a list, rows of others are discarded and counted."""
    with autumn(wrap=lambda app: Dropping(app, "customer_id")) as service:
        service.track(NOW - 60_000, customer_id="cus_1")
        service.track(NOW - 60_001, customer_id="cus_2")
        page = service.usage.page(MONTH)
        assert [event.customer_id for event in page.events] == ["cus_1"]
        assert page.fresh.foreign_rows == 1


def test_5_seconds_of_a_list() -> None:
    """A window that starts and ends inside seconds has exactly the events between its milliseconds."""
    start, end = NOW - DAY - 250 + 300, NOW - DAY - 250 + 5_700
    ats = [start - 1, start, start + 1, end - 1, end, end + 1]
    with autumn() as service:
        service.add(*({"timestamp": at} for at in ats))
        page = service.usage.page(Query(customer_id="cus_1", start=start, end=end))
        assert [event.timestamp for event in page.events] == [end - 1, start + 1, start]


def test_6_hours_of_an_aggregate() -> None:
    """[a, b) on whole hours counts the hour of a, and not the hour of b."""
    start, end = ms("2025-11-10T08:00"), ms("2025-11-10T10:00")
    with autumn() as service:
        for at, value in ((start - 1, 1), (start, 2), (end - 1, 4), (end, 8)):
            service.track(at, value)
        series = service.usage.series(
            Query(customer_id="cus_1", feature_id=("messages",), start=start, end=end)
        )
        assert series.lines[0].values == (2, 4)
        for first, last in ((start + 1, end - HOUR + 1), (start + 1, end), (start, end - 1)):
            half = Query(customer_id="cus_1", feature_id=("messages",), start=first, end=last)
            widened = service.usage.series(half)
            assert widened.lines[0].values == (2, 4)
            assert [note.code for note in widened.notes] == ["windows-widened"]
            assert "2025-11-10 08:00 to 2025-11-10 10:00" in widened.notes[0].sentence


def test_7_presets() -> None:
    """Seven days are seven whole local dates, for chart and list, and the bars sum to the total."""
    with autumn() as service:
        for day in range(4, 13):
            service.track(ms(f"2025-11-{day:02}T00:00"))
        week = Query(customer_id="cus_1", feature_id=("messages",), range="7d")
        series, page = service.usage.series(week), service.usage.page(week)
        assert series.lines[0].values == (1,) * 7
        assert (series.bins.edges[0], series.reconciliation.total) == (ms("2025-11-06"), 7)
        assert len(page.events) == 7
        assert not any("range" in body for _, body in service.sent if "max_groups" not in body)


def test_8_billing_cycles() -> None:
    """A cycle is sent by name, and its window comes from the bins; a customer without a cycle has none."""
    with autumn(age="newest") as service:
        service.store.add_customer("cus_1", subscribed_at_ms=ms("2025-09-20T09:30"))
        service.store.add_customer("cus_2")
        for at in ("2025-10-20T08:59", "2025-10-20T10:00", "2025-11-12T14:00"):
            service.track(at)
        series = service.usage.series(Query(customer_id="cus_1", feature_id=("messages",), range="1bc"))
        assert (series.bins.edges[0], series.lines[0].total) == (ms("2025-10-20T09:00"), 2)
        figures = [body for call, body in service.sent if call == "aggregate" and "max_groups" not in body]
        assert {body.get("range") for body in figures} == {"1bc"}
        with pytest.raises(BadQuery, match=r"^range: "):
            service.usage.series(Query(customer_id="cus_2", feature_id=("messages",), range="1bc"))
        with pytest.raises(BadQuery, match=r"^range: "):
            service.usage.page(Query(customer_id="cus_2", feature_id=("messages",), range="last_cycle"))


BALANCE = {"feature_id": "messages", "granted": 9, "remaining": 8, "usage": 1, "unlimited": False}


def subscribe(service: Autumn, *periods: tuple[int, int], reset: dict[str, Any] | None = None) -> None:
    """Lets `cus_1` have an active subscription for each of these periods, and a balance with this reset."""
    plan = {"id": "s", "plan_id": "pro", "status": "active", "past_due": False, "auto_enable": False}
    service.store.put_customer(
        {
            "id": "cus_1",
            "subscriptions": [
                plan | {"current_period_start": start, "current_period_end": end} for start, end in periods
            ],
            "balances": {"messages": BALANCE | {"breakdown": [{"id": "b", "reset": reset}]}} if reset else {},
        }
    )


@pytest.mark.parametrize("age", ["current", "newest"])
def test_19_cycle_by_its_exact_bounds(age: str) -> None:
    """A list of the current cycle has no event of the one before. A chart has none where the server can begin
    inside an hour; else it is of whole hours, and says so.
    """
    start, end = ms("2025-10-20T09:17:23"), ms("2025-11-20T09:17:23")
    with autumn(age=age) as service:
        service.add(*({"timestamp": start - 1 - number, "value": 100} for number in range(10)))
        service.add(*({"timestamp": start + number, "value": 1} for number in range(3)))
        subscribe(service, (start, end))
        query = Query(customer_id="cus_1", range="1bc")
        assert [event.value for event in service.usage.iterate(query)] == [1, 1, 1]
        assert [event.value for event in service.usage.page(query).events] == [1, 1, 1]
        series = service.usage.series(query)
        assert series.bins.edges[0] == ms("2025-10-20T09:00")
        is_widened = "windows-widened" in [note.code for note in series.notes]
        assert (series.lines[0].total, is_widened) == ((3, False) if age == "newest" else (1003, True))
        # Autumn's own cycle is only compared with, where it is that of the customer.
        named = [body for call, body in service.sent if call == "aggregate" and body.get("range") == "1bc"]
        assert len(named) == (age == "newest")


def test_19_cycle_that_autumn_reports_otherwise() -> None:
    """A balance that is reset each month, of a subscription for a year: the month, which Autumn shows too."""
    with autumn(age="newest") as service:
        service.track(NOW - HOUR)
        service.add({"timestamp": NOW - 60 * DAY, "value": 100})
        reset = {"interval": "month", "interval_count": 1, "resets_at": ms("2025-11-20T09:00")}
        subscribe(service, (ms("2025-01-20T09:00"), ms("2026-01-20T09:00")), reset=reset)
        query = Query(customer_id="cus_1", range="1bc")
        series, page = service.usage.series(query), service.usage.page(query)
        assert series.bins.edges[0] == ms("2025-10-20T09:00")
        assert [event.value for event in page.events] == [1]
        for notes in (series.notes, page.notes):
            assert "windows-widened" in [note.code for note in notes]


@pytest.mark.parametrize(
    ("periods", "names"),
    [
        ((), True),
        (((NOW - 3 * DAY, NOW + DAY), (NOW - 5 * DAY, NOW + DAY)), True),
        (((NOW - 9 * DAY, NOW - DAY),), True),
        (((NOW - 3 * DAY, NOW + DAY),), False),
    ],
    ids=["no subscription", "two periods", "a period that is over", "names are switched off"],
)
def test_19_cycle_without_exact_bounds_is_requested_by_name(
    periods: tuple[tuple[int, int], ...], names: bool
) -> None:
    with autumn(age="newest", names=names) as service:
        service.store.add_customer("cus_1", subscribed_at_ms=ms("2025-09-20T09:30"))
        service.track(NOW - HOUR)
        if periods:
            subscribe(service, *periods)
        series = service.usage.series(Query(customer_id="cus_1", range="1bc"))
        assert series.bins.edges[0] == ms("2025-10-20T09:00")
        assert "1bc" in [body.get("range") for call, body in service.sent if call == "aggregate"]
        page = service.usage.page(Query(customer_id="cus_1", range="1bc"))
        for notes in (series.notes, page.notes):
            assert "windows-widened" in [note.code for note in notes]


@pytest.mark.parametrize("age", ["older", "current", "newest"])
def test_19_cycle_is_not_guessed_while_the_subscription_cannot_be_read(age: str) -> None:
    """By name, servers up to September 2026 report one cycle's length up to now: another window."""

    def failing(app: WSGIApplication) -> WSGIApplication:
        def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            if environ["PATH_INFO"] == "/v1/customers.get":
                start_response("500 Broken", [("Content-Length", "0")])
                return [b""]
            return app(environ, start_response)

        return answer

    start, query = ms("2025-11-10T09:00"), Query(customer_id="cus_1", range="1bc")
    with autumn(age=age, wrap=failing) as service:
        service.store.add_customer("cus_1", subscribed_at_ms=start)
        service.add({"timestamp": start - DAY, "value": 100}, {"timestamp": start + DAY, "value": 1})
        subscribe(service, (start, ms("2025-12-10T09:00")))
        for read in (service.usage.series, service.usage.page, service.usage.usage_page):
            with pytest.raises(Unreachable):
                read(query)


def test_9_bin_size() -> None:
    """Each aggregate has a bin size: the default is a day, even for 24 hours."""
    with autumn() as service:
        service.track(NOW - HOUR)
        day = Query(customer_id="cus_1", range="24h")
        series = service.usage.series(day)
        assert (len(series.bins), series.lines[0].values[-2:]) == (24, (1, 0))
        assert all("bin_size" in body for endpoint, body in service.sent if endpoint == "aggregate")


def test_10_days_of_the_viewer() -> None:
    """Days, weeks and months are in the viewer's zone: 23 and 25 hours long at clock changes."""
    with autumn(ms("2025-10-27T12:00")) as service:
        for hour in range(72):
            service.track(ms("2025-10-25") + hour * HOUR)
        query = Query(customer_id="cus_1", feature_id=("messages",), range="7d", tz="Europe/Berlin")
        assert service.usage.series(query).lines[0].values == (0, 0, 0, 0, 22, 25, 14)
        weeks = service.usage.series(query.having(bin_size="week"))
        assert weeks.lines[0].values == (22 + 25, 14)


def test_11_zeros() -> None:
    """Bins, features and groups without events are zeros, even if the response omits them."""
    with autumn() as service:
        service.store.add_customer("cus_1")
        query = Query(customer_id="cus_1", feature_id=("messages", "no_such"), range="7d")
        series = service.usage.series(query)
        assert [total.values for total in series.features] == [(0,) * 7] * 2
        grouped = service.usage.series(query.having(group_by="properties.model", compare="previous"))
        assert (grouped.totals, grouped.previous) == ((0,) * 7, (0,) * 7)
        assert (series.reconciliation.count, series.reconciliation.difference) == (0, 0)


def test_12_folded_groups() -> None:
    """A group that Autumn folded into Other in a bin is marked there: its zero is not a value."""
    with autumn(age="older") as service:
        for number in range(10):
            service.track("2025-11-10T08:00", 10 + number, properties={"model": f"m{number}"})
        service.track("2025-11-11T08:00", 500, properties={"model": "m0"})
        query = Query(
            customer_id="cus_1",
            feature_id=("messages",),
            group_by="properties.model",
            range="7d",
            bin_size="day",
        )
        lines = {line.name: line for line in service.usage.series(query).lines}
        assert lines["m0"].values[-3:] == (0, 500, 0)
        assert lines["m0"].folded == {4}
        assert not lines["m9"].folded
        assert sum(line.total for line in lines.values()) == sum(range(10, 20)) + 500


def test_12_every_group() -> None:
    """A newer server is called with 250 groups; the largest are those of the window, not of each bin."""
    with autumn() as service:
        for day in range(6, 13):
            for number in range(12):
                value = 5 if number == day - 1 else 1
                service.track(f"2025-11-{day:02}T08:00", value, properties={"model": f"m{number:02}"})
        query = Query(customer_id="cus_1", feature_id=("messages",), group_by="properties.model", range="7d")
        series = service.usage.series(query)
        assert [line.total for line in series.lines] == [11, 11, 11, 11, 11, 11, 11, 7, 28]
        assert (series.lines[-1].kind, series.lines[-1].members) == ("other", 4)
        limits = [body["max_groups"] for _, body in service.sent if body.get("group_by") == query.group_by]
        assert limits == [250]


def test_12_reserved_name() -> None:
    """AUTUMN_RESERVED is an ordinary group if no groups were folded."""
    with autumn() as service:
        service.track(NOW - HOUR, 3, properties={"model": "AUTUMN_RESERVED"})
        service.track(NOW - HOUR, 2, properties={"model": "Other"})
        query = Query(customer_id="cus_1", feature_id=("messages",), group_by="properties.model")
        lines = service.usage.series(query).lines
        assert [(line.kind, line.name, line.total) for line in lines] == [
            ("group", "AUTUMN_RESERVED", 3),
            ("group", "Other", 2),
        ]


def test_13_events_without_the_property() -> None:
    """Events that grouping drops are shown as their own group, so that the bars sum to the total."""
    with autumn() as service:
        service.track(NOW - HOUR, 3, properties={"model": "a"})
        service.track(NOW - HOUR, 4)
        query = Query(customer_id="cus_1", feature_id=("messages",), group_by="properties.model")
        series = service.usage.series(query)
        assert [(line.kind, line.total) for line in series.lines] == [("group", 3), ("none", 4)]
        assert (series.reconciliation.bars, series.reconciliation.difference) == (7, 0)


def test_14_negative_and_fractional() -> None:
    """Sums of fractions have no rounding error, and a refund is subtracted."""
    with autumn() as service:
        for value in (0.1, 0.2, -0.3, 0.1, 0.1, 0.1):
            service.track(NOW - HOUR, value)
        series = service.usage.series(MONTH)
        assert (series.lines[0].values[-1], series.reconciliation.total) == (0.3, 0.3)


def test_15_unknown_customer() -> None:
    """An unknown customer is an error in a list too; a customer without events is not."""
    with autumn() as service:
        service.store.add_customer("quiet")
        for method in (service.usage.page, service.usage.series):
            with pytest.raises(UnknownCustomer):
                method(Query(customer_id="nobody"))
        assert service.usage.page(Query(customer_id="quiet")).events == ()


def test_16_one_event() -> None:
    """An event is found by its time and id, among others of its second."""
    with autumn() as service:
        at = NOW - HOUR
        service.add(*({"timestamp": at + number % 3, "id": f"evt_{number:04}"} for number in range(1500)))
        event = service.usage.event(MONTH, Position(at, "evt_0003"))
        assert event is not None
        assert (event.timestamp, event.id) == (at, "evt_0003")
        assert service.usage.event(MONTH, Position(at, "evt_0004")) is None


def test_17_late_events() -> None:
    """A past window can still change: it is fetched again after ten minutes, and at once on request."""
    with autumn() as service:
        service.track("2025-10-02T08:00")
        october = Query(
            customer_id="cus_1", feature_id=("messages",), start=ms("2025-10-01"), end=ms("2025-10-04")
        )
        assert service.usage.series(october).lines[0].total == 1
        service.track("2025-10-02T09:00")
        assert service.usage.series(october).lines[0].total == 1
        assert service.usage.series(october, refresh=True).lines[0].total == 2
        service.track("2025-10-02T10:00")
        with later(16 * 60_000):
            assert service.usage.series(october).lines[0].total == 3


def test_18_names_of_events() -> None:
    """An event name without a feature is shown unchanged, in rows and among the known features."""
    with autumn() as service:
        service.track(NOW - 60_000, feature_id="legacy ping")
        page = service.usage.page(Query(customer_id="cus_1"))
        assert [event.feature_id for event in page.events] == ["legacy ping"]
        assert service.usage.features("cus_1") == ["legacy ping"]
        assert [line.name for line in service.usage.series(Query(customer_id="cus_1")).lines] == [
            "legacy ping"
        ]


def test_rows_have_every_property() -> None:
    """The official SDK drops some."""
    properties: dict[str, Any] = {"a": {"b": [1, None, {"c": "é"}]}, "x.y": 1.5, "": False}
    with autumn() as service:
        service.track(NOW - 60_000, properties=properties)
        stored = {"a": {"b": [1, None, {"c": "é"}]}, "x": {"y": 1.5}, "": False}  # Autumn nests a dotted key
        assert service.usage.page(MONTH).events[0].properties == stored
    row = {
        "id": "e",
        "timestamp": 1,
        "feature_id": "f",
        "customer_id": "c",
        "value": 1,
        "properties": properties,
    }
    decoded = decode_rows(json.dumps({"list": [row], "has_more": False}).encode())
    assert decoded.events[0].properties == properties

"""The service: the number of calls, cycles, comparisons, capabilities, freshness, and known customers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

from tests.usage.sample_service import DAY, HOUR, NOW, Autumn, autumn, later, ms
from tests.usage.threads import no_threads
from usage.api.client import BODY_LIMIT
from usage.api.pace import PER_SECOND
from usage.errors import Refused, Unreachable, Unsupported
from usage.events.pages import MAX_LIMIT
from usage.notes import Note
from usage.query import BadQuery, Position, PropertyFilter, Query
from usage.sample import SampleApp
from usage.scope import Scope
from usage.service import MOST_AHEAD, Usage, open_usage

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ALL = Query(customer_id="cus_1", group_by="properties.model", compare="previous")


def busy(service: Autumn) -> None:
    """Two features, two models, two months."""
    service.add(
        *(
            {
                "timestamp": NOW - HOUR * 5 * number,
                "feature_id": ("messages", "tokens")[number % 2],
                "properties": {"model": ("a", "b", None)[number % 3]},
            }
            for number in range(300)
        )
    )


def view(service: Autumn, query: Query) -> None:
    """Load the parts of a usage page: its chart, and the newest events."""
    service.usage.series(query)
    service.usage.page(query.having())


def test_calls_of_a_usage_page() -> None:
    """Groups, comparison and newest events take 4 calls, 2 more on the first visit, and none when cached."""
    with autumn() as service:
        busy(service)
        view(service, ALL)
        assert service.calls() == 6
        view(service, ALL)
        assert service.calls() == 0
        with later(30 * 60_000):
            view(service, ALL)
            assert service.calls() == 4
            view(service, ALL.having(chart="lines"))
            assert service.calls() == 0
            view(service, ALL.having(focus="tokens"))
            assert service.calls() == 3


@pytest.mark.parametrize(
    "query",
    [ALL, ALL.having(range="1bc"), ALL.having(range="24h"), Query(group_by="$customer_id")],
    ids=["days", "cycle", "hours", "organization"],
)
def test_first_visit_shows_its_chart_within_the_pace(query: Query) -> None:
    """Before it, at most four calls that Autumn counts together; later pages show the same rows."""
    with autumn() as service:
        busy(service)
        service.store.add_customer("cus_1", subscribed_at_ms=ms("2025-10-20T09:30"))
        first = service.usage.usage_page(query).page
        counted_together = [
            call
            for call, body in service.sent
            if call in ("list", "aggregate") and body.get("customer_id") == query.customer_id
        ]
        assert "aggregate" in counted_together
        assert "aggregate" not in counted_together[PER_SECOND:]  # what the page did not wait for comes last
        second = service.usage.usage_page(query).page
        service.calls()
        third = service.usage.usage_page(query).page
        assert service.calls() == 0
        assert first is not None
        assert first.events
        shown = [(page.events, page.next, page.until, page.read) for page in (first, second, third) if page]
        assert shown == shown[:1] * 3


def holding_lists(gate: Event) -> Callable[[WSGIApplication], WSGIApplication]:
    """A server that answers for a page's own list when `gate` is open."""

    def wrap(app: WSGIApplication) -> WSGIApplication:
        def held(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            raw = environ["wsgi.input"].read()
            if environ["PATH_INFO"] == "/v1/events.list" and json.loads(raw)["limit"] < MAX_LIMIT:
                gate.wait(60)
            environ["wsgi.input"] = BytesIO(raw)
            return app(environ, start_response)

        return held

    return wrap


def test_calls_for_a_next_view_are_few_at_once() -> None:
    """Where there is no place for one, the next view makes it."""
    gate = Event()
    with autumn(wrap=holding_lists(gate)) as service:
        for number in range(MOST_AHEAD + 1):
            service.add({"customer_id": f"cus_{number}", "timestamp": NOW - HOUR})
            service.usage.usage_page(Query(customer_id=f"cus_{number}"))
        gate.set()
        service.pool.shutdown()
        own = [
            body["customer_id"] for call, body in service.sent if call == "list" and body["limit"] < MAX_LIMIT
        ]
        assert sorted(own) == [f"cus_{number}" for number in range(MOST_AHEAD)]
        page = service.usage.page(Query(customer_id=f"cus_{MOST_AHEAD}"))
        assert len(page.events) == 1


@pytest.mark.parametrize(
    "bounds",
    [{}, {"start": NOW - DAY}, {"features": frozenset({"messages"})}],
    ids=["open", "bounded", "part"],
)
def test_first_visit_by_a_link_shows_what_later_ones_show(bounds: dict[str, Any]) -> None:
    with autumn() as service:
        busy(service)
        link = service.usage.within(Scope(customer_id="cus_1", **bounds))
        first, second = (link.usage_page(Query(range="7d")).page for _ in range(2))
        assert first is not None
        assert second is not None
        assert first.events
        assert (first.events, first.next, first.scanned > 0) == (second.events, second.next, True)


def test_first_visit_of_another_process_shows_the_newest_rows() -> None:
    """Not those that the first process has read for the customer's features."""
    query = Query(customer_id="cus_1")
    with autumn() as service:
        service.track(NOW - HOUR)
        service.usage.usage_page(query)
        with later(60_000):
            service.track(NOW + 30_000)
            service.usage.page(query, refresh=True)
            other = open_usage(service.gateway, service.known)
            service.calls()
            page = other.usage_page(query).page
            assert page is not None
            assert page.events[0].timestamp == NOW + 30_000
            assert not [body for call, body in service.sent if call == "list"]


def test_first_visit_shows_rows_of_its_window_alone() -> None:
    """The newest rows of a customer may be older."""
    with autumn() as service:
        service.track(NOW - 3 * DAY)
        service.track(NOW - HOUR)
        page = service.usage.usage_page(Query(customer_id="cus_1", range="24h")).page
        assert page is not None
        assert [event.timestamp for event in page.events] == [NOW - HOUR]
        assert page.next is None


def test_calls_of_a_cycle() -> None:
    """A compared billing cycle with groups takes one call for each of its figures; a count takes no more."""
    with autumn(age="newest") as service:
        service.store.add_customer("cus_1", subscribed_at_ms=ms("2025-09-20T09:30"))
        busy(service)
        view(service, Query(customer_id="cus_1"))
        service.calls()
        service.usage.series(ALL.having(range="1bc"))
        assert service.calls() == 4
        service.usage.series(ALL.having(range="1bc"), refresh=True)
        assert service.calls() == 4
        assert service.usage.count(Query(customer_id="cus_1")) == 143
        assert service.calls() == 0


def test_links_do_not_probe_the_server() -> None:
    """Links use the capabilities that were found for staff, on every visit."""
    with autumn() as service:
        service.track(NOW - HOUR)
        service.usage.series(Query(customer_id="cus_1"))
        service.calls()
        for _ in range(3):
            service.usage.within(Scope(customer_id="cus_1")).series(Query())
        assert service.calls() == 2


def test_cycle_is_compared_with_the_previous_cycle() -> None:
    """The two are compared hour by hour from their start, both up to the last full hour."""
    with autumn(age="newest") as service:
        service.store.add_customer("cus_1", subscribed_at_ms=ms("2025-09-20T09:00"))
        # Autumn's previous cycle is as long as the current one: it begins on September 19.
        for at, value in (("2025-09-20T09:00", 1), ("2025-10-12T13:59", 2), ("2025-10-12T14:00", 64)):
            service.track(at, value, properties={"model": "a"})
        service.track("2025-10-20T08:59", 64, properties={"model": "a"})
        for at, value in (("2025-10-20T09:00", 4), ("2025-11-12T13:59", 8), ("2025-11-12T14:00", 16)):
            service.track(at, value, properties={"model": "a"})
        query = ALL.having(range="1bc", feature_id=("messages",))
        series = service.usage.series(query)
        assert [(line.name, line.total, line.previous_total) for line in series.lines] == [("a", 12, 3)]
        assert sum(series.previous or ()) == 3
        assert (series.reconciliation.total, series.reconciliation.difference) == (28, 16)
        assert series.reconciliation.reason is not None
        assert not series.features[0].is_contradicted
        plain = service.usage.series(query.having(compare=None))
        assert (plain.lines[0].total, plain.reconciliation.difference) == (28, 0)


@pytest.mark.parametrize("chosen", ["3bc", "last_cycle"])
def test_other_cycles_have_no_comparison(chosen: Any) -> None:
    """Autumn has no name for the period before; a note says so, and the chart is drawn."""
    with autumn() as service:
        service.store.add_customer("cus_1", subscribed_at_ms=ms("2025-01-20T09:00"))
        service.track("2025-10-01T00:00")
        series = service.usage.series(ALL.having(range=chosen))
        assert (series.reconciliation.bars, series.previous) == (1, None)
        assert [note.code for note in series.notes] == ["windows-widened", "no-comparison"]


def test_cycle_of_one_day_is_a_cycle() -> None:
    """It is as long as the 24 hours that Autumn returns when there is no cycle."""
    with autumn(age="newest") as service:
        service.store.add_customer("cus_1", subscribed_at_ms=NOW - 31 * DAY - DAY)
        service.track(NOW - 5 * HOUR)
        series = service.usage.series(Query(customer_id="cus_1", range="1bc"))
        assert (series.bins.window.length, series.lines[0].total) == (25 * HOUR, 1)


@pytest.mark.parametrize("method", ["series", "page"])
def test_cycle_without_a_customer_is_refused(method: str) -> None:
    with autumn() as service, pytest.raises(BadQuery, match=r"^range: "):
        getattr(service.usage, method)(Query(range="1bc"))


def test_comparison_by_local_dates() -> None:
    """Across a clock change, noon is compared with noon a week before; both end at the same local hour."""
    with autumn(ms("2025-11-01T14:25", "Europe/Berlin")) as service:
        for at, value in (("10-25T13:59", 1), ("10-25T14:00", 64), ("10-19T00:00", 2), ("10-18T23:59", 64)):
            service.track(ms(f"2025-{at}", "Europe/Berlin"), value)
        service.track(ms("2025-11-01T13:59", "Europe/Berlin"), 4)
        service.track(ms("2025-11-01T14:00", "Europe/Berlin"), 64)
        query = Query(
            customer_id="cus_1", feature_id=("messages",), range="7d", tz="Europe/Berlin", compare="previous"
        )
        series = service.usage.series(query)
        assert series.previous == (2, 0, 0, 0, 0, 0, 1)
        assert series.lines[0].values == (0, 0, 0, 0, 0, 0, 4)


def test_window_without_a_full_hour_has_no_comparison() -> None:
    """A note says so."""
    with autumn() as service:
        service.track(NOW - 60_000)
        series = service.usage.series(Query(customer_id="cus_1", start=NOW - 120_000, compare="previous"))
        assert series.previous is None
        assert "no-comparison" in [note.code for note in series.notes]


def test_limits_of_an_older_server() -> None:
    """It is found to have no entities, no organization-wide figures and no filters in charts."""
    with autumn(age="older") as service:
        busy(service)
        for query in (Query(), Query(feature_id=("messages",))):
            with pytest.raises(Unsupported):
                service.usage.series(query)
        assert service.usage.count(Query()) is None
        with pytest.raises(BadQuery, match=r"^entity_id: "):
            service.usage.page(Query(customer_id="cus_1", entity_id="e"))
        filtered = Query(customer_id="cus_1", filter=(PropertyFilter("model", "a"),))
        assert "filters-not-applied" in [note.code for note in service.usage.series(filtered).notes]
        requested = [body for body in aggregates(service) if body.get("max_groups") != 0]
        assert not any({"filter_by", "max_groups", "entity_id"} & body.keys() for body in requested)
        assert len(service.usage.page(Query()).events) == 100


def aggregates(service: Autumn) -> list[dict[str, Any]]:
    """The bodies of the aggregates that were sent."""
    return [body for endpoint, body in service.sent if endpoint == "aggregate"]


def refusing(message: str) -> Callable[[WSGIApplication], WSGIApplication]:
    """A server that refuses calls with `max_groups: 0` with `message`."""

    def wrap(app: WSGIApplication) -> WSGIApplication:
        def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            if b'"max_groups":0' not in environ["wsgi.input"].read():
                return app(environ, start_response)
            start_response("400 Bad Request", [("Content-Type", "application/json")])
            return [json.dumps({"message": message, "code": "invalid_inputs"}).encode()]

        return serve

    return wrap


@pytest.mark.parametrize("length", [10, 3000])
def test_capabilities_are_read_from_the_whole_refusal(length: int) -> None:
    """The second field is found after a first message of any length."""
    message = f"max_groups: {'must be positive, ' * (length // 18)}customer_id: is required"
    with autumn(wrap=refusing(message)) as service, pytest.raises(Unsupported):
        service.usage.series(Query())


def failing(fails: Callable[[dict[str, Any]], bool]) -> Callable[[WSGIApplication], WSGIApplication]:
    """A server that fails to answer those requests."""

    def wrap(app: WSGIApplication) -> WSGIApplication:
        def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            if not fails(json.loads(environ["wsgi.input"].read())):
                return app(environ, start_response)
            start_response("500 Broken", [("Content-Type", "application/json")])
            return [json.dumps({"message": "No.", "code": "internal_error"}).encode()]

        return serve

    return wrap


def is_of_previous(body: dict[str, Any]) -> bool:
    return body.get("custom_range", {}).get("end", NOW) <= ms("2025-10-14") and "offset" not in body


@pytest.mark.parametrize(
    ("fails", "lost"),
    [
        (is_of_previous, "previous"),
        (lambda body: body.get("group_by") == "properties.model", "groups"),
    ],
    ids=["previous", "groups"],
)
def test_chart_without_one_of_its_answers_says_what_is_missing(
    fails: Callable[[dict[str, Any]], bool], lost: str
) -> None:
    """The rest is shown. A file or a snapshot is refused instead."""
    with autumn(wrap=failing(fails)) as service:
        busy(service)
        query = ALL.having(feature_id=("messages",), focus=None)
        series = service.usage.series(query)
        assert [note.code for note in series.notes] == ["partial"]
        assert series.features[0].sum > 0
        assert (series.previous is None) == (lost == "previous")
        assert (series.lines[0].kind == "feature") == (lost == "groups")
        with pytest.raises(Unreachable):
            service.usage.series(query, strict=True)


@pytest.mark.parametrize("lost", ["aggregate", "list"])
def test_page_without_its_chart_or_its_events_has_the_other(lost: str) -> None:
    def fails(body: dict[str, Any]) -> bool:
        return ("offset" in body) == (lost == "list") and body.get("max_groups") != 0

    with autumn(wrap=failing(fails)) as service:
        busy(service)
        page = service.usage.usage_page(Query(customer_id="cus_1", feature_id=("messages",)))
        assert (page.series is None, bool(page.page.events)) == (lost == "aggregate", lost == "aggregate")
        assert page.is_partial == (lost == "aggregate")
        # The call for features is one of those that fail with the chart's.
        notes = ["partial"] if lost == "list" else ["features-not-listed"]
        assert [note.code for note in page.page.notes] == notes


def test_capabilities_are_found_out_again_when_an_answer_contradicts_them() -> None:
    """An older server in the place of a newer one refuses weeks."""
    servers: list[WSGIApplication] = []

    def wrap(app: WSGIApplication) -> WSGIApplication:
        servers.append(app)
        return lambda environ, start_response: servers[-1](environ, start_response)

    query = Query(customer_id="cus_1", feature_id=("messages",), bin_size="week")
    with autumn(wrap=wrap) as service:
        service.track(NOW - HOUR)
        assert service.usage.series(query).lines[0].total == 1
        servers.append(SampleApp(service.store, age="older", limit_per_second=None))
        assert service.usage.series(query.having(range="90d")).lines[0].total == 1
        assert [body["bin_size"] for body in aggregates(service)] == ["x", "week", "week", "x", "day"]


@pytest.mark.parametrize("message", ["", "The version is not valid."])
def test_other_refusal_of_the_probe_says_nothing_of_the_server(message: str) -> None:
    """It is an error, and is not taken for that of a server which can do nothing."""
    with autumn(wrap=refusing(message)) as service, pytest.raises(Refused) as caught:
        service.usage.series(Query())
    assert caught.type is Refused


def test_page_without_further_threads_makes_its_calls_one_by_one() -> None:
    """Each of them once."""
    with autumn() as service:
        service.track(NOW - HOUR)
        query = Query(customer_id="cus_1")
        expected = service.usage.usage_page(query)
    with autumn() as service, ThreadPoolExecutor(2, "pool") as pool, no_threads("pool"):
        service.track(NOW - HOUR)
        usage = open_usage(service.gateway, service.known, pool=pool)
        page = usage.usage_page(query)
        sent = [
            json.dumps(body, sort_keys=True) for call, body in service.sent if call in ("list", "aggregate")
        ]
        assert len(sent) == len(set(sent)) == 3
    assert (page.series, len(page.page.events)) == (expected.series, 1)


def with_large_answers(
    bin_size: str | None = None, more_than: int = 0
) -> Callable[[WSGIApplication], WSGIApplication]:
    """A server whose answers with more groups, in bins of this size if any, are larger than what is read."""

    def wrap(app: WSGIApplication) -> WSGIApplication:
        def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            body = json.loads(environ["wsgi.input"].read())
            if body.get("max_groups", 0) <= more_than or bin_size not in (None, body["bin_size"]):
                return app(environ, start_response)
            start_response("200 OK", [("Content-Type", "application/json")])
            return [b" " * (BODY_LIMIT + 1)]

        return serve

    return wrap


def test_too_large_answer_is_requested_with_far_fewer_groups() -> None:
    query = Query(
        customer_id="cus_1", range="7d", bin_size="hour", focus="messages", group_by="properties.model"
    )
    with autumn(wrap=with_large_answers(more_than=20)) as service:
        busy(service)
        series = service.usage.series(query)
        assert {line.name for line in series.lines if line.kind == "group"} == {"a", "b"}
        assert series.reconciliation.difference == 0


def test_customers_are_ranked_where_they_are_too_many_for_one_answer() -> None:
    """By longer intervals, with the same sums."""
    berlin = Query(range="30d", tz="Europe/Berlin")
    with autumn() as service:
        busy(service)
        service.track(NOW - 20 * DAY, 7, customer_id="cus_2")
        expected = service.usage.busiest(berlin, "messages").customers
    with autumn(wrap=with_large_answers("hour")) as service:
        busy(service)
        service.track(NOW - 20 * DAY, 7, customer_id="cus_2")
        assert service.usage.busiest(berlin, "messages").customers == expected
        assert [each.is_exact for each in expected] == [True, True]


def test_newer_server_filters_charts_by_property() -> None:
    """A note names filters that it cannot apply."""
    with autumn() as service:
        busy(service)
        one = Query(
            customer_id="cus_1", feature_id=("messages",), range="90d", filter=(PropertyFilter("model", "a"),)
        )
        series = service.usage.series(one)
        assert (series.reconciliation.bars, series.reconciliation.count, series.notes) == (50, 50, ())
        for more in (
            {"value_min": 1.0},
            {"exclude": one.filter},
            {"filter": (*one.filter, PropertyFilter("model", "b"))},
        ):
            assert service.usage.series(one.having(**more)).notes[0].code == "filters-not-applied"
            assert service.usage.count(one.having(**more)) is None


def test_organization_wide_figures_and_busiest_customers() -> None:
    """Customers in the ranking become known."""
    with autumn() as service:
        busy(service)
        service.track(NOW - HOUR, 1000, customer_id="cus_2")
        assert service.usage.series(Query(feature_id=("messages",))).lines[0].total > 1000
        ranked = service.usage.busiest(Query(), "messages")
        assert [each.id for each in ranked.customers] == ["cus_2", "cus_1"]
        assert {customer for customer, _ in service.usage.customers()} == {"cus_1", "cus_2"}
        assert [customer for customer, _ in service.usage.customers("_2")] == ["cus_2"]


def test_chart_has_all_features_of_a_customer() -> None:
    """Even if only rows of one feature were listed before."""
    with autumn() as service:
        busy(service)
        service.usage.page(Query(customer_id="cus_1", feature_id=("tokens",)))
        series = service.usage.series(Query(customer_id="cus_1"))
        assert {total.feature_id for total in series.features} == {"messages", "tokens"}


def test_first_feature_is_the_one_with_most_events() -> None:
    """Every feature has its own sum, those with most events first; the first one is drawn, or a focus."""
    with autumn() as service:
        for number in range(15):
            service.track(NOW - HOUR, 100 - number, feature_id=f"f{number:02}", properties={"model": "a"})
        service.track(NOW - HOUR, 1, feature_id="f03", properties={"model": "a"})
        series = service.usage.series(Query(customer_id="cus_1"))
        assert [(line.name, line.total) for line in series.lines] == [("f03", 98)]
        assert [(total.feature_id, total.sum, total.count) for total in series.features[:2]] == [
            ("f03", 98, 2),
            ("f00", 100, 1),
        ]
        assert (len(series.features), series.count) == (15, 16)
        assert "features-not-drawn" in [note.code for note in series.notes]
        smallest = service.usage.series(Query(customer_id="cus_1", group_by="properties.model", focus="f14"))
        assert [(line.name, line.total) for line in smallest.lines] == [("a", 86)]
        assert (smallest.focus, smallest.reconciliation.difference) == ("f14", 0)


def test_focus_is_drawn_beside_the_requested_features() -> None:
    with autumn() as service:
        busy(service)
        series = service.usage.series(Query(customer_id="cus_1", feature_id=("messages",), focus="tokens"))
        assert [line.name for line in series.lines] == ["tokens"]
        assert {total.feature_id for total in series.features} == {"messages", "tokens"}


def test_customer_without_events_has_an_empty_chart() -> None:
    """It is neither an error nor a made-up feature."""
    with autumn() as service:
        service.store.add_customer("quiet")
        for query in (
            Query(customer_id="quiet"),
            Query(customer_id="quiet", group_by="properties.a", compare="previous"),
        ):
            series = service.usage.series(query)
            assert (series.lines, series.features, series.totals) == ((), (), (0,) * 30)
        assert service.usage.count(Query(customer_id="quiet")) == 0


def test_chart_draws_chosen_groups_only() -> None:
    """Absent groups are zeros, and the difference to the total has its reason."""
    with autumn() as service:
        busy(service)
        query = Query(
            customer_id="cus_1", feature_id=("messages",), group_by="properties.model", group=("a", "zz")
        )
        series = service.usage.series(query)
        assert [(line.name, line.total > 0) for line in series.lines] == [("a", True), ("zz", False)]
        assert (series.reconciliation.difference or 0) > 0
        assert series.reconciliation.reason


def test_cached_figures_are_shown_while_autumn_fails() -> None:
    """They have their age and the reason; figures that were never fetched are an error."""
    with autumn() as service:
        busy(service)
        query = Query(customer_id="cus_1")
        live = service.usage.series(query), service.usage.page(query)
        assert {part.fresh.source for part in live} == {"live"}
        with later(20 * 60_000):
            service.app.fail_next("internal_error", times=1000)
            stale = service.usage.series(query), service.usage.page(query)
            with pytest.raises(Unreachable) as failure:
                service.usage.series(query.having(range="90d"))
            for part in stale:
                assert (part.fresh.source, round(part.fresh.fetched_at * 1000)) == ("stale", NOW)
                assert part.fresh.reason == Note("stale", failure.value.sentence)
            assert service.usage.count(query.having(range="90d")) is None


def test_chart_of_a_future_window_is_refused() -> None:
    """A list of it is empty."""
    with autumn() as service:
        service.track(NOW - HOUR)
        query = Query(customer_id="cus_1", feature_id=("messages",), start=NOW + 2 * HOUR, end=NOW + 3 * HOUR)
        with pytest.raises(BadQuery, match=r"^(start|end|range): "):
            service.usage.series(query)
        service.usage.page(query.having(start=NOW - 2 * HOUR, end=NOW))
        assert service.usage.page(query).events == ()


def test_future_events_are_in_no_bar_and_no_total() -> None:
    """Bars and total still agree, in any zone."""
    with autumn() as service:
        service.track(NOW - HOUR, 1)
        service.track(NOW + 3 * HOUR, 64)
        for zone in ("UTC", "Europe/Berlin"):
            series = service.usage.series(Query(customer_id="cus_1", feature_id=("messages",), tz=zone))
            assert (series.reconciliation.bars, series.reconciliation.total) == (1, 1)
            assert series.running == len(series.bins) - 1


METHODS: list[Callable[[Usage, Query], object]] = [
    lambda usage, query: usage.series(query),
    lambda usage, query: usage.page(query),
    lambda usage, query: usage.newest(query),
    lambda usage, query: usage.facets(query),
    lambda usage, query: next(usage.batches(query)),
    lambda usage, query: next(usage.iterate(query)),
    lambda usage, query: usage.event(query, Position(NOW - HOUR, "evt_1")),
]


@pytest.mark.parametrize("method", METHODS)
def test_older_server_refuses_every_query_by_entity(method: Callable[[Usage, Query], object]) -> None:
    """It would ignore `entity_id` without an error; the service refuses it by its field."""
    with autumn(age="older") as service:
        busy(service)
        with pytest.raises(BadQuery) as refused:
            method(service.usage, Query(customer_id="cus_1", entity_id="team-a"))
        assert refused.value.field == "entity_id"


def test_past_window_has_features_without_newer_events() -> None:
    with autumn() as service:
        busy(service)
        service.add({"timestamp": NOW - 400 * DAY, "feature_id": "retired", "value": 7})
        service.add(*({"timestamp": NOW - number * 1000, "feature_id": "tokens"} for number in range(1_100)))
        past = Query(customer_id="cus_1", start=NOW - 401 * DAY, end=NOW - 399 * DAY)
        assert {total.feature_id: total.sum for total in service.usage.series(past).features}["retired"] == 7


def test_bounded_link_names_no_feature_from_outside_its_bounds() -> None:
    """Even if staff have seen it."""
    with autumn() as service:
        busy(service)
        service.add({"timestamp": NOW - 50 * DAY, "feature_id": "outside", "value": 7})
        service.usage.series(Query(customer_id="cus_1", range="90d"))
        assert "outside" in service.usage.features("cus_1")
        scope = Scope(
            customer_id="cus_1", start=NOW // HOUR * HOUR - 10 * DAY, end=NOW // HOUR * HOUR - 2 * DAY
        )
        bound = service.usage.within(scope)
        series = bound.series(Query(start=scope.start, end=scope.end))
        assert {total.feature_id for total in series.features} == {"messages", "tokens"}
        assert set(bound.features("cus_1")) == {"messages", "tokens"}


def test_link_detects_an_older_server() -> None:
    """It probes the server with its own customer, and has its chart."""
    with autumn(age="older") as service:
        busy(service)
        link = service.usage.within(Scope(customer_id="cus_1", properties=frozenset({"model"})))
        series = link.series(Query(group_by="properties.model", feature_id=("messages",)))
        assert [line.kind for line in series.lines] == ["group", "group", "none"]
        assert all(body["customer_id"] == "cus_1" for body in aggregates(service))


def test_refresh_finds_a_feature_that_was_defined_a_moment_ago() -> None:
    """Features are not looked up again for a second, unless a person asks for what is new."""
    with autumn() as service:
        service.track(NOW - HOUR)
        service.usage.series(ALL)
        service.store.put_feature({"id": "brand_new", "name": "New", "type": "metered", "consumable": True})
        for refresh in (False, True):
            service.sent.clear()
            service.usage.series(ALL, refresh=refresh)
            requested = {name for _, body in service.sent for name in body.get("feature_id", ())}
            assert ("brand_new" in requested) == refresh

"""The service: few calls, cycles, comparisons, capabilities, ages, and who is known."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.usage.sample_service import DAY, HOUR, NOW, Autumn, autumn, later, ms
from tests.usage.threads import no_threads
from usage.errors import Refused, Unreachable, Unsupported
from usage.query import BadQuery, Position, PropertyFilter, Query
from usage.scope import Scope
from usage.service import Usage, open_usage

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
    """What a usage page asks for: its chart, and the newest events."""
    service.usage.series(query)
    service.usage.page(query.having())


def test_calls_of_a_usage_page() -> None:
    """Groups, comparison and newest events cost 4 calls from cold, 2 more on a first visit, and none when
    warm.
    """
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
            assert service.calls() <= 1


def test_calls_of_a_cycle() -> None:
    """A compared billing cycle with groups is a call for each of its figures, and a
    count costs nothing more.
    """
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


def test_shares_cost_no_probe() -> None:
    """What staff have found out about the server, a link need not ask again; nor each visit to a link."""
    with autumn() as service:
        service.track(NOW - HOUR)
        service.usage.series(Query(customer_id="cus_1"))
        service.calls()
        for _ in range(3):
            service.usage.within(Scope(customer_id="cus_1")).series(Query())
        assert service.calls() == 2


def test_cycle_and_the_one_before() -> None:
    """A compared cycle stands beside the last one, hour for hour from its start,
    both to the last full hour.
    """
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
        plain = service.usage.series(query.having(compare=None))
        assert (plain.lines[0].total, plain.reconciliation.difference) == (28, 0)


@pytest.mark.parametrize("chosen", ["3bc", "last_cycle"])
def test_cycles_without_one_before(chosen: Any) -> None:
    """For other cycles Autumn has no name for the period before: a sentence says so, and the chart stands."""
    with autumn() as service:
        service.store.add_customer("cus_1", subscribed_at_ms=ms("2025-01-20T09:00"))
        service.track("2025-10-01T00:00")
        series = service.usage.series(ALL.having(range=chosen))
        assert (series.reconciliation.bars, series.previous) == (1, None)
        assert [note.code for note in series.notes] == ["no-comparison"]


def test_first_day_of_a_cycle() -> None:
    """A cycle that is a day old is one, though it is as long as what Autumn says where there is none."""
    with autumn(age="newest") as service:
        service.store.add_customer("cus_1", subscribed_at_ms=NOW - 31 * DAY - DAY)
        service.track(NOW - 5 * HOUR)
        series = service.usage.series(Query(customer_id="cus_1", range="1bc"))
        assert (series.bins.window.length, series.lines[0].total) == (25 * HOUR, 1)


@pytest.mark.parametrize("ask", ["series", "page"])
def test_cycle_without_a_customer(ask: str) -> None:
    """A billing cycle needs a customer."""
    with autumn() as service, pytest.raises(BadQuery, match=r"^range: "):
        getattr(service.usage, ask)(Query(range="1bc"))


def test_comparison_by_local_dates() -> None:
    """Over a change of clocks, this week's noon is compared with last week's noon, and both end at the same
    hour.
    """
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


def test_nothing_to_compare_yet() -> None:
    """A window without a full hour says so."""
    with autumn() as service:
        service.track(NOW - 60_000)
        series = service.usage.series(Query(customer_id="cus_1", start=NOW - 120_000, compare="previous"))
        assert series.previous is None
        assert "no-comparison" in [note.code for note in series.notes]


def test_older_server() -> None:
    """An older server's limits are found out, kept to, and said: no entity, no organization, filters not in
    charts.
    """
    with autumn(age="older") as service:
        busy(service)
        for query in (Query(), Query(feature_id=("messages",))):
            with pytest.raises(Unsupported):
                service.usage.series(query)
        assert service.usage.count(Query()) is None
        with pytest.raises(BadQuery, match=r"^entity_id: "):
            service.usage.page(Query(customer_id="cus_1", entity_id="e"))
        filtered = Query(customer_id="cus_1", filter=(PropertyFilter("model", "a"),))
        assert service.usage.series(filtered).notes[0].code == "filters-not-applied"
        requested = [body for endpoint, body in service.sent if endpoint == "aggregate"][1:]
        assert not any({"filter_by", "max_groups", "entity_id"} & body.keys() for body in requested)
        assert len(service.usage.page(Query()).events) == 100


def refusing(message: str) -> Callable[[WSGIApplication], WSGIApplication]:
    """A server that refuses calls with `max_groups: 0`, saying `message`."""

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
    """However long its words are before it names the second field."""
    message = f"max_groups: {'must be positive, ' * (length // 18)}customer_id: is required"
    with autumn(wrap=refusing(message)) as service, pytest.raises(Unsupported):
        service.usage.series(Query())


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
        calls = service.calls()
    with autumn() as service, ThreadPoolExecutor(2, "pool") as pool, no_threads("pool"):
        service.track(NOW - HOUR)
        usage = open_usage(service.gateway, service.known, pool=pool)
        page = usage.usage_page(query)
        assert service.calls() == calls
    assert (page.series, len(page.page.events)) == (expected.series, 1)


def test_newer_server() -> None:
    """A newer server filters charts by property itself; what it can't do is said."""
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


def test_organization_and_busiest() -> None:
    """Where the server allows it, everybody together, and who used most; the
    customers seen there are known.
    """
    with autumn() as service:
        busy(service)
        service.track(NOW - HOUR, 1000, customer_id="cus_2")
        assert service.usage.series(Query(feature_id=("messages",))).lines[0].total > 1000
        ranked = service.usage.busiest(Query(), "messages")
        assert [customer for customer, _ in ranked.customers] == ["cus_2", "cus_1"]
        assert {customer for customer, _ in service.usage.customers()} == {"cus_1", "cus_2"}
        assert [customer for customer, _ in service.usage.customers("_2")] == ["cus_2"]


def test_all_features_of_a_customer() -> None:
    """A chart of all features has them all, also where only rows of one were looked at before."""
    with autumn() as service:
        busy(service)
        service.usage.page(Query(customer_id="cus_1", feature_id=("tokens",)))
        series = service.usage.series(Query(customer_id="cus_1"))
        assert {line.name for line in series.lines} == {"messages", "tokens"}


def test_many_features() -> None:
    """A chart shows the largest dozen, eight by name and the others as Other, and a focus beyond them too."""
    with autumn() as service:
        for number in range(15):
            service.track(NOW - HOUR, 100 - number, feature_id=f"f{number:02}", properties={"model": "a"})
        series = service.usage.series(Query(customer_id="cus_1"))
        assert [line.name for line in series.lines] == [*(f"f{number:02}" for number in range(8)), ""]
        assert (len(series.features), series.lines[-1].members, series.lines[-1].total) == (
            12,
            4,
            92 + 91 + 90 + 89,
        )
        smallest = service.usage.series(Query(customer_id="cus_1", group_by="properties.model", focus="f14"))
        assert [(line.name, line.total) for line in smallest.lines] == [("a", 86)]
        assert (smallest.focus, smallest.reconciliation.difference) == ("f14", 0)


def test_focus_without_groups() -> None:
    """Where nothing is grouped, a focus adds no feature to those that were asked for."""
    with autumn() as service:
        busy(service)
        series = service.usage.series(Query(customer_id="cus_1", feature_id=("messages",), focus="tokens"))
        assert [line.name for line in series.lines] == ["messages"]


def test_customer_without_events() -> None:
    """Somebody who has used nothing yet has an empty chart, not an error and not a made-up feature."""
    with autumn() as service:
        service.store.add_customer("quiet")
        for query in (
            Query(customer_id="quiet"),
            Query(customer_id="quiet", group_by="properties.a", compare="previous"),
        ):
            series = service.usage.series(query)
            assert (series.lines, series.features, series.totals) == ((), (), (0,) * 30)
        assert service.usage.count(Query(customer_id="quiet")) == 0


def test_chosen_groups() -> None:
    """Only chosen groups are drawn, absent ones as zeros, and the difference to the total has its reason."""
    with autumn() as service:
        busy(service)
        query = Query(
            customer_id="cus_1", feature_id=("messages",), group_by="properties.model", group=("a", "zz")
        )
        series = service.usage.series(query)
        assert [(line.name, line.total > 0) for line in series.lines] == [("a", True), ("zz", False)]
        assert series.reconciliation.difference > 0
        assert series.reconciliation.reason


def test_stale_figures() -> None:
    """While Autumn fails, what was seen is shown with its age and the reason; what
    was not seen is an error.
    """
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
                assert part.fresh.reason == failure.value.sentence
            assert service.usage.count(query.having(range="90d")) is None


def test_future_windows() -> None:
    """A chart of what has not begun is refused; a list of it is empty."""
    with autumn() as service:
        service.track(NOW - HOUR)
        query = Query(customer_id="cus_1", feature_id=("messages",), start=NOW + 2 * HOUR, end=NOW + 3 * HOUR)
        with pytest.raises(BadQuery, match=r"^(start|end|range): "):
            service.usage.series(query)
        service.usage.page(query.having(start=NOW - 2 * HOUR, end=NOW))
        assert service.usage.page(query).events == ()


def test_events_of_the_future() -> None:
    """Events that claim a later hour are in no bar and no total, in any zone, so that these still agree."""
    with autumn() as service:
        service.track(NOW - HOUR, 1)
        service.track(NOW + 3 * HOUR, 64)
        for zone in ("UTC", "Europe/Berlin"):
            series = service.usage.series(Query(customer_id="cus_1", feature_id=("messages",), tz=zone))
            assert (series.reconciliation.bars, series.reconciliation.total) == (1, 1)
            assert series.running == len(series.bins) - 1


ASKING: list[Callable[[Usage, Query], object]] = [
    lambda usage, query: usage.series(query),
    lambda usage, query: usage.page(query),
    lambda usage, query: usage.newest(query),
    lambda usage, query: usage.facets(query),
    lambda usage, query: next(usage.batches(query)),
    lambda usage, query: next(usage.iterate(query)),
    lambda usage, query: usage.event(query, Position(NOW - HOUR, "evt_1")),
]


@pytest.mark.parametrize("ask", ASKING)
def test_no_answer_drops_the_entity(ask: Callable[[Usage, Query], object]) -> None:
    """An older server would drop `entity_id` without a word: whatever is asked with one is refused, by its
    field.
    """
    with autumn(age="older") as service:
        busy(service)
        with pytest.raises(BadQuery) as refused:
            ask(service.usage, Query(customer_id="cus_1", entity_id="team-a"))
        assert refused.value.field == "entity_id"


def test_features_of_a_window_long_past() -> None:
    """A feature that only a past window has is found when that window is looked at, whatever came since."""
    with autumn() as service:
        busy(service)
        service.add({"timestamp": NOW - 400 * DAY, "feature_id": "retired", "value": 7})
        service.add(*({"timestamp": NOW - number * 1000, "feature_id": "tokens"} for number in range(1_100)))
        past = Query(customer_id="cus_1", start=NOW - 401 * DAY, end=NOW - 399 * DAY)
        assert {total.feature_id: total.sum for total in service.usage.series(past).features}["retired"] == 7


def test_a_bounded_link_names_no_feature_from_outside() -> None:
    """A feature that was used only outside of a link's bounds is not named in it,
    whatever staff have seen.
    """
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


def test_link_on_an_older_server() -> None:
    """A link finds out about an older server through its own customer, and has its chart all the same."""
    with autumn(age="older") as service:
        busy(service)
        link = service.usage.within(Scope(customer_id="cus_1", properties=frozenset({"model"})))
        series = link.series(Query(group_by="properties.model", feature_id=("messages",)))
        assert [line.kind for line in series.lines] == ["group", "group", "none"]
        assert all(body["customer_id"] == "cus_1" for _, body in service.sent)

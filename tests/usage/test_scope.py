"""Scopes: they narrow queries and strip rows, and no hidden value is in any response."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.usage.sample_service import DAY, HOUR, NOW, autumn, later, ms
from tests.usage.test_query import queries
from usage.api.calls import CallOptions
from usage.api.deadline import Deadline
from usage.charts.filters import wire_filters
from usage.errors import UnknownCustomer, Unsupported
from usage.query import BadQuery, Position, PropertyFilter, Query
from usage.results import RESERVED, Aggregate, AutumnBin, Deduction, Event, without_objects
from usage.scope import Scope
from usage.window import Window

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LINK = Scope(customer_id="cus_1", properties=frozenset({"model", "meta.tier"}))
SECRET = "s3cret-canary"

paths = st.lists(st.sampled_from(["a", "b", "c", "a.b"]), min_size=1, max_size=3).map(".".join)
scopes = st.builds(
    Scope,
    customer_id=st.sampled_from(["cus_1", "cus_2"]),
    features=st.none() | st.frozensets(st.sampled_from(["f", "g", "h"]), min_size=1),
    properties=st.frozensets(paths, max_size=4),
    start=st.none() | st.integers(0, 10 * DAY),
    end=st.none() | st.integers(11 * DAY, 20 * DAY),
    deductions=st.booleans(),
    plans=st.booleans(),
)


@given(scopes, queries())
def test_narrow_never_widens(scope: Scope, query: Query) -> None:
    """A narrowed query has the scope's customer, features and properties, or is refused."""
    try:
        narrowed = scope.narrow(query)
    except BadQuery:
        return
    assert narrowed.customer_id == scope.customer_id
    assert narrowed.entity_id is None
    assert scope.features is None or (narrowed.feature_id and set(narrowed.feature_id) <= scope.features)
    assert not query.feature_id or narrowed.feature_id == query.feature_id
    assert all(scope.shows(item.path) for item in (*narrowed.filter, *narrowed.exclude))
    assert all(map(scope.shows, narrowed.columns))
    assert narrowed.group_by not in ("$customer_id", "$entity_id")
    path = (narrowed.group_by or "").removeprefix("properties.")
    assert path in {"", "$plan_id", *scope.properties}
    assert wire_filters(narrowed, scope).keys() <= scope.properties
    assert scope.narrow(narrowed) == narrowed


@given(scopes, st.integers(0, 20 * DAY), st.integers(1, 20 * DAY))
def test_bounded_window_lies_in_the_scope(scope: Scope, start: int, length: int) -> None:
    """A bounded window and its whole hours lie in both the window and the scope."""
    window = Window(start, start + length)
    for inside in (
        scope.bound(window),
        scope.hours(Window(start - start % HOUR, start - start % HOUR + DAY)),
    ):
        if inside is not None:
            assert scope.covers(inside.start)
            assert scope.covers(inside.end - 1)


values = st.recursive(
    st.just(SECRET),
    lambda inner: st.dictionaries(st.sampled_from(["a", "b", "c", "a.b", "b.c"]), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["a", "b", "c", "a.b"]), values, max_size=4), scopes)
def test_stripped_row_has_visible_paths_only(properties: dict[str, Any], scope: Scope) -> None:
    """The test reads the encoded bytes of the row."""
    event = Event("e", 1, "f", "cus_1", 1, properties)
    stored = json.loads(msgspec.json.encode(scope.strip(event)))["properties"]
    for path in _paths(stored):
        assert scope.shows(path)
    if not scope.properties:
        assert SECRET.encode() not in msgspec.json.encode(scope.strip(event))


def _paths(properties: dict[str, Any], prefix: str = "") -> Iterable[str]:
    for name, value in properties.items():
        if isinstance(value, dict) and value:
            yield from _paths(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def test_deductions_and_plans_are_absent_unless_allowed() -> None:
    """Deductions are absent unless allowed, and their plans unless plans are allowed."""
    event = Event("e", 1, "f", "cus_1", 1, {}, [Deduction("b", "credits", 2, "gold")])
    assert Scope(customer_id="cus_1").strip(event).deductions is None
    without = Scope(customer_id="cus_1", deductions=True).strip(event).deductions
    assert without == [Deduction("b", "credits", 2, None)]
    assert Scope(customer_id="cus_1", deductions=True, plans=True).strip(event) == event


def test_deductions_from_hidden_features_are_absent() -> None:
    """If no deduction is left, there is no list."""
    own, other = Deduction("b", "f", 2), Deduction("b", "credits", 2)
    scope = Scope(customer_id="cus_1", features=frozenset({"f"}), deductions=True)
    for taken, left in (([own, other], [own]), ([other], None), ([], None), (None, None)):
        assert scope.strip(Event("e", 1, "f", "cus_1", 1, {}, taken)).deductions == left


def test_link_has_features_with_most_events_first() -> None:
    """A link to many features has those with most events first, and asks for all that it may show."""
    names = [f"feature_{number:02}" for number in range(15)]
    with autumn() as service:
        for number, name in enumerate(names):
            service.add(*[{"timestamp": NOW - HOUR, "feature_id": name}] * (1 + number))
        service.track(NOW - HOUR, 1_000, feature_id="hidden_feature")
        link = service.usage.within(Scope(customer_id="cus_1", features=frozenset(names)))
        series = link.series(Query())
        assert [total.feature_id for total in series.features] == names[::-1]
        requested = [
            body for call, body in service.sent if call == "aggregate" and len(body["feature_id"]) > 1
        ]
        assert [body["feature_id"] for body in requested] == [names]
        assert [total.feature_id for total in link.series(Query(feature_id=tuple(names))).features] == names[
            ::-1
        ]


@pytest.mark.parametrize("values", [{"customer_id": " "}, {"customer_id": "c", "features": frozenset()}])
def test_scope_needs_a_customer_and_features(values: dict[str, Any]) -> None:
    """Autumn would read a blank customer or an empty list of features as no filter."""
    with pytest.raises(ValueError, match="scope needs"):
        Scope(**values)


def test_scopes_with_the_same_limits_share_a_cache_key() -> None:
    """Other scopes have other keys."""
    one = Scope(customer_id="c", properties=frozenset({"a", "b"}))
    assert one.key == Scope(customer_id="c", properties=frozenset({"b", "a"}), exports=True).key
    others = [
        Scope(customer_id="c"),
        Scope(customer_id="c", properties=frozenset({"a"})),
        Scope(customer_id="c", properties=frozenset({"a", "b"}), end=5),
        Scope(customer_id="c", properties=frozenset({"a", "b"}), features=frozenset({"f"})),
        Scope(customer_id="c", properties=frozenset({"a", "b"}), plans=True),
        Scope(customer_id="c", properties=frozenset({"a", "b"}), customer_name=True),
        Scope(customer_id="c", properties=frozenset({"a", "b"}), balances=True),
    ]
    assert len({one.key, *(other.key for other in others)}) == 8


PROPERTIES = {"model": "m", "meta": {"tier": "gold", "salary": SECRET}, "secret": SECRET, SECRET: 1}


def test_hidden_properties_are_in_no_response_and_no_cache() -> None:
    """They are in no row, facet or export of a link, and in no byte of the cache."""
    with autumn() as service:
        service.add(*({"timestamp": NOW - HOUR - number, "properties": PROPERTIES} for number in range(30)))
        link = service.usage.within(LINK)
        page = link.page(Query())
        assert page.events[0].properties == {"model": "m", "meta": {"tier": "gold"}}
        seen = [
            page,
            link.facets(Query()),
            link.series(Query(group_by="properties.model")),
            link.count(Query()),
        ]
        seen += [link.event(Query(), Position(NOW - HOUR, page.events[0].id)), list(link.iterate(Query()))]
        assert link.count(Query()) == 30
        assert SECRET not in repr(seen)
        assert len(service.cached()) > 3000
        assert SECRET.encode() not in service.cached()


@pytest.mark.parametrize(
    "requested",
    [
        {"customer_id": "cus_2"},
        {"entity_id": "e"},
        {"group_by": "$customer_id"},
        {"group_by": "$entity_id"},
        {"group_by": "$plan_id"},
        {"group_by": "properties.secret"},
        {"group_by": "properties.meta"},
        {"group_by": "properties.model.size"},
        {"filter": (PropertyFilter("secret", SECRET),)},
        {"exclude": (PropertyFilter("meta.salary", SECRET),)},
        {"columns": ("secret",)},
    ],
)
def test_queries_about_hidden_data_are_refused_without_a_call(requested: dict[str, Any]) -> None:
    """A response would confirm or deny a guess about hidden data."""
    with autumn() as service:
        service.track(NOW - HOUR, properties=PROPERTIES)
        link = service.usage.within(LINK)
        for method in (link.page, link.series, link.facets, link.iterate):
            with pytest.raises(BadQuery):
                method(Query(**requested))
        assert service.calls() == 0


def test_filter_below_a_listed_property_is_applied_to_rows_only() -> None:
    """Autumn is not asked: to it, a key with a dot that the link hides is the same path."""
    with autumn() as service:
        service.track(NOW - HOUR, properties={"model": {"size": "large"}})
        service.track(NOW - HOUR, properties={"model": "small"})
        link = service.usage.within(LINK)
        query = Query(filter=(PropertyFilter("model.size", "large"),))
        assert [event.properties for event in link.page(query).events] == [{"model": {"size": "large"}}]
        series = link.series(query)
        assert "filters-not-applied" in [note.code for note in series.notes]
        assert series.count == 2
        assert not [body for _, body in service.sent if body.get("filter_by", {}).keys() - {"a"}]


def test_group_of_a_link_is_no_object() -> None:
    """Its text would have keys that the link hides; its part is not reported, and it is in no cache."""
    with autumn() as service:
        service.track(NOW - HOUR, 5, properties={"model": {SECRET: 1}})
        service.track(NOW - HOUR, 2, properties={"model": "small"})
        query = Query(group_by="properties.model", focus="messages")
        link = service.usage.within(Scope(customer_id="cus_1", properties=frozenset({"model"})))
        lines = [(line.kind, line.name, line.total) for line in link.series(query).lines]
        assert lines == [("group", "small", 2), ("none", "", 5)]
        assert b'"{' not in service.cached()


def test_link_to_all_features_names_those_of_its_customer_only() -> None:
    """Also in a window without events, where the organization's other features have zeros, too."""
    with autumn() as service:
        for name in ("messages", "of_another"):
            service.store.put_feature({"id": name, "name": name, "type": "metered", "event_names": []})
        service.track(NOW - HOUR)
        service.track(NOW - HOUR, customer_id="cus_2", feature_id="of_another")
        link = service.usage.within(Scope(customer_id="cus_1"))
        for query in (Query(), Query(start=NOW - 9 * DAY, end=NOW - 8 * DAY)):
            assert [total.feature_id for total in link.series(query).features] == ["messages"]


def test_rows_of_hidden_features_are_not_counted() -> None:
    """Where the name of a listed one has a comma, Autumn is asked for all features."""
    with autumn() as service:
        service.track(NOW - HOUR, feature_id="a,b")
        service.add(*[{"timestamp": NOW - HOUR, "feature_id": "hidden"}] * 5)
        link = service.usage.within(Scope(customer_id="cus_1", features=frozenset({"a,b"})))
        page = link.page(Query())
        assert (len(page.events), page.scanned, page.fresh.foreign_rows) == (1, 1, 0)


def test_object_among_folded_groups_is_refused() -> None:
    """Without it, the number of groups would not tell any more which figures are known."""
    bins = [AutumnBin(0, {"f": 3}, {"f": {"a": 1, RESERVED: 1, '{"b":1}': 1}})]
    with pytest.raises(Unsupported):
        without_objects(Aggregate(bins))


class AllCustomers:
    """A server that answers every list with rows of several customers, and ignores every filter."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        raw = b'{"limit": 1000}'
        environ["wsgi.input"].read()
        environ["wsgi.input"] = type("Input", (), {"read": lambda *_: raw})()
        environ["CONTENT_LENGTH"] = str(len(raw))
        return self.app(environ, start_response)


def test_rows_of_other_customers_are_discarded() -> None:
    """They are counted and logged, and are in no byte of the link's cache."""
    with autumn(wrap=AllCustomers) as service:
        service.track(NOW - HOUR, feature_id="messages")
        service.track(NOW - HOUR, feature_id="hidden_feature")
        service.track(NOW - HOUR, customer_id="somebody_else")
        link = service.usage.within(Scope(customer_id="cus_1", features=frozenset({"messages"})))
        with capture_logs() as logs:
            page = link.page(Query())
        assert [(event.customer_id, event.feature_id) for event in page.events] == [("cus_1", "messages")]
        assert (page.fresh.foreign_rows, page.fresh.bad_rows, page.scanned) == (2, 0, 3)
        reported = [entry for entry in logs if entry.get("security")]
        assert [(entry["event"], entry["rows"], entry["log_level"]) for entry in reported] == [
            ("foreign_rows", 2, "error")
        ]
        assert b"somebody_else" not in service.cached()
        assert b"hidden_feature" not in service.cached()
        assert "cus_1" not in repr(reported)
        assert service.usage.customers() == [("cus_1", NOW - HOUR)]


BOUNDED = Scope(customer_id="cus_1", start=ms("2025-11-10T08:20"), end=ms("2025-11-12T10:40"))


def test_bounded_link_lists_events_to_the_millisecond() -> None:
    """Rows in the seconds at its edges do not count as rows of another customer."""
    with autumn() as service:
        start, end = BOUNDED.start or 0, BOUNDED.end or 0
        for at in (start - 1, start, end - 1, end, end + 999):
            service.track(at)
        link = service.usage.within(BOUNDED)
        with capture_logs() as logs:
            page = link.page(Query(range="30d"))
        assert [event.timestamp for event in page.events] == [end - 1, start]
        assert (page.fresh.foreign_rows, page.fresh.bad_rows) == (0, 0)
        assert not [entry for entry in logs if entry.get("security")]
        assert [event.timestamp for event in link.iterate(Query(range="90d"))] == [end - 1, start]
        assert link.event(Query(), Position(end, "any")) is None
        with pytest.raises(BadQuery, match=r"^(start|end|range): "):
            link.page(Query(start=end, end=end + DAY))


@pytest.mark.parametrize(
    "chosen", [{"range": "7d"}, {"range": "1bc"}, {"start": ms("2025-11-01"), "end": NOW}]
)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_bounded_link_has_no_figures_from_outside_its_bounds(chosen: dict[str, Any], zone: str) -> None:
    """The chart has no partial hours at the edges, no cycle, and no previous period."""
    with autumn() as service:
        service.store.add_customer("cus_1", subscribed_at_ms=ms("2025-10-01"))
        for at in range(ms("2025-11-01"), NOW, HOUR):
            service.track(
                at + 60_000, 1 if at in Window(ms("2025-11-10T09:00"), ms("2025-11-12T10:00")) else 7_654_321
            )
        link = service.usage.within(BOUNDED)
        series = link.series(Query(tz=zone, compare="previous", feature_id=("messages",), **chosen))
        assert (series.reconciliation.bars, series.reconciliation.total, series.previous) == (49, 49, None)
        assert series.bins.window_ends == (ms("2025-11-10T09:00"), ms("2025-11-12T10:00"))
        assert "no-comparison" in [note.code for note in series.notes]
        assert b"7654321" not in service.cached()


@pytest.mark.parametrize("age", ["older", "current", "newest"])
def test_bounded_link_counts_events_that_others_follow_at_once(age: str) -> None:
    """What lies in the very second of its end is in no sum and no count."""
    start, end = ms("2025-11-10"), ms("2025-11-12")
    with autumn(age=age) as service:
        service.track(end - 60_000, 1)
        service.track(end, 64)
        link = service.usage.within(Scope(customer_id="cus_1", start=start, end=end))
        series = link.series(Query(feature_id=("messages",), start=start, end=end, bin_size="day"))
        assert (series.reconciliation.bars, series.reconciliation.difference, series.count) == (1, 0, 1)


def test_bounded_link_names_all_features_of_its_period() -> None:
    """It names features that the newest rows lack, and none from outside its bounds."""
    start, end = BOUNDED.start or 0, BOUNDED.end or 0
    with autumn() as service:
        service.track(start + 2 * HOUR, 7, feature_id="rare")
        service.add(*({"timestamp": end - HOUR + number} for number in range(1000)))
        service.track(end + HOUR, feature_id="later")
        service.know("rare", "messages", "later")
        link = service.usage.within(BOUNDED)
        assert link.features(None) == []
        for _ in range(2):
            series = link.series(Query(range="30d"))
            assert [(total.feature_id, total.count) for total in series.features] == [
                ("messages", 1000),
                ("rare", 1),
            ]
            assert (series.focus, series.reconciliation.bars, series.reconciliation.total) == (
                "messages",
                1000,
                1000,
            )
        assert sorted(link.features(None)) == ["messages", "rare"]


@pytest.mark.parametrize("age", ["older", "current", "newest"])
def test_bounded_link_finds_features_that_nobody_has_viewed(age: str) -> None:
    """Though a thousand rows after its end are newer."""
    start, end = BOUNDED.start or 0, BOUNDED.end or 0
    with autumn(age=age) as service:
        service.track(start + 2 * HOUR, 7, feature_id="retired")
        service.add(*({"timestamp": end + HOUR + number, "feature_id": "later"} for number in range(1000)))
        link = service.usage.within(BOUNDED)
        for _ in range(2):
            series = link.series(Query(range="30d"))
            assert [(total.feature_id, total.sum) for total in series.features] == [("retired", 7)]
        assert link.features(None) == ["retired"]


def test_link_without_an_end_reads_features_once_an_hour() -> None:
    """From then on the chart's cached figures need no call."""
    with autumn() as service:
        service.track(NOW - HOUR)
        link = service.usage.within(Scope(customer_id="cus_1", start=NOW - DAY))
        link.series(Query(range="30d"))
        service.calls()
        with later(3_000):
            assert [total.count for total in link.series(Query(range="30d")).features] == [1]
        assert service.calls() == 0


def test_link_lists_and_ranks_no_customers() -> None:
    with autumn() as service:
        service.know("messages")
        service.know("other", customer_id="cus_2")
        link = service.usage.within(Scope(customer_id="cus_1", features=frozenset({"messages"})))
        for method in (link.customers, lambda: link.busiest(Query(), "messages")):
            with pytest.raises(BadQuery):
                method()
        assert link.features("cus_2") == link.features(None) == ["messages"]
        assert service.calls() == 0


def test_call_of_a_scope_without_its_customer_is_not_sent() -> None:
    """It is logged as a security event."""
    with autumn() as service:
        calls = service.calls_within(LINK)
        for body in ({}, {"customer_id": "cus_2"}):
            with capture_logs() as logs, pytest.raises(ValueError, match="name its customer"):
                calls.rows(body, 1000, closed=False, options=CallOptions(Deadline.after(5)))
            assert [entry["event"] for entry in logs] == ["scope_escape"]
        assert service.calls() == 0


def test_link_to_a_deleted_customer_raises_unknown_customer() -> None:
    with autumn() as service:
        link = service.usage.within(Scope(customer_id="gone"))
        with pytest.raises(UnknownCustomer):
            link.page(Query())

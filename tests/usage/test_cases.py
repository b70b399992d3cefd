"""Inputs that once led to wrong figures, on servers of each age, with the right values."""

from __future__ import annotations

from typing import Any

import pytest

from tests.usage.sample_service import DAY, HOUR, NOW, Autumn, autumn, later, ms
from usage.charts.series import Series
from usage.query import PropertyFilter, Query
from usage.scope import Scope

AGES = ("older", "current", "newest")
by_age = pytest.mark.parametrize("age", AGES)
MIDNIGHT = NOW - NOW % DAY
MINE = Query(customer_id="cus_1")


def codes(series: Series) -> set[str]:
    return {note.code for note in series.notes}


def sums(series: Series) -> dict[str, float]:
    return {total.feature_id: total.sum for total in series.features}


def assert_each_is_confirmed(series: Series) -> None:
    assert {total.reconciliation.difference for total in series.features} == {0}


def many(service: Autumn, count: int, **event: Any) -> None:
    service.add(*[event] * count)


# Sets that are compared with themselves


def with_rare_feature(service: Autumn) -> None:
    many(service, 1001, timestamp=NOW - 2 * DAY, feature_id="api_calls")
    many(service, 2, timestamp=NOW - 10 * DAY, feature_id="seats_yearly", value=500)
    for feature in ("api_calls", "seats_yearly"):
        service.store.put_feature({"id": feature, "name": feature, "type": "metered", "event_names": []})


@by_age
@pytest.mark.parametrize("viewed", [False, True], ids=["nothing viewed before", "older rows viewed before"])
def test_feature_that_the_newest_rows_lack(age: str, viewed: bool) -> None:
    """It is there where the server lists features; else the chart says that some may be missing."""
    with autumn(age=age) as service:
        with_rare_feature(service)
        if viewed and age != "older":
            service.usage.page(MINE.having(range=None, start=NOW - 11 * DAY, end=NOW - 9 * DAY))
        series = service.usage.series(MINE)
        assert_each_is_confirmed(series)
        if age == "older":
            assert "features-not-listed" in codes(series)
            assert sums(series) == {"api_calls": 1001}
            assert service.usage.count(MINE) is None
        else:
            assert "features-not-listed" not in codes(series)
            assert sums(series) == {"api_calls": 1001, "seats_yearly": 1000}
            assert series.count == service.usage.count(MINE) == 1003


@by_age
def test_past_window_without_events_has_the_features_of_other_times(age: str) -> None:
    """Their figures are zeros, not nothing."""
    with autumn(age=age) as service:
        service.track(NOW - HOUR)
        query = MINE.having(range=None, start=NOW - 20 * DAY, end=NOW - 19 * DAY)
        assert sums(service.usage.series(query)) == {"messages": 0}


@by_age
def test_features_beyond_a_dozen(age: str) -> None:
    with autumn(age=age) as service:
        names = [f"f{number:02}" for number in range(20)]
        for number, name in enumerate(names):
            many(service, 5, timestamp=NOW - DAY, feature_id=name, value=10 if number < 12 else 9)
        series = service.usage.series(MINE.having(range="7d"))
        assert sums(series) == {name: 50 if number < 12 else 45 for number, name in enumerate(names)}
        assert series.count == 100
        assert "features-not-drawn" in codes(series)
        assert_each_is_confirmed(series)


@by_age
def test_first_feature_has_most_events_inside_the_window(age: str) -> None:
    """Whatever Autumn counts at its end."""
    end = MIDNIGHT - 3 * DAY
    with autumn(age=age) as service:
        many(service, 2, timestamp=end - HOUR, feature_id="tokens")
        many(service, 1, timestamp=end - HOUR, feature_id="messages")
        many(service, 5, timestamp=end, feature_id="messages")
        query = MINE.having(range=None, start=end - DAY, end=end, group_by="properties.model")
        assert service.usage.series(query).focus == "tokens"


@by_age
def test_seventy_features(age: str) -> None:
    """Those with most events come first, wherever they are in the alphabet."""
    with autumn(age=age) as service:
        for number in range(70):
            many(service, 4 if number >= 50 else 2, timestamp=NOW - DAY, feature_id=f"f{number:02}")
        series = service.usage.series(MINE.having(range="7d"))
        assert (len(series.features), series.count) == (70, 180)
        assert {total.feature_id for total in series.features[:20]} == {f"f{n:02}" for n in range(50, 70)}
        assert_each_is_confirmed(series)


@by_age
@pytest.mark.parametrize("closed", [False, True], ids=["running window", "closed window with late rows"])
def test_figures_that_are_subtracted_are_of_one_moment(age: str, closed: bool) -> None:
    with autumn(age=age) as service:
        at = NOW - 5 * DAY if closed else NOW - HOUR
        query = MINE.having(feature_id=("messages",))
        if closed:
            query = query.having(range=None, start=MIDNIGHT - 10 * DAY, end=MIDNIGHT - 2 * DAY)
        many(service, 30, timestamp=at, value=1000, properties={"job": "a"})
        assert service.usage.series(query).lines[0].total == 30_000
        many(service, 20, timestamp=at, value=1000, properties={"job": "late"})
        with later(1000):
            series = service.usage.series(query.having(group_by="properties.job"))
        assert {(line.kind, line.name, line.total) for line in series.lines} == {
            ("group", "a", 30_000),
            ("group", "late", 20_000),
        }
        assert (series.reconciliation.bars, series.reconciliation.difference) == (50_000, 0)


@by_age
@pytest.mark.parametrize("value", ['["x","y"]', '{"b":1}', "null"])
def test_filter_that_autumn_cannot_match_is_not_said_to_be_applied(age: str, value: str) -> None:
    """Its figures would be of no event, though rows match."""
    with autumn(age=age) as service:
        many(service, 6, timestamp=NOW - DAY, properties={"list": ["x", "y"]})
        query = MINE.having(range="7d", filter=(PropertyFilter("list", value),))
        page = service.usage.usage_page(query)
        assert page.series is not None
        assert len(page.page.events) == (6 if value.startswith("[") else 0)
        assert "filters-not-applied" in codes(page.series)


@by_age
def test_feature_whose_events_sum_to_nothing_is_there(age: str) -> None:
    """Also where there is no call left for its exact count."""
    with autumn(age=age) as service:
        for feature, value in (("messages", 1), ("free", 0)):
            service.track(NOW - 12 * DAY, value, feature_id=feature, properties={"model": "a"})
        query = MINE.having(range="last_month", group_by="properties.model", compare="previous")
        assert sums(service.usage.series(query)) == {"messages": 1, "free": 0}


# Bounds of windows


@by_age
@pytest.mark.parametrize(
    "query",
    [
        MINE.having(range="yesterday", tz="Asia/Kolkata"),
        MINE.having(range=None, start=MIDNIGHT - DAY + HOUR // 2, end=MIDNIGHT - HOUR),
        MINE.having(range="yesterday", tz="UTC", exclude=(PropertyFilter("model", "b"),)),
    ],
    ids=["half an hour off", "inside an hour", "filter of rows"],
)
def test_rows_are_fewer_than_figures_that_are_of_more(age: str, query: Query) -> None:
    """The chart says of what, and not that the two disagree."""
    start = query.window(NOW)
    assert start is not None
    with autumn(age=age) as service:
        service.track(start.start // HOUR * HOUR + 60_000, properties={"model": "b"})
        service.track(start.start + 3 * HOUR, properties={"model": "a"})
        page = service.usage.usage_page(query)
        assert page.series is not None
        assert (page.series.count or 2) >= len(page.page.events) == 1
        assert "rows-disagree" not in codes(page.series)
        assert codes(page.series) & {"windows-widened", "approximate-zone", "filters-not-applied"}


@by_age
@pytest.mark.parametrize("before_ms", [1, 500, 999])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
@pytest.mark.parametrize("compare", [None, "previous"])
def test_last_second_of_a_window_counts(age: str, before_ms: int, zone: str, compare: Any) -> None:
    """So do bins that end within the window; what comes at or after its end does not."""
    end = MIDNIGHT - 3 * DAY
    query = MINE.having(
        feature_id=("messages",),
        range=None,
        start=end - 2 * DAY,
        end=end,
        tz=zone,
        bin_size="day",
        compare=compare,
    )
    with autumn(age=age) as service:
        for at in (end, end - DAY, end - 2 * DAY):
            service.track(at - before_ms, 1)
        for at in (end, end + 1, end + HOUR):
            service.track(at, 64)
        series = service.usage.series(query)
        assert (series.reconciliation.bars, series.reconciliation.difference) == (2, 0)
        assert series.count in (None, 2)
        assert compare is None or sum(series.previous or ()) == 1
        assert len(service.usage.page(query).events) == 2


@by_age
@pytest.mark.parametrize("size", ["week", "month"])
def test_window_that_ends_inside_a_week_or_month_has_nothing_of_its_rest(age: str, size: Any) -> None:
    end = MIDNIGHT - 3 * DAY
    query = MINE.having(
        feature_id=("messages",), range=None, start=end - 10 * DAY, end=end, tz="UTC", bin_size=size
    )
    with autumn(age=age) as service:
        service.track(end - 1, 1)
        for at in (end, end + HOUR, end + DAY):
            service.track(at, 64)
        series = service.usage.series(query)
        assert (series.lines[0].values[-1], series.reconciliation.difference) == (1, 0)


@by_age
def test_running_comparison_ends_with_the_last_full_hour(age: str) -> None:
    hour = NOW - NOW % HOUR
    with autumn(age=age) as service:
        service.track(hour - 1, 1)
        service.track(hour, 64)
        series = service.usage.series(MINE.having(feature_id=("messages",), range="7d", compare="previous"))
        assert (series.lines[0].total, series.reconciliation.difference) == (1, 0)
        assert series.count == 1


@by_age
def test_event_of_value_0_beyond_a_window_is_not_counted(age: str) -> None:
    """It changes Autumn's count and not its sum."""
    hour, end = NOW - NOW % HOUR, MIDNIGHT - 3 * DAY
    with autumn(age=age) as service:
        service.track(NOW - 5 * DAY, 3, properties={"g": "a"})
        service.track(hour + 1, 0, properties={"g": "a"})
        service.track(end, 0, properties={"g": "a"})
        one = MINE.having(feature_id=("messages",), compare="previous")
        assert service.usage.series(one.having(range="7d")).count == 2
        closed = one.having(range=None, start=end - 5 * DAY, end=end, bin_size="day")
        assert service.usage.series(closed).count == 1
        assert service.usage.series(closed.having(group_by="properties.g")).count in (None, 1)


@by_age
def test_window_that_ends_later_in_the_running_hour(age: str) -> None:
    """A chart is of the whole hour and says so; a list ends where it is asked to, and is not counted."""
    with autumn(age=age) as service:
        service.track(NOW - 1)
        service.track(NOW + 8 * 60_000)
        query = MINE.having(feature_id=("messages",), range=None, start=MIDNIGHT, end=NOW + 5 * 60_000)
        assert "windows-widened" in codes(service.usage.series(query))
        assert len(service.usage.page(query).events) == 1
        assert service.usage.count(query) is None


@by_age
@pytest.mark.slow
def test_many_rows_of_one_millisecond(age: str) -> None:
    """With different microseconds, each is exported and listed once."""
    with autumn(age=age) as service:
        service.add(
            *(
                {"timestamp": NOW - HOUR, "micros": number * 7919 % 1000, "id": f"evt_{number * 7 % 2500:04}"}
                for number in range(2500)
            )
        )
        exported = [event.id for event in service.usage.iterate(MINE)]
        assert len(exported) == len(set(exported)) == 2500
        query, listed = MINE.having(per_page=500), list[str]()
        while True:
            page = service.usage.page(query)
            listed += [event.id for event in page.events]
            if page.next is None:
                break
            query = query.having(until=page.until, before=page.next, page=query.page + 1)
        assert listed == exported


@by_age
def test_future_row_of_the_running_hour_counts_everywhere(age: str) -> None:
    """Six minutes ahead of now, it is in the bar, in the list and in a file, and a note says so."""
    with autumn(age=age) as service:
        service.track(NOW - HOUR, 1)
        service.track(NOW + 6 * 60_000, 2)
        service.track(NOW + 3 * HOUR, 64)
        page = service.usage.usage_page(MINE)
        assert page.series is not None
        assert page.series.lines[0].total == 3
        assert [event.value for event in page.page.events] == [2, 1]
        assert [event.value for event in service.usage.iterate(MINE)] == [2, 1]
        assert service.usage.count(MINE.having(feature_id=("messages",))) == 2
        assert "future-rows" in codes(page.series)
        assert "future-rows" in {note.code for note in page.page.notes}


@by_age
def test_window_that_ends_this_moment_is_not_counted_by_whole_hours(age: str) -> None:
    with autumn(age=age) as service:
        service.track(NOW - 1)
        service.track(NOW + 60_000)
        query = MINE.having(feature_id=("messages",), range=None, start=MIDNIGHT, end=NOW)
        assert len(service.usage.page(query, NOW).events) == 1
        assert service.usage.count(query, NOW) is None


@by_age
@pytest.mark.parametrize("chosen", ["24h", "today"])
def test_row_of_an_hour_that_begins_now_counts_everywhere(age: str, chosen: Any) -> None:
    hour = NOW - NOW % HOUR
    query = MINE.having(feature_id=("messages",), range=chosen, bin_size="hour")
    with autumn(hour, age=age) as service:
        service.track(hour - 1, 1)
        service.track(hour, 2)
        series = service.usage.series(query)
        assert (series.lines[0].total, series.reconciliation.difference) == (3, 0)
        assert (series.bins.starts[-1], series.running) == (hour, len(series.bins) - 1)
        assert [event.value for event in service.usage.page(query).events] == [2, 1]
        assert [event.value for event in service.usage.iterate(query)] == [2, 1]
        assert service.usage.count(query) == 2


# Names of events


@pytest.mark.parametrize("age", ["current", "newest"])
def test_events_under_a_name_of_a_feature_are_its_own(age: str) -> None:
    """In charts, lists, files, counts and links."""
    with autumn(age=age) as service:
        service.store.put_feature(
            {"id": "messages", "name": "Messages", "type": "metered", "event_names": ["message_sent"]}
        )
        many(service, 3, timestamp=NOW - DAY, feature_id="messages", properties={"model": "a"})
        many(service, 4, timestamp=NOW - DAY, feature_id="message_sent", properties={"model": "a"})
        one = MINE.having(feature_id=("messages",))
        link = service.usage.within(Scope(customer_id="cus_1", features=frozenset({"messages"})))
        for usage, query in ((service.usage, MINE), (service.usage, one), (link, Query())):
            series = usage.series(query)
            assert [(total.feature_id, total.sum, total.count) for total in series.features] == [
                ("messages", 7, 7)
            ]
            assert_each_is_confirmed(series)
            assert len(usage.page(query).events) == len(list(usage.iterate(query))) == usage.count(query) == 7
        grouped = service.usage.series(one.having(group_by="properties.model", compare="previous"))
        assert [(line.name, line.total) for line in grouped.lines] == [("a", 7)]
        focused = service.usage.series(MINE.having(feature_id=("api_calls",), focus="messages"))
        assert sums(focused) == {"api_calls": 0, "messages": 7}


def test_chosen_feature_whose_names_cannot_be_listed_says_what_it_may_lack() -> None:
    """Chart, list and link alike, on a server that cannot list features; nothing where one can."""
    one = MINE.having(feature_id=("messages",))
    for age, expected in (("older", {"features-not-listed"}), ("newest", set())):
        with autumn(age=age) as service:
            many(service, 3, timestamp=NOW - DAY, feature_id="messages")
            link = service.usage.within(Scope(customer_id="cus_1", features=frozenset({"messages"})))
            for usage, query in ((service.usage, one), (link, Query())):
                series = usage.series(query)
                assert sums(series) == {"messages": 3}
                assert codes(series) & {"features-not-listed"} == expected
                assert {note.code for note in usage.page(query).notes} == expected
                assert {note.code for note in usage.list_notes(query)} == expected
            assert service.usage.list_notes(MINE) == ()


# Groups


@by_age
def test_group_that_is_called_other(age: str) -> None:
    """It has its own line among forty small ones, and nothing is marked that was not folded."""
    with autumn(age=age) as service:
        for day in range(80):
            at = NOW - day * DAY - HOUR
            service.track(at, 50, properties={"team": "Other"})
            service.track(at, 5, properties={"team": "AUTUMN_RESERVED"})
            service.track(at, 9, properties={"team": f"team {day % 40}"})
        query = MINE.having(
            feature_id=("messages",), range="90d", tz="Europe/Berlin", group_by="properties.team"
        )
        lines = service.usage.series(query).lines
        assert {line.name: line.total for line in lines if line.kind == "group"}["Other"] == 80 * 50
        assert sum(line.total for line in lines) == 80 * 64
        assert all(line.bound == "exact" for line in lines)


@by_age
def test_flat_group_has_not_changed(age: str) -> None:
    """A chosen group is compared with itself, not with the whole feature."""
    with autumn(age=age) as service:
        for day in range(60):
            service.track(NOW - day * DAY - 7 * HOUR, 10, properties={"g": "a"})
            service.track(NOW - day * DAY - 7 * HOUR, 10 if day < 30 else 70, properties={"g": "b"})
        query = MINE.having(
            feature_id=("messages",), compare="previous", group_by="properties.g", group=("a",)
        )
        series = service.usage.series(query)
        assert (series.lines[0].total, series.lines[0].previous_total) == (300, 300)
        assert sum(series.previous or ()) == 300


@by_age
def test_previous_period_of_groups_ends_at_the_same_hour(age: str) -> None:
    with autumn(age=age) as service:
        for at, value in (("11-05T13:59", 1), ("11-05T14:00", 64), ("11-05T23:59", 64), ("11-06T00:00", 4)):
            service.track(f"2025-{at}", value, properties={"g": "a"})
        query = MINE.having(feature_id=("messages",), range="7d", compare="previous", group_by="properties.g")
        series = service.usage.series(query)
        assert [(line.name, line.total, line.previous_total) for line in series.lines] == [("a", 4, 1)]
        assert sum(series.previous or ()) == 1


@by_age
def test_folded_groups_are_marked_in_both_periods(age: str) -> None:
    """A group whose previous period is partly folded has no change."""
    with autumn(age=age) as service:
        for number in range(300):
            for period in (3, 40):
                at = NOW - period * DAY
                service.track(at, 1000 - number, properties={"user": f"u{number:03}"})
        query = MINE.having(
            feature_id=("messages",), group_by="properties.user", compare="previous", bin_size="day"
        )
        series = service.usage.series(query.having(group=("u000", "u299")))
        first, last = sorted(series.lines, key=lambda line: line.name)
        assert (first.bound, first.is_comparable) == ("exact", True)
        assert (last.bound, last.is_comparable) == ("unknown", False)
        assert {last.bound_at(at) for at in range(len(series.bins))} == {"exact", "unknown"}
        whole = service.usage.series(query)
        assert sum(line.total for line in whole.lines) == sum(1000 - number for number in range(300))


@by_age
def test_dotted_key_is_one_path(age: str) -> None:
    """Rows with the key "a.b" and rows with a nested one are grouped and filtered alike."""
    with autumn(age=age) as service:
        many(service, 2, timestamp=NOW - DAY, properties={"a.b": "x"})
        many(service, 3, timestamp=NOW - DAY, properties={"a": {"b": "x"}})
        query = MINE.having(feature_id=("messages",))
        grouped = service.usage.series(query.having(group_by="properties.a.b"))
        assert sum(line.total for line in grouped.lines) == 5
        filtered = query.having(filter=(PropertyFilter("a.b", "x"),))
        assert len(list(service.usage.iterate(filtered))) == 5


# Values


@by_age
@pytest.mark.parametrize(
    "value", [0.1 + 0.2, 1 / 3, 123456789.12345679, 9007199254740993, 1.2345678901234567e19, -0.1, 1e200]
)
def test_value_is_found_by_itself(age: str, value: float) -> None:
    """As the bounds of a filter, and as a property."""
    with autumn(age=age) as service:
        service.track(NOW - HOUR, value, properties={"size": value})
        (event,) = service.usage.page(MINE).events
        same = MINE.having(value_min=event.value, value_max=event.value)
        assert len(service.usage.page(same).events) == 1
        by_text = MINE.having(filter=(PropertyFilter("size", str(value)),))
        assert len(service.usage.page(by_text).events) == 1


@by_age
def test_chosen_values_are_always_counted(age: str) -> None:
    with autumn(age=age) as service:
        for number in range(14):
            many(service, 107 - 7 * number, timestamp=NOW - DAY, properties={"g": f"n{number}"})
        query = MINE.having(filter=(PropertyFilter("g", "n9"), PropertyFilter("g", "n13")))
        counts = dict(service.usage.facets(query).properties[0].values)
        assert (counts["n9"], counts["n13"]) == (44, 16)


@by_age
def test_chosen_number_is_counted_though_a_list_rounds_it(age: str) -> None:
    with autumn(age=age) as service:
        service.track(NOW - DAY, properties={"id": 1285167591043784277})
        query = MINE.having(filter=(PropertyFilter("id", "1285167591043784277"),))
        assert dict(service.usage.facets(query).properties[0].values)["1285167591043784277"] == 1
        assert len(service.usage.page(query).events) == 1


def test_month_is_compared_with_the_month_before() -> None:
    """October with September, whose last day has no counterpart."""
    now = ms("2025-11-12T14:25")
    with autumn(now) as service:
        service.track("2025-10-31T23:59", 5)
        service.track("2025-09-30T23:59", 3)
        service.track("2025-08-31T12:00", 64)
        query = MINE.having(
            feature_id=("messages",),
            range=None,
            start=ms("2025-10-01"),
            end=ms("2025-11-01"),
            compare="previous",
        )
        series = service.usage.series(query)
        assert (series.lines[0].total, sum(series.previous or ())) == (5, 3)
        assert series.previous_bins is not None
        assert series.previous_bins.window_ends == (ms("2025-09-01"), ms("2025-10-01"))

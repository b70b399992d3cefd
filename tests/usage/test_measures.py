"""Charts of events and of what was deducted, on servers of each age, against the rows that were tracked."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.usage.sample_service import DAY, HOUR, NOW, Autumn, autumn, later
from tests.usage.test_cases import AGES, codes, many, sums
from usage.charts.series import Series
from usage.errors import Malformed, Unsupported
from usage.query import BadQuery, PropertyFilter, Query
from usage.scope import Scope

MIDNIGHT = NOW - NOW % DAY
COUNT = Query(customer_id="cus_1", range="7d", measure="count")
DEDUCTED = Query(customer_id="cus_1", range="7d", measure="deducted")
CLOSED = {"range": None, "start": MIDNIGHT - 3 * DAY, "end": MIDNIGHT - DAY}
counting = pytest.mark.parametrize("age", AGES[2:])
not_counting = pytest.mark.parametrize("age", AGES[:2])
deducting = pytest.mark.parametrize("age", AGES[1:])


def lines(series: Series) -> dict[tuple[str, str], float]:
    return {(line.kind, line.name): line.total for line in series.lines}


def with_events(service: Autumn) -> None:
    many(service, 3, timestamp=NOW - 2 * DAY, value=10, properties={"model": "large"})
    many(service, 2, timestamp=NOW - 2 * DAY, value=-4, properties={"model": "small"})
    many(service, 4, timestamp=NOW - DAY, value=0)
    many(service, 5, timestamp=NOW - 9 * DAY, value=2.5, properties={"model": "small"})
    many(service, 2, timestamp=NOW - DAY, value=100, feature_id="tokens")


@counting
def test_events_of_each_interval_are_counted(age: str) -> None:
    """Whatever their values are; Autumn's own count confirms them."""
    with autumn(age=age) as service:
        with_events(service)
        series = service.usage.series(COUNT)
        assert sums(series) == {"messages": 9, "tokens": 2}
        assert [total.reconciliation.difference for total in series.features] == [0, 0]
        assert series.totals == (0, 0, 0, 0, 5, 4, 0)
        assert (series.count, series.reconciliation.count) == (11, 9)


@counting
def test_events_are_counted_by_group_and_compared(age: str) -> None:
    with autumn(age=age) as service:
        with_events(service)
        series = service.usage.series(COUNT.having(group_by="properties.model", compare="previous"))
        assert lines(series) == {("group", "large"): 3, ("group", "small"): 2, ("none", ""): 4}
        assert series.previous is not None
        assert sum(series.previous) == 5
        assert series.reconciliation.difference == 0


@counting
@pytest.mark.parametrize("tz", ["UTC", "Asia/Kolkata"])
def test_events_at_the_end_of_a_closed_window_are_left_out(age: str, tz: str) -> None:
    with autumn(age=age) as service:
        many(service, 3, timestamp=MIDNIGHT - 2 * DAY, value=7)
        many(service, 2, timestamp=MIDNIGHT - DAY, value=7)
        many(service, 1, timestamp=MIDNIGHT - DAY - 1, value=7)
        series = service.usage.series(COUNT.having(**CLOSED, tz=tz))
        assert (sums(series), series.count) == ({"messages": 4}, 4)
        assert series.reconciliation.difference == 0


@not_counting
def test_servers_that_cannot_count_say_so_and_list_the_events(age: str) -> None:
    with autumn(age=age) as service:
        with_events(service)
        assert not service.usage.missing_measures()
        page = service.usage.usage_page(COUNT)
        assert (page.series, page.is_partial) == (None, False)
        assert page.sentence == service.usage.missing_measures()["count"]
        assert len(page.page.events) == 11
        assert not any("measure" in body for _, body in service.sent if body.get("bin_size") != "x")
        with pytest.raises(Unsupported):
            service.usage.series(COUNT)


@counting
def test_events_within_the_bounds_of_a_link_are_counted(age: str) -> None:
    """Those after its end are subtracted from Autumn's count."""
    with autumn(age=age) as service:
        many(service, 3, timestamp=MIDNIGHT - 2 * DAY, value=7)
        many(service, 2, timestamp=MIDNIGHT - DAY + HOUR, value=7)
        bounds = Scope(customer_id="cus_1", start=MIDNIGHT - 3 * DAY, end=MIDNIGHT - DAY + HOUR)
        series = service.usage.within(bounds).series(COUNT)
        assert sums(series) == {"messages": 3}
        assert series.reconciliation.difference == 0


@counting
def test_new_events_are_counted_when_a_page_is_refreshed(age: str) -> None:
    with autumn(age=age) as service:
        many(service, 2, timestamp=NOW - HOUR)
        assert service.usage.series(COUNT).count == 2
        many(service, 1, timestamp=NOW - HOUR)
        with later(1000):
            assert service.usage.series(COUNT, refresh=True).count == 3


def taken(balance: str, value: float, feature: str = "credits", plan: str | None = "pro") -> dict[str, Any]:
    return {"balance_id": balance, "feature_id": feature, "plan_id": plan, "value": value, "reset": None}


def with_deductions(service: Autumn) -> None:
    """Of 5 days ago 8 credits and 3 messages, of yesterday 1.5 credits, of 9 days ago 2."""
    day, large = NOW - 5 * DAY, {"model": "large"}
    service.track(day, 5, properties=large, deductions=[taken("b_1", 5), taken("b_2", 2, plan="extra")])
    service.track(day, 1, properties={"model": "small"}, deductions=[taken("b_1", 1)])
    service.track(day, 3, feature_id="tokens", deductions=[taken("b_3", 3, "messages", None)])
    service.track(
        NOW - DAY, 3, properties=large, deductions=[taken("b_2", 1.5, plan="extra")], entity_id="seat"
    )
    service.track(NOW - DAY, 4)
    service.track(NOW - 9 * DAY, 2, properties=large, deductions=[taken("b_1", 2)])
    service.add({"customer_id": "cus_2", "timestamp": day, "deductions": [taken("b_9", 70)]})


@deducting
def test_balances_that_were_drawn_on(age: str) -> None:
    """Of the feature with most deductions, each with its plan; no total of Autumn confirms them."""
    with autumn(age=age) as service:
        with_deductions(service)
        series = service.usage.series(DEDUCTED)
        assert sums(series) == {"credits": 9.5, "messages": 3}
        assert series.focus == "credits"
        assert lines(series) == {("group", "b_1"): 6, ("group", "b_2"): 3.5}
        assert series.totals == (0, 8, 0, 0, 0, 1.5, 0)
        assert series.plans == {"b_1": "pro", "b_2": "extra", "b_3": None}
        assert (series.reconciliation.bars, series.reconciliation.difference, series.count) == (
            9.5,
            None,
            None,
        )
        assert {total.count for total in series.features} == {None}
        assert "no-total" in codes(series)
        assert "balances-differ" not in codes(series)


@deducting
def test_feature_of_a_balance_can_be_chosen(age: str) -> None:
    with autumn(age=age) as service:
        with_deductions(service)
        series = service.usage.series(DEDUCTED.having(focus="messages"))
        assert (series.focus, lines(series)) == ("messages", {("group", "b_3"): 3})


@deducting
def test_deductions_of_chosen_features_stay_when_a_balance_is_drawn(age: str) -> None:
    """They are of events of these features, or from their balances: the drawn feature is no choice."""
    with autumn(age=age) as service:
        with_deductions(service)
        service.track(NOW - DAY, feature_id="tokens", deductions=[taken("b_1", 0.5)])
        for focus in (None, "messages", "credits"):
            series = service.usage.series(DEDUCTED.having(feature_id=("tokens",), focus=focus))
            assert sums(series) == {"messages": 3, "credits": 0.5}


@deducting
def test_deductions_are_compared(age: str) -> None:
    with autumn(age=age) as service:
        with_deductions(service)
        series = service.usage.series(DEDUCTED.having(compare="previous"))
        assert {(line.name, line.total, line.previous_total) for line in series.lines} == {
            ("b_1", 6, 2),
            ("b_2", 3.5, 0),
        }
        grouped = service.usage.series(DEDUCTED.having(compare="previous", group_by="properties.model"))
        assert {(line.name, line.total, line.previous_total) for line in grouped.lines} == {
            ("large", 8.5, 2),
            ("small", 1, 0),
        }


@deducting
def test_deductions_by_group_of_their_events(age: str) -> None:
    """Over all balances of the feature; the rest is of events without a group."""
    with autumn(age=age) as service:
        with_deductions(service)
        by_model = service.usage.series(DEDUCTED.having(group_by="properties.model"))
        assert lines(by_model) == {("group", "large"): 8.5, ("group", "small"): 1}
        by_entity = service.usage.series(DEDUCTED.having(group_by="$entity_id"))
        assert lines(by_entity) == {("group", "seat"): 1.5, ("none", ""): 8}


@deducting
@pytest.mark.parametrize("groups", [250, 251], ids=["most", "one more"])
def test_groups_that_autumn_folded_are_in_other(age: str, groups: int) -> None:
    """A group may be folded for one balance and named for another, and is then not exact."""
    with autumn(age=age) as service:
        service.track(NOW - DAY, properties={"job": "j000"}, deductions=[taken("b_2", 500)])
        for number in range(groups):
            job = {"job": f"j{number:03}"}
            service.track(NOW - DAY, properties=job, deductions=[taken("b_1", number + 1)])
        series = service.usage.series(DEDUCTED.having(group_by="properties.job"))
        largest = series.lines[0]
        whole = 500 + groups * (groups + 1) / 2
        assert series.reconciliation.bars == whole
        assert (largest.name, largest.bound) == ("j000", "exact" if groups == 250 else "unknown")
        assert largest.total == (501 if groups == 250 else 500)
        assert series.lines[-1].kind == "other"


@deducting
@pytest.mark.parametrize("tz", ["UTC", "Asia/Kolkata"])
def test_deductions_at_the_end_of_a_closed_window_are_left_out(age: str, tz: str) -> None:
    with autumn(age=age) as service:
        for at, value in ((MIDNIGHT - 2 * DAY, 3), (MIDNIGHT - DAY, 50), (MIDNIGHT - DAY - HOUR, 1)):
            service.track(at, deductions=[taken("b_1", value)], properties={"model": "large"})
        service.track(MIDNIGHT - DAY, deductions=[taken("b_9", 1, "of_later")])
        for more in ({}, {"group_by": "properties.model"}):
            assert sums(service.usage.series(DEDUCTED.having(**CLOSED, tz=tz, **more))) == {"credits": 4}


@deducting
def test_nothing_deducted_is_not_confirmed(age: str) -> None:
    with autumn(age=age) as service:
        service.track(NOW - DAY, 4)
        series = service.usage.series(DEDUCTED)
        assert (series.features, series.lines, series.focus, series.count) == ((), (), None, None)
        assert series.reconciliation.difference is None


def test_older_servers_say_that_they_cannot_tell_deductions() -> None:
    with autumn(age="older") as service:
        with_deductions(service)
        page = service.usage.usage_page(DEDUCTED)
        assert (page.series, page.sentence) == (None, service.usage.missing_measures()["deducted"])
        assert len(page.page.events) == 5
        assert not any("aggregate_on" in body for _, body in service.sent if body.get("bin_size") != "x")


@deducting
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"customer_id": None}, "measure"),
        ({"filter": (PropertyFilter("model", "large"),)}, "measure"),
        ({"value_min": 1}, "measure"),
        ({"group_by": "$plan_id"}, "group_by"),
        ({"group_by": "$customer_id"}, "group_by"),
    ],
)
def test_what_autumn_would_refuse_is_refused_beside_its_field(
    age: str, changes: dict[str, Any], field: str
) -> None:
    with autumn(age=age) as service:
        with_deductions(service)
        with pytest.raises(BadQuery) as refusal:
            service.usage.series(DEDUCTED.having(**changes))
        assert refusal.value.field == field


@deducting
def test_lists_and_counts_ignore_the_measure(age: str) -> None:
    with autumn(age=age) as service:
        with_deductions(service)
        query = DEDUCTED.having(value_min=1)
        assert len(service.usage.page(query).events) == 5
        assert service.usage.count(DEDUCTED) == 5


def changed(answer: dict[str, Any], how: str) -> None:
    deducted = answer["deductions"]
    if how == "absent":
        del answer["deductions"]
    elif how == "repeated":
        deducted.append(deducted[0])
    elif how == "endless":
        deducted[0]["values"]["credits"]["deducted"] = 1e301
    elif how == "text":
        deducted[0]["values"]["credits"]["balances"][0]["deducted"] = "5"
    else:
        deducted[0]["values"]["credits"]["balances"].pop()


class Changed:
    """A server whose answers about deductions are changed."""

    def __init__(self, app: Any, how: str) -> None:
        self.app, self.how = app, how

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        begun: list[Any] = []
        raw = b"".join(self.app(environ, lambda *given: begun.extend(given)))
        if b'"deductions":[{"period"' in raw:
            answer = json.loads(raw)
            changed(answer, self.how)
            raw = json.dumps(answer).encode()
        headers = [pair for pair in begun[1] if pair[0].lower() not in ("content-length", "content-encoding")]
        start_response(begun[0], headers)
        return [raw]


@pytest.mark.parametrize("how", ["absent", "repeated", "endless", "text"])
def test_answer_that_breaks_the_contract(how: str) -> None:
    with autumn(wrap=lambda app: Changed(app, how)) as service:
        with_deductions(service)
        with pytest.raises(Malformed):
            service.usage.series(DEDUCTED)


def test_balances_that_do_not_add_up_are_said() -> None:
    with autumn(wrap=lambda app: Changed(app, "balance missing")) as service:
        with_deductions(service)
        series = service.usage.series(DEDUCTED)
        assert "balances-differ" in codes(series)
        assert sums(series) == {"credits": 9.5, "messages": 3}
        assert lines(series)[("none", "")] == 2


# Within a link

LINK = Scope(customer_id="cus_1", deductions=True, properties=frozenset({"model"}))


@deducting
def test_link_shows_deductions_only_where_it_may(age: str) -> None:
    with autumn(age=age) as service:
        with_deductions(service)
        hidden = service.usage.within(Scope(customer_id="cus_1"))
        for answer in (hidden.series, hidden.page):
            with pytest.raises(BadQuery) as refusal:
                answer(DEDUCTED)
            assert refusal.value.field == "measure"
        assert sums(service.usage.within(LINK).series(DEDUCTED)) == {"credits": 9.5, "messages": 3}


@deducting
@pytest.mark.parametrize("plans", [False, True])
def test_link_names_plans_only_where_it_may(age: str, plans: bool) -> None:
    with autumn(age=age) as service:
        with_deductions(service)
        scope = Scope(customer_id="cus_1", deductions=True, plans=plans)
        found = set(service.usage.within(scope).series(DEDUCTED).plans.values())
        assert found == ({"pro", "extra", None} if plans else {None})


@deducting
def test_link_shows_deductions_of_its_features_from_their_balances(age: str) -> None:
    """Not what hidden features deducted from a balance that is shown, nor hidden balances."""
    with autumn(age=age) as service:
        with_deductions(service)
        day = NOW - 3 * DAY
        service.track(day, feature_id="hidden", deductions=[taken("b_1", 913.5), taken("b_8", 1)])
        service.track(day, deductions=[taken("b_7", 871.25, "hidden"), taken("b_1", 1)])
        scope = Scope(customer_id="cus_1", features=frozenset({"messages", "credits"}), deductions=True)
        service.cache_store.written.clear()
        series = service.usage.within(scope).series(DEDUCTED)
        assert sums(series) == {"credits": 10.5}
        assert lines(series) == {("group", "b_1"): 7, ("group", "b_2"): 3.5}
        written = b"".join(service.cache_store.written)
        assert not any(secret in written for secret in (b"b_7", b"b_8", b"hidden", b"913.5", b"871.25"))
        with pytest.raises(BadQuery) as refusal:
            service.usage.within(scope).series(DEDUCTED.having(group_by="properties.model"))
        assert refusal.value.field == "group_by"


@deducting
def test_link_groups_deductions_by_its_properties(age: str) -> None:
    with autumn(age=age) as service:
        with_deductions(service)
        series = service.usage.within(LINK).series(DEDUCTED.having(group_by="properties.model"))
        assert lines(series) == {("group", "large"): 8.5, ("group", "small"): 1}


@deducting
def test_link_shows_deductions_within_its_bounds(age: str) -> None:
    with autumn(age=age) as service:
        with_deductions(service)
        end = (NOW - 5 * DAY) // HOUR * HOUR
        service.track(end - 1, deductions=[taken("b_1", 0.25)])
        service.track(end - 3 * DAY, deductions=[taken("b_1", 4)])
        scope = Scope(customer_id="cus_1", deductions=True, start=end - DAY, end=end)
        service.cache_store.written.clear()
        series = service.usage.within(scope).series(DEDUCTED)
        assert sums(series) == {"credits": 0.25}
        assert b"b_2" not in b"".join(service.cache_store.written)

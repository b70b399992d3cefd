"""Explanations over HTTP: calls, steps, scopes, failures, and servers of each age."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from math import isclose
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.usage.explain.planted import START, VALUES, Case, case, is_found
from tests.usage.sample_service import DAY, HOUR, Autumn, autumn, later, ms
from usage.api.gateway import open_gateway
from usage.errors import KeyRefused
from usage.explain.attribution import HOUR_OF_DAY, Attribution
from usage.explain.explanation import MOST_FAILURES, Explanation
from usage.known_customers import InMemoryKnownCustomers
from usage.query import BadQuery, PropertyFilter, Query
from usage.sample import SAMPLE_KEY, SampleApp, Store
from usage.scope import Scope
from usage.service import open_usage
from usage.window import local

AGES = ("older", "current", "newest")
NOW = START + 14 * DAY + 30 * 60_000
WEEK = Query(customer_id="cus_1", range="7d", compare="previous", focus="tokens")


def events_of(planted: Case, **more: Any) -> list[dict[str, Any]]:
    return [
        {
            "timestamp": event.at,
            "feature_id": "tokens",
            "value": event.value,
            "properties": dict(event.properties),
            **more,
        }
        for event in planted.events
    ]


def in_an_hour(planted: Case) -> int:
    """The moment just after both periods, inside an hour."""
    return START + 2 * planted.days * DAY + 30 * 60_000


def query_of(planted: Case) -> Query:
    middle = planted.middle
    return WEEK.having(range=None, start=middle, end=middle + planted.days * DAY)


def raw_sums(planted: Case, path: str = "", value: str | None = None) -> list[float]:
    """Of both periods: of events with this value, or of all."""
    sums = [0.0, 0.0]
    for event in planted.events:
        if event.properties.get(path) == value:
            sums[event.at >= planted.middle] += event.value
    return sums


def last(steps: Iterable[Explanation]) -> Explanation:
    *_, found = steps
    assert found.done
    return found


def assert_adds_up(found: Explanation) -> None:
    for dimension in found.dimensions:
        total = sum(line.change for line in dimension.lines)
        assert isclose(total + dimension.remainder(found.change), found.change, abs_tol=1e-3), (
            dimension.group_by
        )
        assert dimension.is_time or dimension.remainder(found.change) == 0


def by_time(name: str, values: dict[int, int], zone: ZoneInfo) -> dict[str, list[int]]:
    """The values of each hour of the day, or of each weekday."""
    found = defaultdict[str, list[int]](list)
    for at, value in values.items():
        moment = local(at, zone)
        found[str(moment.hour if name == HOUR_OF_DAY else moment.weekday())].append(value)
    return found


def job(service: Autumn, **more: Any) -> None:
    """Two weeks of three users, and a job that begins in the second."""
    usual = [
        {
            "timestamp": START + number * HOUR // 2,
            "feature_id": "tokens",
            "value": 100,
            "properties": {"user": ("ana", "bo", "chen")[number % 3], "plan": ("a", "b")[number % 2]},
            **more,
        }
        for number in range(2 * 14 * 24)
    ]
    added = [
        {
            **event,
            "timestamp": event["timestamp"] + 1,
            "value": 900,
            "properties": {"user": "job", "plan": "a"},
        }
        for event in usual[-144:]
    ]
    service.add(*usual, *added)


@pytest.mark.parametrize("age", AGES)
def test_job_is_named_within_ten_calls(age: str) -> None:
    """The first step takes two calls, each of the others one more; figures are those of the page's chart."""
    with autumn(NOW, age=age) as service:
        job(service)
        series = service.usage.series(WEEK)
        service.calls()
        made, steps = 0, list[Explanation]()
        for step in service.usage.explain(WEEK):
            made += service.calls()
            assert step.calls == made
            steps.append(step)
        found = steps[-1]
        assert steps[0].calls == 2
        assert [row for row in steps[0].rows if row.line.kind != "none"]
        assert [step.done for step in steps] == [False] * (len(steps) - 1) + [True]
        assert made <= 10
        drawn = series.drawn_feature
        assert drawn is not None
        assert (found.before, found.after) == (drawn.previous, drawn.sum)
        assert found.cause == "single"
        first = found.rows[0]
        assert (first.group_by, first.line.value) == ("properties.user", "job")
        assert (first.is_new, first.line.after, first.share) == (True, 129_600, 129_600 / found.change)
        assert first.line.values[-1] > 0
        assert found.shape.kind == "level"
        assert_adds_up(found)


def test_second_explanation_makes_no_call() -> None:
    with autumn(NOW) as service:
        job(service)
        first = last(service.usage.explain(WEEK))
        service.calls()
        second = last(service.usage.explain(WEEK))
        assert service.calls() == 0
        assert replace(second, fresh=first.fresh) == first


def test_answers_of_another_moment_are_fetched_again() -> None:
    """Of periods that ended a moment ago: late events are in all figures or in none."""
    just_after = NOW - 25 * 60_000
    with autumn(just_after) as service:
        job(service)
        next(service.usage.explain(WEEK))
        service.add(
            {
                "timestamp": START + 3 * DAY,
                "feature_id": "tokens",
                "value": 5000,
                "properties": {"user": "late"},
            }
        )
        with later(40_000):
            found = last(service.usage.explain(WEEK))
            assert_adds_up(found)
            users = next(each for each in found.dimensions if each.group_by == "properties.user")
            assert {line.kind for line in users.lines} == {"value"}
            assert "late" in {line.value for line in users.lines}


def test_stopped_explanation_makes_no_further_call() -> None:
    with autumn(NOW) as service:
        job(service)
        service.usage.series(WEEK)
        service.calls()
        steps = service.usage.explain(WEEK)
        next(steps)
        assert service.calls() == 2


def test_link_explains_by_its_own_properties() -> None:
    """Others are named nowhere, and entities and plans are not asked about."""
    with autumn(NOW) as service:
        job(service)
        scope = Scope(customer_id="cus_1", properties=frozenset({"user"}))
        found = last(service.usage.within(scope).explain(WEEK))
        assert {d.group_by for d in found.dimensions if not d.is_time} == {"properties.user"}
        assert "properties.plan" not in {each.name for each in found.not_looked_at}
        reasons = {each.name: each.reason for each in found.not_looked_at}
        assert (reasons["$entity_id"], reasons["$plan_id"]) == ("link", "link")
        assert found.cause == "single"


def test_what_is_not_looked_at_is_listed() -> None:
    """Values of single events, properties beyond the limit, filters that Autumn can't apply."""
    with autumn(NOW) as service:
        service.add(
            *(
                {
                    "timestamp": START + number * HOUR // 2,
                    "feature_id": "tokens",
                    "properties": {
                        "id": f"r{number}",
                        "tags": ["a"],
                        **{f"p{at}": number % 2 for at in range(11)},
                    },
                }
                for number in range(2 * 14 * 24)
            )
        )
        query = WEEK.having(value_min=0, filter=(PropertyFilter("p0", "1"),))
        found = last(service.usage.explain(query))
        reasons = {each.name: each.reason for each in found.not_looked_at}
        assert (reasons["properties.id"], reasons["filter"]) == ("own-values", "filter")
        assert (reasons["properties.p9"], reasons["$plan_id"]) == ("limit", "limit")
        assert not {"properties.tags", "properties.p0"} & reasons.keys()
        assert found.calls <= 10


@pytest.mark.parametrize("code", ["internal_error", "insufficient_scopes"])
def test_failed_call_is_not_looked_at(code: str) -> None:
    """Never a zero: the others are still ranked."""
    with autumn(NOW) as service:
        job(service)
        steps = service.usage.explain(WEEK)
        next(steps)
        service.app.fail_next(code, 3 if code == "internal_error" else 1)
        found = last(steps)
        failed = [each for each in found.not_looked_at if each.reason == "error"]
        assert len(failed) == 1
        assert failed[0].sentence
        assert failed[0].name not in {dimension.group_by for dimension in found.dimensions}


def test_no_call_follows_two_that_fail() -> None:
    """Each would wait for the same; all are listed."""
    with autumn(NOW) as service:
        job(service)
        steps = service.usage.explain(WEEK)
        before = next(steps).calls
        service.app.fail_next("internal_error", 100)
        found = last(steps)
        failed = [each.name for each in found.not_looked_at if each.reason == "error"]
        assert len(failed) > MOST_FAILURES
        assert found.calls - before == MOST_FAILURES
        service.app.fail_next("internal_error", 0)


def test_failed_first_call_is_an_error() -> None:
    with autumn(NOW) as service:
        job(service)
        service.usage.series(WEEK)
        service.app.fail_next("insufficient_scopes", 2)
        with pytest.raises(KeyRefused):
            next(service.usage.explain(WEEK))


def test_explanation_needs_a_comparison() -> None:
    with autumn(NOW) as service:
        job(service)
        for query, field in (
            (WEEK.having(compare=None), "compare"),
            (WEEK.having(measure="deducted"), "measure"),
            (WEEK.having(range=None, start=NOW - NOW % HOUR, end=NOW - NOW % HOUR + HOUR), "compare"),
        ):
            with pytest.raises(BadQuery) as refused:
                service.usage.explain(query)
            assert refused.value.field == field


@pytest.mark.parametrize("age", AGES)
def test_groups_that_lack_events_do_not_stand_for_the_feature(age: str) -> None:
    """Autumn's total says that some have no user: one more call has them, and they are a line."""
    with autumn(NOW, age=age) as service:
        job(service)
        service.add(
            {"timestamp": START + 3 * DAY, "feature_id": "tokens", "value": 70, "properties": {"plan": "a"}}
        )
        scope = Scope(customer_id="cus_1", properties=frozenset({"user"}))
        found = last(service.usage.within(scope).explain(WEEK))
        assert found.calls == 3
        lines = next(each.lines for each in found.dimensions if each.group_by == "properties.user")
        assert [(line.before, line.after) for line in lines if line.kind == "none"] == [(70, 0)]
        assert found.before == last(service.usage.explain(WEEK)).before
        assert_adds_up(found)


def test_customers_of_all() -> None:
    """Without a customer the first grouping is by customer."""
    with autumn(NOW) as service:
        job(service)
        job(service, customer_id="cus_2")
        service.add(
            *({"timestamp": NOW - DAY, "feature_id": "tokens", "value": 9_000_000, "customer_id": "cus_3"},)
        )
        found = last(service.usage.explain(WEEK.having(customer_id=None)))
        assert found.rows[0].group_by == "$customer_id"
        assert found.rows[0].line.value == "cus_3"
        assert found.calls <= 10


@pytest.mark.parametrize(
    ("now", "zone"),
    [
        ("2025-03-02T12:10", "UTC"),
        ("2025-04-02T12:10", "Europe/Berlin"),
        ("2025-11-02T12:10", "Europe/Berlin"),
    ],
)
def test_months_of_other_lengths_are_compared_by_real_hours(now: str, zone: str) -> None:
    """February after January, March after February, October after September, each of steady usage: no hour
    and no weekday has more or less than its own events, and none moved.
    """
    rng, end = Random(1), ms(now, zone)
    hours = range(end // HOUR * HOUR - 75 * DAY, end, HOUR)
    values = {at: rng.randrange(80, 120) for at in hours}
    with autumn(end) as service:
        service.add(
            *({"timestamp": at + 1, "feature_id": "tokens", "value": values[at]} for at in hours),
        )
        found = last(service.usage.explain(WEEK.having(range="last_month", tz=zone)))
    assert found.shape.kind == "none"
    edges = (found.previous_bins.window_ends, found.bins.window_ends)
    times = [dimension for dimension in found.dimensions if dimension.is_time]
    assert [len(dimension.lines) for dimension in times] == [24, 7]
    for dimension in times:
        earlier, later_one = (
            by_time(dimension.group_by, {at: values[at] for at in range(*ends, HOUR)}, ZoneInfo(zone))
            for ends in edges
        )
        expected = {value: fmean(earlier[value]) * len(later_one[value]) for value in earlier}
        for line in dimension.lines:
            assert (line.before, line.after) == (sum(earlier[line.value]), sum(later_one[line.value]))
            assert line.prior == pytest.approx(expected[line.value] / sum(expected.values()))
    assert_adds_up(found)


@pytest.mark.slow
@pytest.mark.parametrize("age", AGES)
@pytest.mark.parametrize("kind", ["one", "two", "new", "vanished", "shift", "spike", "level", "none"])
def test_planted_cause_over_http(age: str, kind: Any) -> None:
    """The same cases as without calls, also on a server that folds all but nine groups of an hour."""
    planted = case(2, kind)
    with autumn(in_an_hour(planted), age=age) as service:
        service.add(*events_of(planted))
        found = last(service.usage.explain(query_of(planted)))
        assert is_found(planted, Attribution(found.rows, found.cause, found.cause_rows), found.shape)
        assert [found.before, found.after] == raw_sums(planted)
        for dimension in found.dimensions:
            path = dimension.group_by.removeprefix("properties.")
            for line in dimension.lines:
                if line.kind == "value" and path in VALUES:
                    before, after = raw_sums(planted, path, line.value)
                    assert line.before == before or not line.is_exact_before
                    assert line.after == after or not line.is_exact_after
        assert_adds_up(found)
        assert found.calls <= 10


@pytest.mark.slow
def test_why_usage_of_hooli_doubled(tmp_path: Path) -> None:
    """The story's job of seven hours, on servers of each age and over two lengths of periods."""
    store = Store(tmp_path / "story.sqlite3")
    store.ensure_story()
    for age in AGES:
        transport = httpx.WSGITransport(app=SampleApp(store, age=age, limit_per_second=None))
        gateway = open_gateway(
            url="https://sample.test", key=SAMPLE_KEY, transport=transport, per_second=1_000_000
        )
        usage = open_usage(gateway, InMemoryKnownCustomers())
        for query_range in ("7d", "30d"):
            query = Query(customer_id="hooli", focus="ai_tokens", compare="previous").having(
                range=query_range
            )
            found = last(usage.explain(query))
            first, shape = found.rows[0], found.shape
            assert (found.cause, first.line.value) == ("single", "batch-job@hooli.example")
            assert first.share is not None
            assert first.share > 0.7
            assert (shape.kind, (shape.end or 0) - (shape.start or 0)) == ("spike", 7 * HOUR)
            assert_adds_up(found)
    store.close()

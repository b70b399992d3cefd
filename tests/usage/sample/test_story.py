"""The story: its contents, that it is the same on every machine, and that it continues."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from usage.sample import SampleApp, Store
from usage.sample.document import stored
from usage.sample.story import edge_cases
from usage.sample.story.cast import CUSTOMERS, FEATURES, HOSTILE_CUSTOMERS
from usage.sample.story.events import events_between

from .conftest import DAY, HEADERS, NOW, Clock

EPOCH = NOW // DAY * DAY
COLUMNS = "id, timestamp, customer_id, feature_id, entity_id, value, properties, deductions, plan_id, micros"
OF_THE_FORTY = "customer_id NOT IN ({})".format(", ".join(f"'{each.id}'" for each in edge_cases.CUSTOMERS))
MakeStore = Callable[..., Store]

pytestmark = pytest.mark.slow


@pytest.fixture
def make_store() -> Iterator[MakeStore]:
    """Create stores, in memory or at a path, and close them after the test."""
    made: list[Store] = []

    def make(path: str | Path = ":memory:", clock: Clock | None = None) -> Store:
        made.append(Store(path, clock or Clock()))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def one_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """A story of one day, for tests that do not depend on its length."""
    monkeypatch.setattr("usage.sample.story.events.DAYS", 1)


def rows(store: Store, sql: str, *values: object) -> list[tuple[Any, ...]]:
    with store.reading() as connection:
        return connection.execute(sql, values).fetchall()


def one(store: Store, sql: str, *values: object) -> float:
    """The one number of a SELECT."""
    ((found,),) = rows(store, f"SELECT {sql}", *values)
    return float(found)


def test_story_has_250000_events_of_forty_customers(store: Store) -> None:
    """About 250,000 events in 120 days, over 50,000 of the largest customer; few of other customers."""
    assert 240_000 < one(store, "count(*) FROM events") < 260_000
    assert one(store, "count(DISTINCT customer_id) FROM events") == len(CUSTOMERS) + len(edge_cases.CUSTOMERS)
    assert len(CUSTOMERS) == 40
    assert 55_000 < one(store, "count(*) FROM events WHERE customer_id = 'acme-robotics'") < 75_000
    first = one(store, f"min(timestamp) FROM events WHERE {OF_THE_FORTY}")
    assert EPOCH - 120 * DAY <= first < EPOCH - 119 * DAY
    assert one(store, f"count(*) FROM events WHERE NOT {OF_THE_FORTY}") < 6_000


def test_story_has_five_features_and_one_unknown_event_name(store: Store) -> None:
    """The name without a feature is rare, and only one small customer uses it."""
    of_the_forty = f"SELECT feature_id, count(*) FROM events WHERE {OF_THE_FORTY} GROUP BY 1"
    counts = dict(rows(store, of_the_forty))
    assert counts.pop("legacy_ping") < 30
    assert set(counts) == set(FEATURES)
    strays = "count(DISTINCT customer_id) FROM events WHERE feature_id = 'legacy_ping'"
    assert one(store, strays) == 1


def test_newest_event_is_minutes_old_and_not_in_the_future(store: Store) -> None:
    """Customers whose clock is ahead do not count."""
    newest = one(store, "max(timestamp) FROM events WHERE properties ->> 'clock' IS NOT 'ahead'")
    assert NOW - 5 * 60_000 < newest <= NOW


def test_roll_ups_are_the_sums_of_the_events(store: Store) -> None:
    """The roll-up has exactly the hours that have events, each with their count and sum."""
    hours = rows(store, "SELECT * FROM hours ORDER BY 1, 2, 3")
    events = rows(
        store,
        "SELECT customer_id, feature_id, timestamp / 3600000 * 3600000, count(*), sum(value)"
        " FROM events GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
    )
    assert [row[:4] for row in hours] == [row[:4] for row in events]
    assert [row[4] for row in hours] == pytest.approx([row[4] for row in events])


def test_event_rate_grows(store: Store) -> None:
    """The last four weeks have more events than the first four."""
    counted = "count(*) FROM events WHERE timestamp BETWEEN ? AND ?"
    first = one(store, counted, EPOCH - 119 * DAY, EPOCH - 91 * DAY)
    last = one(store, counted, EPOCH - 28 * DAY, EPOCH)
    assert last > 1.2 * first


def test_event_rate_drops_at_night_and_on_weekends(store: Store) -> None:
    """The rate is lower at night than by day, and lower on Sundays than on Tuesdays."""
    of_acme = "count(*) FROM events WHERE customer_id = 'acme-robotics' AND "
    hour = "timestamp / 3600000 % 24 = ?"
    assert one(store, of_acme + hour, 2) * 3 < one(store, of_acme + hour, 10)
    day = "strftime('%w', timestamp / 1000, 'unixepoch') = ?"
    assert one(store, of_acme + day, "0") * 1.5 < one(store, of_acme + day, "2")


def test_story_has_its_incidents(store: Store) -> None:
    """A runaway job, a customer that stops sending, a move between models, a refund."""
    runaway = "count(*) FROM events WHERE customer_id = 'hooli' AND properties ->> 'user' LIKE 'batch-job@%'"
    assert one(store, f"{runaway} AND timestamp > ?", EPOCH - 7 * DAY) > 2000
    quiet = "max(timestamp) FROM events WHERE customer_id = 'pied-piper'"
    assert one(store, quiet) < EPOCH - 34 * DAY
    moved = "avg(properties ->> 'model' = ?) FROM events WHERE customer_id = 'globex' AND timestamp "
    moved += "{} AND properties -> 'model' IS NOT NULL"
    assert one(store, moved.format("< ?"), "gpt-large", EPOCH - 70 * DAY) > 0.7
    assert one(store, moved.format("> ?"), "sonata-2", EPOCH - 10 * DAY) > 0.7
    assert one(store, "count(*) FROM events WHERE value < -1000") == 1


def test_story_has_varied_properties(store: Store) -> None:
    """More than ten models, missing regions, nested values, fractions, and hostile text."""
    assert one(store, "count(DISTINCT properties ->> 'model') FROM events") > 10
    for condition in (
        "properties -> 'region' IS NULL",
        "properties ->> '$.meta.client.version' = '5.2.0'",
        "value != round(value)",
        "deductions IS NULL",
        "deductions ->> '$[0].reset.resets_at' > timestamp",
        "deductions -> '$[0].reset' = 'null'",
        "json_array_length(deductions) = 2",
        "entity_id = 'ws_1'",
        "properties ->> 'user' LIKE '%<%'",
        "properties ->> 'model' = 'AUTUMN_RESERVED'",
        "customer_id = '<script>alert(1)</script>'",
    ):
        assert one(store, f"count(*) FROM events WHERE {condition}") > 5, condition
    assert one(store, "count(*) FROM events WHERE deductions ->> '$[0].reset.resets_at' <= timestamp") == 0


def test_properties_are_as_the_store_would_store_them(store: Store) -> None:
    """The story does without ``stored``; hostile customers have whatever may go wrong there."""
    texts = rows(
        store, "SELECT properties FROM events WHERE seq % 50 = 0 OR customer_id IN (?, ?)", *HOSTILE_CUSTOMERS
    )
    assert len(texts) > 5000
    for (text,) in texts:
        assert stored(json.loads(text)) == text


def test_story_is_the_same_on_every_machine(store: Store) -> None:
    """Generating a day again returns the same events, on every machine and Python version."""
    reported = sorted(map(tuple, events_between(EPOCH, EPOCH - DAY, EPOCH)))
    sql = f"SELECT {COLUMNS} FROM events WHERE timestamp BETWEEN ? AND ? ORDER BY id"
    stored = rows(store, sql, reported[0][1], reported[-1][1])
    assert len(reported) > 1000
    assert set(reported) <= set(stored)
    assert sha256(repr(reported).encode()).hexdigest()[:16] == "583e65ec9cc7e4a5"


@pytest.mark.usefixtures("one_day")
def test_story_continues_the_same_in_steps_and_at_once(make_store: MakeStore) -> None:
    """Two days refreshed in steps through the API have the same events as at once, and no duplicates."""
    stepped, leapt = Clock(), Clock()
    one_by_one, at_once = make_store(clock=stepped), make_store(clock=leapt)
    for each in (one_by_one, at_once):
        each.ensure_story()
    before = one(one_by_one, "count(*) FROM events")
    transport = httpx.WSGITransport(app=SampleApp(one_by_one))
    with httpx.Client(transport=transport, base_url="http://sample.test", headers=HEADERS) as client:
        for _ in range(48):
            stepped.now += 3600
            until_now = {"limit": 1, "custom_range": {"end": int(stepped.now * 1000)}}
            newest = client.post("/v1/events.list", json=until_now).json()["list"][0]["timestamp"]
            assert stepped.now * 1000 - 10 * 60_000 < newest
    leapt.now = stepped.now
    at_once.refresh()
    reported, at_once_rows = (
        rows(each, f"SELECT {COLUMNS} FROM events ORDER BY id") for each in (one_by_one, at_once)
    )
    assert reported == at_once_rows
    assert len(reported) == one(one_by_one, "sum(count) FROM hours") > before + 1000


@pytest.mark.usefixtures("one_day")
def test_story_continues_at_most_once_a_second(make_store: MakeStore) -> None:
    """A second refresh within the same second adds nothing."""
    clock = Clock()
    store = make_store(clock=clock)
    store.ensure_story()
    clock.now += 3600
    store.refresh()
    reported = one(store, "generated_until FROM story")
    clock.now += 0.9
    store.refresh()
    assert one(store, "generated_until FROM story") == reported
    clock.now += 120
    store.refresh()
    assert one(store, "generated_until FROM story") > reported


@pytest.mark.usefixtures("one_day")
def test_two_processes_extend_the_story_once(make_store: MakeStore, tmp_path: Path) -> None:
    """Two stores over one file extend the story without duplicate events or sums that are too large."""
    clock = Clock()
    pair = [make_store(tmp_path / "sample.db", clock) for _ in range(2)]
    for each in pair:
        each.ensure_story()
    clock.now += 7200
    for each in pair:
        each.refresh()
    alone = make_store(clock=clock)
    alone.ensure_story()
    sql = f"SELECT {COLUMNS} FROM events ORDER BY id"
    assert rows(pair[0], sql) == rows(alone, sql)
    assert rows(pair[1], "SELECT * FROM hours") == rows(alone, "SELECT * FROM hours")


def test_store_without_a_story_stays_empty(make_store: MakeStore) -> None:
    """`refresh` does not begin a story."""
    store = make_store()
    store.refresh()
    assert one(store, "count(*) FROM events") == 0


def test_failed_ingestion_stores_nothing(make_store: MakeStore) -> None:
    """Events are stored all together or not at all."""
    store = make_store()
    good = {"timestamp": NOW, "customer_id": "cus_1", "feature_id": "messages"}
    with pytest.raises(sqlite3.IntegrityError):
        store.add([good, good | {"customer_id": None}])
    assert one(store, "count(*) FROM events") == 0


def test_connection_reads_added_events(make_store: MakeStore, tmp_path: Path) -> None:
    """`connection()` reads what was added, in memory and on disk."""
    for path in (":memory:", tmp_path / "sample.db"):
        store = make_store(path)
        store.add([{"timestamp": NOW, "customer_id": "cus_1", "feature_id": "messages"}])
        with closing(store.connection()) as connection:
            assert connection.execute("SELECT count(*) FROM events").fetchone() == (1,)

"""A small organization with a clock that tests can move, and the whole story."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from usage.sample import SAMPLE_KEY, SampleApp, Store
from usage.sample.ages import DEFAULT_AGE

HOUR = 3_600_000
DAY = 24 * HOUR
HEADERS = {"Authorization": f"Bearer {SAMPLE_KEY}", "x-api-version": "2.1"}

NAME_CALLS = ("customers.get", "customers.list", "features.list")

Rows = list[dict[str, Any]]


def ms(text: str) -> int:
    """Epoch milliseconds of an ISO time in UTC."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


# A Wednesday, inside an hour.
NOW = ms("2025-11-12T14:25:30.250")


class Clock:
    """Seconds since the epoch, which stand still until a test moves them."""

    def __init__(self, now_ms: int = NOW) -> None:
        self.now = now_ms / 1000

    def __call__(self) -> float:
        return self.now


class Organization:
    """A store, the app over it, and an HTTP client for the app."""

    def __init__(self, *, age: str = DEFAULT_AGE, limit_per_second: int | None = None) -> None:
        self.clock = Clock()
        self.store = Store(clock=self.clock)
        self.app = SampleApp(self.store, age=age, limit_per_second=limit_per_second)
        self.client = httpx.Client(
            transport=httpx.WSGITransport(app=self.app), base_url="http://sample.test", headers=HEADERS
        )

    def track(
        self,
        at: int | str,
        value: float = 1,
        customer_id: str = "cus_1",
        feature_id: str = "messages",
        **more: object,
    ) -> None:
        """Ingest an event, at epoch milliseconds or an ISO time in UTC."""
        timestamp = ms(at) if isinstance(at, str) else at
        event = {"timestamp": timestamp, "value": value, "customer_id": customer_id, "feature_id": feature_id}
        self.store.add([event | more])

    def listing(self, **body: object) -> httpx.Response:
        return self.client.post("/v1/events.list", json=body)

    def aggregate(self, **body: object) -> httpx.Response:
        return self.client.post("/v1/events.aggregate", json={"feature_id": "messages"} | body)

    def rows(self, **body: object) -> Rows:
        rows: Rows = self.listing(**body).raise_for_status().json()["list"]
        return rows

    def bins(self, **body: object) -> Rows:
        body = {"customer_id": "cus_1"} | body
        bins: Rows = self.aggregate(**body).raise_for_status().json()["list"]
        return bins

    def values(self, **body: object) -> list[float]:
        return [each["values"]["messages"] for each in self.bins(**body)]

    def groups(self, **body: object) -> list[dict[str, float]]:
        return [each["grouped_values"]["messages"] for each in self.bins(**body)]


@pytest.fixture(scope="session")
def store() -> Iterator[Store]:
    """The whole story at NOW, for tests that only read it."""
    store = Store(clock=Clock())
    store.ensure_story()
    yield store
    store.close()


class Story:
    """The three calls for names and the two for events, over the story."""

    def __init__(self, store: Store) -> None:
        transport = httpx.WSGITransport(app=SampleApp(store, limit_per_second=None))
        self.client = httpx.Client(transport=transport, base_url="http://sample.test", headers=HEADERS)

    def call(self, name: str, **body: object) -> Any:
        return self.client.post(f"/v1/{name}", json=body).raise_for_status().json()

    def customers(self, **body: object) -> Rows:
        rows: Rows = self.call("customers.list", limit=100, **body)["list"]
        return rows

    def id_of(self, name: str) -> str:
        """The id of the only customer of this name."""
        ((only),) = self.customers(search=name)
        return str(only["id"])

    def rows(self, customer_id: str, **body: object) -> Rows:
        """All rows of a customer."""
        rows: Rows = []
        more = True
        while more:
            page = self.call("events.list", customer_id=customer_id, limit=1000, offset=len(rows), **body)
            rows += page["list"]
            more = page["has_more"]
        return rows

    def balance(self, customer_id: str, feature: str) -> dict[str, Any]:
        balances = self.call("customers.get", customer_id=customer_id)["balances"]
        found: dict[str, Any] = balances[feature]
        return found


@pytest.fixture
def story(store: Store) -> Iterator[Story]:
    story = Story(store)
    yield story
    story.client.close()


class Copy(Story):
    """The story in a file of its own, with a clock that a test can move."""

    def __init__(self, path: Path) -> None:
        self.clock = Clock()
        self.store = Store(path, self.clock)
        super().__init__(self.store)

    def sql(self, text: str) -> list[Any]:
        with self.store.reading() as connection:
            return connection.execute(text).fetchall()


@pytest.fixture
def copy(store: Store, tmp_path: Path) -> Iterator[Copy]:
    path = tmp_path / "copy.sqlite3"
    with store.reading() as connection:
        connection.execute("VACUUM INTO ?", [str(path)])
    copy = Copy(path)
    yield copy
    copy.client.close()
    copy.store.close()


MakeOrg = Callable[..., Organization]


@pytest.fixture
def make_org() -> Iterator[MakeOrg]:
    """Create organizations, and close them after the test."""
    made: list[Organization] = []

    def make(*, age: str = DEFAULT_AGE, limit_per_second: int | None = None) -> Organization:
        made.append(Organization(age=age, limit_per_second=limit_per_second))
        return made[-1]

    yield make
    for organization in made:
        organization.client.close()
        organization.store.close()


@pytest.fixture
def org(make_org: MakeOrg) -> Organization:
    return make_org()


def between(start: str, end: str) -> dict[str, dict[str, int]]:
    """The custom range for [start, end), allowing for trap 6."""
    return {"custom_range": {"start": ms(start), "end": ms(end) - 1}}


def call(org: Organization, name: str, key: str = SAMPLE_KEY, **body: Any) -> httpx.Response:
    return org.client.post(f"/v1/{name}", json=body, headers={"Authorization": f"Bearer {key}"})


def described(customer_id: str | None, **more: object) -> dict[str, Any]:
    """A customer's body, as `Store.put_customer` takes it."""
    empty: dict[str, Any] = {"subscriptions": [], "balances": {}, "billing_controls": {}, "stripe_id": None}
    return {"id": customer_id, "name": None, "email": None, "created_at": 1_771_409_161_016} | empty | more

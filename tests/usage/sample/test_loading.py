"""``--events FILE``: a file's events and catalog instead of the story."""

import json
import sqlite3
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from usage.sample import SampleApp, Store, open_sample
from usage.sample.__main__ import Server, main

from .conftest import HEADERS, NOW, Clock

EVENT = {
    "id": "evt_1",
    "customer_id": "cus_1",
    "feature_id": "messages",
    "timestamp": NOW,
    "value": 1,
    "properties": {},
}
Serve = Callable[..., httpx.Client]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Run the command with a file of lines up to its app, and return a client for the app."""
    apps: list[SampleApp] = []

    def serve(*lines: object, options: tuple[str, ...] = ()) -> httpx.Client:
        path = tmp_path / "events.jsonl"
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        monkeypatch.setattr(sys, "argv", ["sample", "--port", "0", "--events", str(path), *options])
        monkeypatch.setattr(Server, "run", lambda server: apps.append(server.load()))
        main()
        transport = httpx.WSGITransport(app=apps[-1])
        return httpx.Client(transport=transport, base_url="http://sample.test", headers=HEADERS)

    yield serve
    for app in apps:
        app.store.close()


def posted(client: httpx.Client, name: str, **body: object) -> Any:
    with client:
        return client.post(f"/v1/{name}", json=body).raise_for_status().json()


def test_micros_decide_the_order_within_a_millisecond(serve: Serve) -> None:
    """They are stored but not returned; the larger id is not the newer row."""
    client = serve(*(EVENT | {"id": name, "micros": micros} for name, micros in (("b", 1), ("a", 999))))
    rows = posted(client, "events.list")["list"]
    assert [row["id"] for row in rows] == ["a", "b"]
    assert {row["timestamp"] for row in rows} == {NOW}
    assert not any("micros" in row for row in rows)


def test_micros_after_the_last_second_are_outside(serve: Serve) -> None:
    second = NOW // 1000 * 1000
    times = (("at", 0), ("after", 1))
    client = serve(*(EVENT | {"id": name, "timestamp": second, "micros": each} for name, each in times))
    rows = posted(client, "events.list", custom_range={"end": second + 999})["list"]
    assert [row["id"] for row in rows] == ["at"]


def test_file_describes_features_and_customers(serve: Serve) -> None:
    client = serve(EVENT, {"feature": {"id": "messages", "archived": False}}, {"customer": {"id": "cus_9"}})
    assert posted(client, "features.list")["list"] == [{"id": "messages", "archived": False}]


def test_age_of_a_file_is_an_option(serve: Serve) -> None:
    with serve(EVENT, options=("--age", "older")) as client:
        assert client.post("/v1/features.list", json={}).status_code == 401


@pytest.mark.parametrize("wrong", [{"micros": "1"}, {"value": "1"}, {"more": 1}, {"timestamp": 1.5}])
def test_invalid_line_is_named(serve: Serve, wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"^events\.jsonl, line 2: "):
        serve(EVENT, EVENT | wrong)


def test_file_is_not_mixed_with_the_story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("usage.sample.story.events.DAYS", 1)
    database, events = tmp_path / "sample.sqlite3", tmp_path / "events.jsonl"
    events.write_text(json.dumps(EVENT))
    open_sample(database, clock=Clock()).store.close()
    with pytest.raises(ValueError, match="has the story"):
        open_sample(database, events=events, clock=Clock())


@pytest.mark.parametrize("path", [":memory:", "events.sqlite3"])
def test_closed_store_refuses_whoever_needs_it(path: str, tmp_path: Path) -> None:
    """Also those who wait for its connection, so that no thread waits for ever."""
    store = Store(path if path == ":memory:" else tmp_path / path)
    with ThreadPoolExecutor(4) as pool:
        with store.reading():
            waiting = [pool.submit(store.has_story) for _ in range(4)]
            store.close()
        for each in waiting:
            assert each.exception(30) is None or isinstance(each.exception(), sqlite3.ProgrammingError)
    with pytest.raises(sqlite3.ProgrammingError):
        store.has_story()

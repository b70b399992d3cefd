"""Recorded responses of Autumn's two events calls, compared with the sample's at the same age."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from usage.sample import SampleApp, Store, open_sample

from .conftest import HEADERS

RECORDED = Path(__file__).parent / "recorded"
CASES = [json.loads(line) for line in (RECORDED / "cases.jsonl").read_text().splitlines()]
SETS: list[dict[str, Any]] = json.loads((RECORDED / "events.json").read_text())


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, httpx.Client]]:
    """A server for each set, loaded from a file of its events."""
    apps = {
        each["set"]: _started(tmp_path_factory.mktemp("set") / "events.jsonl", each["events"])
        for each in SETS
    }
    yield {name: _client(app) for name, app in apps.items()}
    for app in apps.values():
        app.store.close()


def _started(path: Path, events: list[dict[str, Any]]) -> SampleApp:
    path.write_text("".join(f"{json.dumps(event)}\n" for event in events))
    return open_sample(events=path, limit_per_second=None)


def _client(app: SampleApp) -> httpx.Client:
    return httpx.Client(
        transport=httpx.WSGITransport(app=app), base_url="http://sample.test", headers=HEADERS
    )


def test_there_are_120_cases() -> None:
    assert len(CASES) == 120
    assert {case["set"] for case in CASES} == {each["set"] for each in SETS}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_response_equals_the_recorded_one(clients: dict[str, httpx.Client], case: dict[str, Any]) -> None:
    """Status and body are equal, rows and bins in their order, numbers to 1e-9."""
    requested, expected = case["request"], case["response"]
    content = requested["raw"] if "raw" in requested else json.dumps(requested["body"])
    answer = clients[case["set"]].post(requested["path"], content=content, headers=requested.get("headers"))
    assert answer.status_code == expected["status"], answer.text
    assert _same(answer.json(), expected["body"]), answer.text


def _same(given: Any, expected: Any) -> bool:
    if isinstance(expected, dict):
        return (
            isinstance(given, dict)
            and given.keys() == expected.keys()
            and all(_same(given[key], expected[key]) for key in expected)
        )
    if isinstance(expected, list):
        return isinstance(given, list) and len(given) == len(expected) and all(map(_same, given, expected))
    if isinstance(expected, bool) or not isinstance(expected, int | float):
        return type(given) is type(expected) and bool(given == expected)
    return type(given) in (int, float) and math.isclose(given, expected, rel_tol=1e-9, abs_tol=1e-9)


@pytest.mark.parametrize(
    ("given", "expected"),
    [(1, True), ("1", 1), ([1, 2], [2, 1]), ({"a": 1}, {"a": 1, "b": 2}), (1.0001, 1), (None, 0)],
)
def test_comparison_sees_differences(given: Any, expected: Any) -> None:
    assert not _same(given, expected)


def test_store_refuses_a_property_with_two_values() -> None:
    """A flat key with a dot and a nested one are one path."""
    store = Store()
    event = {"timestamp": 0, "customer_id": "c", "feature_id": "f", "properties": {"a.b": 1, "a": {"b": 2}}}
    with pytest.raises(ValueError, match="two values"):
        store.add([event])
    store.close()

"""The official SDK against the sample on a port: the best independent check of it."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from autumn_sdk import Autumn, errors
from autumn_sdk.models import ListCustomersParamsTypedDict, ListEventsCustomRangeTypedDict

from tests.conftest import free_port
from usage.sample import SAMPLE_KEY

from .conftest import HEADERS

SEARCH: ListCustomersParamsTypedDict = {"search": "lumen", "plans": [{"id": "creator", "versions": [1]}]}
WINDOW_MS = 5 * 24 * 3_600_000


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, prepared_folder: Callable[[], Path]) -> Iterator[str]:
    story = shutil.copy2(prepared_folder() / "sample.sqlite3", tmp_path_factory.mktemp("sdk"))
    port = free_port()
    server = subprocess.Popen([sys.executable, "-m", "usage.sample", "--port", str(port), "--db", str(story)])
    try:
        yield _answering(f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait(10)


def _answering(address: str) -> str:
    """Wait until the server listens; its first response comes when the story is complete."""
    with httpx.Client(transport=httpx.HTTPTransport(retries=6), headers=HEADERS, timeout=60) as client:
        client.post(f"{address}/v1/events.list", json={}).raise_for_status()
    return address


@pytest.fixture
def autumn(address: str) -> Iterator[Autumn]:
    with Autumn(x_api_version="2.1", secret_key=SAMPLE_KEY, server_url=address) as sdk:
        yield sdk


@pytest.fixture
def end() -> int:
    """The end of windows that get no more events: the last full hour but one."""
    return int(time.time() // 3600 - 1) * 3_600_000


def test_sdk_parses_a_list(autumn: Autumn) -> None:
    """The rows are those of the requested customer."""
    page = autumn.events.list(customer_id="acme-robotics", limit=20, feature_id="api_calls")
    assert (len(page.list), page.total, page.has_more) == (20, 20, True)
    assert {(row.customer_id, row.feature_id) for row in page.list} == {("acme-robotics", "api_calls")}


def test_paging_to_the_end(autumn: Autumn, end: int) -> None:
    """All pages of a pinned range have each event once, as many as the aggregate counts."""
    window: ListEventsCustomRangeTypedDict = {"start": end - WINDOW_MS, "end": end - 1000}
    seen: list[str] = []
    more = True
    while more:
        page = autumn.events.list(customer_id="soylent", offset=len(seen), limit=100, custom_range=window)
        seen += [row.id for row in page.list]
        more = page.has_more
    counted = autumn.events.aggregate(
        customer_id="soylent",
        feature_id=["api_calls", "ai_tokens", "emails", "storage_gb", "seats"],
        custom_range={"start": window["start"], "end": end - 1},
    )
    assert len(seen) == len(set(seen)) == sum(total.count for total in counted.total.values()) > 100


def test_sdk_parses_an_aggregate(autumn: Autumn) -> None:
    """Thirty days have 31 bins, each with its sum."""
    answer = autumn.events.aggregate(
        customer_id="globex", feature_id=["ai_tokens", "api_calls"], range="30d", bin_size="day"
    )
    assert len(answer.list) == 31
    assert all(set(each.values) == {"ai_tokens", "api_calls"} for each in answer.list)
    assert answer.total["ai_tokens"].sum > answer.list[5].values["ai_tokens"] > 0


def test_groups_of_a_bin_sum_to_its_value(autumn: Autumn) -> None:
    answer = autumn.events.aggregate(
        customer_id="globex", feature_id="ai_tokens", range="7d", bin_size="day", group_by="properties.model"
    )
    for each in answer.list:
        assert each.grouped_values is not None
        assert sum(each.grouped_values["ai_tokens"].values()) == pytest.approx(each.values["ai_tokens"])
    assert "sonata-2" in (answer.list[-2].grouped_values or {})["ai_tokens"]


def test_sdk_parses_customers(autumn: Autumn) -> None:
    """Names, subscriptions and balances of a page, and of a search."""
    page = autumn.customers.list(request={"limit": 100})
    assert len(page.list) == page.total_count > 40
    (found,) = autumn.customers.list(request=SEARCH).list
    assert (found.name, found.subscriptions[0].status) == ("Lumen Optics", "active")
    assert found.balances["credits"].usage > 0


def test_sdk_parses_features(autumn: Autumn) -> None:
    features = {each.id: each for each in autumn.features.list().list}
    assert features["exports"].event_names == ["export_pdf", "export_csv", "report_sent"]
    schema = features["credits"].credit_schema or []
    assert {each.metered_feature_id for each in schema} == {"image_renders", "video_minutes"}


def test_sdk_raises_401_for_a_wrong_key(address: str) -> None:
    unknown = Autumn(x_api_version="2.1", secret_key="am_sk_wrong", server_url=address)
    with unknown as sdk, pytest.raises(errors.AutumnDefaultError, match="invalid_secret_key") as caught:
        sdk.events.list()
    assert caught.value.status_code == 401


def test_sdk_raises_400_for_bad_input(autumn: Autumn) -> None:
    """The message has the field's name."""
    with pytest.raises(errors.AutumnDefaultError, match="limit: ") as caught:
        autumn.events.list(limit=5000, customer_id="initech")
    assert caught.value.status_code == 400


def test_sdk_raises_404_for_an_unknown_customer(autumn: Autumn) -> None:
    with pytest.raises(errors.AutumnDefaultError, match="customer_not_found") as caught:
        autumn.events.aggregate(customer_id="nobody", feature_id="api_calls", range="7d")
    assert caught.value.status_code == 404


def test_sdk_raises_429_for_too_many_calls(autumn: Autumn) -> None:
    """Six calls within a second raise 429 with `Retry-After: 1`."""

    def hurry() -> None:
        for _ in range(100):
            autumn.events.list(limit=1, customer_id="hooli")

    with pytest.raises(errors.AutumnDefaultError) as caught:
        hurry()
    assert caught.value.status_code == 429
    assert caught.value.headers["Retry-After"] == "1"


def test_connections_are_pooled(address: str) -> None:
    """A second call reuses the connection of the first."""
    with httpx.Client(base_url=address, headers=HEADERS) as client:
        answers = [client.post("/v1/events.list", json={"customer_id": name}) for name in ("oscorp", "hooli")]
        streams = [answer.extensions["network_stream"] for answer in answers]
        assert len({stream.get_extra_info("client_addr") for stream in streams}) == 1

"""Who may read /metrics. For all others it is an address without a page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from tests.dashboard.metrics.scrape import AUTHORIZATION, TOKEN

pytestmark = pytest.mark.django_db

WRONG = (
    *("", TOKEN, f"Bearer {TOKEN}0", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", f"Bearer  {TOKEN}"),
    *("Bearer ", "Bearer None", "Bearer ünlesbar"),
)


def get(path: str, authorization: str = AUTHORIZATION, client: Client | None = None) -> Any:
    return (client or Client()).get(path, headers={"Authorization": authorization})


def seen(response: Any) -> tuple[object, ...]:
    headers = {name: value for name, value in response.headers.items() if name != "X-Request-ID"}
    return response.status_code, response.content, headers, dict(response.cookies)


def test_token_opens_the_metrics(live_mode: Settings) -> None:
    response = get("/metrics")
    assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
    assert response["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert not response.cookies
    assert TOKEN not in response.content.decode()


@pytest.mark.parametrize("authorization", WRONG)
def test_other_requests_are_answered_as_for_an_unknown_page(live_mode: Settings, authorization: str) -> None:
    assert seen(get("/metrics", authorization)) == seen(get("/unknown", authorization))


def test_admins_need_the_token_too(live_mode: Settings, signed_in: Callable[..., Client]) -> None:
    client = signed_in("admin")
    assert seen(get("/metrics", "", client)) == seen(get("/unknown", "", client))


def test_without_a_setting_there_is_no_such_page(live_mode: Settings) -> None:
    live_mode.METRICS_TOKEN = None
    for authorization in (*WRONG, AUTHORIZATION):
        assert seen(get("/metrics", authorization)) == seen(get("/unknown", authorization))


def test_metrics_are_only_read(live_mode: Settings) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.head("/metrics", headers={"Authorization": AUTHORIZATION}).status_code == 200
    response = client.post("/metrics", headers={"Authorization": AUTHORIZATION})
    assert seen(response) == seen(client.post("/unknown"))


@pytest.mark.parametrize("root", ["/s/", "/shared/0123456789abcdef/", "/shares/preview/0123456789abcdef/"])
def test_no_link_has_them(live_mode: Settings, signed_in: Callable[..., Client], root: str) -> None:
    for client in (Client(), signed_in("admin")):
        assert get(f"{root}metrics", client=client).status_code == 404

from __future__ import annotations

import logging
import runpy
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.totp.internal import auth as totp
from django.db import OperationalError, connection
from django.test import Client, RequestFactory
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from dashboard.middleware import trusted_proxies
from dashboard.models import User
from dashboard.web import health
from dashboard.web import logging as web_logging
from dashboard.web.logging import LineFormatter
from dashboard.web.redis_cache import JsonSerializer, SharedCache
from tests.conftest import ROOT, free_port
from tests.dashboard.accounts.test_sign_in import totp_code


@pytest.mark.django_db
def test_liveness_makes_no_query(
    client: Client, live_mode: Settings, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """Even with an old session cookie; it sets no cookie."""
    client.cookies["sessionid"] = "made-up-but-long-enough-to-be-one"
    with django_assert_num_queries(0):
        response = client.get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok\n")
    assert not response.cookies


@pytest.mark.django_db
def test_readiness_tells_strangers_only_yes_or_no(client: Client, live_mode: Settings) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.content) == (200, b"ok\n")


@pytest.mark.django_db
def test_unreachable_database_returns_503(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names it, and the cache too; the response does not."""

    def gone() -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(connection, "cursor", gone)
    response = client.get("/readyz")
    assert (response.status_code, response.content) == (503, b"not ready\n")
    [record] = [record for record in caplog.records if record.name == "dashboard.web.health"]
    assert isinstance(record.msg, dict)
    assert (record.msg["database"], record.msg["cache"]) == ("unreachable", "ok")


def test_cache_that_loses_values_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = SharedCache(f"redis://127.0.0.1:{free_port()}", {})
    assert shared.state() == "unreachable"
    monkeypatch.setattr(shared, "set", lambda key, value, timeout: None)
    monkeypatch.setattr(shared, "get", lambda key: None)
    assert shared.state() == "forgetful"


@pytest.fixture
def redis_options(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The settings of Django's cache with a REDIS_URL where nothing listens."""
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    # Loggers that are in use would stay with the processors of before, out of other tests' reach.
    monkeypatch.setattr(web_logging, "configure", lambda *_: None)
    found: dict[str, Any] = runpy.run_path(str(ROOT / "dashboard" / "settings.py"))["CACHES"]
    return found


@pytest.mark.django_db
def test_second_factor_works_without_redis(
    client: Client,
    live_mode: Settings,
    settings: Settings,
    person: Callable[..., User],
    redis_options: dict[str, Any],
) -> None:
    """A code is used once all the same."""
    settings.CACHES = redis_options
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(person("viewer"), secret)
    code = totp_code(secret)
    outcomes = []
    for _ in range(2):
        visitor = Client()
        visitor.post("/accounts/login/", {"login": "viewer", "password": "correct horse"})
        outcomes.append(visitor.post("/accounts/2fa/authenticate/", {"code": code}).status_code)
    assert outcomes == [302, 200]
    assert client.get("/readyz").status_code == 503


def test_redis_values_are_json() -> None:
    serializer = JsonSerializer()
    assert serializer.dumps({"tries": [1, 2.5]}) == b'{"tries":[1,2.5]}'
    assert serializer.loads(b'{"tries":[1,2.5]}') == {"tries": [1, 2.5]}


@pytest.mark.parametrize(
    ("proxies", "headers", "client", "scheme"),
    [
        (0, {"X-Forwarded-For": "1.1.1.1", "X-Forwarded-Proto": "https"}, "127.0.0.1", "http"),
        (1, {"X-Forwarded-For": "6.6.6.6, 1.1.1.1", "X-Forwarded-Proto": "https"}, "1.1.1.1", "https"),
        (2, {"X-Forwarded-For": "6.6.6.6, 1.1.1.1, 10.0.0.1"}, "1.1.1.1", "http"),
        (2, {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "http, https"}, "127.0.0.1", "http"),
        (1, {"X-Forwarded-Proto": "https, http"}, "127.0.0.1", "http"),
    ],
)
def test_only_trusted_proxies_set_address_and_scheme(
    settings: Settings, proxies: int, headers: dict[str, str], client: str, scheme: str
) -> None:
    """Headers that the client adds are ignored."""
    settings.TRUSTED_PROXIES = proxies
    request = RequestFactory(headers=headers | {"X-Forwarded-Host": "evil.example"}).get("/")
    trusted_proxies(health.healthz)(request)
    assert (request.META["REMOTE_ADDR"], request.scheme) == (client, scheme)
    assert not [name for name in request.META if "FORWARDED" in name]


@pytest.mark.parametrize(
    "sentence",
    ["Not Found: /s/kX9-secret_token", "GET /s/kX9-secret_token?x=1", 'File "/s/kX9-secret_token/events/"'],
)
def test_log_lines_have_no_token_and_no_key(sentence: str) -> None:
    """They are cut from the finished line."""
    formatter = LineFormatter(secrets=["am_sk_live_77"])
    record = logging.LogRecord("django.request", 40, "", 1, f"{sentence} am_sk_live_77", None, None)
    line = formatter.format(record)
    assert "secret_token" not in line
    assert "am_sk_live_77" not in line
    assert "/s/[token]" in line


@pytest.mark.django_db
def test_policy_allows_no_inline_scripts(signed_in: Callable[..., Client]) -> None:
    """Scripts come from the site only, styles from the site or by hash, and framing is forbidden."""
    response = signed_in().get("/healthz")
    policy = dict(part.strip().split(" ", 1) for part in response["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["style-src"].count("'sha256-") == 3
    assert "unsafe" not in response["Content-Security-Policy"]

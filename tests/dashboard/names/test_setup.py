"""What /setup/ and `manage.py doctor` say of the key, Autumn, and what the site runs on."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from pytest_django.fixtures import Settings
from redis import Redis

from dashboard import messages
from tests.conftest import ROOT, forget, free_port
from tests.dashboard.names.conftest import AGES, KEYS, OpenSite
from tests.page import Page
from tests.usage.conftest import redis_server, redis_url

__all__ = ["redis_server", "redis_url"]
pytestmark = pytest.mark.django_db
OTHER_AGES = tuple(age for age in AGES if age != "current")
OF_AUTUMN = {"key", "server", "events.list", "features.list", "customers.list", "customers.get", "clock"}
OF_THE_SITE = {"cache", "database", "migrations", "disk", "proxies", "cookies"}


def states(page: Page) -> dict[str, str]:
    """The state of each check."""
    return {row["data-check"] or "": row["data-state"] or "" for row in page.all(data_check=True)}


def doctor() -> tuple[int, str]:
    """The exit code of the command, and what it printed."""
    printed = io.StringIO()
    try:
        call_command("doctor", stdout=printed)
    except SystemExit as end:
        return int(end.code or 0), printed.getvalue()
    return 0, printed.getvalue()


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "age", ["current", *(pytest.param(age, marks=pytest.mark.slow) for age in OTHER_AGES)]
)
def test_working_site_has_no_failure_at_any_age_with_any_key(
    open_site: OpenSite, signed_in: Callable[..., Client], age: str, key: str
) -> None:
    """What the key may not read is a warning that says which scope it lacks."""
    open_site(age=age, key=key)
    page = Page(signed_in("admin").get("/setup/"))
    found = states(page)
    assert found.keys() == OF_AUTUMN | OF_THE_SITE
    assert found["key"] == found["server"] == found["clock"] == found["migrations"] == "ok"
    assert found["events.list"] == "ok"
    assert "failed" not in found.values()
    allowed = "ok" if key == KEYS[0] and age != "older" else found["customers.list"]
    assert found["features.list"] == found["customers.list"] == found["customers.get"] == allowed
    if key == KEYS[1] and age != "older":
        row = page.one(data_check="customers.list")
        assert row["data-state"] == "warning"
        assert "customers:read" in row.text
    assert doctor()[0] == 0


@pytest.mark.parametrize("trouble", ["wrong key", "wrong address"])
def test_first_start_says_what_is_wrong_with_the_key(
    open_site: OpenSite, settings: Settings, signed_in: Callable[..., Client], trouble: str
) -> None:
    """Admins are led from any page to the remedy; the key is nowhere."""
    open_site(key="am_sk_live_wrong" if trouble == "wrong key" else KEYS[0])
    if trouble == "wrong address":
        settings.AUTUMN_API_URL = f"http://127.0.0.1:{free_port()}"
        forget()
    admin, viewer = signed_in("admin"), signed_in("viewer")
    assert Page(admin.get("/usage/?customer_id=acme-robotics&tz=UTC")).has("a", data_setup=True)
    assert not Page(viewer.get("/usage/?customer_id=acme-robotics&tz=UTC")).has("a", data_setup=True)
    answer = admin.get("/setup/")
    found = states(Page(answer))
    assert found["key"] == "failed"
    assert found["server"] == "unknown"
    assert b"am_sk_live_wrong" not in answer.content
    code, printed = doctor()
    assert code == 1
    assert "am_sk_live_wrong" not in printed


def test_sample_data_is_a_warning_that_names_the_setting(page: Client) -> None:
    code, printed = doctor()
    assert code == 0
    assert "AUTUMN_SECRET_KEY" in printed


@pytest.mark.parametrize(
    ("age", "lacking"),
    [
        ("older", set(messages.ABILITIES)),
        ("current", {"counts"}),
        ("newest", set()),
    ],
)
def test_server_of_each_age_is_described_by_what_it_lacks(
    open_site: OpenSite, signed_in: Callable[..., Client], age: str, lacking: set[str]
) -> None:
    open_site(age=age)
    row = Page(signed_in("admin").get("/setup/")).one(data_check="server")
    assert {ability for ability, what in messages.ABILITIES.items() if what in row.text} == lacking


@pytest.mark.parametrize("key", KEYS)
def test_reload_calls_autumn_no_more(open_site: OpenSite, signed_in: Callable[..., Client], key: str) -> None:
    """Whatever the key may read, the first time takes at most five calls."""
    site, admin = open_site(key=key), signed_in("admin")
    first = states(Page(admin.get("/setup/")))
    assert 0 < len(site.autumn.paths) <= 5
    site.autumn.paths.clear()
    assert states(Page(admin.get("/setup/"))) == first
    assert site.autumn.paths == []


def test_rate_limit_is_no_failure_of_the_setup(open_site: OpenSite) -> None:
    site = open_site()

    def limited(environ: object, start_response: Callable[..., object]) -> list[bytes]:
        start_response("429 Too Many Requests", [("Retry-After", "60")])
        return [b"Too many requests"]

    site.autumn.app = limited  # type: ignore[assignment]
    code, printed = doctor()
    assert code == 0
    assert "AUTUMN_API_URL" not in printed


def test_database_that_refuses_changes_fails(open_site: OpenSite, signed_in: Callable[..., Client]) -> None:
    """Such as a replica, or a file of another user."""
    open_site()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA query_only = ON")
        code, printed = doctor()
        cursor.execute("PRAGMA query_only = OFF")
    assert code == 1
    assert printed.count("✗") == 1


@pytest.mark.parametrize(
    ("most_bytes", "policy", "state"),
    [
        (0, "noeviction", "warning"),
        (64 * 1024 * 1024, "noeviction", "warning"),
        (64 * 1024 * 1024, "allkeys-lru", "ok"),
    ],
)
def test_redis_that_fills_up_is_a_warning(
    open_site: OpenSite,
    settings: Settings,
    signed_in: Callable[..., Client],
    redis_url: str,
    most_bytes: int,
    policy: str,
    state: str,
) -> None:
    """It fills the machine without a limit, and refuses what is new without a policy."""
    shared = {"BACKEND": "dashboard.web.redis_cache.SharedCache", "LOCATION": redis_url}
    settings.CACHES = {"default": shared}
    open_site(REDIS_URL=redis_url)
    with Redis.from_url(redis_url) as redis:
        redis.config_set("maxmemory", most_bytes)
        redis.config_set("maxmemory-policy", policy)
    row = Page(signed_in("admin").get("/setup/")).one(data_check="cache")
    assert row["data-state"] == state
    assert row.has(data_remedy=True) == (state != "ok")


def test_missing_tables_fail(open_site: OpenSite) -> None:
    """Such as those of an upgrade."""
    open_site()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'sharing' AND name >= '0007'")
    code, printed = doctor()
    assert code == 1
    assert "migrate" in printed


def test_doctor_works_before_anything_else_does(tmp_path: Path) -> None:
    """With an empty folder, and neither Autumn nor Redis in reach."""
    away = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")},
        "DATA_DIR": str(tmp_path),
        "ENV_FILE": os.devnull,
        "REDIS_URL": f"redis://127.0.0.1:{away}/0",
        "AUTUMN_SECRET_KEY": "am_sk_test_1",
        "AUTUMN_API_URL": f"http://127.0.0.1:{away}",
    }
    command = [sys.executable, "manage.py", "doctor"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout.count("✗") == 3
    assert {"AUTUMN_API_URL", "REDIS_URL", "migrate"} <= set(re.findall(r"[A-Z_]{6,}|migrate", done.stdout))
    assert "Traceback" not in done.stderr


def test_proxies_are_compared_with_the_setting(
    open_site: OpenSite, settings: Settings, signed_in: Callable[..., Client]
) -> None:
    """One that is not trusted, and one that is missing."""
    open_site()
    admin = signed_in("admin")
    passed = {"X-Forwarded-For": "203.0.113.7"}
    assert states(Page(admin.get("/setup/")))["proxies"] == "ok"
    assert states(Page(admin.get("/setup/", headers=passed)))["proxies"] == "warning"
    settings.TRUSTED_PROXIES = 1
    assert states(Page(admin.get("/setup/")))["proxies"] == "failed"


def test_clock_that_differs_fails(open_site: OpenSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """By more than a minute: windows end with this machine's now."""
    site = open_site()

    def late(environ: object, start_response: Callable[..., object]) -> list[bytes]:
        start_response("403 Forbidden", [("Date", "Thu, 01 Jan 2026 00:00:00 GMT")])
        return [json.dumps({"code": "insufficient_scopes", "message": "Missing: analytics:read"}).encode()]

    site.autumn.app = late  # type: ignore[assignment]
    forget()
    code, printed = doctor()
    assert code == 1
    assert printed.count("✗") == 2  # the key, which lacks a scope, and the clock

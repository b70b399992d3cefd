"""Processes as in production: two of them, one PostgreSQL, one Redis, and the sample on its own port."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator

import psycopg
import pytest
from playwright.sync_api import Browser, expect

from tests.conftest import Served
from tests.page import Page

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, postgres: str, redis_server: str, autumn: str
) -> Iterator[Served]:
    """Two processes that share PostgreSQL and Redis, with the sample's key in place of a real one."""
    made = Served(
        tmp_path_factory.mktemp("processes"),
        DATABASE_URL=postgres,
        REDIS_URL=redis_server,
        WEB_CONCURRENCY="2",
        AUTUMN_SECRET_KEY="am_sk_sample",
        AUTUMN_API_URL=autumn,
        SECRET_KEY="only-for-this-test-and-long-enough-for-django-to-like-it-0123456789",
    )
    assert made.first_line.endswith(f"{made.url}\n"), made.stderr
    yield made
    made.stop()


def get(url: str) -> tuple[int, str, str]:
    """Status, final address, and text."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.url, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, url, error.read().decode()


def test_ready_with_real_services(site: Served) -> None:
    """Both processes are ready with a real database and a real cache."""
    for _ in range(8):
        status, _, text = get(f"{site.url}/readyz")
        assert (status, text) == (200, "ok\n")


def test_tables_are_in_postgres(site: Served, postgres: str) -> None:
    """Accounts and sightings are in PostgreSQL, and there is no SQLite file."""
    with psycopg.connect(postgres) as connection:
        names = {
            row[0]
            for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        }
    assert {"dashboard_user", "dashboard_sighting", "django_session"} <= names
    assert not list(site.folder.glob("db.sqlite3*"))


def test_visitors_are_redirected_to_sign_in(site: Served) -> None:
    status, address, text = get(f"{site.url}/usage/?customer_id=acme-robotics")
    assert status == 200
    assert "/accounts/login/" in address
    page = Page(text)
    assert page.has_field("password")
    assert not page.has(id="view")


def test_user_signs_in_and_sees_figures(site: Served, chromium: Browser) -> None:
    """A user of createsuperuser sees a customer's chart, from either process."""
    secret = "correct horse battery"
    made = site.manage(
        "createsuperuser",
        "--noinput",
        "--username",
        "ann",
        "--email",
        "ann@example.com",
        DJANGO_SUPERUSER_PASSWORD=secret,
    )
    assert made.returncode == 0, made.stderr
    context = chromium.new_context()
    tab = context.new_page()
    tab.goto(f"{site.url}/usage/?customer_id=acme-robotics&range=7d&tz=UTC")
    tab.fill("[name=login]", "ann")
    tab.fill("[name=password]", secret)
    tab.press("[name=password]", "Enter")
    expect(tab.locator("h1")).to_contain_text("acme-robotics", timeout=20_000)
    for _ in range(4):
        tab.reload()
        expect(tab.locator(".legend [data-group=ai_tokens]")).to_be_visible()
    context.close()

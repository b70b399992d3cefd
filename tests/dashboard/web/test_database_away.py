"""A database that is away, locked, full or unreadable: a 503 with a sentence on every page."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import (
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    connection,
)
from django.test import Client
from pytest_django.fixtures import Settings

from dashboard.models import User
from dashboard.pages.routes import ROUTES
from dashboard.web.env import Environment
from tests.page import Page

pytestmark = pytest.mark.slow

PAGES = [
    *(f"/{route.path}" for route in ROUTES),
    *(f"/shared/0123456789abcdef/{route.path}" for route in ROUTES),
    *("/s/token", "/shared/0123456789abcdef/unlock", "/customers/acme", "/shares/", "/shares/new"),
    *("/accounts/logout/", "/accounts/2fa/", "/admin/", "/admin/dashboard/user/"),
]
FAILURES = [
    (OperationalError, sqlite3.OperationalError("database is locked")),
    (OperationalError, sqlite3.OperationalError("database or disk is full")),
    (OperationalError, sqlite3.OperationalError("attempt to write a readonly database")),
    (DatabaseError, sqlite3.DatabaseError("file is not a database")),
    (InterfaceError, sqlite3.InterfaceError("connection already closed")),
]


@pytest.fixture
def staff(signed_in: Callable[..., Client]) -> Client:
    client = signed_in("admin")
    client.raise_request_exception = False
    return client


def failing(kind: type[Error], cause: Exception, statements: str = "") -> Any:
    """Statements that begin so fail in this block, as a driver's do."""

    def fail(execute: Callable[..., object], sql: str, *arguments: object) -> object:
        if sql.startswith(statements):
            raise kind(*cause.args) from cause
        return execute(sql, *arguments)

    return connection.execute_wrapper(fail)


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_a_503_with_a_sentence(staff: Client, live_mode: Settings, path: str) -> None:
    with failing(*FAILURES[0]):
        response = staff.get(path, headers={"HX-Request": "true"})
    assert response.status_code == 503
    assert response["Retry-After"]
    assert "database-away" in Page(response).notices
    assert response["HX-Retarget"] == "body"
    assert "locked" not in response.content.decode()


@pytest.mark.parametrize(("kind", "cause"), FAILURES)
def test_every_failure_of_the_database_is_a_503(
    staff: Client, live_mode: Settings, kind: type[Error], cause: Exception
) -> None:
    with failing(kind, cause):
        assert staff.get("/shares/").status_code == 503
        assert staff.get("/readyz").status_code == 503
        assert staff.get("/healthz").status_code == 200
    assert staff.get("/shares/").status_code == 200


@pytest.mark.parametrize("kind", [DataError, IntegrityError, ProgrammingError])
def test_mistakes_of_the_site_are_a_500(staff: Client, live_mode: Settings, kind: type[Error]) -> None:
    """They would happen again."""
    with failing(kind, sqlite3.ProgrammingError("no such column")):
        assert staff.get("/shares/").status_code == 500


def test_session_that_is_not_stored_is_a_503(
    client: Client, live_mode: Settings, person: Callable[..., User]
) -> None:
    """Django takes it for one that was deleted meanwhile. This page notes a new secret in it."""
    person("viewer")
    client.raise_request_exception = False
    client.post("/accounts/login/", {"login": "viewer", "password": "correct horse"})
    again = client.get("/accounts/2fa/totp/activate/").headers["Location"]
    client.post(again, {"password": "correct horse"})
    with failing(*FAILURES[1], statements='UPDATE "django_session"'):
        response = client.get("/accounts/2fa/totp/activate/")
    assert response.status_code == 503
    assert "database-away" in Page(response).notices


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Any]:
    def database(url: str) -> Any:
        monkeypatch.setenv("DATABASE_URL", url)
        return Environment(tmp_path / ".env").database("DATABASE_URL", tmp_path)

    return database


def test_connection_to_postgresql_is_bounded_and_checked(environment: Callable[[str], Any]) -> None:
    """A URL may say otherwise."""
    found = environment("postgresql://ann@db/usage?sslmode=require&connect_timeout=7")
    assert found["CONN_HEALTH_CHECKS"] is True
    assert found["OPTIONS"] == {"connect_timeout": 7, "tcp_user_timeout": 10_000, "sslmode": "require"}

"""What compose.yaml starts, without containers: nginx, PostgreSQL, Redis, and the wheel in the image's place.

Only addresses, ports and paths differ.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from tests.conftest import free_port
from tests.dashboard.live_site import Switch, listening
from tests.deploy.deployment import (
    Installed,
    compose,
    health_check,
    image_environment,
    interpolated,
    program,
)
from tests.deploy.nginx import HOST, nginx_of_compose, replaced
from tests.deploy.replicas import sign_in
from tests.page import Page
from tests.services.conftest import Postgres
from tests.usage.conftest import start_redis
from usage.sample import SampleApp, Store

pytestmark = pytest.mark.slow

PASSWORD = "correct horse battery"
CHOSEN = {
    "AUTUMN_SECRET_KEY": "am_sk_sample",
    "SECRET_KEY": "only-for-this-test-and-long-enough-for-django-to-like-it-0123456789",
    "SITE_HOST": HOST,
    "POSTGRES_PASSWORD": "of-this-test",
}
EXPORT = "/events/export.jsonl?range=7d&tz=UTC"
USAGE = "/usage/?customer_id=acme-robotics&range=7d&tz=UTC"


@dataclass(frozen=True)
class Composed:
    """The site behind its proxy. `http`: a client that trusts its certificate."""

    installed: Installed
    folder: Path
    settings: dict[str, str]
    plain: str
    http: httpx.Client
    autumn: Switch

    def run(self, *words: str, **more: str) -> str:
        done = self.installed.run(self.folder, *words, **self.settings, **more)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def log(self, *names: str) -> str:
        """The site's own, or these of nginx."""
        return "".join((self.folder / name).read_text() for name in names or ("stderr",))

    def is_healthy(self) -> bool:
        """What the image's health check says."""
        of, *words = health_check()
        command = self.installed.command(*words, of=of)
        return subprocess.run(command, env=self.settings, capture_output=True, check=False).returncode == 0


@contextmanager
def redis_of_compose(folder: Path) -> Iterator[str]:
    """The address of a Redis with the options of compose.yaml."""
    name, *options = compose()["redis"]["command"]
    port = free_port()
    process = start_redis(program(name), port, folder, *options)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def database_of_compose(server: Postgres) -> str:
    """The address of a PostgreSQL with the user and database of compose.yaml, which it has from its image."""
    chosen = compose()["postgres"]["environment"]
    with psycopg.connect(server.url, autocommit=True) as connection:
        user, database = chosen["POSTGRES_USER"], chosen["POSTGRES_DB"]
        connection.execute(f'CREATE ROLE "{user}" LOGIN')
        connection.execute(f'CREATE DATABASE "{database}" OWNER "{user}"')
    return f"127.0.0.1:{urlsplit(server.url).port}"


@pytest.fixture(scope="module")
def composed(
    installed: Installed,
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: Postgres,
    prepared_folder: Callable[[], Path],
) -> Iterator[Composed]:
    folder = tmp_path_factory.mktemp("composed")
    story = Store(shutil.copy2(prepared_folder() / "sample.sqlite3", folder))
    switch = Switch(SampleApp(story))
    with closing(story), listening(switch) as autumn, redis_of_compose(folder) as redis:
        addresses = {"postgres:5432": database_of_compose(postgres_server), "redis:6379": redis}
        given = compose()["dashboard"]["environment"]
        settings = {name: interpolated(value, CHOSEN) for name, value in given.items()}
        for name, address in (("DATABASE_URL", "postgres:5432"), ("REDIS_URL", "redis:6379")):
            settings[name] = replaced(settings[name], {address: addresses[address]})
        settings |= {name: value for name, value in image_environment().items() if name != "PATH"}
        port = free_port()
        settings |= {"DATA_DIR": str(folder / "data"), "PORT": str(port), "AUTUMN_API_URL": autumn}
        settings["LOG_LEVEL"] = "INFO"
        with (
            installed.serving(folder, folder / "stderr", **settings) as line,
            nginx_of_compose(folder, port) as proxy,
            proxy.client() as http,
        ):
            assert line.endswith(f"http://127.0.0.1:{port}\n"), (folder / "stderr").read_text()
            made = Composed(installed, folder, settings, proxy.plain, http, switch)
            user = ("--noinput", "--username", "ann", "--email", "ann@example.com")
            made.run("createsuperuser", *user, DJANGO_SUPERUSER_PASSWORD=PASSWORD)
            sign_in(http, "ann", PASSWORD)
            yield made


def test_visitors_without_https_are_redirected(composed: Composed) -> None:
    answer = httpx.get(f"{composed.plain}{USAGE}")
    assert (answer.status_code, answer.headers["Location"]) == (308, f"https://{HOST}{USAGE}")


def test_first_page_has_figures_styles_and_scripts(composed: Composed) -> None:
    answer = composed.http.get(USAGE)
    page = Page(answer)
    assert answer.status_code == 200
    assert page.has(data_feature=True, data_sum=True)
    files = page.values("href", "link", rel="stylesheet") + page.values("src", "script")
    assert [path for path in files if composed.http.get(path).status_code != 200] == []


def test_setup_finds_nothing_wrong_with_the_site(composed: Composed) -> None:
    """One proxy is seen and trusted, cookies need https, and Redis has a limit."""
    page = Page(composed.http.get("/setup/"))
    states = {row["data-check"]: row["data-state"] for row in page.all(data_check=True)}
    ours = ("cache", "database", "migrations", "proxies", "cookies", "disk")
    assert {name: states[name] for name in ours} == dict.fromkeys(ours, "ok")


def test_visitor_cannot_claim_an_address(composed: Composed) -> None:
    claimed = "203.0.113.9"
    assert composed.http.get("/readyz", headers={"X-Forwarded-For": claimed}).status_code == 200
    assert "/readyz" in composed.log()
    assert claimed not in composed.log()


def test_doctor_finds_nothing_wrong(composed: Composed) -> None:
    composed.run("doctor")


def test_health_check_says_whether_the_site_runs(composed: Composed) -> None:
    assert composed.is_healthy()
    composed.settings["PORT"], port = str(free_port()), composed.settings["PORT"]
    assert not composed.is_healthy()
    composed.settings["PORT"] = port


def test_token_of_a_link_is_in_no_log(composed: Composed) -> None:
    """Neither of a link that is opened, nor of one that is not redirected to https yet."""
    link = composed.run("share", "create", "--customer", "acme-robotics").strip()
    path = link.removeprefix(f"https://{HOST}")
    assert path.startswith("/s/")
    assert httpx.get(f"{composed.plain}{path}").status_code == 308
    with httpx.Client(base_url=composed.http.base_url, verify=False) as recipient:
        answer = recipient.get(path)
        assert answer.status_code == 302
        shared = answer.headers["Location"]
        assert Page(recipient.get(shared, follow_redirects=True)).has(data_feature=True)
    for logs in (composed.log(), composed.log("access", "errors")):
        assert shared in logs
        assert path.removeprefix("/s/") not in logs


def test_interrupted_export_is_incomplete_at_the_proxy_too(composed: Composed) -> None:
    assert composed.http.get(EXPORT).status_code == 200
    composed.autumn.lists, composed.autumn.fails = 0, lambda number: number > 3
    with pytest.raises(httpx.RemoteProtocolError):
        composed.http.get(EXPORT)
    composed.autumn.fails = lambda _: False

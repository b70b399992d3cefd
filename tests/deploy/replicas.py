"""Three sites that share PostgreSQL and Redis, with nginx in front of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.conftest import Served
from tests.deploy.nginx import HOST, Proxy, nginx_of_compose
from tests.page import Page
from usage.sample import SAMPLE_KEY

REPLICAS = 3
SETTINGS = {
    "AUTUMN_SECRET_KEY": SAMPLE_KEY,
    "SECRET_KEY": "only-for-this-test-and-long-enough-for-django-to-like-it-0123456789",
    "ALLOWED_HOSTS": HOST,
    "CSRF_TRUSTED_ORIGINS": f"https://{HOST}",
    "TRUSTED_PROXIES": "1",
    "LOG_LEVEL": "INFO",
}


@dataclass(frozen=True)
class Replicas:
    sites: list[Served]
    proxy: Proxy

    def ask(self, site: Served, path: str, cookies: httpx.Cookies) -> httpx.Response:
        """A response of one of them, requested as nginx does; redirects are not followed."""
        sent = "; ".join(f"{name}={value}" for name, value in cookies.items())
        headers = {"Host": HOST, "X-Forwarded-Proto": "https", "X-Forwarded-For": "127.0.0.1", "Cookie": sent}
        return httpx.get(f"{site.url}{path}", headers=headers, timeout=60)

    def ask_all(self, path: str, cookies: httpx.Cookies) -> list[int]:
        """The status at each of them."""
        return [self.ask(site, path, cookies).status_code for site in self.sites]

    def manage(self, *words: str, **environment: str) -> str:
        done = self.sites[0].manage(*words, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def replicas_of(folder: Path, **settings: str) -> Iterator[Replicas]:
    """`settings`: at least the addresses of Autumn, PostgreSQL and Redis."""
    with ExitStack() as stack:
        sites = []
        for number in range(REPLICAS):
            own = folder / f"replica-{number}"
            own.mkdir()
            site = Served(own, **SETTINGS, **settings)
            stack.callback(site.stop)
            assert site.first_line.endswith(f"{site.url}\n"), site.stderr
            sites.append(site)
        proxy = stack.enter_context(nginx_of_compose(folder, *(site.port for site in sites)))
        yield Replicas(sites, proxy)


def token_of(http: httpx.Client, path: str) -> str:
    """The token of the form on this page."""
    return Page(http.get(path)).all("input", name="csrfmiddlewaretoken")[0]["value"] or ""


def post(http: httpx.Client, path: str, token: str, **fields: str) -> httpx.Response:
    headers = {"Origin": str(http.base_url).rstrip("/")}
    return http.post(path, data={"csrfmiddlewaretoken": token, **fields}, headers=headers)


def sign_in(http: httpx.Client, name: str, password: str) -> None:
    path = "/accounts/login/"
    answer = post(http, path, token_of(http, path), login=name, password=password)
    assert answer.status_code == 302, answer.text

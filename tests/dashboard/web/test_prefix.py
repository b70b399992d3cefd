"""The site below a path, behind a proxy that keeps the path or removes it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import Served

pytestmark = pytest.mark.slow

PREFIX = "/board"
ADDRESS = re.compile(r'(?:href|src|action|hx-get|hx-post|data-(?!v(?:alue)?=|p=)[a-z-]+)="(/[^"]*)"')
STAFF = (
    "/",
    "/events/?customer_id=hooli",
    "/usage/?customer_id=hooli",
    "/shares/",
    "/views/",
    "/no-such-page",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    site = Served(tmp_path_factory.mktemp("prefixed"), SCRIPT_NAME=f"{PREFIX}/")
    assert site.first_line.endswith(f"{site.url}{PREFIX}\n"), site.stderr
    yield site
    site.stop()


@pytest.fixture
def visitor(site: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.url, timeout=60, follow_redirects=True) as client:
        yield client


def addresses(page: str) -> set[str]:
    """Everything on a page that leads to this site."""
    figure = re.search(r'class="figure">(.*?)</script>', page, re.DOTALL)
    drawn = json.loads(figure[1]) if figure else {}
    return {*ADDRESS.findall(page), *(drawn[name] for name in ("base", "events") if name in drawn)}


@pytest.mark.parametrize("proxy_keeps", [True, False], ids=["kept", "removed"])
@pytest.mark.parametrize("path", STAFF)
def test_every_address_of_a_page_is_below_the_prefix(
    visitor: httpx.Client, path: str, proxy_keeps: bool
) -> None:
    """Links, forms, parts, scripts and styles; and each is found."""
    page = visitor.get(f"{PREFIX if proxy_keeps else ''}{path}").text
    found = addresses(page)
    assert len(found) >= 3
    assert [each for each in found if not each.startswith(f"{PREFIX}/")] == []
    paths = {each.partition("?")[0] for each in found if "export" not in each and "logout" not in each}
    assert {each: code for each in paths if (code := visitor.get(each).status_code) == 404} == {}


def test_link_opens_below_the_prefix(site: Served, visitor: httpx.Client) -> None:
    """Its cookies belong to its own pages."""
    site.manage("createsuperuser", "--noinput", "--username", "ann", "--email", "ann@example.com")
    made = site.manage("share", "create", "--customer", "hooli", "--owner", "ann")
    assert made.stdout.startswith(f"{site.url}{PREFIX}/s/"), made.stderr
    response = visitor.get(made.stdout.split()[-1])
    assert response.status_code == 200
    assert response.url.path.startswith(f"{PREFIX}/shared/")
    found = addresses(response.text)
    assert [each for each in found if not each.startswith(f"{PREFIX}/")] == []
    held = [cookie for cookie in visitor.cookies.jar if cookie.name.startswith("share")]
    assert {cookie.path for cookie in held} <= {response.url.path.removesuffix("usage/")}


def test_sign_in_comes_back_below_the_prefix(site: Served) -> None:
    """Its cookies too."""
    with httpx.Client(base_url=site.url, timeout=60) as client:
        form = client.get(f"{PREFIX}/accounts/login/?next={PREFIX}/events/")
        assert addresses(form.text) >= {f"{PREFIX}/accounts/login/"}
        assert {cookie.path for cookie in client.cookies.jar} == {f"{PREFIX}/"}


@pytest.fixture
def behind_a_proxy(tmp_path: Path) -> Iterator[Served]:
    site = Served(tmp_path, SCRIPT_NAME="/a.b", TRUSTED_PROXIES="1")
    yield site
    site.stop()


def test_probes_need_neither_https_nor_a_host_name(behind_a_proxy: Served) -> None:
    """They come without the proxy. Pages are redirected to https, and refused for another host."""
    https = {"X-Forwarded-Proto": "https"}
    with httpx.Client(base_url=behind_a_proxy.url, timeout=60) as client:

        def status(path: str, host: str = "localhost", **headers: str) -> int:
            return client.get(path, headers={"Host": host, **headers}).status_code

        for host in ("localhost", "10.1.2.3:8000", "_not.a_host"):
            for path in ("/healthz", "/readyz", "/a.b/healthz", "/a.b/readyz"):
                assert status(path, host) == status(path, host, **https) == 200
        assert status("/a.b/") == status("/aXb/healthz") == 301
        assert status("/a.b/", **https) == 200
        assert status("/a.b/", "10.1.2.3:8000", **https) == 400

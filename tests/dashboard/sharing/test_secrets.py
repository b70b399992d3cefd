"""Tokens in logs: the real site with its most verbose log, and the mistakes that users create with links."""

from __future__ import annotations

import json
import socket
import sqlite3
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from http.cookiejar import CookieJar

import pytest

from dashboard.web.logging import redacted
from tests.conftest import Served
from tests.page import Page

TOKEN = "S3cr3tT0k3n-of_the-tests-0123456789abcdefghij"


@pytest.fixture(scope="module")
def verbose_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The real site with its most verbose log."""
    site = Served(tmp_path_factory.mktemp("verbose_site"), LOG_LEVEL="DEBUG")
    assert site.first_line.endswith(f"{site.url}\n"), site.stderr
    yield site
    site.stop()


class Visitor:
    """A client with cookies: it returns the status and the text of responses."""

    def __init__(self, site: Served) -> None:
        self.url = site.url
        self.jar = CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))

    def request(self, path: str, method: str | None = None, **sent: str) -> tuple[int, str]:
        data = urllib.parse.urlencode(sent).encode() if sent else None
        try:
            answer = self.opener.open(
                urllib.request.Request(self.url + path, data, method=method), timeout=30
            )
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        return answer.status, answer.read().decode()

    def create(self, **choices: str) -> tuple[str, str]:
        """Create a link by the form, with a password: its token and the password."""
        _, page = self.request("/shares/new?customer_id=acme-robotics&range=90d")
        form = Page(page).form("/shares/new").fields
        sent = {name: form[name][0] for name in ("csrfmiddlewaretoken", "share_id", "view")}
        usual = {
            "recipient": "Ada",
            "customer_id": "acme-robotics",
            "every_feature": "on",
            "period": "free",
            "fresh": "live",
            "life": "7",
            "password": "generated",
        }
        _, answer = self.request("/shares/new", **usual, **choices, **sent)
        made = Page(answer)
        link, password = (made.one("input", id=name)["value"] or "" for name in ("link", "password"))
        return link.rpartition("/")[2], password

    def unlock(self, token: str, password: str) -> str:
        """Open a link with its password, and return its root."""
        status, locked = self.request(f"/s/{token}")
        assert status == 403
        [form] = Page(locked).all("form")
        fields = {name: value[0] for name, value in form.fields.items() if name != "password"}
        unlock = form["action"] or ""
        assert self.request(unlock, password=password, **fields)[0] == 200
        return unlock.removesuffix("unlock")


def assert_not_logged(token: str, site: Served) -> None:
    """Neither a line of the log nor a file has the text: not the database, its journal or its sessions."""
    assert token not in site.stderr
    for path in site.folder.rglob("*"):
        if path.is_file() and path.name != "sample.sqlite3":
            assert token.encode() not in path.read_bytes(), path


def test_no_token_in_any_log(verbose_site: Served) -> None:
    """The log has the path of each request with the token cut out, for valid, sent, mistyped and cut
    tokens.
    """
    visitor, before = Visitor(verbose_site), verbose_site.stderr.count("[token]")
    ways = ("/s/{}", "/s/{}/", "/s/{}?utm=1", "/s/%00{}", "//s/{}", "/s/{}%2Fx")
    broken = (
        "/s//{}",
        "/S/{}",
        "/s/%20{}",
        "/s/'{}",
        "/s/%22{}",
        "/{}",
        "/shared/{}/",
        "/s/%5C{}",
        "/s/x%22{}",
    )
    for way in (*ways, *broken):
        assert visitor.request(way.format(TOKEN))[0] in {400, 404}
    assert visitor.request(f"/s/{TOKEN}", password="x")[0] == 403
    assert visitor.request(f"/s/{TOKEN}", "DELETE")[0] == 405
    assert verbose_site.stderr.count("[token]") - before >= len(ways) + len(broken) + 2
    with socket.create_connection(("127.0.0.1", verbose_site.port)) as raw:
        raw.sendall(f"GET /s/{TOKEN}".encode() + b"\xff HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert raw.recv(12) == b"HTTP/1.1 400"
    assert_not_logged(TOKEN, verbose_site)
    for line in verbose_site.stderr.splitlines():
        assert isinstance(json.loads(line), dict)


@pytest.mark.parametrize(
    "path",
    [
        "/s/{0}/{1}",
        "/s/{0}%20{1}",
        "/s/{0}%0A{1}",
        "/s/{0}%27{1}",
        "/s/{0}%22{1}",
        "/s/{0}%3F{1}",
        "/s/{0}%5C{1}",
        "/s//{0}",
        "/S/{0}/{1}",
        "/s%2F{0}%2F{1}",
        "/%73/{0}%2520{1}",
        "/{1}",
        "/%20{1}",
        "/shared/{1}/",
        "/shared/{0}/{1}",
        "/usage/s/{0}/{1}",
        "/{0}/{1}",
    ],
)
def test_no_half_of_a_token_in_any_log(verbose_site: Served, path: str) -> None:
    """Mails and people break links: either half is cut, also from lines about unreadable requests."""
    halves = TOKEN[:21], TOKEN[21:]
    sent = path.format(*halves)
    before = verbose_site.stderr.count("[token]")
    assert Visitor(verbose_site).request(sent)[0] in {400, 404}
    with socket.create_connection(("127.0.0.1", verbose_site.port)) as raw:
        raw.sendall(f"GET /s/{halves[0]} {halves[1]}".encode() + b"\xff HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert raw.recv(12).endswith(b" 400")
    assert verbose_site.stderr.count("[token]") > before
    for half in halves:
        assert_not_logged(half, verbose_site)


def test_customer_is_in_the_log(verbose_site: Served) -> None:
    """An id that is as long as a token is not one."""
    Visitor(verbose_site).request("/customers/cus_01ARZ3NDEKTSV4RRFFQ69G5FAV")
    assert "/customers/cus_01ARZ3NDEKTSV4RRFFQ69G5FAV" in verbose_site.stderr


def test_created_link_is_in_no_file(verbose_site: Served) -> None:
    """A link of the form opens, and neither its token nor its password is in any file or line of the log."""
    token, password = Visitor(verbose_site).create()
    Visitor(verbose_site).unlock(token, password)
    with closing(sqlite3.connect(verbose_site.folder / "db.sqlite3")) as database:
        assert database.execute("SELECT count(*) FROM sharing_share").fetchone() == (1,)
    assert_not_logged(token, verbose_site)
    assert_not_logged(password, verbose_site)


def test_long_line_without_a_token_is_unchanged() -> None:
    """A million letters are processed in one pass."""
    line = "a" * 1_000_000
    assert redacted(line, []) == line


@pytest.mark.parametrize(
    "around", ["GET /s/{} HTTP/1.1", "Not Found: /s/{}", '"path": "/s/{}"', "'/s/{}'", "http://h/s/{}?x#y"]
)
def test_tokens_are_cut_from_sentences(around: str) -> None:
    """Wherever a path is in a line, its token is cut out."""
    assert TOKEN not in redacted(around.format(TOKEN), [])

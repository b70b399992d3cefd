"""Tokens in logs: the real site, its log at its most talkative, and what a person
can do wrong with a link.
"""

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
def talkative(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The real site, logging all that it can."""
    site = Served(tmp_path_factory.mktemp("talkative"), LOG_LEVEL="DEBUG")
    assert site.first_line.endswith(f"{site.url}\n"), site.stderr
    yield site
    site.stop()


class Visitor:
    """Somebody with a cookie jar: the status and the text of what they get."""

    def __init__(self, site: Served) -> None:
        self.url = site.url
        self.jar = CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))

    def ask(self, path: str, method: str | None = None, **sent: str) -> tuple[int, str]:
        data = urllib.parse.urlencode(sent).encode() if sent else None
        try:
            answer = self.opener.open(
                urllib.request.Request(self.url + path, data, method=method), timeout=30
            )
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        return answer.status, answer.read().decode()

    def make(self, **choices: str) -> tuple[str, str]:
        """A link by the form, with a password: its token and that."""
        _, page = self.ask("/shares/new?customer_id=acme-robotics&range=90d")
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
        _, answer = self.ask("/shares/new", **usual, **choices, **sent)
        made = Page(answer)
        link, password = (made.one("input", id=name)["value"] or "" for name in ("link", "password"))
        return link.rpartition("/")[2], password

    def unlock(self, token: str, password: str) -> str:
        """Opens a link with its password: the address below which it is."""
        status, locked = self.ask(f"/s/{token}")
        assert status == 403
        [form] = Page(locked).all("form")
        fields = {name: value[0] for name, value in form.fields.items() if name != "password"}
        unlock = form["action"] or ""
        assert self.ask(unlock, password=password, **fields)[0] == 200
        return unlock.removesuffix("unlock")


def absent(token: str, site: Served) -> None:
    """No line of the log has it, and no file: not the database, not its journal, not the sessions in it."""
    assert token not in site.stderr
    for path in site.folder.rglob("*"):
        if path.is_file() and path.name != "sample.sqlite3":
            assert token.encode() not in path.read_bytes(), path


def test_no_token_in_any_log(talkative: Served) -> None:
    """A token that is opened, sent, mistyped and cut off is in no line of the log, where its path is."""
    visitor, before = Visitor(talkative), talkative.stderr.count("[token]")
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
        assert visitor.ask(way.format(TOKEN))[0] in {400, 404}
    assert visitor.ask(f"/s/{TOKEN}", password="x")[0] == 403
    assert visitor.ask(f"/s/{TOKEN}", "DELETE")[0] == 405
    assert talkative.stderr.count("[token]") - before >= len(ways) + len(broken) + 2
    with socket.create_connection(("127.0.0.1", talkative.port)) as raw:
        raw.sendall(f"GET /s/{TOKEN}".encode() + b"\xff HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert raw.recv(12) == b"HTTP/1.1 400"
    absent(TOKEN, talkative)
    for line in talkative.stderr.splitlines():
        assert isinstance(json.loads(line), dict)


def test_a_made_link_is_in_no_file(talkative: Served) -> None:
    """A link that the form made opens, and neither its token nor its password is in any file or line of the
    log.
    """
    token, password = Visitor(talkative).make()
    Visitor(talkative).unlock(token, password)
    with closing(sqlite3.connect(talkative.folder / "db.sqlite3")) as database:
        assert database.execute("SELECT count(*) FROM sharing_share").fetchone() == (1,)
    absent(token, talkative)
    absent(password, talkative)


def test_long_lines_are_cut_quickly() -> None:
    """A line of a million letters that are no token stays as it is, and is through in one pass over it."""
    line = "a" * 1_000_000
    assert redacted(line, []) == line


@pytest.mark.parametrize(
    "around", ["GET /s/{} HTTP/1.1", "Not Found: /s/{}", '"path": "/s/{}"', "'/s/{}'", "http://h/s/{}?x#y"]
)
def test_tokens_are_cut_from_sentences(around: str) -> None:
    """Wherever a path stands in a line, the token in it does not."""
    assert TOKEN not in redacted(around.format(TOKEN), [])

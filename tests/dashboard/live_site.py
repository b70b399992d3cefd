"""The real site, with a key, in front of an Autumn that tests control; and a signed-in user."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import httpx

from tests.conftest import ROOT, Served
from tests.page import Page

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

KEY = "am_sk_test_of_the_exports"
NAME, PASSWORD = "taker", "correct horse battery"


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name in the base class
        pass


class Switch:
    """Pass requests on, count lists, and fail or lose rows of lists when a test says so."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app
        self.lists = 0
        self.fails: Callable[[int], bool] = lambda _: False
        self.loses = 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].endswith("list"):
            self.lists += 1
            if self.fails(self.lists):
                start_response("500 Broken", [("Content-Length", "0")])
                return [b""]
            if self.loses:
                return self._without_rows(environ, start_response)
        return self.app(environ, start_response)

    def _without_rows(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        begun: list[Any] = []

        def begin(*given: Any) -> Callable[[bytes], object]:
            begun.extend(given)
            return len

        answer = json.loads(b"".join(self.app(environ, begin)))
        del answer["list"][: self.loses]
        body = json.dumps(answer).encode()
        headers = [(name, value) for name, value in begun[1] if name.lower() != "content-length"]
        start_response(begun[0], [*headers, ("Content-Length", str(len(body)))])
        return [body]


@contextmanager
def listening(app: WSGIApplication) -> Iterator[str]:
    """The app on a port of its own, a thread for each request."""
    server = make_server("127.0.0.1", 0, app, _Server, _Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class Keyed:
    """A site that calls the Autumn at `url`; its only user is an admin."""

    def __init__(self, folder: Path, url: str, key: str = KEY, **more: str) -> None:
        chosen = {"AUTUMN_SECRET_KEY": key, "AUTUMN_API_URL": url, **more}
        self.served = Served(folder, **chosen)
        assert self.served.first_line.endswith(f"{self.served.url}\n"), self.served.stderr
        stored = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")}
        self.environment = stored | chosen | {"DATA_DIR": str(folder), "ENV_FILE": os.devnull}
        self.manage("createsuperuser", "--noinput", "--username", NAME, "--email", "taker@example.com")
        self.http = httpx.Client(base_url=self.served.url, timeout=60)
        form = self.http.get("/accounts/login/").text
        answer = self.post("/accounts/login/", form, login=NAME, password=PASSWORD)
        assert answer.status_code == 302, answer.text

    def manage(self, *command: str) -> str:
        """Run a command of the site's manage.py."""
        environment = self.environment | {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}
        done = subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def post(self, path: str, form: str, **fields: str) -> httpx.Response:
        """Submit a form of the page `form`."""
        token = Page(form).all("input", name="csrfmiddlewaretoken")[0]["value"]
        headers = {"Origin": self.served.url}
        return self.http.post(path, data={"csrfmiddlewaretoken": token, **fields}, headers=headers)

    @contextmanager
    def download(self, path: str) -> Iterator[HTTPResponse]:
        """A download by a plain client, which notices how it ends; it disconnects at the end of the block."""
        with closing(HTTPConnection("127.0.0.1", self.served.port, timeout=60)) as connection:
            connection.request("GET", path, headers={"Cookie": self.cookies})
            with closing(connection.getresponse()) as response:
                assert response.status == 200, response.read()
                yield response

    @property
    def cookies(self) -> str:
        """The user's cookies as a header."""
        return "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())

    def stop(self) -> None:
        """Stop the site."""
        self.http.close()
        self.served.stop()

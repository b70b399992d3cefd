"""Autumn's key changes: pages that were cached with the one before are served, where that is set."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from redis import Redis

from tests.dashboard.live_site import Keyed, listening
from usage.sample import SampleApp, Store

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

pytestmark = pytest.mark.slow

PROBE = b"capability-probe"
FIRST, SECOND = "am_sk_test_the_first_key", "am_sk_test_another_key"
PAGES = (
    "/usage/?customer_id=acme-robotics&range=last_month&group_by=properties.model&tz=UTC",
    "/events/?customer_id=acme-robotics&range=last_month&tz=UTC",
)


class Autumn:
    """The sample, which accepts one key at a time.

    `keys`: that of each call. `calls`: how many there were but those that only ask what the server can do.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.accept(FIRST)

    def accept(self, key: str) -> None:
        """This key, and no longer the one before; and begin to count anew."""
        self.keys: set[str] = set()
        self.calls = 0
        self._app = SampleApp(self._store, key=key, limit_per_second=None)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        environ["wsgi.input"] = BytesIO(body)
        self.keys.add(environ["HTTP_AUTHORIZATION"].removeprefix("Bearer "))
        self.calls += PROBE not in body
        return self._app(environ, start_response)


@pytest.fixture
def sample_of_autumn(tmp_path: Path, prepared_folder: Callable[[], Path]) -> Iterator[Autumn]:
    path = shutil.copy2(prepared_folder() / "sample.sqlite3", tmp_path)
    with closing(Store(Path(path))) as store:
        yield Autumn(store)


@contextmanager
def site(folder: Path, url: str, key: str, **settings: str) -> Iterator[Keyed]:
    folder.mkdir()
    made = Keyed(folder, url, key, LOG_LEVEL="DEBUG", **settings)
    try:
        yield made
    finally:
        made.stop()


def view(made: Keyed) -> list[httpx.Response]:
    answers = [made.http.get(path) for path in PAGES]
    assert [answer.status_code for answer in answers] == [200] * len(PAGES)
    return answers


def everything_in(redis_url: str) -> bytes:
    with Redis.from_url(redis_url) as redis:
        names = list(redis.scan_iter())
        return b"".join([*names, *(redis.dump(name) or b"" for name in names)])


def test_cached_pages_survive_a_new_key(tmp_path: Path, redis_url: str, sample_of_autumn: Autumn) -> None:
    """Without a call. The key before is not sent, shown, logged or stored; without it, pages are fetched."""
    autumn = sample_of_autumn
    previous = tmp_path / "previous"
    previous.write_text(f"{FIRST}\n")
    with listening(autumn) as url:
        with site(tmp_path / "before", url, FIRST, REDIS_URL=redis_url) as made:
            view(made)
        assert autumn.keys == {FIRST}
        autumn.accept(SECOND)
        settings = {"REDIS_URL": redis_url, "AUTUMN_SECRET_KEY_PREVIOUS_FILE": str(previous)}
        with site(tmp_path / "after", url, SECOND, **settings) as made:
            answers = view(made)
            assert autumn.calls == 0
            shown = "".join(answer.text + str(answer.headers) for answer in answers)
            shown += made.http.get("/setup/").text + made.manage("doctor") + made.served.stderr
            assert autumn.keys == {SECOND}
        autumn.accept(SECOND)
        with site(tmp_path / "without", url, SECOND, REDIS_URL=redis_url) as made:
            view(made)
            assert autumn.calls > 0
    assert '"autumn.call"' in shown
    for key in (FIRST, SECOND):
        assert key not in shown
        assert key.encode() not in everything_in(redis_url)
        for path in (tmp_path / "after").rglob("*"):
            assert path.is_dir() or key.encode() not in path.read_bytes(), path

"""Rows that are as large, deep or broken as a customer can make them: what each page of the site costs.

The site is a process of its own, so that its memory is not that of the tests.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.dashboard.live_site import Keyed, listening
from tests.page import Page

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

HOUR_MS = 3_600_000
ROWS = 1_000
SECONDS, MIB = 2.0, 100.0
READ = 32 * 1024 * 1024
"""Of an export, which may be of gigabytes: the first bytes come in time, and so many take no more memory."""
CUSTOMER = "cus_1"


def nested(depth: int) -> str:
    """A property with objects inside each other."""
    return '{"a":' * depth + "1" + "}" * depth


def names(number: int) -> str:
    """1,000 names that no other row has."""
    return "{" + ",".join(f'"{number}_{each}":{each}' for each in range(1000)) + "}"


PROPERTIES: dict[str, Callable[[int], str]] = {
    "1,000 names": names,
    "1 MB of text": lambda _: f'{{"text":"{"a@b " * 250_000}"}}',
    "1 MB of a name": lambda number: f'{{"{"birth_" * 170_000}{number}":1}}',
    "1 MB of lists": lambda _: '{"a":[' + "[[]]," * 200_000 + "0]}",
    "depth 900": lambda _: nested(900),
    "depth 5,000": lambda _: nested(5_000),
    "5,000 lone surrogates": lambda number: f'{{"a{number % 7}":"' + "\\udfff" * 5_000 + '"}',
}


class HostileAutumn:
    """Answers lists with rows of one kind, and figures with one bin of one event for each feature."""

    def __init__(self) -> None:
        self.start = (int(time.time() * 1000) // HOUR_MS - 2) * HOUR_MS
        self.rows: list[bytes] = []

    def be(self, kind: str) -> None:
        """Have ROWS rows of this kind; at most 20 different ones, which are repeated."""
        texts = [PROPERTIES[kind](number).encode() for number in range(20 if "1 MB" in kind else ROWS)]
        self.rows = [self._row(number, texts[number % len(texts)]) for number in range(ROWS)]

    def _row(self, number: int, properties: bytes) -> bytes:
        at = self.start + ROWS - number
        head = f'{{"id":"evt_{number:04}","timestamp":{at},"customer_id":"{CUSTOMER}","feature_id":"calls"'
        return head.encode() + b',"value":1,"deductions":null,"properties":' + properties + b"}"

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        call = environ["PATH_INFO"].removeprefix("/v1/events.")
        status = "200 OK" if call in ("list", "aggregate") else "403 Forbidden"
        start_response(status, [("Content-Type", "application/json")])
        if call == "list":
            return self._list(body)
        figures = {name: {"count": ROWS, "sum": ROWS} for name in body.get("feature_id", ())}
        values = dict.fromkeys(figures, ROWS)
        answer = {"list": [{"period": self.start, "values": values}], "total": figures}
        refusal = {"message": "Missing: customers:read", "code": "insufficient_scopes"}
        return [json.dumps(answer if call == "aggregate" else refusal).encode()]

    def _list(self, body: dict[str, Any]) -> Iterator[bytes]:
        end = body.get("custom_range", {}).get("end", self.start + HOUR_MS)
        newest = next((at for at in range(ROWS) if self.start + ROWS - at <= end + 999), ROWS)
        first = newest + body["offset"]
        last = min(ROWS, first + body["limit"])
        yield b'{"list":['
        for number in range(first, last):
            yield (b"," if number > first else b"") + self.rows[number]
        yield b'],"has_more":%s}' % (b"true" if last < ROWS else b"false")


class Memory:
    """The memory of a process, in MiB: now, and at most since the last `forget_peak`."""

    def __init__(self, process: int) -> None:
        self._folder = Path(f"/proc/{process}")

    def _of(self, name: str) -> float:
        text = (self._folder / "status").read_text()
        return int(text.split(f"{name}:")[1].split()[0]) / 1024

    def forget_peak(self) -> float:
        (self._folder / "clear_refs").write_text("5")
        return self._of("VmRSS")

    def peak(self) -> float:
        return self._of("VmHWM")


def worker_of(process: int) -> int:
    """The process that answers requests: the youngest below the one that was started."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return worker_of(int(children[-1])) if children else process


@pytest.fixture(scope="module")
def autumn() -> HostileAutumn:
    return HostileAutumn()


@pytest.fixture
def site(tmp_path: Path, autumn: HostileAutumn) -> Iterator[Keyed]:
    with listening(autumn) as url:
        made = Keyed(tmp_path, url)
        yield made
        made.stop()


def link_of(site: Keyed, autumn: HostileAutumn) -> str:
    """The address below which a link of the customer is."""
    made = site.manage(
        "share",
        "create",
        "--customer",
        CUSTOMER,
        "--recipient",
        "bob",
        "--properties",
        "a,text,0_1",
    )
    url = next(word for word in made.split() if "/s/" in word)
    return str(site.http.get(f"/s/{url.split('/s/')[1]}", follow_redirects=True).url.path)


@pytest.mark.parametrize("kind", PROPERTIES)
def test_pages_of_hostile_rows_are_fast_and_small(site: Keyed, autumn: HostileAutumn, kind: str) -> None:
    """Each page, export and part of a page: in two seconds, with at most 100 MB more."""
    autumn.be(kind)
    window = f"start={autumn.start}&end={autumn.start + HOUR_MS}&tz=UTC"
    mine = f"customer_id={CUSTOMER}&{window}"
    root = link_of(site, autumn)
    root = root[: root.index("/", len("/shared/")) + 1]
    pages = {
        "overview": f"/?{window}",
        "events": f"/events/?{mine}",
        "a filter": f"/events/?{mine}&filter=a.a.a.a.a.a.a.a.a.a:1&exclude=text:x",
        "facets": f"/events/facets/?{mine}",
        "usage": f"/usage/?{mine}",
        "form of a link": f"/shares/new?{mine}",
        "shared events": f"{root}events/?{window}",
        "shared facets": f"{root}events/facets/?{window}",
        "CSV": f"/events/export.csv?{mine}",
        "JSON Lines": f"/events/export.jsonl?{mine}",
    }
    memory = Memory(worker_of(site.served.process.pid))
    site.http.get("/healthz")
    slow, large = dict[str, float](), dict[str, float]()
    for name, address in pages.items():
        time.sleep(1.2)  # Autumn's rate limit is not what is measured.
        begun, started = memory.forget_peak(), time.monotonic()
        with site.http.stream("GET", address) as response:
            size = 0
            for piece in response.iter_raw():
                if "export" in address:
                    slow.setdefault(name, time.monotonic() - started)
                size += len(piece)
                if size > READ:
                    break
        slow.setdefault(name, time.monotonic() - started)
        large[name] = memory.peak() - begun
        print(f"{kind:22} {name:15} {slow[name]:6.2f} s {large[name]:6.0f} MiB {size:>10,} bytes")
        assert response.status_code == 200
    if kind.startswith("5,000 lone"):
        page = Page(site.http.get(pages["events"]).text)
        assert int(page.one(data_notice="unreadable-rows")["data-repaired"] or 0) >= 100
    assert {name: more for name, more in large.items() if more > MIB} == {}
    assert {name: seconds for name, seconds in slow.items() if seconds > SECONDS} == {}

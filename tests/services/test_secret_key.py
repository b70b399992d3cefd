"""Django's secret key changes while users and recipients are at work, on two machines."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.conftest import Served
from tests.dashboard.live_site import NAME, PASSWORD, Keyed
from tests.page import Page

pytestmark = pytest.mark.slow

OLD, NEW = "the-old-one-" + "0123456789abcdef" * 3, "the-new-one-" + "fedcba9876543210" * 3
STAFF = "/shares/"
LOGIN = "/accounts/login/"


@dataclass(frozen=True, slots=True)
class Before:
    """What began under the old key. `user` and `recipient` are browsers, `device` one that signed out.

    `root`: the address of the recipient's pages. `link`: the owner's page of the link.
    """

    site: Keyed
    user: httpx.Client
    recipient: httpx.Client
    device: httpx.Client
    root: str
    link: str


def submit(client: httpx.Client, url: str, page: httpx.Response, **fields: str) -> httpx.Response:
    """Post to `url` with the token of a page's form."""
    token = Page(page.text).all("input", name="csrfmiddlewaretoken")[0]["value"] or ""
    headers = {"Origin": url.removesuffix(httpx.URL(url).path)}
    return client.post(url, data={"csrfmiddlewaretoken": token, **fields}, headers=headers)


def sign_in(client: httpx.Client, site: str, password: str = PASSWORD) -> int:
    """Status of the attempt: 302 for a right password, 200 for a wrong one, 429 for too many."""
    page = client.get(f"{site}{LOGIN}")
    answer = submit(client, f"{site}{LOGIN}", page, login=NAME, password=password)
    return answer.status_code


def sign_out(client: httpx.Client, site: str) -> None:
    page = client.get(f"{site}{STAFF}")
    assert submit(client, f"{site}/accounts/logout/", page).status_code == 302


@pytest.fixture
def before(tmp_path: Path, postgres: str, autumn: str) -> Iterator[Before]:
    folder = tmp_path / "before"
    folder.mkdir()
    site = Keyed(folder, autumn, "am_sk_sample", DATABASE_URL=postgres, SECRET_KEY=OLD)
    device, recipient = httpx.Client(timeout=60), httpx.Client(timeout=60)
    assert sign_in(device, site.served.url) == 302
    sign_out(device, site.served.url)
    printed = site.manage("share", "create", "--customer", "acme-robotics", "--password").split()
    locked = recipient.get(f"{site.served.url}{httpx.URL(printed[0]).path}", follow_redirects=True)
    root = locked.url.path.removesuffix("usage/")
    unlocked = submit(recipient, f"{site.served.url}{root}unlock", locked, password=printed[-1])
    assert unlocked.status_code == 302
    user = httpx.Client(timeout=60, cookies=site.http.cookies)
    site.stop()
    yield Before(site, user, recipient, device, root, f"/shares/{root.split('/')[2]}/")
    for client in (user, recipient, device):
        client.close()


def started(before: Before, folder: Path, **keys: str) -> Served:
    folder.mkdir()
    site = before.site
    settings = ("AUTUMN_SECRET_KEY", "AUTUMN_API_URL", "DATABASE_URL")
    served = Served(folder, **{name: site.environment[name] for name in settings}, **keys)
    assert served.first_line.endswith(f"{served.url}\n"), served.stderr
    return served


@pytest.fixture
def machines(before: Before, tmp_path: Path) -> Iterator[list[Served]]:
    """One with the old key and one with the new one, in front of one database."""
    (file := tmp_path / "fallbacks").write_text(f"{OLD}\n")
    made = [
        started(before, tmp_path / "old", SECRET_KEY=OLD, SECRET_KEY_FALLBACKS=f"{'x' * 32}, {NEW}"),
        started(before, tmp_path / "new", SECRET_KEY=NEW, SECRET_KEY_FALLBACKS_FILE=str(file)),
    ]
    yield made
    for machine in made:
        machine.stop()


def test_two_keys_at_once_lose_no_request(before: Before, machines: list[Served], tmp_path: Path) -> None:
    """Everybody stays in, whichever machine answers; a form of one machine is for the other one too."""
    one, other = (machine.url for machine in machines)
    shared = f"{before.root}usage/?range=7d&tz=UTC"

    def get(number: int) -> list[int]:
        site = (one, other)[number % 2]
        return [
            before.user.get(f"{site}{STAFF}").status_code,
            before.recipient.get(f"{site}{shared}").status_code,
        ]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(get, range(32))) == [[200, 200]] * 32
    for here, there in ((one, other), (other, one)):
        form = before.user.get(f"{here}{before.link}")
        assert submit(before.user, f"{there}{before.link}extend", form, life="7").status_code == 302
        notices = Page(before.user.get(f"{here}{before.link}").text).notices
        assert "extended" in notices
    for number in range(5):
        with httpx.Client(timeout=60) as stranger:
            assert sign_in(stranger, (one, other)[number % 2], "a guess") == 200
            assert number < 4 or sign_in(stranger, one) == 429
    for site in (one, other):
        assert sign_in(before.device, site) == 302
        sign_out(before.device, site)

    assert before.recipient.get(f"{other}{shared}").status_code == 200
    for machine in machines:
        assert OLD not in machine.stderr
        assert NEW not in machine.stderr
    after = started(before, tmp_path / "after", SECRET_KEY=NEW)
    try:
        # The recipient's cookies were signed anew; sessions are not, and expire by themselves.
        assert before.recipient.get(f"{after.url}{shared}").status_code == 200
        assert before.user.get(f"{after.url}{STAFF}").status_code == 302
    finally:
        after.stop()

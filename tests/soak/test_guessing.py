"""20 guesses from each of 400 addresses, while counters are flooded: 5 are verified in total."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path
from threading import Event, Thread

import httpx
import pytest
from redis import Redis

from tests.conftest import Served
from tests.page import Page
from tests.services.conftest import postgres, postgres_server

__all__ = ["postgres", "postgres_server"]  # fixtures

ADDRESSES, GUESSES, AT_ONCE = 400, 20, 12
FLOODERS = 3
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
PASSWORD = "correct horse battery"
MADE = f"""
from datetime import timedelta
from allauth.mfa.totp.internal.auth import TOTP
from django.utils import timezone
from dashboard.models import User
from dashboard.sharing import links
from dashboard.sharing.models import Share
ann = User.objects.create_user("ann", "ann@example.com", "{PASSWORD}", role="sharer")
TOTP.activate(User.objects.create_user("tom", "tom@example.com", "{PASSWORD}"), "{SECRET}")
end = timezone.now() + timedelta(days=7)
print(links.make(Share(recipient="Ada", customer_id="cus_1", owner=ann, expires_at=end), "another horse"))
"""
ENVIRONMENT = {
    "AUTUMN_SECRET_KEY": "am_sk_live_of_the_guessing",
    "AUTUMN_API_URL": "http://127.0.0.1:9",
    "ALLOWED_HOSTS": "usage.example.com",
    "SECRET_KEY": "only-for-this-test-and-long-enough-for-django-to-like-it-0123456789",
    "TRUSTED_PROXIES": "1",
}


@pytest.fixture(params=["alone", "redis"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    """With SQLite in one process; and in three, with PostgreSQL and a Redis that evicts whatever it holds."""
    more = {}
    if request.param == "redis":
        url = request.getfixturevalue("redis_url")
        with Redis.from_url(url) as redis:
            redis.config_set("maxmemory", "3mb")
            redis.config_set("maxmemory-policy", "allkeys-random")
        database = request.getfixturevalue("postgres")
        more = {"REDIS_URL": url, "DATABASE_URL": database, "WEB_CONCURRENCY": "3"}
    made = Served(tmp_path, **ENVIRONMENT, **more)
    assert made.first_line.endswith(f"{made.url}\n"), made.stderr
    yield made
    made.stop()


class Browser:
    """A client behind the proxy, whose address can differ from request to request."""

    def __init__(self, site: Served) -> None:
        self.http = httpx.Client(base_url=site.url, timeout=120)

    def close(self) -> None:
        self.http.close()

    def headers(self, address: str) -> dict[str, str]:
        return {
            "Host": "usage.example.com",
            "Origin": "https://usage.example.com",
            "X-Forwarded-For": address,
            "X-Forwarded-Proto": "https",
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.http.cookies.items()),
        }

    def get(self, path: str, address: str = "192.0.2.1") -> httpx.Response:
        return self.http.get(path, headers=self.headers(address))

    def form(self, path: str) -> dict[str, str]:
        """The fields of the form that every post has."""
        page = Page(self.get(path).text)
        return {"csrfmiddlewaretoken": page.all("input", name="csrfmiddlewaretoken")[0]["value"] or ""}

    def post(self, path: str, fields: dict[str, str], address: str = "192.0.2.1") -> int:
        return self.http.post(path, data=fields, headers=self.headers(address)).status_code


def guesses(post: Callable[[int, str], int]) -> Counter[int]:
    """The statuses of all guesses: `post` gets the guess's number and its address."""
    numbers = range(ADDRESSES * GUESSES)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = pool.map(lambda n: post(n, f"198.51.{n % ADDRESSES // 200}.{n % 200 + 1}"), numbers)
        return Counter(answers)


def flood(site: Served, ended: Event) -> None:
    """Blank posts, and names that nobody has, each from an address of its own."""
    with closing(Browser(site)) as browser:
        form = browser.form("/accounts/login/")
        for number in count():
            if ended.is_set():
                return
            fields = {} if number % 10 else {"login": f"stranger {number}", "password": "guess"}
            address = f"203.0.{number // 250 % 250}.{number % 250 + 1}"
            assert browser.post("/accounts/login/", form | fields, address) in {200, 429, 503}


def test_five_guesses_are_verified(site: Served) -> None:
    """Passwords, codes and links; afterwards a device that had signed in before signs in."""
    done = site.manage("shell", "--no-imports", "-c", MADE)
    assert done.returncode == 0, done.stderr
    with ExitStack() as stack:
        known, tom, recipient, guesser = (stack.enter_context(closing(Browser(site))) for _ in range(4))
        assert_five_are_verified(site, done.stdout.strip(), known, tom, recipient, guesser)


def assert_five_are_verified(
    site: Served, token: str, known: Browser, tom: Browser, recipient: Browser, guesser: Browser
) -> None:
    assert known.post("/accounts/login/", known.form("/accounts/login/") | sign_in("ann")) == 302
    known.http.cookies.delete("sessionid")
    assert tom.post("/accounts/login/", tom.form("/accounts/login/") | sign_in("tom")) == 302
    root = recipient.get(f"/s/{token}").headers["Location"]

    form, code, unlock = (
        guesser.form("/accounts/login/"),
        tom.form("/accounts/2fa/authenticate/"),
        recipient.form(root),
    )
    ended = Event()
    flooders = [Thread(target=flood, args=(site, ended)) for _ in range(FLOODERS)]
    for flooder in flooders:
        flooder.start()
    try:
        passwords = guesses(
            lambda n, address: guesser.post("/accounts/login/", form | sign_in("ann", f"guess {n}"), address)
        )
        codes = guesses(
            lambda n, address: tom.post("/accounts/2fa/authenticate/", code | {"code": f"guess {n}"}, address)
        )
        links = guesses(
            lambda n, address: recipient.post(f"{root}unlock", unlock | {"password": f"guess {n}"}, address)
        )
    finally:
        ended.set()
        for flooder in flooders:
            flooder.join()
    print(f"passwords {passwords}, codes {codes}, links {links}", file=sys.stderr)
    total = ADDRESSES * GUESSES
    # 503: too many are being hashed at once.
    assert (passwords[200], passwords[200] + passwords[429] + passwords[503]) == (5, total)
    assert codes == {200: 5, 429: total - 5}
    assert (links[403], links[403] + links[429] + links[503]) == (5, total)
    assert guesser.post("/accounts/login/", form | sign_in("ann")) == 429
    assert known.post("/accounts/login/", known.form("/accounts/login/") | sign_in("ann")) == 302


def sign_in(name: str, password: str = PASSWORD) -> dict[str, str]:
    return {"login": name, "password": password}

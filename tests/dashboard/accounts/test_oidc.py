"""Sign-in through OpenID Connect: the site in its own process, a provider on a port, and a browser."""

from __future__ import annotations

import json
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.test import Client
from django.urls import get_resolver
from playwright.sync_api import Browser, expect
from pytest_django.fixtures import Settings
from werkzeug import Response

from dashboard.accounts.hashing import AT_ONCE
from dashboard.server.waiting import WAITING_SIGN_INS
from tests.conftest import Served
from tests.dashboard.accounts.oidc_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    Conduct,
    Provider,
    answered,
    vouched,
)
from tests.dashboard.accounts.test_sign_in import totp_code
from tests.dashboard.pages.test_routes import routes
from tests.page import Page, parameters

pytestmark = pytest.mark.slow

KEY = "am_sk_test_of_oidc"
PASSWORD = "correct horse battery"
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
WANTED = "/shares/?from=a%20link&and=back"
START, BACK = "/accounts/oidc/company/login/", "/accounts/oidc/company/login/callback/"

MADE = f"""
import json
from allauth.mfa.totp.internal.auth import TOTP
from django.urls import get_resolver
from dashboard.models import User
from tests.dashboard.pages.test_routes import routes

def person(name, email, password="{PASSWORD}", **fields):
    return User.objects.create_user(name, email, password, **fields)

person("ann", "Ann.Lee@Example.com", role="sharer")
person("bob", "bob@example.com")
person("cid", "cid@example.com", role="admin", is_active=False)
person("pam", "pam@example.com", None, role="admin")
person("twin", "twins@example.com")
person("other-twin", "Twins@example.com")
person("again", "again@example.com")
person("was-here", "again@example.com", is_active=False)
person("nobody", "")
TOTP.activate(person("tim", "tim@example.com"), "{TOTP_SECRET}")
TOTP.activate(person("tom", "tom@example.com", role="sharer"), "{TOTP_SECRET}")
print(json.dumps(list(routes(get_resolver()))))
"""
NAMES = ["again", "ann", "bob", "cid", "nobody", "other-twin", "pam", "tim", "tom", "twin", "was-here"]


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    made = Provider()
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Served]:
    """The site with a key, no Autumn, and the provider; its log is as verbose as possible."""
    made = Served(
        tmp_path_factory.mktemp("oidc"),
        AUTUMN_SECRET_KEY=KEY,
        AUTUMN_API_URL="http://127.0.0.1:9",
        LOG_LEVEL="DEBUG",
        OIDC_ISSUER=f"{provider.issuer}/",
        OIDC_CLIENT_ID=CLIENT_ID,
        OIDC_CLIENT_SECRET=CLIENT_SECRET,
        OIDC_NAME="Acme <ID>",
    )
    assert made.first_line.endswith(f"{made.url}\n"), made.stderr
    provider.redirect_uri = made.url + BACK
    yield made
    made.stop()


@pytest.fixture(scope="module", autouse=True)
def all_routes(site: Served) -> list[str]:
    """Create the users, and return the routes of the site."""
    done = site.manage("shell", "--no-imports", "-c", MADE)
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found


def query(site: Served, sql: str) -> list[Any]:
    """The first column of a query to the site's database."""
    with closing(sqlite3.connect(site.folder / "db.sqlite3", timeout=20)) as database, database:
        return [row[0] for row in database.execute(sql)]


class Visitor:
    """A browser without script: it stores cookies, submits forms, and follows redirects."""

    def __init__(self, site: Served) -> None:
        self.seen = ""
        self.http = httpx.Client(
            base_url=site.url, follow_redirects=True, event_hooks={"response": [self._see]}, timeout=30
        )

    def _see(self, response: httpx.Response) -> None:
        response.read()
        self.seen += f"{response.url} {response.headers} {response.text}\n"

    def open(self, address: str) -> httpx.Response:
        return self.http.get(address)

    def send(self, page: httpx.Response, action: str, query: str = "", **given: str) -> httpx.Response:
        """Submit the page's form to `action` with its values."""
        fields = {name: values[0] for name, values in Page(page).form(action).fields.items()}
        return self.http.post(action + query, data=fields | given)

    def provider_address(self, wanted: str = WANTED) -> str:
        """From a page that needs sign-in to the button: the next address at the provider."""
        return onward(self.send(self.open(wanted), START))

    def provider_redirect(self, wanted: str = WANTED) -> str:
        """Sign in at the provider: the address of the site that it redirects to."""
        return self.step(self.provider_address(wanted))

    def step(self, address: str) -> str:
        return self.http.get(address, follow_redirects=False).headers["Location"]

    def sign_in(self, wanted: str = WANTED) -> httpx.Response:
        return self.open(self.provider_address(wanted))

    def who(self) -> str | None:
        """Name and role, from the menu of every page."""
        found = Page(self.open("/accounts/2fa/")).texts("span", class_="who")
        return found[0] if found else None


@pytest.fixture
def visit(site: Served) -> Iterator[Callable[[], Visitor]]:
    """Create a new browser."""
    with ExitStack() as open_ones:

        def new_visitor() -> Visitor:
            visitor = Visitor(site)
            open_ones.enter_context(closing(visitor.http))
            return visitor

        yield new_visitor


@pytest.fixture
def visitor(visit: Callable[[], Visitor]) -> Visitor:
    return visit()


def onward(page: httpx.Response) -> str:
    content = Page(page).one("meta", http_equiv="refresh")["content"] or ""
    return content.removeprefix("0; url=")


def assert_refused(visitor: Visitor, page: httpx.Response, status: int, notice: str) -> None:
    """The page is the site's own, with the notice and the status, and no user is signed in."""
    shown = Page(page)
    assert (page.status_code, shown.notices) == (status, {notice}), page.text
    assert "/accounts/login/" in shown.one("div", class_="panel").hrefs
    assert visitor.who() is None


@pytest.mark.django_db
def test_sign_in_page_has_a_button_for_the_provider(
    visitor: Visitor, client: Client, live_mode: Settings
) -> None:
    """Next to the password; without the settings there is neither a button nor its routes."""
    assert "Acme <ID>" in Page(visitor.open("/")).form(START).one("button").text
    without = Page(client.get("/accounts/login/"))
    assert without.has_field("password")
    assert not without.has("form", action=START)
    assert client.post(START).status_code == client.get(BACK).status_code == 404


def test_known_user_is_signed_in_and_redirected(provider: Provider, visitor: Visitor, site: Served) -> None:
    """As the user that an admin created, with their role, to the requested page and its query."""
    provider.conduct = Conduct(vouched("ann.lee@example.com", preferred_username="bob", name="Somebody Else"))
    page = visitor.sign_in(WANTED)
    assert str(page.url) == f"{site.url}{WANTED}"
    assert Page(page).one("nav", id="nav").one(aria_current="page")["href"] == "/shares/"
    assert visitor.who() == "ann · sharer"
    assert query(site, "SELECT email FROM dashboard_user WHERE username = 'ann'") == ["Ann.Lee@example.com"]


def test_session_is_short_until_sign_in(visitor: Visitor, site: Served) -> None:
    """Strangers can begin one. The session of a user who signed in lasts as long as any."""

    def hours_left() -> float:
        key = visitor.http.cookies["sessionid"]
        [expires] = query(site, f"SELECT expire_date FROM django_session WHERE session_key = '{key}'")
        left = datetime.fromisoformat(expires).replace(tzinfo=UTC) - datetime.now(UTC)
        return left.total_seconds() / 3600

    visitor.provider_address()
    assert 0 < hours_left() <= 0.25
    visitor.sign_in()
    assert visitor.who()
    assert hours_left() > 24


def test_user_of_the_provider_can_sign_in_with_a_password(
    provider: Provider, visit: Callable[[], Visitor]
) -> None:
    """For example during an outage of the provider."""
    provider.conduct = Conduct(vouched("ann.lee@example.com"))
    visit().sign_in()
    visitor = visit()
    visitor.send(visitor.open(WANTED), "/accounts/login/", login="ann", password=PASSWORD)
    assert visitor.who() == "ann · sharer"


@pytest.mark.parametrize(
    "conduct",
    [
        Conduct(vouched("BOB@EXAMPLE.COM")),
        Conduct(vouched("bob@example.com", email_verified="true")),
        Conduct(vouched("bob@example.com"), key_id=None),
        Conduct(vouched("bob@example.com"), id_token={"iat": int(time.time()) + 30}),
        Conduct(vouched("bob@example.com"), id_token={"aud": [CLIENT_ID, "another"]}),
        Conduct(
            {"sub": "id of bob@example.com"}, userinfo={"email": "bob@example.com", "email_verified": True}
        ),
    ],
    ids=[
        "capitals",
        "true as a word",
        "a key without name",
        "a clock ahead",
        "many audiences",
        "a thin token",
    ],
)
def test_variations_of_the_standard_are_accepted(
    provider: Provider, visitor: Visitor, conduct: Conduct
) -> None:
    """Optional claims, clock differences and letter case do not prevent sign-in."""
    provider.conduct = conduct
    visitor.sign_in()
    assert visitor.who() == "bob · viewer"


def signed_in_as(visit: Callable[[], Visitor]) -> str | None:
    visitor = visit()
    visitor.sign_in()
    return visitor.who()


def test_identity_is_bound_at_the_first_sign_in(
    provider: Provider, visit: Callable[[], Visitor], site: Served
) -> None:
    """From then on the e-mail address at the provider, and in the account, may be any."""
    provider.conduct = Conduct(vouched("again@example.com", sub="42"))
    assert signed_in_as(visit) == "again · viewer"
    query(site, "UPDATE dashboard_user SET email = '' WHERE username = 'again'")
    query(site, "UPDATE dashboard_user SET is_active = 1 WHERE username = 'was-here'")
    assert signed_in_as(visit) == "again · viewer"
    provider.conduct = Conduct(vouched("bob@example.com", sub="42", email_verified=False))
    assert signed_in_as(visit) == "again · viewer"
    rows = "SELECT issuer || ' ' || subject FROM dashboard_identity WHERE subject = '42'"
    assert query(site, rows) == [f"{provider.issuer} 42"]


def test_another_identity_with_the_same_address_is_refused(
    provider: Provider, visit: Callable[[], Visitor], site: Served
) -> None:
    """Addresses are given to other people. An admin removes the identity; then the next one is bound."""
    provider.conduct = Conduct(vouched("pam@example.com"))
    assert signed_in_as(visit) == "pam · admin"
    provider.conduct = Conduct(vouched("pam@example.com", sub="another"))
    assert_refused(visitor := visit(), visitor.sign_in(), 403, "account-taken")
    provider.conduct = Conduct(vouched("pam@example.com"))
    admin = visit()
    admin.sign_in()
    [pk] = query(site, "SELECT id FROM dashboard_user WHERE username = 'pam'")
    change = f"/admin/dashboard/user/{pk}/change/"
    form = Page(admin.open(change)).one("form", id="user_form")
    assert not form.has("input", name="identities-0-subject")
    fields = {name: values[0] for name, values in form.fields.items() if not name.startswith("_")}
    saved = admin.http.post(change, data=fields | {"identities-0-DELETE": "on", "_save": "Save"})
    assert saved.status_code == 200
    assert query(site, f"SELECT count(*) FROM dashboard_identity WHERE user_id = {pk}") == [0]
    provider.conduct = Conduct(vouched("pam@example.com", sub="another"))
    assert signed_in_as(visit) == "pam · admin"
    provider.conduct = Conduct(vouched("pam@example.com"))
    assert_refused(visitor := visit(), visitor.sign_in(), 403, "account-taken")
    query(site, f"DELETE FROM dashboard_identity WHERE user_id = {pk}")


def test_identity_of_another_issuer_is_another(
    provider: Provider, visit: Callable[[], Visitor], site: Served
) -> None:
    """The same `sub` at the provider of before does not sign in its user."""
    query(
        site,
        "INSERT INTO dashboard_identity (user_id, issuer, subject, created_at) SELECT id, "
        "'https://before.example', 'id of ann.lee@example.com', '2026-01-01' FROM dashboard_user "
        "WHERE username = 'pam'",
    )
    provider.conduct = Conduct(vouched("ann.lee@example.com"))
    assert signed_in_as(visit) == "ann · sharer"
    query(site, "DELETE FROM dashboard_identity WHERE issuer = 'https://before.example'")


def test_identity_is_not_bound_before_the_second_factor(
    provider: Provider, visit: Callable[[], Visitor], site: Served
) -> None:
    """Whoever has the address, but not the code, takes nothing from the account."""
    provider.conduct = Conduct(vouched("tom@example.com", sub="somebody else"))
    assert signed_in_as(visit) is None
    assert query(site, "SELECT count(*) FROM dashboard_identity WHERE subject = 'somebody else'") == [0]


@pytest.mark.slow
def test_two_identities_at_once_bind_one(provider: Provider, visit: Callable[[], Visitor]) -> None:
    """The one whose code came second is refused, and its browser is not signed in."""
    first, second = visit(), visit()
    pages = {}
    for visitor, sub in ((first, "first"), (second, "second")):
        provider.conduct = Conduct(vouched("tim@example.com", sub=sub))
        pages[visitor] = visitor.sign_in(WANTED)
    code = totp_code(TOTP_SECRET)
    first.send(pages[first], "/accounts/2fa/authenticate/", code=code)
    assert first.who() == "tim · viewer"
    time.sleep(30 - time.time() % 30)  # a code is valid once
    page = second.send(pages[second], "/accounts/2fa/authenticate/", code=totp_code(TOTP_SECRET))
    assert_refused(second, page, 403, "account-taken")


WORDS_OF_THE_STANDARD = {
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
}
UNKNOWN = "unknown-person"


@pytest.mark.parametrize(
    ("person", "notice"),
    [
        (vouched("stranger@example.com", preferred_username="ann"), UNKNOWN),
        (vouched("bob@example.com", sub="1", email_verified=False), UNKNOWN),
        (vouched("bob@example.com", sub="1", email_verified="false"), UNKNOWN),
        ({"sub": "1", "email": "bob@example.com"}, UNKNOWN),
        ({"sub": "bob", "preferred_username": "bob", "email_verified": True}, UNKNOWN),
        (vouched("", sub="1"), UNKNOWN),
        (vouched("twins@example.com"), "shared-address"),
    ],
    ids=["a stranger", "false", "false as a word", "no word", "no e-mail", "an empty e-mail", "two people"],
)
def test_unknown_user_is_neither_signed_in_nor_created(
    provider: Provider, visitor: Visitor, site: Served, person: dict[str, Any], notice: str
) -> None:
    """There must be exactly one account with an e-mail address that the provider has confirmed."""
    provider.conduct = Conduct(person)
    assert_refused(visitor, visitor.sign_in(), 403, notice)
    assert sorted(query(site, "SELECT username FROM dashboard_user")) == NAMES


def test_deactivated_user_cannot_sign_in_through_the_provider(provider: Provider, visitor: Visitor) -> None:
    provider.conduct = Conduct(vouched("cid@example.com"))
    assert "account-closed" in Page(visitor.sign_in()).notices
    assert visitor.who() is None


def test_second_factor_is_required(provider: Provider, visitor: Visitor, site: Served) -> None:
    """With an authenticator app, the provider alone opens no page; the code redirects to the requested
    one.
    """
    provider.conduct = Conduct(vouched("tom@example.com"))
    page = visitor.sign_in(WANTED)
    assert Page(page).has_field("code")
    assert visitor.who() is None
    page = visitor.send(page, "/accounts/2fa/authenticate/", code=totp_code(TOTP_SECRET))
    assert str(page.url) == f"{site.url}{WANTED}"
    assert visitor.who() == "tom · sharer"


def test_user_without_a_password_can_sign_out(provider: Provider, visitor: Visitor) -> None:
    """Their menu has no link to change the password."""
    provider.conduct = Conduct(vouched("pam@example.com"))
    page = visitor.sign_in("/shares/")
    assert visitor.who() == "pam · admin"
    assert "/accounts/password/change/" not in Page(page).hrefs
    visitor.send(page, "/accounts/logout/")
    assert visitor.who() is None


BOB = vouched("bob@example.com")
REFUSED, DOUBTFUL, SILENT = "refused", "unproven", "offline"
WRONG = {
    "canceled": (
        403,
        "canceled",
        Conduct(refusal="access_denied"),
    ),
    "refused": (502, REFUSED, Conduct(refusal="server_error")),
    "another audience": (502, DOUBTFUL, Conduct(BOB, id_token={"aud": "another"})),
    "another issuer": (502, DOUBTFUL, Conduct(BOB, id_token={"iss": "https://another.example"})),
    "run out": (502, DOUBTFUL, Conduct(BOB, id_token={"exp": 1_700_000_000})),
    "another signature": (502, DOUBTFUL, Conduct(BOB, signer="somebody else")),
    "another key": (502, DOUBTFUL, Conduct(BOB, key_id="last-year")),
    "signed with the secret": (502, DOUBTFUL, Conduct(BOB, algorithm="HS256")),
    "another person's userinfo": (502, DOUBTFUL, Conduct(BOB, userinfo={"sub": "another"})),
    "nobody": (502, DOUBTFUL, Conduct({"email": "bob@example.com", "email_verified": True})),
    "no id_token": (502, DOUBTFUL, Conduct(BOB, answers={"/token": answered(access_token="x")})),
    "no token": (502, DOUBTFUL, Conduct(BOB, answers={"/token": answered(400, error="invalid_client")})),
    "no keys": (502, DOUBTFUL, Conduct(BOB, answers={"/keys": answered()})),
    "keys broken": (503, SILENT, Conduct(BOB, answers={"/keys": Response("Sorry", 500)})),
    "userinfo broken": (503, SILENT, Conduct(BOB, answers={"/userinfo": Response("<h1>Sorry</h1>", 200)})),
}


@pytest.mark.parametrize(("status", "notice", "conduct"), WRONG.values(), ids=WRONG)
def test_invalid_response_does_not_sign_in(
    provider: Provider, visitor: Visitor, status: int, notice: str, conduct: Conduct
) -> None:
    """Every invalid response of the provider, or of an attacker, ends with an error page of the site."""
    provider.conduct = conduct
    assert_refused(visitor, visitor.sign_in(), status, notice)


CONFIGURATION = "/.well-known/openid-configuration"


@pytest.mark.parametrize(
    ("answer", "status", "notice"),
    [
        (Response("Sorry", 503), 503, SILENT),
        (Response("<h1>Sorry</h1>"), 503, SILENT),
        (Response("[]"), 502, DOUBTFUL),
        (answered(issuer="https://id.example.com"), 502, DOUBTFUL),
    ],
    ids=["an error", "a page", "a list", "half of it"],
)
def test_without_configuration_there_is_no_redirect(
    provider: Provider, visitor: Visitor, answer: Response, status: int, notice: str
) -> None:
    """A provider without a valid configuration leads to an error page of the site."""
    provider.conduct = Conduct(answers={CONFIGURATION: answer})
    assert_refused(visitor, visitor.send(visitor.open("/"), START), status, notice)


def test_provider_outage_is_reported(provider: Provider, visitor: Visitor) -> None:
    """Before and after the redirect; afterwards sign-in works again."""
    provider.conduct = Conduct(BOB)
    back = visitor.provider_redirect()
    with provider.down():
        assert_refused(visitor, visitor.send(visitor.open("/"), START), 503, SILENT)
        assert_refused(visitor, visitor.open(back), 503, SILENT)
    visitor.sign_in()
    assert visitor.who() == "bob · viewer"


@contextmanager
def silent_provider() -> Iterator[tuple[str, list[socket.socket]]]:
    """A provider that accepts connections and answers none of them; all that it has accepted."""
    accepted: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    accepted.append(server.accept()[0])

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", accepted
    for connection in accepted:
        connection.close()


def test_few_sign_ins_wait_for_a_provider_that_is_silent(tmp_path: Path) -> None:
    """The others are told to try again, and other pages are served meanwhile."""
    with ExitStack() as opened, silent_provider() as (issuer, accepted):
        site = Served(
            tmp_path,
            AUTUMN_SECRET_KEY=KEY,
            OIDC_ISSUER=issuer,
            OIDC_CLIENT_ID=CLIENT_ID,
            OIDC_CLIENT_SECRET=CLIENT_SECRET,
        )
        visitors = [Visitor(site) for _ in range(13)]
        for visitor in visitors:
            opened.enter_context(visitor.http)
        late = visitors.pop()
        pages = [visitor.open("/") for visitor in visitors]
        with ThreadPoolExecutor(len(visitors)) as pool:
            sent = [
                pool.submit(visitor.send, page, START) for visitor, page in zip(visitors, pages, strict=True)
            ]
            wait(sent, return_when=FIRST_COMPLETED)
            assert late.open("/accounts/login/").status_code == 200
            assert not all(answer.done() for answer in sent)
        site.stop()
    answers = [answer.result() for answer in sent]
    assert {answer.status_code for answer in answers} == {503}
    busy = sum("Retry-After" in answer.headers for answer in answers)
    assert len(answers) - busy == len(accepted)
    assert 1 <= len(accepted) <= AT_ONCE + WAITING_SIGN_INS


def test_state_is_valid_once_and_in_one_browser(provider: Provider, visit: Callable[[], Visitor]) -> None:
    """A state that is wrong, missing, used or of another browser signs no user in."""
    provider.conduct = Conduct(BOB)
    visitor, victim, stale = (
        visit(),
        visit(),
        "expired",
    )
    back = visitor.provider_redirect()
    victim.provider_address()
    for address in (
        back,
        back.replace(parameters(back)["state"][0], "wrong"),
        back.split("&state=")[0],
        BACK,
    ):
        assert_refused(victim, victim.open(address), 400, stale)
    visitor.open(back)
    assert visitor.who() == "bob · viewer"
    assert stale in Page(visitor.open(back)).notices


def test_redirect_has_the_standard_parameters_only(provider: Provider, visitor: Visitor) -> None:
    """The key proof and the random values are new each time, and parameters added to the address are
    ignored.
    """
    page = visitor.open("/")
    added = "?scope=all&auth_params=redirect_uri%3Dhttps://evil.example%26prompt%3Dnone"
    first, second = (
        parse_qs(urlsplit(onward(visitor.send(page, START, query))).query) for query in ("", added)
    )
    assert first.keys() == second.keys() == WORDS_OF_THE_STANDARD
    assert set(first["scope"][0].split()) == set(second["scope"][0].split()) == {"openid", "profile", "email"}
    assert first["redirect_uri"] == second["redirect_uri"] == [provider.redirect_uri]
    assert all(first[name] != second[name] for name in ("state", "code_challenge"))


def test_identities_cannot_be_linked(provider: Provider, visit: Callable[[], Visitor], site: Served) -> None:
    """A signed-in user cannot add another identity, and the provider's response does not sign in another
    user.
    """
    provider.conduct = Conduct(BOB)
    visitor = visit()
    visitor.sign_in()
    form = visitor.open("/accounts/logout/")
    token = Page(form).all("input", name="csrfmiddlewaretoken")[0]["value"]
    provider.conduct = Conduct(vouched("stranger@example.com"))
    for process in ("connect", "redirect", "login"):
        given = {"csrfmiddlewaretoken": token, "process": process, "action": "reauthenticate"}
        page = visitor.http.post(f"{START}?process={process}", data=given)
        assert visitor.open(onward(page)).status_code == 403
        assert visitor.who() == "bob · viewer"
    assert_refused(visitor := visit(), visitor.sign_in(), 403, UNKNOWN)
    assert query(site, "SELECT count(*) FROM socialaccount_socialaccount") == [0]


def test_redirects_stay_on_the_site(provider: Provider, visitor: Visitor, site: Served) -> None:
    """A next page on another site is ignored, and a form from another site is refused."""
    provider.conduct = Conduct(BOB)
    away = onward(visitor.send(visitor.open("/"), START, next="https://evil.example/"))
    back = visitor.step(away)
    assert (back.split("?")[0], visitor.step(back)) == (site.url + BACK, "/")
    page = visitor.http.post(START, data={"csrfmiddlewaretoken": "guessed"})
    assert (page.status_code, Page(page).notices) == (403, {"form-expired"})


def test_provider_adds_two_routes_only(all_routes: list[str]) -> None:
    """There is no route for sign-up or linking, nor for apps and tokens in the admin."""
    assert set(all_routes) == {*routes(get_resolver()), START[1:], BACK[1:]}


@pytest.mark.parametrize("person", ["", "pam@example.com", "ann.lee@example.com"])
def test_account_pages_have_the_frame_of_the_site(
    provider: Provider, visitor: Visitor, all_routes: list[str], person: str
) -> None:
    """For visitors, and for users with and without a password."""
    provider.conduct = Conduct(vouched(person))
    visitor.sign_in()
    assert bool(visitor.who()) == bool(person)
    for route in all_routes:
        if route.startswith("accounts/"):
            page = visitor.open(f"/{route}")
            assert page.status_code < 500 or urlsplit(str(page.url)).path == "/", page.url
            assert Page(page).has("a", class_="brand"), route
            assert Page(page).one("title").text


def test_client_secret_is_not_exposed(provider: Provider, visit: Callable[[], Visitor], site: Served) -> None:
    """It is in no page, header or address, and is cut from the log if the provider repeats it."""
    visitor = visit()
    provider.conduct = Conduct(BOB)
    visitor.sign_in()
    assert visitor.who() == "bob · viewer"
    reported = answered(
        400, error="invalid_client", error_description=f"{CLIENT_ID}:{CLIENT_SECRET} is wrong"
    )
    provider.conduct = Conduct(BOB, answers={"/token": reported})
    assert_refused(visitor := visit(), visitor.sign_in(), 502, DOUBTFUL)
    assert CLIENT_SECRET not in visitor.seen
    assert f"{CLIENT_ID}:[secret] is wrong" in site.stderr
    assert CLIENT_SECRET not in site.stderr
    assert KEY not in site.stderr + visitor.seen
    own = [line for line in site.stderr.splitlines() if json.loads(line)["logger"] != "django.template"]
    assert not [line for line in own if "Traceback" in line]


def test_chromium_signs_in_through_the_provider(provider: Provider, site: Served, chromium: Browser) -> None:
    """Under the content security policy, by keyboard and without script."""
    provider.conduct = Conduct(vouched("ann.lee@example.com"))
    context = chromium.new_context(base_url=site.url, java_script_enabled=False)
    tab = context.new_page()
    tab.goto("/shares/")
    tab.get_by_role("button", name="Acme <ID>").press("Enter")
    expect(tab.locator("#nav [aria-current=page]")).to_have_attribute("href", "/shares/")
    expect(tab).to_have_url(f"{site.url}/shares/")
    context.close()

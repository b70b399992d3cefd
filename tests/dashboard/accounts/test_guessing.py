"""Guesses at passwords and second factors: their number is limited, and other people can still sign in."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from allauth.mfa.totp.internal import auth as totp
from django.core.cache import cache
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django.fixtures import Settings

from dashboard.accounts import counters, hashing
from dashboard.accounts.counters import Limit
from dashboard.models import Counter, User
from dashboard.web.addresses import network_of
from tests.dashboard.accounts.test_sign_in import totp_code
from tests.page import Page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("live_mode", "quick_hashes")]
Person = Callable[..., User]
RIGHT = "correct horse"
LOGIN, CODE = "/accounts/login/", "/accounts/2fa/authenticate/"


@pytest.fixture
def quick_hashes(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def enter(password: str, login: str = "viewer", client: Client | None = None, **environ: str) -> int:
    """Try a password, by default from a new device; 302 is a success, 200 a wrong password."""
    given = {"login": login, "password": password}
    return (client or Client()).post(LOGIN, given, **environ).status_code  # type: ignore[arg-type]


def device(password: str = RIGHT, login: str = "viewer") -> Client:
    """A device that has signed in, and out again."""
    client = Client()
    assert enter(password, login, client) == 302
    client.post("/accounts/logout/")
    assert "_auth_user_id" not in client.session
    return client


def guess(number: int = 5, login: str = "viewer") -> list[int]:
    """Guess from new devices in as many networks."""
    return [enter(f"guess {i}", login, REMOTE_ADDR=f"198.51.{i}.7") for i in range(number)]


def test_five_guesses_from_anywhere_are_verified(person: Person) -> None:
    """Also while the cache is emptied and strangers try many other names."""
    person("viewer")
    statuses = []
    for number in range(120):
        statuses.append(enter(f"guess {number}", REMOTE_ADDR=f"198.51.{number % 40}.7"))
        enter("guess", f"stranger {number}", REMOTE_ADDR=f"203.0.{number}.7")
        cache.clear()
    assert statuses == [200] * 5 + [429] * 115


def test_right_password_is_not_looked_at_after_five_wrong_ones(person: Person) -> None:
    """The page says when to try again; then it is right."""
    person("viewer")
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        guess()
        client = Client()
        response = client.post(LOGIN, {"login": "viewer", "password": RIGHT})
        assert (response.status_code, response.headers["Retry-After"]) == (429, "900")
        assert "too-many-attempts" in Page(response).notices
        clock.move_to(start + timedelta(seconds=counters.PAUSE_S - 1))
        assert enter(RIGHT) == 429
        clock.move_to(start + timedelta(seconds=counters.PAUSE_S))
        assert enter(RIGHT) == 302


def test_all_names_of_an_account_count_together(person: Person) -> None:
    """User name, e-mail address, capitals, spaces, and hosts and ports of the site."""
    person("viewer")
    names = ["viewer", "viewer@example.com", "VIEWER", " viewer ", "Viewer@Example.COM", "vieweR"]
    hosts = [f"localhost:{port}" for port in range(6)]
    statuses = [enter("guess", name, HTTP_HOST=host) for name, host in zip(names, hosts, strict=True)]
    assert statuses == [200] * 5 + [429]


def test_names_without_an_account_are_limited_alike(person: Person) -> None:
    """So that the limit does not tell which accounts exist."""
    person("viewer")
    assert guess(6, "stranger") == guess(6, "viewer") == [200] * 5 + [429]


def test_right_passwords_are_not_counted(person: Person) -> None:
    person("viewer")
    assert guess(4) == [200] * 4
    for _ in range(10):
        assert enter(RIGHT) == 302
    assert guess(2) == [200, 429]


def test_busy_server_counts_no_guess(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password that was not hashed in time was not looked at."""

    def busy(*_: object) -> bool:
        raise hashing.TooBusy

    person("viewer")
    with monkeypatch.context() as patch:
        patch.setattr(User, "check_password", busy)
        assert [enter("guess") for _ in range(6)] == [503] * 6
    assert enter(RIGHT) == 302


def test_known_device_is_not_locked_out_by_guesses_from_elsewhere(person: Person) -> None:
    """Not even by guesses from its own network."""
    person("viewer")
    known = device()
    guess(20)
    for number in range(20):
        enter("guess", f"stranger {number}")
    assert enter(RIGHT) == 429
    assert enter(RIGHT, client=known) == 302


def test_known_device_has_five_guesses_of_its_own(person: Person) -> None:
    """They lock out no other device."""
    person("viewer")
    known = device()
    assert [enter("guess", client=known) for _ in range(6)] == [200] * 5 + [429]
    assert enter(RIGHT, client=known) == 429
    assert enter(RIGHT) == 302


def test_known_device_is_unknown_to_other_accounts(person: Person) -> None:
    """Nor does its cookie help if it is changed or renamed."""
    mine, other = person("viewer"), person("sharer")
    known = device()
    known.cookies[f"device_{other.pk}"] = known.cookies[f"device_{mine.pk}"].value
    guess(5, "sharer")
    assert enter(RIGHT, "sharer", known) == 429
    known.cookies[f"device_{mine.pk}"] = known.cookies[f"device_{mine.pk}"].value[:-1]
    guess(5)
    assert enter(RIGHT, client=known) == 429


def test_new_password_forgets_devices_except_the_one_that_set_it(person: Person) -> None:
    person("viewer")
    other, mine = device(), device()
    enter(RIGHT, client=mine)
    new = {"oldpassword": RIGHT, "password1": "battery staple 9", "password2": "battery staple 9"}
    assert mine.post("/accounts/password/change/", new).status_code == 302
    mine.post("/accounts/logout/")
    guess()
    assert enter("battery staple 9", client=other) == 429
    assert enter("battery staple 9", client=mine) == 302


def test_device_cookie_is_sent_to_account_pages_only(person: Person) -> None:
    """Scripts cannot read it, and other sites cannot send it."""
    user = person("viewer")
    cookie = device().cookies[f"device_{user.pk}"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/accounts/", True, "Lax")


def second_factor(person: Person) -> str:
    secret: str = totp.generate_totp_secret()
    totp.TOTP.activate(person("viewer"), secret)
    return secret


def send_code(client: Client, code: str, **environ: str) -> int:
    return client.post(CODE, {"code": code}, **environ).status_code  # type: ignore[arg-type]


def wrong(secret: str) -> str:
    return f"{(int(totp_code(secret)) + 1) % 1_000_000:06}"


def test_five_codes_from_anywhere_are_verified(person: Person) -> None:
    """Also in several sessions and while the cache is emptied; a wrong code locks out no known device."""
    secret = second_factor(person)
    known, guessers = Client(), [Client() for _ in range(3)]
    for client in (known, *guessers):
        enter(RIGHT, client=client)
    with time_machine.travel(timezone.now(), tick=False):
        assert send_code(known, totp_code(secret)) == 302
    known.post("/accounts/logout/")
    statuses = []
    for number in range(60):
        statuses.append(send_code(guessers[number % 3], wrong(secret), REMOTE_ADDR=f"198.51.{number}.7"))
        cache.clear()
    assert statuses == [200] * 5 + [429] * 55
    later = timezone.now() + timedelta(seconds=60)
    with time_machine.travel(later, tick=False):
        assert send_code(guessers[0], totp_code(secret)) == 429
        enter(RIGHT, client=known)
        assert send_code(known, totp_code(secret)) == 302


def test_code_is_valid_once(person: Person) -> None:
    """Even if the cache has forgotten it, and with a space in it."""
    secret = second_factor(person)
    first, second = Client(), Client()
    with time_machine.travel(timezone.now(), tick=False):
        for client in (first, second):
            enter(RIGHT, client=client)
        code = totp_code(secret)
        assert send_code(first, code) == 302
        cache.clear()
        assert send_code(second, f"{code[:3]} {code[3:]}") == 200
        assert "_auth_user_id" not in second.session


@pytest.mark.parametrize(("later_s", "status"), [(30, 302), (61, 200)])
def test_code_is_accepted_for_one_period_more(person: Person, later_s: int, status: int) -> None:
    """It was typed in its last second; and once then, too."""
    secret = second_factor(person)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        code = totp_code(secret)
        clock.shift(later_s)
        first, second = Client(), Client()
        for client in (first, second):
            enter(RIGHT, client=client)
        assert send_code(first, code) == status
        clock.shift(1)
        assert send_code(second, code) == 200


def test_code_of_the_next_period_is_not_valid_again_in_it(person: Person) -> None:
    """A clock that is ahead sends it early."""
    secret = second_factor(person)
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        clock.shift(30)
        code = totp_code(secret)
        clock.move_to(start)
        first, second = Client(), Client()
        for client in (first, second):
            enter(RIGHT, client=client)
        assert send_code(first, code) == 302
        cache.clear()
        clock.shift(31)
        assert send_code(second, code) == 200


@pytest.mark.parametrize(
    ("path", "field"),
    [("/accounts/reauthenticate/", "password"), ("/accounts/password/change/", "oldpassword")],
)
def test_password_is_limited_within_a_session(person: Person, path: str, field: str) -> None:
    """Whoever finds a session open cannot guess the password in it."""
    person("viewer")
    client = Client()
    enter(RIGHT, client=client)
    statuses = [client.post(path, {field: f"guess {i}"}).status_code for i in range(6)]
    assert statuses == [200] * 5 + [429]


def test_code_is_limited_within_a_session(person: Person) -> None:
    secret = second_factor(person)
    client = Client()
    enter(RIGHT, client=client)
    send_code(client, totp_code(secret))
    sent = [client.post("/accounts/2fa/reauthenticate/", {"code": wrong(secret)}) for _ in range(6)]
    assert [response.status_code for response in sent] == [200] * 5 + [429]


def test_one_network_has_ten_guesses_a_minute(person: Person) -> None:
    """At any accounts, from any of its addresses; an IPv6 network has 48 bits, an IPv4 one is an address."""
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        one = [enter("guess", f"stranger {i}", REMOTE_ADDR=f"2001:db8:7:{i:x}::{i:x}") for i in range(11)]
        assert one == [200] * 10 + [429]
        assert enter("guess", "stranger", REMOTE_ADDR="2001:db8:8::1") == 200
        assert enter("guess", "stranger", REMOTE_ADDR="::ffff:192.0.2.1") == 200
        assert enter("guess", "stranger", REMOTE_ADDR="::ffff:192.0.2.2") == 200
        clock.shift(counters.NETWORK_PAUSE_S)
        assert enter("guess", "stranger 12", REMOTE_ADDR="2001:db8:7::1") == 200


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:7:8::9", "2001:db8:7::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("", "unknown"),
        ("192.0.2.1:80", "unknown"),
    ],
)
def test_network_of_a_client(address: str, network: str) -> None:
    assert network_of(RequestFactory().get("/", REMOTE_ADDR=address), 24) == network


def test_network_that_is_refused_takes_no_attempt_from_the_account(person: Person) -> None:
    """Otherwise one network could lock accounts without limit."""
    person("viewer")
    for number in range(10):
        enter("guess", f"stranger {number}")
    assert [enter("guess") for _ in range(5)] == [429] * 5
    assert guess(6) == [200] * 5 + [429]


def test_blank_posts_count_nothing() -> None:
    """310 of them emptied the counters of the first version."""
    for number in range(310):
        Client().post(LOGIN, {}, REMOTE_ADDR=f"198.51.{number % 250}.7")
    assert not Counter.objects.exists()


def test_strangers_share_a_fixed_number_of_counters(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """The table is bounded without forgetting a counter."""
    settings.SECRET_KEY = "which counters they share depends on it"
    monkeypatch.setattr(counters, "SHARED_COUNTERS", 4)
    for number in range(60):
        enter("guess", f"stranger {number}", REMOTE_ADDR=f"198.51.{number}.7")
    assert Counter.objects.count() == 8


@pytest.mark.parametrize("period", [60, 900])
def test_limit_holds_in_every_period(period: int) -> None:
    """Not only from its first attempt on."""
    limit = Limit("kind:1", 5, period)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        taken = []
        for _ in range(40):
            taken.append(counters.take(limit))
            clock.shift(period / 10)
    assert all(sum(taken[start : start + 10]) <= 5 for start in range(31))
    assert sum(taken) == 20


def test_counter_row_has_no_name_and_no_address(person: Person) -> None:
    person("viewer")
    enter("guess", "stranger@example.com", REMOTE_ADDR="198.51.100.7")
    rows = json.dumps(list(Counter.objects.values("key", "times")))
    assert "stranger" not in rows
    assert "198.51" not in rows

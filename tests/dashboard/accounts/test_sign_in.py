from __future__ import annotations

from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import pytest
from allauth.mfa.totp.internal import auth as totp
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from pytest_django.fixtures import Settings

from dashboard.accounts import hashing
from dashboard.models import User, demo_user
from tests.dashboard.accounts.hashing_processes import hash_slowly
from tests.page import Page
from usage.sample import Store

pytestmark = pytest.mark.django_db
Person = Callable[..., User]
SignedIn = Callable[..., Client]


@pytest.fixture(autouse=True)
def _forgotten_tries() -> None:
    cache.clear()


def enter(client: Client, password: str, login: str = "viewer") -> int:
    return client.post("/accounts/login/", {"login": login, "password": password}).status_code


@pytest.mark.parametrize("login", ["viewer", "viewer@example.com"])
def test_a_person_signs_in_and_goes_on(
    client: Client, live_mode: Settings, person: Person, login: str
) -> None:
    """By name or by e-mail, and lands on the page they had asked for, query and all."""
    person("viewer")
    wanted = client.get("/?customer_id=cus_1")
    assert wanted.headers["Location"] == "/accounts/login/?next=/%3Fcustomer_id%3Dcus_1"
    given = {"login": login, "password": "correct horse", "next": "/?customer_id=cus_1"}
    assert client.post("/accounts/login/", given).headers["Location"] == "/?customer_id=cus_1"
    assert client.session.get("_auth_user_id")


def test_htmx_goes_to_the_sign_in_page(client: Client, live_mode: Settings) -> None:
    """A fragment asked for after the session's end moves the whole page, and comes back to it afterwards."""
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/usage/?range=7d"}
    response = client.get("/", headers=headers)
    assert response.headers["HX-Redirect"] == "/accounts/login/?next=/usage/%3Frange%3D7d"


def test_guessing_is_throttled(client: Client, live_mode: Settings, person: Person) -> None:
    """After five wrong passwords the right one is not tried either, whatever the address."""
    person("viewer")
    for number in range(5):
        assert enter(client, f"guess {number}") == 200
    client.defaults["REMOTE_ADDR"] = "9.9.9.9"
    assert enter(client, "correct horse") != 302
    assert "_auth_user_id" not in client.session


def test_there_is_no_sign_up(client: Client, live_mode: Settings) -> None:
    """There is no such page, and what would answer it refuses."""
    assert client.get("/accounts/signup/").status_code in {302, 404}
    assert client.post("/accounts/signup/", {"username": "me", "password1": "correct horse"}).status_code in {
        302,
        404,
    }
    assert not User.objects.filter(username="me").exists()


def test_a_closed_account_stays_out(client: Client, live_mode: Settings, person: Person) -> None:
    """Somebody deactivated can neither sign in nor go on with an old session."""
    user = person("viewer")
    client.force_login(user)
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert client.get("/").status_code == 302
    assert enter(Client(), "correct horse") == 302
    assert "_auth_user_id" not in client.session or client.get("/").status_code == 302


def totp_code(secret: str) -> str:
    counter = next(iter(totp.yield_hotp_counters_from_time()))
    return str(totp.format_hotp_value(totp.hotp_value(secret, counter)))


def test_second_factor_is_required(client: Client, live_mode: Settings, person: Person) -> None:
    """With an authenticator app, the password alone opens no page, the admin's own sign-in included."""
    user, secret = person("admin"), totp.generate_totp_secret()
    totp.TOTP.activate(user, secret)
    response = client.post("/accounts/login/", {"login": "admin", "password": "correct horse"})
    assert response.headers["Location"] == "/accounts/2fa/authenticate/"
    assert client.get("/admin/").status_code == 302
    assert Page(client.get("/accounts/2fa/authenticate/")).has_field("code")
    client.post("/accounts/2fa/authenticate/", {"code": totp_code(secret)})
    assert client.get("/admin/").status_code == 200


def test_a_second_factor_is_set_up(live_mode: Settings, person: Person) -> None:
    """The pages show the secret as picture and text, take a code, and hand out recovery codes."""
    client = Client()
    person("viewer")
    enter(client, "correct horse")
    again = client.get("/accounts/2fa/totp/activate/").headers["Location"]
    assert Page(client.get(again)).has_field("password")
    client.post(again, {"password": "correct horse"})
    page = Page(client.get("/accounts/2fa/totp/activate/"))
    secret = page.one("p", class_="mono").text
    assert (page.one("img", class_="qr")["src"] or "").startswith("data:image/svg+xml")
    done = client.post("/accounts/2fa/totp/activate/", {"code": totp_code(secret)})
    assert done.headers["Location"] == "/accounts/2fa/recovery-codes/"
    assert len(Page(client.get("/accounts/2fa/recovery-codes/")).one("pre").text.split()) == 10
    assert "/accounts/2fa/totp/deactivate/" in Page(client.get("/accounts/2fa/")).hrefs


def test_the_admins_own_form_is_not_used(client: Client, live_mode: Settings, person: Person) -> None:
    """Its sign-in knows neither throttle nor second factor, so it sends everyone to ours."""
    person("admin")
    response = client.post("/admin/login/", {"username": "admin", "password": "correct horse"})
    assert response.headers["Location"].startswith("/accounts/login/")
    assert "_auth_user_id" not in client.session


def test_roles_say_what_they_do(person: Person) -> None:
    """Sharers and admins may share, admins mind people, superusers are admins, the closed may nothing."""
    rights = {role: (person(role).may_share, person(role, f"{role}2").is_admin) for role in User.Role.values}
    assert rights == {"viewer": (False, False), "sharer": (True, False), "admin": (True, True)}
    boss = User.objects.create_superuser("boss", password="correct horse")
    assert boss.may_share and boss.is_admin and boss.is_staff  # noqa: PT018  one sentence, three parts
    boss.is_active = False
    assert not boss.may_share and not boss.is_admin  # noqa: PT018


def test_createsuperuser_makes_an_admin(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command everyone knows is enough to get in."""
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "correct horse battery")
    call_command("createsuperuser", username="root", email="root@example.com", interactive=False, verbosity=0)
    assert User.objects.get(username="root").is_admin
    client = Client()
    assert enter(client, "correct horse battery", "root") == 302
    assert client.get("/admin/dashboard/user/").status_code == 200


def test_an_admin_cannot_rise(signed_in: SignedIn, live_mode: Settings) -> None:
    """Admins make people and give roles, but neither make themselves superusers nor touch one."""
    boss = User.objects.create_superuser("boss", password="correct horse")
    client = signed_in("admin")
    me = User.objects.get(username="admin")
    form = {
        "username": "admin",
        "role": "admin",
        "is_active": "on",
        "is_superuser": "on",
        "email": "a@example.com",
    }
    assert client.post(f"/admin/dashboard/user/{me.pk}/change/", form).status_code == 302
    me.refresh_from_db()
    assert not me.is_superuser
    assert client.post(f"/admin/dashboard/user/{boss.pk}/change/", form).status_code == 403
    assert client.post(f"/admin/dashboard/user/{boss.pk}/password/", form).status_code == 403
    assert client.post(f"/admin/dashboard/user/{boss.pk}/delete/", {"post": "yes"}).status_code == 403
    many = {"action": "delete_selected", "_selected_action": [boss.pk], "post": "yes"}
    client.post("/admin/dashboard/user/", many)
    assert User.objects.filter(pk=boss.pk).exists()


def test_losing_the_role_is_losing_the_admin(person: Person) -> None:
    """Who may enter /admin/ follows from the role, so a demoted admin is out."""
    user = person("admin")
    assert user.is_staff
    user.role = User.Role.VIEWER
    user.save()
    assert not user.is_staff


def test_with_sample_data_everyone_is_the_demo_user(sample: Store, client: Client) -> None:
    """Nobody is asked to sign in, the page says that the data is the sample's, and no session is made."""
    page = client.get("/")
    assert page.status_code == 200
    assert Page(page).one(data_mode=True)["data-mode"] == "sample"
    assert "sessionid" not in page.cookies
    assert (demo_user().role, demo_user().has_usable_password()) == ("sharer", False)


def test_the_demo_user_opens_nothing_with_a_key(client: Client, live_mode: Settings) -> None:
    """The account that the sample left behind has no password that fits."""
    demo_user()
    for password in ("", "!", "demo"):
        assert enter(client, password, "demo") == 200
    assert client.get("/").status_code == 302


def test_two_hashes_at_most_at_once(tmp_path: Path) -> None:
    """Of three processes with four threads each, that all want to hash, two are at
    it: a hash takes 100 MiB.
    """
    spans = tmp_path / "spans"
    with get_context("spawn").Pool(3) as pool:
        pool.starmap(hash_slowly, [(str(tmp_path), str(spans))] * 3)
    times = [tuple(map(float, line.split())) for line in spans.read_text().splitlines()]
    at_once = [sum(begun <= moment < ended for begun, ended in times) for moment, _ in times]
    assert len(times) == 12
    assert max(at_once) == hashing.AT_ONCE


def test_waiting_too_long_returns_503(
    client: Client, live_mode: Settings, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all places for hashing are taken, signing in is a 503 that says when to come back; later it
    works.
    """
    person("viewer")
    monkeypatch.setattr(hashing, "PATIENCE_S", 0.1)
    with hashing.hashing_slot(), hashing.hashing_slot():
        answer = client.post("/accounts/login/", {"login": "viewer", "password": "correct horse"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert "busy" in Page(answer).notices
    assert enter(client, "correct horse") == 302


def test_passwords_are_hashed_with_argon2(person: Person) -> None:
    """A new password is stored with Argon2."""
    assert person("viewer").password.startswith("argon2$argon2id$")


@pytest.mark.parametrize("mode", ["test", "live", "other"])
def test_the_kind_of_key_is_in_sight(signed_in: SignedIn, settings: Settings, mode: str) -> None:
    """Every page says which world it shows."""
    settings.AUTUMN_MODE = mode
    assert Page(signed_in().get("/accounts/password/change/")).one(data_mode=mode).text


def test_the_theme_comes_with_the_page(client: Client) -> None:
    """A remembered theme is drawn by the server, and anything else in that cookie is not."""
    client.cookies["theme"] = "dark"
    assert Page(client.get("/accounts/login/")).one("html")["data-theme"] == "dark"
    client.cookies["theme"] = '"><script>'
    assert Page(client.get("/accounts/login/")).one("html").attributes == {"lang": "en"}


def test_errors_have_pages(client: Client) -> None:
    """What is not there is a page of ours in whole, also for htmx, which then replaces the body."""
    response = client.get("/nothing-here/")
    assert response.status_code == 404
    assert "not-found" in Page(response).notices
    assert (response["HX-Retarget"], response["HX-Reswap"]) == ("body", "innerHTML")


def test_an_old_form_is_explained(live_mode: Settings) -> None:
    """A form without its token says that nothing was changed, instead of Django's debugging hints."""
    response = Client(enforce_csrf_checks=True).post("/accounts/login/", {"login": "a", "password": "b"})
    assert response.status_code == 403
    assert "form-expired" in Page(response).notices


def test_a_broken_page_needs_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a view breaks, the page that says so is made without the person or the database."""
    client.raise_request_exception = False
    monkeypatch.setattr("dashboard.web.templates.get_messages", lambda request: 1 / 0)
    response = client.get("/accounts/login/")
    assert response.status_code == 500
    assert "broken" in Page(response).notices
    assert not Page(response).has("script")


def test_debug_pages_hide_the_key(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Django's own error page, with DEBUG on, shows stars in place of the key."""
    canary = f"am_sk_test_{'canary'}"  # in pieces: the page quotes this line too
    settings.DEBUG, settings.AUTUMN_SECRET_KEY = True, canary
    client.raise_request_exception = False
    monkeypatch.setattr("dashboard.web.templates.get_messages", lambda request: 1 / 0)
    response = client.get("/accounts/login/")
    assert "ZeroDivisionError" in response.content.decode()
    assert canary not in response.content.decode()

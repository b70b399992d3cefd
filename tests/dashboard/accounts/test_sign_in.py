from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.contrib.admin.models import LogEntry
from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.management import call_command
from django.test import Client
from pytest_django.fixtures import Settings

from dashboard.accounts import hashing
from dashboard.models import User, demo_user
from dashboard.server.waiting import WAITING_SIGN_INS
from tests.conftest import ROOT
from tests.dashboard.accounts.hashing_processes import hash_slowly
from tests.page import Page
from usage.sample import Store

pytestmark = pytest.mark.django_db
Person = Callable[..., User]
SignedIn = Callable[..., Client]


HASHES_WITHOUT_PRIORITY = """
import os
def refuse(*_): raise PermissionError
os.setpriority = refuse
import django
django.setup()
from django.contrib.auth.hashers import check_password, make_password
assert check_password("right", make_password("right"))
"""


def test_passwords_are_hashed_where_the_system_refuses_priorities(tmp_path: Path) -> None:
    """As a service's filter of system calls may."""
    site = {"DJANGO_SETTINGS_MODULE": "dashboard.settings", "DATA_DIR": str(tmp_path), "ENV_FILE": os.devnull}
    command = [sys.executable, "-c", HASHES_WITHOUT_PRIORITY]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **site}, check=True)


def enter(client: Client, password: str, login: str = "viewer") -> int:
    return client.post("/accounts/login/", {"login": login, "password": password}).status_code


@pytest.mark.parametrize("login", ["viewer", "viewer@example.com"])
def test_sign_in_redirects_to_the_requested_page(
    client: Client, live_mode: Settings, person: Person, login: str
) -> None:
    """By name or by e-mail, with the query of the page."""
    person("viewer")
    wanted = client.get("/?customer_id=cus_1")
    assert wanted.headers["Location"] == "/accounts/login/?next=/%3Fcustomer_id%3Dcus_1"
    given = {"login": login, "password": "correct horse", "next": "/?customer_id=cus_1"}
    assert client.post("/accounts/login/", given).headers["Location"] == "/?customer_id=cus_1"
    assert client.session.get("_auth_user_id")


def test_htmx_goes_to_the_sign_in_page(client: Client, live_mode: Settings) -> None:
    """A partial request after the session has expired moves the whole page, and returns to it after sign-
    in.
    """
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/usage/?range=7d"}
    response = client.get("/", headers=headers)
    assert response.headers["HX-Redirect"] == "/accounts/login/?next=/usage/%3Frange%3D7d"


def test_there_is_no_sign_up(client: Client, live_mode: Settings) -> None:
    assert client.get("/accounts/signup/").status_code in {302, 404}
    assert client.post("/accounts/signup/", {"username": "me", "password1": "correct horse"}).status_code in {
        302,
        404,
    }
    assert not User.objects.filter(username="me").exists()


def test_deactivated_user_cannot_sign_in(client: Client, live_mode: Settings, person: Person) -> None:
    """Their old sessions end too."""
    user = person("viewer")
    client.force_login(user)
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert client.get("/").status_code == 302
    assert enter(Client(), "correct horse") == 302
    assert "_auth_user_id" not in client.session or client.get("/").status_code == 302


def totp_code(secret: str) -> str:
    """Of the present, so that it is still accepted when the next one begins."""
    accepted = list(totp.yield_hotp_counters_from_time())
    return str(totp.format_hotp_value(totp.hotp_value(secret, accepted[len(accepted) // 2])))


def test_second_factor_is_required(client: Client, live_mode: Settings, person: Person) -> None:
    """With an authenticator app, the password alone opens no page, not even in the admin."""
    user, secret = person("admin"), totp.generate_totp_secret()
    totp.TOTP.activate(user, secret)
    response = client.post("/accounts/login/", {"login": "admin", "password": "correct horse"})
    assert response.headers["Location"] == "/accounts/2fa/authenticate/"
    assert client.get("/admin/").status_code == 302
    assert Page(client.get("/accounts/2fa/authenticate/")).has_field("code")
    client.post("/accounts/2fa/authenticate/", {"code": totp_code(secret)})
    assert client.get("/admin/").status_code == 200


def test_second_factor_can_be_activated(live_mode: Settings, person: Person) -> None:
    """The pages show the secret as image and text, check a code, and show recovery codes."""
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


def test_admin_sign_in_redirects_to_the_sign_in_page(
    client: Client, live_mode: Settings, person: Person
) -> None:
    """The admin's own form has neither throttle nor second factor."""
    person("admin")
    response = client.post("/admin/login/", {"username": "admin", "password": "correct horse"})
    assert response.headers["Location"].startswith("/accounts/login/")
    assert "_auth_user_id" not in client.session


def test_rights_of_roles(person: Person) -> None:
    """Sharers and admins may share, admins manage users, superusers are admins, deactivated users have no
    rights.
    """
    rights = {role: (person(role).may_share, person(role, f"{role}2").is_admin) for role in User.Role.values}
    assert rights == {"viewer": (False, False), "sharer": (True, False), "admin": (True, True)}
    superuser = User.objects.create_superuser("superuser", password="correct horse")
    assert superuser.may_share and superuser.is_admin and superuser.is_staff  # noqa: PT018  one sentence, three parts
    superuser.is_active = False
    assert not superuser.may_share and not superuser.is_admin  # noqa: PT018


def test_createsuperuser_creates_an_admin(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other command is needed to sign in."""
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "correct horse battery")
    call_command("createsuperuser", username="root", email="root@example.com", interactive=False, verbosity=0)
    assert User.objects.get(username="root").is_admin
    client = Client()
    assert enter(client, "correct horse battery", "root") == 302
    assert client.get("/admin/dashboard/user/").status_code == 200


def test_admin_cannot_create_or_change_superusers(signed_in: SignedIn, live_mode: Settings) -> None:
    """Admins create users and set roles."""
    superuser = User.objects.create_superuser("superuser", password="correct horse")
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
    assert client.post(f"/admin/dashboard/user/{superuser.pk}/change/", form).status_code == 403
    assert client.post(f"/admin/dashboard/user/{superuser.pk}/password/", form).status_code == 403
    assert client.post(f"/admin/dashboard/user/{superuser.pk}/delete/", {"post": "yes"}).status_code == 403
    many = {"action": "delete_selected", "_selected_action": [superuser.pk], "post": "yes"}
    client.post("/admin/dashboard/user/", many)
    assert User.objects.filter(pk=superuser.pk).exists()


def test_admin_site_access_follows_the_role(person: Person) -> None:
    """A user who loses the role loses access to /admin/."""
    user = person("admin")
    assert user.is_staff
    user.role = User.Role.VIEWER
    user.save()
    assert not user.is_staff


def test_with_sample_data_everyone_is_the_demo_user(sample: Store, client: Client) -> None:
    """No sign-in is needed, the page says that the data is sample data, and there is no session."""
    page = client.get("/")
    assert page.status_code == 200
    assert Page(page).one(data_mode=True)["data-mode"] == "sample"
    assert "sessionid" not in page.cookies
    assert (demo_user().role, demo_user().has_usable_password()) == ("sharer", False)


def test_demo_user_cannot_sign_in_with_a_key(client: Client, live_mode: Settings) -> None:
    """The account that the sample created has no usable password."""
    demo_user()
    for password in ("", "!", "demo"):
        assert enter(client, password, "demo") == 200
    assert client.get("/").status_code == 302


def test_at_most_two_hashes_run_at_once(tmp_path: Path) -> None:
    """Of three processes with four threads each: a hash takes 100 MiB."""
    spans = tmp_path / "spans"
    with get_context("spawn").Pool(3) as pool:
        pool.starmap(hash_slowly, [(str(tmp_path), str(spans))] * 3)
    times = [tuple(map(float, line.split())) for line in spans.read_text().splitlines()]
    at_once = [sum(started <= moment < ended for started, ended in times) for moment, _ in times]
    assert len(times) == 12
    assert max(at_once) == hashing.AT_ONCE


def test_sign_in_returns_503_if_hashing_takes_too_long(
    client: Client, live_mode: Settings, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The response says when to try again; later it works."""
    person("viewer")
    monkeypatch.setattr(hashing, "PATIENCE_S", 0.1)
    with hashing.hashing_slot(), hashing.hashing_slot():
        answer = client.post("/accounts/login/", {"login": "viewer", "password": "correct horse"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert "busy" in Page(answer).notices
    assert enter(client, "correct horse") == 302


def test_four_wait_for_a_hash_and_the_next_is_refused_at_once() -> None:
    """Whoever waits holds a thread. The four have their turn when the hashes have ended."""

    def hash_one() -> bool:
        with hashing.hashing_slot():
            return True

    with ThreadPoolExecutor(WAITING_SIGN_INS + 1) as pool:
        with hashing.hashing_slot(), hashing.hashing_slot():
            waiting = [pool.submit(hash_one) for _ in range(WAITING_SIGN_INS + 1)]
            refused = next(as_completed(waiting, timeout=10))
            assert isinstance(refused.exception(), hashing.TooBusy)
            assert sum(each.done() for each in waiting) == 1
        assert [each.exception() for each in waiting].count(None) == WAITING_SIGN_INS


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
def test_threads_that_hash_stand_behind_those_that_serve(person: Person) -> None:
    person("viewer")
    priorities = {
        os.getpriority(os.PRIO_PROCESS, thread.native_id or 0): thread.name
        for thread in threading.enumerate()
    }
    assert priorities[max(priorities)].startswith("hash")
    assert max(priorities) > os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_passwords_are_hashed_with_argon2(person: Person) -> None:
    assert person("viewer").password.startswith("argon2$argon2id$")


@pytest.mark.parametrize("mode", ["test", "live", "other"])
def test_every_page_shows_the_kind_of_key(signed_in: SignedIn, settings: Settings, mode: str) -> None:
    settings.AUTUMN_MODE = mode
    assert Page(signed_in().get("/accounts/password/change/")).one(data_mode=mode).text


def test_page_has_the_theme_of_the_cookie(client: Client) -> None:
    """Any other value of the cookie is ignored."""
    client.cookies["theme"] = "dark"
    assert Page(client.get("/accounts/login/")).one("html")["data-theme"] == "dark"
    client.cookies["theme"] = '"><script>'
    assert "data-theme" not in Page(client.get("/accounts/login/")).one("html")


def test_not_found_is_a_page_of_the_site(client: Client) -> None:
    """Also for htmx, which then replaces the body."""
    response = client.get("/nothing-here/")
    assert response.status_code == 404
    assert "not-found" in Page(response).notices
    assert (response["HX-Retarget"], response["HX-Reswap"]) == ("body", "innerHTML")


def second_factors(user: User) -> list[str]:
    """Turn on both kinds for a user, and return what must stay secret of them."""
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(user, secret)
    codes = RecoveryCodes.activate(user)
    return [secret, codes.instance.data["seed"], *codes.get_unused_codes()]


def addresses_of(user: User, kind: str) -> list[str]:
    """The admin's pages of one of a user's factors; the last one deletes it."""
    found = Authenticator.objects.get(user=user, type=kind)
    return [f"/admin/mfa/authenticator/{found.pk}/{page}/" for page in ("change", "history", "delete")]


def test_admin_resets_a_lost_second_factor(
    client: Client, live_mode: Settings, person: Person, signed_in: SignedIn
) -> None:
    """Without seeing it; the password alone is enough then, and the recovery codes are deleted too."""
    user, admin = person("viewer"), signed_in("admin")
    secrets = second_factors(user)
    assert enter(client, "correct horse") == 302
    assert "_auth_user_id" not in client.session
    pages = ["/admin/mfa/authenticator/", *addresses_of(user, "totp"), *addresses_of(user, "recovery_codes")]
    for page in (*pages, "/admin/"):
        shown = admin.get(page)
        assert shown.status_code == 200
        assert [secret for secret in secrets if secret in shown.content.decode()] == []
    change, _, delete = addresses_of(user, "totp")
    assert not Page(admin.get(change)).has_field("data")
    assert admin.post(change, {"data": "{}"}).status_code == 403
    assert admin.post(delete, {"post": "yes"}).status_code == 302
    assert not Authenticator.objects.exists()
    assert [
        secret for secret in secrets for entry in LogEntry.objects.all() if secret in str(vars(entry))
    ] == []
    client = Client()
    assert enter(client, "correct horse") == 302
    assert client.session["_auth_user_id"] == str(user.pk)


def test_admin_resets_several_second_factors_at_once(
    live_mode: Settings, person: Person, signed_in: SignedIn
) -> None:
    """Those of superusers only as one."""
    superuser = User.objects.create_superuser("superuser", password="correct horse")
    users = [person("viewer"), superuser]
    for user in users:
        second_factors(user)
    admin, root = signed_in("admin"), Client()
    root.force_login(superuser)
    chosen = list(Authenticator.objects.values_list("pk", flat=True))
    many = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
    assert admin.post(addresses_of(superuser, "totp")[-1], {"post": "yes"}).status_code == 403
    admin.post("/admin/mfa/authenticator/", many)
    assert Authenticator.objects.count() == 4
    root.post("/admin/mfa/authenticator/", many)
    assert Authenticator.objects.count() == 0


def test_session_of_an_earlier_version_goes_on(live_mode: Settings, person: Person) -> None:
    """That version's sessions depended on the secret key. A new password ends them all the same."""
    client, user = Client(), person("viewer")
    client.force_login(user)
    session = client.session
    session[HASH_SESSION_KEY] = AbstractBaseUser.get_session_auth_hash(user)
    session.save()
    assert [client.get("/accounts/2fa/").status_code for _ in range(2)] == [200, 200]
    user.set_password("another horse")
    user.save()
    assert client.get("/accounts/2fa/").status_code == 302


def test_csrf_failure_has_a_page(live_mode: Settings) -> None:
    """It says that no data was changed, instead of Django's debugging hints."""
    response = Client(enforce_csrf_checks=True).post("/accounts/login/", {"login": "a", "password": "b"})
    assert response.status_code == 403
    assert "form-expired" in Page(response).notices


def test_server_error_page_needs_no_user_or_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.raise_request_exception = False
    monkeypatch.setattr("dashboard.web.templates.get_messages", lambda request: 1 / 0)
    response = client.get("/accounts/login/")
    assert response.status_code == 500
    assert "broken" in Page(response).notices
    assert not Page(response).has("script")


def test_debug_pages_hide_the_key(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Django's error page with DEBUG shows asterisks instead of the key."""
    canary = f"am_sk_test_{'canary'}"  # in pieces: the page quotes this line too
    settings.DEBUG, settings.AUTUMN_SECRET_KEY = True, canary
    client.raise_request_exception = False
    monkeypatch.setattr("dashboard.web.templates.get_messages", lambda request: 1 / 0)
    response = client.get("/accounts/login/")
    assert "ZeroDivisionError" in response.content.decode()
    assert canary not in response.content.decode()

"""`manage.py share` on the command line."""

from __future__ import annotations

import io
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from dashboard.models import User
from dashboard.sharing.models import Share
from tests.dashboard.sharing.canary_organization import SEEN, CanarySite

pytestmark = pytest.mark.django_db


def share(*words: str) -> str:
    out = io.StringIO()
    call_command("share", *words, stdout=out)
    return out.getvalue()


@pytest.fixture
def superuser(canary_site: CanarySite) -> User:
    return User.objects.create_superuser("superuser", password="correct horse")


def test_create_prints_the_link_once(canary_site: CanarySite, superuser: User) -> None:
    """Without options: no properties, seven days, all features, no password."""
    printed = share("create", "--customer", SEEN).strip()
    made = Share.objects.get()
    assert (made.owner, made.properties, made.features, made.password_hash) == (superuser, [], None, "")
    assert timedelta(days=6) < made.expires_at - timezone.now() <= timedelta(days=7)
    recipient_client = canary_site.recipient_client(made, urlsplit(printed).path.rpartition("/")[2])
    page = recipient_client.get(f"{made.root}events/?range=90d&tz=UTC").content.decode()
    assert "api_calls" in page
    assert "gold" not in page


def test_create_options(canary_site: CanarySite, superuser: User) -> None:
    """Expiry, properties, features, and a password that opens the link."""
    printed = share(
        "create", "--customer", SEEN, "--expires", "12h", "--properties", "model, meta.tier",
        "--features", "api_calls", "--password", "--owner", "owner",
    )  # fmt: skip
    link, password = printed.splitlines()
    made = Share.objects.get()
    assert (made.properties, made.features, made.owner) == (
        ["meta.tier", "model"],
        ["api_calls"],
        canary_site.owner,
    )
    assert made.expires_at - timezone.now() <= timedelta(hours=12)
    recipient_client = canary_site.recipient_client(
        made, link.rpartition("/")[2], password.removeprefix("Password: ")
    )
    assert recipient_client.get(f"{made.root}events/").status_code == 200


@pytest.mark.parametrize(
    "words",
    [
        ("create", "--customer", " "),
        ("create", "--customer", "c\0"),
        ("create", "--customer", "c" * 1001),
        ("create", "--customer", "\udcff"),
        ("create", "--customer", SEEN, "--features", ""),
        ("create", "--customer", SEEN, "--features", ", "),
        ("create", "--customer", SEEN, "--recipient", " "),
        ("create", "--customer", SEEN, "--recipient", "x" * 101),
        ("create", "--customer", SEEN, "--expires", "soon"),
        ("create", "--customer", SEEN, "--expires", "0d"),
        ("create", "--customer", SEEN, "--owner", "nobody"),
        ("revoke",),
        ("revoke", "x", "--all"),
        ("revoke", "unknown"),
        (),
    ],
)
def test_invalid_arguments_are_refused(
    canary_site: CanarySite, superuser: User, words: tuple[str, ...]
) -> None:
    """Nothing is created or revoked."""
    with pytest.raises(CommandError):
        share(*words)
    assert not Share.objects.exists()


def test_personal_properties_print_a_warning(canary_site: CanarySite, superuser: User) -> None:
    """The warning is on standard error, so that standard output has the link only."""
    out, err = io.StringIO(), io.StringIO()
    call_command("share", "create", "--customer", SEEN, "--properties", "email,model", stdout=out, stderr=err)
    assert "email" in err.getvalue()
    assert "model" not in err.getvalue()
    assert out.getvalue().count("\n") == 1


def test_list_escapes_control_characters(canary_site: CanarySite) -> None:
    """A name takes one field of one line, and sends no control character to the terminal."""
    canary_site.share(recipient="a\nb\tc\x1b[31m", customer_id="\x1b]0;title\x07")
    [line] = share("list").splitlines()
    assert line.isascii()
    assert "\x1b" not in line
    assert line.split("\t")[3:5] == ["[U+001B]]0;title[U+0007]", "a[U+000A]b[U+0009]c[U+001B][31m"]


def test_link_needs_an_owner(canary_site: CanarySite) -> None:
    """The error says what to do if no user may create links."""
    User.objects.all().delete()
    with pytest.raises(CommandError):
        share("create", "--customer", SEEN)


def test_list_and_revoke(canary_site: CanarySite) -> None:
    """The list has every link with its state; `revoke` takes an ID or --all."""
    first, _ = canary_site.share(recipient="Ada")
    canary_site.share(recipient="Grace")
    assert share("revoke", first.pk) == "Revoked: 1\n"
    listed = share("list").splitlines()
    assert [line.split("\t")[1:5:3] for line in listed if "Ada" in line] == [["revoked", "Ada"]]
    assert [line.split("\t")[1] for line in listed if "Grace" in line] == ["open"]
    assert share("revoke", "--all") == "Revoked: 1\n"
    assert not Share.objects.unrevoked().exists()

"""Share links from the command line: make one, list them, end them."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from dashboard import messages
from dashboard.formats import full_label
from dashboard.models import User, demo_user
from dashboard.server.listener import Listener
from dashboard.sharing import links, passwords
from dashboard.sharing.manage.suggestions import privacy_hint
from dashboard.sharing.models import LONGEST_ID, LONGEST_NAME, Share
from usage.query import Query

UNITS = {"h": "hours", "d": "days", "w": "weeks"}
MAX_LIFETIME = timedelta(days=3660)


class Command(BaseCommand):
    help = "Create, list and revoke share links."

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        create = acts.add_parser("create", help="create a link and print it once")
        create.add_argument(
            "--customer", required=True, type=customer_argument, help="ID of the customer that the link shows"
        )
        create.add_argument("--recipient", default="recipient", help="name of the recipient")
        create.add_argument("--expires", default="7d", help="time until the link expires: 12h, 7d, 4w")
        create.add_argument(
            "--properties", default="", help="visible properties, separated by commas (default: none)"
        )
        create.add_argument(
            "--features", type=features_argument, help="features, separated by commas (default: all)"
        )
        create.add_argument("--password", action="store_true", help="generate a password")
        create.add_argument("--owner", help="user who owns the link (default: the first admin)")
        acts.add_parser("list", help="list all links")
        revoke = acts.add_parser("revoke", help="revoke one link or all links")
        revoke.add_argument("id", nargs="?", help="ID of the link, as printed by `share list`")
        revoke.add_argument("--all", action="store_true", help="all links of all users")

    def handle(self, *args: Any, **options: Any) -> None:
        {"create": self.create, "list": self.list, "revoke": self.revoke}[options["act"]](options)

    def create(self, options: dict[str, Any]) -> None:
        recipient = options["recipient"].strip()
        if not recipient or len(recipient) > LONGEST_NAME:
            raise CommandError(f"--recipient must have 1 to {LONGEST_NAME} characters.")
        properties = comma_separated(options["properties"])
        for path in properties:
            if why := privacy_hint(path):
                self.stderr.write(messages.PROPERTY_WARNING.format(path=full_label(path), hint=why))
        share = Share(
            owner=owner(options["owner"]),
            recipient=recipient,
            customer_id=options["customer"],
            features=options["features"],
            properties=properties,
            expires_at=timezone.now() + lifetime(options["expires"]),
            view=Query(tz=settings.TIME_ZONE).to_query_string(),
        )
        password = passwords.generate_password() if options["password"] else None
        token = links.make(share, password)
        self.stdout.write(f"{origin()}{reverse('redeem', args=[token])}")
        if password is not None:
            self.stdout.write(f"Password: {password}")

    def list(self, options: dict[str, Any]) -> None:
        for share in Share.objects.select_related("owner"):
            until = f"{share.expires_at:%Y-%m-%d %H:%M} UTC"
            seen = f"{share.last_seen:%Y-%m-%d %H:%M} UTC" if share.last_seen else "never"
            columns = (
                share.pk,
                share.state,
                until,
                full_label(share.customer_id),
                full_label(share.recipient),
                full_label(share.owner.get_username()) if share.owner else "-",
            )
            self.stdout.write("\t".join((*columns, f"{share.views} views", f"last seen {seen}")))

    def revoke(self, options: dict[str, Any]) -> None:
        if (options["id"] is None) != options["all"]:
            raise CommandError(messages.LINK_OR_ALL)
        chosen = Share.objects.all()
        if options["id"] is not None:
            chosen = chosen.filter(pk=options["id"])
        count = links.revoke_links(chosen)
        if not count and options["id"] is not None:
            raise CommandError(messages.NO_ACTIVE_LINK.format(id=options["id"]))
        self.stdout.write(f"Revoked: {count}")


def customer_argument(text: str) -> str:
    """An id that the terminal passed on whole, in letters that can be sent to Autumn."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ArgumentTypeError("is not in the terminal's encoding") from None
    if not text.strip() or "\0" in text or len(text) > LONGEST_ID:
        raise ArgumentTypeError("is not a customer ID")
    return text


def features_argument(text: str) -> list[str]:
    """Features that were named.

    None of them is a mistake, such as a variable that is not set: it would mean all.
    """
    found = comma_separated(text)
    if not found:
        raise ArgumentTypeError("names no feature; omit it to show all features")
    return found


def comma_separated(text: str) -> list[str]:
    return sorted({name.strip() for name in text.split(",") if name.strip()})


def lifetime(text: str) -> timedelta:
    found = re.fullmatch(r"([0-9]{1,4})([hdw])", text)
    length = timedelta(**{UNITS[found[2]]: int(found[1])}) if found else timedelta()
    if not timedelta() < length <= MAX_LIFETIME:
        raise CommandError("--expires must be a duration such as 12h, 7d or 4w, at most ten years.")
    return length


def owner(username: str | None) -> User:
    """Whose link it is: a link ends with its owner's account."""
    if username is not None:
        found = User.objects.filter(username=username).first()
    elif settings.AUTUMN_MODE == "sample":
        found = demo_user()
    else:
        admins = User.objects.filter(Q(is_superuser=True) | Q(role=User.Role.ADMIN), is_active=True)
        found = admins.order_by("pk").first()
    if found is None or not found.may_share:
        raise CommandError(messages.NO_OWNER)
    return found


def origin() -> str:
    """The site's origin, from its settings."""
    if settings.CSRF_TRUSTED_ORIGINS:
        return settings.CSRF_TRUSTED_ORIGINS[0]
    listener = Listener(settings.BIND, settings.PORT, settings.SOCKET_MODE)
    if listener.path is None:
        return listener.address
    return f"https://{next(iter(settings.ALLOWED_HOSTS), 'localhost')}"  # that of the proxy before the socket

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.urls import reverse


class User(AbstractUser):
    class Role(models.TextChoices):
        VIEWER = "viewer", "Viewer: reads usage"
        SHARER = "sharer", "Sharer: also creates share links"
        ADMIN = "admin", "Admin: also manages users and all share links"

    role = models.CharField(max_length=6, choices=Role, default=Role.VIEWER)

    @property
    def is_admin(self) -> bool:
        return self.is_active and (self.is_superuser or self.role == self.Role.ADMIN)

    @property
    def may_share(self) -> bool:
        return self.is_admin or (self.is_active and self.role == self.Role.SHARER)

    def get_session_auth_hash(self) -> str:
        """Ends the user's sessions when it changes, so with each new password.

        Django's own depends on the secret key too. A session that began under another key would get a new
        name at each request, and requests that are under way at the same time would lose it. Sessions end
        with their key anyway, because it signs what they contain.
        """
        return hashlib.sha256(self.password.encode()).hexdigest()

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        """Those of sessions that earlier versions began."""
        yield super().get_session_auth_hash()
        yield from super().get_session_auth_fallback_hash()

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.is_staff = (
            self.is_superuser or self.role == self.Role.ADMIN
        )  # one source for who is let into /admin/
        super().save(*args, **kwargs)


def demo_user() -> User:
    """The demo user, as whom everyone acts with sample data. It has no password to sign in with."""
    user, _ = User.objects.get_or_create(
        username="demo",
        defaults={"role": User.Role.SHARER, "password": "!"},  # "!" marks a password as unusable
    )
    return user


class ExportRecord(models.Model):
    """An export while it runs, and its record afterwards. An open row is its taker's lease: there is one at
    a time.

    `taker`: who has the lease, such as user:7. `who`: their name as it was then. `query`: its canonical query
    string.
    """

    class Ending(models.TextChoices):
        WHOLE = "whole", "Complete"
        STOPPED = "stopped", "Stopped"
        LEFT = "left", "Canceled by the client"
        REVOKED = "revoked", "Revoked: access ended"
        FAILED = "failed", "Failed"
        LOST = "lost", "Lost: the process ended or the client stalled"

    taker = models.CharField(max_length=100)
    who = models.CharField(max_length=200)
    file = models.CharField(max_length=40)
    query = models.TextField()
    rows = models.PositiveBigIntegerField(default=0)
    unreadable = models.PositiveBigIntegerField(default=0)
    total = models.PositiveBigIntegerField(null=True)
    began_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, db_index=True)
    ending = models.CharField(max_length=7, choices=Ending, blank=True)
    sentence = models.TextField(blank=True)

    class Meta:
        verbose_name = "export"
        ordering = ("-began_at",)
        constraints = (
            models.UniqueConstraint(
                fields=["taker"], condition=models.Q(ended_at=None), name="one_export_at_a_time"
            ),
        )

    def __str__(self) -> str:
        return f"{self.file} by {self.who}"


class Sighting(models.Model):
    """A customer and a feature that have been seen together: Autumn has no call that lists either.

    `key` is their digest with `source`, which says where they were seen: ids can be longer than what
    databases index.
    """

    key = models.CharField(max_length=64, unique=True)
    source = models.CharField(max_length=16, db_index=True)
    customer_id = models.TextField()
    feature_id = models.TextField()
    last_seen = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.customer_id} · {self.feature_id}"


class CustomerName(models.Model):
    """What Autumn calls a customer; both texts are empty where there is none. `read_at`: epoch ms.

    `key` is the digest of `source`, as of a `Sighting`, and the ID.
    """

    key = models.CharField(max_length=64, unique=True)
    source = models.CharField(max_length=16)
    customer_id = models.TextField()
    name = models.CharField(max_length=200)
    email = models.CharField(max_length=200)
    read_at = models.BigIntegerField()

    class Meta:
        indexes = (models.Index(fields=["source", "read_at"], name="customer_names_by_age"),)

    def __str__(self) -> str:
        return f"{self.customer_id} · {self.name}"


class Counter(models.Model):
    """Attempts of one kind. `times`: when, oldest first, and `expires_at`: when none counts any more, both in
    seconds since 1970.
    """

    key = models.CharField(max_length=64, primary_key=True)
    times = models.JSONField(default=list)
    expires_at = models.FloatField(db_index=True)

    def __str__(self) -> str:
        return f"{self.key}: {len(self.times)}"


class Identity(models.Model):
    """Who a user is at an OpenID Connect provider: `subject` is the provider's `sub`.

    It is stored at the first sign-in. A user has one at a provider, until an admin removes it.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="identities")
    issuer = models.CharField(max_length=500)
    subject = models.CharField(max_length=255)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "identities"
        constraints = (
            models.UniqueConstraint(fields=["issuer", "subject"], name="one_user_for_an_identity"),
            models.UniqueConstraint(fields=["issuer", "user"], name="one_identity_for_a_user"),
        )

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer}"


VIEW_NAME_LENGTH = 80
VIEW_QUERY_LENGTH = 4_000
"""Of the query string of a saved view: pages link to dozens of them."""
MOST_SAVED_VIEWS = 100
"""Of one user."""


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def of_source(self) -> SavedViewQuerySet:
        """Those of where figures come from now: customers of sample data are unknown once there is a key."""
        return self.filter(source=settings.AUTUMN_SOURCE)

    def visible_to(self, user: User) -> SavedViewQuerySet:
        """The user's own views and those for all staff, newest first."""
        return self.of_source().filter(models.Q(owner=user) | models.Q(for_all_staff=True))

    def managed_by(self, user: User) -> SavedViewQuerySet:
        """The user's own views; for an admin also those for all staff."""
        return self.visible_to(user) if user.is_admin else self.of_source().filter(owner=user)


class SavedView(models.Model):
    """A query with a name: private, or for all staff.

    `source`: where its figures come from, as of a `Sighting`. `page`: the page that it opens, by the name of
    its route. `query`: its query string, in which ranges stay relative.
    """

    class Page(models.TextChoices):
        OVERVIEW = "overview", "Overview"
        EVENTS = "events", "Events"
        USAGE = "usage", "Usage"

    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="saved_views")
    source = models.CharField(max_length=16)
    name = models.CharField(max_length=VIEW_NAME_LENGTH)
    page = models.CharField(max_length=8, choices=Page)
    query = models.CharField(max_length=VIEW_QUERY_LENGTH)
    for_all_staff = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-pk")
        constraints = (
            models.UniqueConstraint(fields=["owner", "source", "name"], name="one_view_of_a_name"),
        )

    def __str__(self) -> str:
        return f"{self.name} of {self.owner_id}"

    @property
    def address(self) -> str:
        """The plain address of what it shows, which can be passed on."""
        return f"{reverse(self.page)}?{self.query}"

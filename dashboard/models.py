from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models


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

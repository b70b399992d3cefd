from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    class Role(models.TextChoices):
        VIEWER = "viewer", "Viewer: looks"
        SHARER = "sharer", "Sharer: looks, and makes share links"
        ADMIN = "admin", "Admin: people, and everybody's share links"

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
    """The person that everyone is while the data is the sample's. Nobody can sign in as them."""
    user, _ = User.objects.get_or_create(
        username="demo",
        defaults={"role": User.Role.SHARER, "password": "!"},  # "!" marks a password as unusable
    )
    return user

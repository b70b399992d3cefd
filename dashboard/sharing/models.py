"""Share links, their access log, and the answers that snapshots store."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.db import models
from django.utils import timezone

from dashboard.models import User
from dashboard.web.addresses import route_address
from usage.scope import Scope

ID_BYTES = 8
LONGEST_ID, LONGEST_NAME = 1000, 100


def public_id() -> str:
    """Names a link in addresses. It opens nothing."""
    return secrets.token_hex(ID_BYTES)


def current_source() -> str:
    """Where figures come from now."""
    source: str = settings.AUTUMN_SOURCE
    return source


class ShareQuerySet(models.QuerySet["Share"]):
    def managed_by(self, user: User) -> ShareQuerySet:
        """The user's own links; all links for an admin."""
        return self if user.is_admin else self.filter(owner=user)

    def older_than(self, share: Share) -> ShareQuerySet:
        """Those that follow it in a list whose newest is first."""
        same = models.Q(created_at=share.created_at, pk__lt=share.pk)
        return self.filter(models.Q(created_at__lt=share.created_at) | same)

    def unrevoked(self) -> ShareQuerySet:
        return self.filter(revoked_at=None)


class Shares(models.Manager.from_queryset(ShareQuerySet)):  # type: ignore[misc]  # a class made at run time
    """The links of where figures come from now: one made on sample data opens nothing once there is a key."""

    def get_queryset(self) -> ShareQuerySet:
        found: ShareQuerySet = super().get_queryset().filter(source=current_source())
        return found


class Share(models.Model):
    """A share link. Only a hash of its token is stored.

    `owner`: None once their account is deleted; the access log stays. `features`: None for all.
    `start`, `end`: bounds in epoch milliseconds, whole hours; with an `end` the link shows that period and no
    other. `view`: the query string that it opens with. `password_version` counts passwords, so that those who
    gave an earlier one have to give it again.
    """

    id = models.CharField(primary_key=True, max_length=16, default=public_id)
    token_hash = models.CharField(max_length=64, unique=True)
    source = models.CharField(max_length=16, default=current_source, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="shares",
        db_column="maker_id",
    )
    recipient = models.CharField(max_length=LONGEST_NAME)
    customer_id = models.CharField(max_length=LONGEST_ID)
    features = models.JSONField(null=True)
    properties = models.JSONField(default=list)
    deductions = models.BooleanField(default=False)
    plans = models.BooleanField(default=False)
    exports = models.BooleanField(default=False)
    customer_name = models.BooleanField(default=False)
    balances = models.BooleanField(default=False)
    start = models.BigIntegerField(null=True)
    end = models.BigIntegerField(null=True)
    snapshot = models.BooleanField(default=False)
    view = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    password_hash = models.CharField(max_length=200, blank=True)
    password_version = models.PositiveIntegerField(default=0)
    last_seen = models.DateTimeField(null=True)
    views = models.PositiveIntegerField(default=0)

    objects = Shares()

    class Meta:
        ordering = ("-created_at",)
        indexes = (models.Index(fields=["source", "-created_at", "-id"], name="links_by_age"),)

    def __str__(self) -> str:
        return f"{self.id} for {self.recipient}"

    @property
    def root(self) -> str:
        """The address below which the link's pages are."""
        return route_address("shared_overview", self.id)

    @property
    def is_alive(self) -> bool:
        """Whether the link can be opened: not expired, not revoked, and its owner may still share."""
        return self.state == "open"

    @property
    def state(self) -> str:
        """`open`, or the reason why the link cannot be opened; `is_alive` relies on it."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at <= timezone.now():
            return "expired"
        if self.owner is None or not self.owner.is_active:
            return "owner left"
        return "open" if self.owner.may_share else "owner lost access"

    @property
    def is_period(self) -> bool:
        """Whether it shows one period and no other."""
        return self.end is not None

    @property
    def scope(self) -> Scope:
        """What it shows, as the service understands it."""
        return Scope(
            customer_id=self.customer_id,
            features=None if self.features is None else frozenset(self.features),
            properties=frozenset(self.properties),
            start=self.start,
            end=self.end,
            deductions=self.deductions,
            plans=self.plans,
            exports=self.exports,
            customer_name=self.customer_name,
            balances=self.balances and not self.is_period,  # these are today's
        )


class Visit(models.Model):
    """One view of a link, or one attempt at its password. `page`: the path below the link, empty for an
    attempt.

    `address` is shortened, so that it says where from and not who.
    """

    class Kind(models.TextChoices):
        PAGE = "page", "Page"
        CHECKING = "checking", "Password being checked"
        RIGHT = "right", "Password"
        WRONG = "wrong", "Wrong password"
        WRONG_BEFORE = "before", "Wrong password (before a password change)"

    share = models.ForeignKey(Share, on_delete=models.CASCADE, related_name="visits")
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.PAGE)
    at = models.DateTimeField(default=timezone.now)
    address = models.CharField(max_length=50)
    page = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ("-at", "-pk")
        indexes = (models.Index(fields=("share", "at")),)

    def __str__(self) -> str:
        return f"{self.page or self.get_kind_display()} at {self.at:%Y-%m-%d %H:%M}"


class Figures(models.Model):
    """One answer of Autumn's that a snapshot stores.

    `request_body`: the body of the call; `question`: its digest. `answer`: the JSON response, packed by zlib.
    """

    share = models.ForeignKey(Share, on_delete=models.CASCADE, related_name="figures")
    question = models.CharField(max_length=64)
    request_body = models.JSONField(default=dict, db_column="asked")
    answer = models.BinaryField()
    fetched_at = models.FloatField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("share", "question"), name="one_answer_for_a_question"),
        )

    def __str__(self) -> str:
        return f"{self.question[:12]} of {self.share_id}"

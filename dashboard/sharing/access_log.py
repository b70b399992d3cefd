"""The access log of share links, stored for a limited time."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone

from dashboard.sharing.models import Share, Visit
from dashboard.web.addresses import network_of

RETENTION = timedelta(days=90)
MAX_VIEWS = 1000
"""How many views of one link are stored, so that a script cannot fill the disk."""
MAX_IN_HOUR = 200
"""How many of them are stored of one hour, so that a script does not displace those of others."""
TRIM_EVERY = 100
THROTTLING_PERIOD = timedelta(hours=1)


def log_view(share: Share, request: HttpRequest, page: str) -> None:
    """Counts a view of `page`, and stores it where there is room."""
    now = timezone.now()
    if has_room(share):
        Visit.objects.create(share=share, at=now, address=address_of(request), page=page)
    Share.objects.filter(pk=share.pk).update(views=F("views") + 1, last_seen=now)
    if share.views % TRIM_EVERY == 0:
        trim(share)


def has_room(share: Share) -> bool:
    """Whether another view, or another right password, of this hour is stored. Wrong ones are, always."""
    hour = timezone.now() - timedelta(hours=1)
    stored = share.visits.filter(kind__in=(Visit.Kind.PAGE, Visit.Kind.RIGHT), at__gt=hour)
    return stored[:MAX_IN_HOUR].count() < MAX_IN_HOUR


def trim(share: Share) -> None:
    """Forgets visits beyond those that anybody reads.

    Recent ones stay: passwords are throttled by them.
    """
    beyond = share.visits.order_by("-at", "-pk")[MAX_VIEWS : MAX_VIEWS + 1].first()
    if beyond is not None:
        share.visits.filter(at__lt=min(beyond.at, timezone.now() - THROTTLING_PERIOD)).delete()


def address_of(request: HttpRequest) -> str:
    """The visitor's network: the first 24 bits of an IPv4 address, 48 of an IPv6 one."""
    return network_of(request, 24)

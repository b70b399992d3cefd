"""The access log of share links, stored for a limited time."""

from __future__ import annotations

import ipaddress
from datetime import timedelta

from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone

from dashboard.sharing.models import Share, Visit

RETENTION = timedelta(days=90)
MAX_VIEWS = 1000
"""How many views of one link are stored, so that a script cannot fill the disk."""
TRIM_EVERY = 100
THROTTLING_PERIOD = timedelta(hours=1)


def log_view(share: Share, request: HttpRequest, page: str) -> None:
    """Stores a view of `page`."""
    now = timezone.now()
    Visit.objects.create(share=share, at=now, address=address_of(request), page=page)
    Share.objects.filter(pk=share.pk).update(views=F("views") + 1, last_seen=now)
    if share.views % TRIM_EVERY == 0 or share.visits.filter(at__lt=now - RETENTION).exists():
        trim(share)


def trim(share: Share) -> None:
    """Forgets visits that are old, or more than anybody reads.

    Recent ones stay: passwords are throttled by them.
    """
    now = timezone.now()
    oldest = now - RETENTION
    beyond = share.visits.order_by("-at", "-pk")[MAX_VIEWS : MAX_VIEWS + 1].first()
    if beyond is not None:
        oldest = max(oldest, min(beyond.at, now - THROTTLING_PERIOD))
    share.visits.filter(at__lt=oldest).delete()
    Visit.objects.filter(at__lt=now - RETENTION).delete()  # also of links that are no longer opened


def address_of(request: HttpRequest) -> str:
    """The visitor's network: the first 24 bits of an IPv4 address, 48 of an IPv6 one."""
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False))

"""A link in words: who made it for whom, what it shows, until when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import NON_FIELD_ERRORS
from django.utils import timezone

from dashboard.formats import exact_moment, full_label, label, minute_text, relative, zone_name
from dashboard.forms import saved_query
from dashboard.sharing.models import Share
from usage.query import BadQuery
from usage.window import to_ms


def link_summary(share: Share) -> dict[str, Any]:
    """What the pages of a link and the list of its owner say of it. Owners are told `customer_name` too."""
    zone, view_error = _zone_of_view(share)
    return {
        "share": share,
        "owner": _owner_name(share),
        "customer": full_label(share.customer_id),
        "customer_name": None,
        "features": "all features" if share.features is None else _listed(share.features),
        "properties": _listed(share.properties) if share.properties else "no properties",
        "period": _period(share, zone),
        "also": _also(share),
        "made": _minute(share.created_at, zone),
        "until": _minute(share.expires_at, zone),
        "seen": None if share.last_seen is None else relative(to_ms(share.last_seen), to_ms(timezone.now())),
        "seen_exactly": None if share.last_seen is None else exact_moment(to_ms(share.last_seen), zone),
        "zone": zone.key,
        "view_error": view_error,
    }


def _zone_of_view(share: Share) -> tuple[ZoneInfo, str | None]:
    """The zone of the link's view; where the view is no longer valid the server's,
    and what is wrong with it.
    """
    try:
        return saved_query(share.view).zone, None
    except BadQuery as bad:
        field = "" if bad.field == NON_FIELD_ERRORS else f"{bad.field}: "
        return ZoneInfo(settings.TIME_ZONE), f"{field}{bad.sentence}"


def _owner_name(share: Share) -> str:
    if share.owner is None:
        return "a deleted user"
    return full_label(share.owner.get_full_name() or share.owner.get_username())


def _minute(at: datetime, zone: ZoneInfo) -> str:
    """Links are made in different zones and listed together, so each time says its own."""
    return f"{minute_text(to_ms(at), zone)} {zone_name(to_ms(at), zone)}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(label(name) for name in sorted(names))


def _also(share: Share) -> str:
    extras = {
        "customer name": share.customer_name,
        "balances": share.balances,
        "deductions": share.deductions,
        "plans": share.plans,
        "downloads": share.exports,
    }
    return ", ".join(name for name, shown in extras.items() if shown) or "none"


def _period(share: Share, zone: ZoneInfo) -> str:
    if share.start is not None and share.end is not None:
        return f"{minute_text(share.start, zone)} – {minute_text(share.end, zone)}"
    return "any period" if share.start is None else f"since {minute_text(share.start, zone)}"

"""The list of links, and the page of one link."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard.formats import full_label
from dashboard.services import customer_names
from dashboard.sharing.access_log import MAX_VIEWS, RETENTION
from dashboard.sharing.manage.fields import DEFAULT_LIFETIME, LIFETIMES
from dashboard.sharing.models import Share
from dashboard.sharing.permissions import sharer, sharers_only
from dashboard.sharing.summary import link_summary

LISTED = 100
"""Links on a page."""


@sharers_only
@never_cache
@require_safe
def shares(request: HttpRequest) -> HttpResponse:
    """A user's own links; all of them for an admin. `before`: the last link of the page before this one."""
    found, last = Share.objects.managed_by(sharer(request)).select_related("owner"), None
    if before := request.GET.get("before"):
        last = managed_share(request, before.replace("\0", "\ufffd"))  # PostgreSQL refuses NUL
        found = found.older_than(last)
    page = list(found.order_by("-created_at", "-pk")[: LISTED + 1])
    older = page[LISTED - 1].pk if len(page) > LISTED else None
    listed = [_named(link_summary(each)) for each in page[:LISTED]]
    context = {"listed": listed, "older": older, "is_first": last is None}
    return render(request, "sharing/manage/list.html", context)


@sharers_only
@never_cache
@require_safe
def share(request: HttpRequest, share_id: str) -> HttpResponse:
    return detail_page(request, managed_share(request, share_id))


def detail_page(request: HttpRequest, found: Share, password: str | None = None) -> HttpResponse:
    """The page of one link. `password`: a new one, which is shown this once."""
    context = {
        "about": _named(link_summary(found)),
        "visits": found.visits.all()[:MAX_VIEWS],
        "retention_days": RETENTION.days,
        "lives": LIFETIMES,
        "longer": _longer(found),
        "password": password,
    }
    return render(request, "sharing/manage/detail.html", context)


def _named(about: dict[str, Any]) -> dict[str, Any]:
    """What is said of a link, with its customer's name, which the recipient does not see."""
    name = customer_names().name(about["share"].customer_id)
    return about if name is None else {**about, "customer_name": full_label(name)}


def managed_share(request: HttpRequest, share_id: str, **more: None) -> Share:
    """The link of that ID, if the user may manage it; 404 otherwise."""
    managed = Share.objects.managed_by(sharer(request)).select_related("owner")
    found: Share = get_object_or_404(managed, pk=share_id, **more)
    return found


def _longer(share: Share) -> int:
    """The shortest life, from a week on, that would put off the end by a day; the longest where none does."""
    left = share.expires_at - timezone.now()
    longer = (days for days in LIFETIMES if days >= DEFAULT_LIFETIME and timedelta(days=days - 1) > left)
    return next(longer, max(LIFETIMES))

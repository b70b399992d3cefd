"""Minding links: who has which, who looked, and what ends them."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.core.exceptions import BadRequest, ValidationError
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from dashboard.formats import full_label
from dashboard.sharing import passwords
from dashboard.sharing.access_log import KEPT, MOST
from dashboard.sharing.manage.forms import DEFAULT_LIFE, LIVES, Life
from dashboard.sharing.models import Share
from dashboard.sharing.permissions import admins_only, sharer, sharers_only
from dashboard.sharing.summary import about

LISTED = 500


@sharers_only
@never_cache
@require_safe
def shares(request: HttpRequest) -> HttpResponseBase:
    minded = Share.objects.minded_by(sharer(request)).select_related("maker")
    listed = [about(each) for each in minded[:LISTED]]
    shown = {"listed": listed, "total": minded.count()}
    return render(request, "sharing/manage/list.html", shown)


@sharers_only
@never_cache
@require_safe
def share(request: HttpRequest, share_id: str) -> HttpResponseBase:
    return _page(request, _minded(request, share_id))


def _page(request: HttpRequest, found: Share, password: str | None = None) -> HttpResponseBase:
    shown = {
        "about": about(found),
        "visits": found.visits.all()[:MOST],
        "kept_days": KEPT.days,
        "lives": LIVES,
        "longer": _longer(found),
        "password": password,
    }
    return render(request, "sharing/manage/detail.html", shown)


@sharers_only
@require_POST
def revoke(request: HttpRequest, share_id: str) -> HttpResponseBase:
    found = _minded(request, share_id)
    Share.objects.unrevoked().filter(pk=found.pk).update(revoked_at=timezone.now())
    messages.success(
        request,
        f"Revoked: the link for {full_label(found.recipient)} opens nothing any more.",
        extra_tags="revoked",
    )
    return redirect("shares")


@admins_only
@require_POST
def revoke_all(request: HttpRequest) -> HttpResponseBase:
    if request.POST.get("sure") != "yes":
        raise BadRequest
    count = Share.objects.unrevoked().update(revoked_at=timezone.now())
    messages.success(request, f"Revoked: {count} links open nothing any more.", extra_tags="revoked")
    return redirect("shares")


@sharers_only
@require_POST
def extend(request: HttpRequest, share_id: str) -> HttpResponseBase:
    """A new life, counted from now."""
    found = _minded(request, share_id, revoked_at=None)
    days = _days(request)
    end = timezone.now() + timedelta(days=days)
    Share.objects.unrevoked().filter(pk=found.pk).update(expires_at=end)
    less = ", which is less than before" if end < found.expires_at else ""
    messages.success(
        request,
        f"The link opens for {LIVES[days]} from now{less}.",
        extra_tags="shortened" if less else "extended",
    )
    return redirect("share", found.pk)


@sharers_only
@never_cache
@require_POST
@sensitive_variables("new")
def password(request: HttpRequest, share_id: str) -> HttpResponseBase:
    """A new password, shown once; or none from now on. Whoever gave the old one is asked again."""
    found = _minded(request, share_id, revoked_at=None)
    wanted = request.POST.get("password")
    if wanted not in {"new", "none"}:
        raise BadRequest
    if wanted == "none":
        passwords.remove(found)
        messages.success(request, "The link needs no password any more.", extra_tags="unlocked")
        return redirect("share", found.pk)
    new = passwords.generated()
    passwords.change(found, new)
    found.refresh_from_db()
    return _page(request, found, new)


def _longer(share: Share) -> int:
    """The shortest life, from a week on, that would put off the end by a day; the longest where none does."""
    left = share.expires_at - timezone.now()
    longer = (days for days in LIVES if days >= DEFAULT_LIFE and timedelta(days=days - 1) > left)
    return next(longer, max(LIVES))


def _minded(request: HttpRequest, share_id: str, **more: None) -> Share:
    minded = Share.objects.minded_by(sharer(request)).select_related("maker")
    found: Share = get_object_or_404(minded, pk=share_id, **more)
    return found


def _days(request: HttpRequest) -> int:
    try:
        days: int = Life().clean(request.POST.get("life"))
    except ValidationError as error:
        raise BadRequest from error
    return days

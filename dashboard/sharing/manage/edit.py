"""Changes to a link: revoke it, extend it, give it another password."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages as django_messages
from django.core.exceptions import BadRequest, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST

from dashboard import messages
from dashboard.formats import full_label
from dashboard.sharing import passwords
from dashboard.sharing.links import revoke_links
from dashboard.sharing.manage.fields import LIFETIMES, LifetimeField
from dashboard.sharing.manage.list import detail_page, managed_share
from dashboard.sharing.models import Share
from dashboard.sharing.permissions import admins_only, sharers_only


@sharers_only
@require_POST
def revoke(request: HttpRequest, share_id: str) -> HttpResponse:
    found = managed_share(request, share_id)
    revoke_links(Share.objects.filter(pk=found.pk))
    django_messages.success(
        request,
        messages.LINK_REVOKED.format(recipient=full_label(found.recipient)),
        extra_tags="revoked",
    )
    return redirect("shares")


@admins_only
@require_POST
def revoke_all(request: HttpRequest) -> HttpResponse:
    if request.POST.get("sure") != "yes":
        raise BadRequest
    count = revoke_links(Share.objects.all())
    django_messages.success(
        request, messages.LINKS_REVOKED.format(count=count, plural="s"[: count != 1]), extra_tags="revoked"
    )
    return redirect("shares")


@sharers_only
@require_POST
def extend(request: HttpRequest, share_id: str) -> HttpResponse:
    """A new life, counted from now."""
    found = managed_share(request, share_id, revoked_at=None)
    days = _life(request)
    end = timezone.now() + timedelta(days=days)
    Share.objects.unrevoked().filter(pk=found.pk).update(expires_at=end)
    less = ". This is earlier than before" if end < found.expires_at else ""
    django_messages.success(
        request,
        messages.LINK_EXTENDED.format(lifetime=LIFETIMES[days], comparison=less),
        extra_tags="shortened" if less else "extended",
    )
    return redirect("share", found.pk)


@sharers_only
@never_cache
@require_POST
@sensitive_variables("new")
def password(request: HttpRequest, share_id: str) -> HttpResponse:
    """Sets a new password, shown once, or removes it. Recipients must enter the new one."""
    found = managed_share(request, share_id, revoked_at=None)
    wanted = request.POST.get("password")
    if wanted not in {"new", "none"}:
        raise BadRequest
    if wanted == "none":
        passwords.remove_password(found)
        django_messages.success(request, messages.PASSWORD_REMOVED, extra_tags="unlocked")
        return redirect("share", found.pk)
    new = passwords.generate_password()
    passwords.change_password(found, new)
    found.refresh_from_db()
    return detail_page(request, found, new)


def _life(request: HttpRequest) -> int:
    try:
        days: int = LifetimeField().clean(request.POST.get("life"))
    except ValidationError as error:
        raise BadRequest from error
    return days

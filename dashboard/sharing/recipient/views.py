"""How a recipient opens a link: its token is traded for a cookie, its password unlocks it."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_safe

from dashboard import messages
from dashboard.metrics.counts import count_links, count_refusal
from dashboard.sharing import links, passwords
from dashboard.sharing.access import link_not_found, locked
from dashboard.sharing.access_log import address_of
from dashboard.sharing.models import Share
from dashboard.web.htmx import HtmxRequest


@require_safe
@login_not_required
@sensitive_variables("token")
def redeem(request: HtmxRequest, token: str) -> HttpResponseBase:
    """Trades the token in the address for a cookie, so that it stands in no history, no bookmark and no
    referrer.
    """
    share = links.redeemed(token)
    if share is None:
        return link_not_found(request)
    response = redirect(share.root)
    links.mark_opened(response, share)
    if request.method == "GET":
        count_links("opened")
    return response


@sensitive_variables("password")
def unlock(request: HtmxRequest, share: Share) -> HttpResponseBase:
    password = request.POST.get("password", "")
    outcome = passwords.try_password(share, password, address_of(request)) if share.password_hash else "open"
    if outcome in ("wait", "busy"):
        count_refusal("link-password")
    if outcome == "wait":
        response = locked(request, share, messages.TOO_MANY_WRONG_PASSWORDS, 429)
        response["Retry-After"] = str(int(passwords.PAUSE.total_seconds()))
        return response
    if outcome == "busy":
        response = locked(request, share, messages.TOO_MANY_PASSWORDS_AT_ONCE, 429)
        response["Retry-After"] = "5"
        return response
    if outcome == "wrong":
        return locked(request, share, messages.WRONG_PASSWORD)
    response = redirect(_next_address(request, share))
    links.mark_unlocked(response, share)
    return response


def _next_address(request: HtmxRequest, share: Share) -> str:
    address = request.POST.get("next", "")
    inside = address.startswith(share.root) and url_has_allowed_host_and_scheme(address, None)
    return address if inside and not address.startswith(f"{share.root}unlock") else share.root

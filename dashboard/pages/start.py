"""What the overview begins with: the search, the saved views, and once for each browser what this is."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from dashboard.forms import QueryForm
from dashboard.models import SavedView, User
from dashboard.web.addresses import route_address

LISTED_VIEWS = 8
FIRST_RUN_COOKIE, HIDDEN = "first-run", "hidden"
YEAR_S = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Start:
    """`views`: the newest saved views, with `more` beyond them. `hide_href`: hides what is said at the first
    visit; None where it is hidden.
    """

    views: tuple[SavedView, ...]
    more: int
    hide_href: str | None


def start_of(request: HttpRequest, query_string: str) -> Start:
    """The start of the overview. `query_string`: of the page, which stays when that is hidden."""
    found = SavedView.objects.none()
    if isinstance(request.user, User):
        found = SavedView.objects.visible_to(request.user)
    views = tuple(found[: LISTED_VIEWS + 1])
    more = found.count() - LISTED_VIEWS if len(views) > LISTED_VIEWS else 0
    is_hidden = request.COOKIES.get(FIRST_RUN_COOKIE) == HIDDEN
    hide_href = None if is_hidden else f"{route_address('hide_first_run')}?{query_string}"
    return Start(views[:LISTED_VIEWS], more, hide_href)


@require_POST
def hide_first_run(request: HttpRequest) -> HttpResponse:
    """Remembers for a year that this browser has seen it, and leads back."""
    form = QueryForm.of(request)
    response = redirect(
        f"{route_address('overview')}?{form.query.to_query_string() if form.is_valid() else ''}"
    )
    response.set_cookie(
        FIRST_RUN_COOKIE, HIDDEN, max_age=YEAR_S, samesite="Lax", secure=request.is_secure(), httponly=True
    )
    return response

"""The page of checks, for admins."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard.models import User
from dashboard.setup.checks import checks


def setup(request: HttpRequest) -> HttpResponse:
    """What is set up and what is not. 200 also where something is not: the page says it."""
    if not (isinstance(request.user, User) and request.user.is_admin):
        raise PermissionDenied
    return _page(request)


@require_safe
def _page(request: HttpRequest) -> HttpResponse:
    return render(request, "pages/setup.html", {"checks": checks(request)})

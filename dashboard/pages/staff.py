"""The pages of those who are signed in, over the whole organization.

Sign-in is the middleware's rule for all.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import wraps

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.views.decorators.http import require_safe

from dashboard.forms import CustomerSearchForm, QueryForm
from dashboard.models import User
from dashboard.mount import Exporter, Mount
from dashboard.pages.routes import Route, mounted
from dashboard.services import usage as service
from usage.errors import UsageError
from usage.query import Query


def staff_mount(request: HttpRequest) -> Mount:
    return Mount(service(), staff_exporter(request))


def staff_exporter(request: HttpRequest) -> Exporter:
    """The person who is signed in.

    All visitors are the demo user there, so the address distinguishes them.
    """
    name = request.user.get_username()
    key = f"user:{request.user.pk}"
    if settings.AUTUMN_MODE == "sample" and name == "demo":
        key = f"demo:{request.META.get('REMOTE_ADDR')}"
    return Exporter(key, name, User.objects.filter(username=name, is_active=True).exists)


def signed_in(route: Route) -> Callable[[HttpRequest], HttpResponseBase]:
    """The access rule of staff pages: the middleware requires a signed-in user."""

    @wraps(route.view)
    def view(request: HttpRequest) -> HttpResponseBase:
        return route.answer(request, staff_mount(request))

    return view


@require_safe
def customer(request: HttpRequest, customer_id: str) -> HttpResponse:
    """The short address of a customer's charts. An invalid query string is explained where this leads."""
    if not customer_id.strip() or "\0" in customer_id:
        raise Http404
    form = QueryForm.of(request)
    query = form.query.having(customer_id=customer_id).to_query_string() if form.is_valid() else None
    return redirect(f"{staff_mount(request).url('usage')}?{query or form.as_given(customer_id=customer_id)}")


@require_safe
def customers(request: HttpRequest) -> HttpResponse:
    """Customers whose id contains what was typed, as choices of the customer field."""
    form = CustomerSearchForm(request.GET)
    if not form.is_valid():
        raise BadRequest
    if not service().customers():
        with suppress(UsageError):
            service().page(Query(range="90d", per_page=1000))
    found = service().customers(form.cleaned_data["customer_id"] or "")
    return render(request, "pages/_customers.html", {"customers": found})


urlpatterns: list[URLPattern] = [
    *mounted("", "", signed_in),
    path("customers/", customers, name="customers"),
    path("customers/<path:customer_id>", customer, name="customer"),
]

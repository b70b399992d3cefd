"""The pages of those who are signed in, over the whole organization.

Sign-in is the middleware's rule for all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.views.decorators.http import require_safe

from dashboard.forms import CustomerSearchForm, QueryForm
from dashboard.models import SavedView, User
from dashboard.mount import Exporter, Mount
from dashboard.names.labels import Labels
from dashboard.names.search import matching_views
from dashboard.pages.routes import Route, mounted
from dashboard.pages.saved_views import urlpatterns as saved_views
from dashboard.pages.start import hide_first_run
from dashboard.services import customer_names, customer_search
from dashboard.services import usage as service
from dashboard.web.addresses import route_address
from dashboard.web.htmx import HtmxRequest, wants_partial


def staff_mount(request: HttpRequest) -> Mount:
    """The pages of the whole organization."""
    names = customer_names()
    names.reload()
    labels = Labels(
        names.name, names.start, service().start_feature_names, start_details=service().start_customer
    )
    return Mount(service(), staff_exporter(request), route_address("overview"), labels=labels)


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
    return redirect(_usage_of(customer_id, QueryForm.of(request)))


@require_safe
def customers(request: HtmxRequest) -> HttpResponse:
    """Customers whose name, email address or ID contains what was typed, and saved views by name: options of
    the search; without script a page of links, or the one customer that is called so.
    """
    form = CustomerSearchForm(request.GET)
    if not form.is_valid():
        raise BadRequest
    text, search = form.cleaned_data["q"], customer_search()
    found = search.stored(text) if form.cleaned_data["stored"] else search.asked(text)
    is_partial = wants_partial(request)
    views: tuple[SavedView, ...] = ()
    if isinstance(request.user, User) and (form.cleaned_data["views"] or not is_partial):
        views = matching_views(request.user, text)
    if is_partial:
        return render(request, "pages/_customers.html", {"found": found, "views": views})
    first = next(iter(found.options), None)
    is_only = first is not None and len(found.options) == 1 and not (found.similar or found.has_more or views)
    if text and first is not None and (is_only or first.id == text.strip()):
        return redirect(_usage_of(first.id, QueryForm(QueryDict())))
    return render(request, "pages/customers.html", {"found": found, "views": views, "text": text})


def _usage_of(customer_id: str, form: QueryForm) -> str:
    """With the parameters that were given. A time zone that was not given is the viewer's."""
    return f"{route_address('usage')}?{form.as_given(customer_id=customer_id)}"


urlpatterns: list[URLPattern] = [
    *mounted("", "", signed_in),
    path("customers/", customers, name="customers"),
    path("customers/<path:customer_id>", customer, name="customer"),
    *saved_views,
    path("first-run/hide", hide_first_run, name="hide_first_run"),
]

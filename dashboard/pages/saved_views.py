"""Saved views: the list, and the form that saves or changes one. A view is opened by its plain address."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages as django_messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dashboard import messages
from dashboard.formats import dimension_name, full_label, label, minute_text, period_text
from dashboard.forms import QueryForm, saved_query
from dashboard.models import MOST_SAVED_VIEWS, VIEW_NAME_LENGTH, VIEW_QUERY_LENGTH, SavedView, User
from dashboard.mount import Page
from dashboard.names.search import MOST_SEARCHED_VIEWS
from dashboard.pages.filter_bar import MEASURE_NAMES, RANGE_NAMES
from dashboard.services import customer_names
from dashboard.web.addresses import route_address
from usage.query import BadQuery, Query

NAMED_CONDITIONS = 4
"""A summary names this many features, filters and groups."""


class SavedViewForm(forms.Form):
    """A view's name, and who sees it."""

    name = forms.CharField(max_length=VIEW_NAME_LENGTH)
    for_all_staff = forms.BooleanField(required=False)

    def __init__(self, view: SavedView, sent: Any = None) -> None:
        super().__init__(sent, initial={"name": view.name, "for_all_staff": view.for_all_staff})
        self.view = view

    def clean(self) -> dict[str, Any]:
        owned = SavedView.objects.of_source().filter(owner=self.view.owner).exclude(pk=self.view.pk)
        if owned.filter(name=self.cleaned_data.get("name", "")).exists():
            self.add_error("name", messages.VIEW_NAME_TAKEN)
        self._require_room()
        if len(self.view.query) > VIEW_QUERY_LENGTH:
            self.add_error(None, messages.QUERY_TOO_LONG_TO_SAVE)
        return self.cleaned_data

    def _require_room(self) -> bool:
        """Whether the user can have this view too; where not, the form says so."""
        owned = SavedView.objects.of_source().filter(owner=self.view.owner)
        has_room = self.view.pk is not None or owned.count() < MOST_SAVED_VIEWS
        if not has_room:
            self.add_error(None, messages.TOO_MANY_SAVED_VIEWS.format(count=MOST_SAVED_VIEWS))
        return has_room

    def save(self) -> bool:
        """Stores the view; False where other requests have just stored one of this name, or the last of so
        many.
        """
        self.view.name = self.cleaned_data["name"]
        self.view.for_all_staff = self.cleaned_data["for_all_staff"]
        try:
            with transaction.atomic():
                User.objects.select_for_update().get(pk=self.view.owner.pk)  # one at a time
                if not self._require_room():
                    return False
                self.view.save()
        except IntegrityError:
            self.add_error("name", messages.VIEW_NAME_TAKEN)
            return False
        return True


@dataclass(frozen=True, slots=True)
class ListedView:
    """A saved view in the list. `summary`: what it shows; `problem`: why it no longer opens."""

    view: SavedView
    summary: str
    problem: str
    owner: str
    is_managed: bool


@require_safe
def saved_views(request: HttpRequest) -> HttpResponse:
    """The user's own views and those for all staff."""
    user = _user(request)
    found = SavedView.objects.visible_to(user).select_related("owner")
    listed = [_listed(view, user) for view in found[:MOST_SEARCHED_VIEWS]]
    return render(request, "pages/saved_views.html", {"listed": listed, "total": found.count()})


@require_http_methods(["GET", "HEAD", "POST"])
def saved_view_new(request: HttpRequest, page: Page) -> HttpResponse:
    """Saves the query of this address, as the page `page` shows it now: without a place in its list."""
    if page not in SavedView.Page.values:
        raise Http404
    query_form = QueryForm.of(request)
    if not query_form.is_valid():
        wrong = [f"{name}: {each}" for name, sentences in query_form.errors.items() for each in sentences]
        return render(request, "pages/saved_view.html", {"wrong": wrong, "view": None}, status=400)
    query = query_form.query.having()
    summary = view_summary(query)
    view = SavedView(
        owner=_user(request),
        source=settings.AUTUMN_SOURCE,
        name=label(summary, VIEW_NAME_LENGTH),
        page=page,
        query=query.to_query_string(),
    )
    return _form(request, view, summary, messages.VIEW_SAVED)


@require_http_methods(["GET", "HEAD", "POST"])
def saved_view(request: HttpRequest, view_id: int) -> HttpResponse:
    """Changes the name of a view, or who sees it."""
    view = _managed(request, view_id)
    listed = _listed(view, _user(request))
    return _form(request, view, listed.summary or listed.problem, messages.VIEW_CHANGED)


@require_POST
def saved_view_delete(request: HttpRequest, view_id: int) -> HttpResponse:
    view = _managed(request, view_id)
    view.delete()
    said = messages.VIEW_DELETED.format(name=full_label(view.name))
    django_messages.success(request, said, extra_tags="view-deleted")
    return redirect("saved_views")


def _form(request: HttpRequest, view: SavedView, summary: str, said: str) -> HttpResponse:
    form = SavedViewForm(view, request.POST if request.method == "POST" else None)
    may_share = _user(request).may_share or view.for_all_staff
    shown = {"form": form, "view": view, "summary": summary, "may_share": may_share, "wrong": []}
    if request.method != "POST":
        return render(request, "pages/saved_view.html", shown)
    is_new = view.pk is None
    if form.is_valid() and form.cleaned_data["for_all_staff"] and not may_share:
        raise PermissionDenied
    if not form.is_valid() or not form.save():
        return render(request, "pages/saved_view.html", shown, status=400)
    said = said.format(name=full_label(view.name))
    django_messages.success(request, said, extra_tags="view-saved")
    return redirect(view.address if is_new else route_address("saved_views"))


def view_summary(query: Query) -> str:
    """What a query shows, in words."""
    return " · ".join(_parts(query))


def _parts(query: Query) -> Iterator[str]:
    customer = query.customer_id
    yield "All customers" if customer is None else label(customer_names().name(customer) or customer)
    yield from (label(name) for name in (query.feature_id or (query.focus or "",))[:NAMED_CONDITIONS] if name)
    yield _period(query)
    if query.measure != "sum":
        yield MEASURE_NAMES[query.measure]
    if query.group_by is not None:
        yield f"by {label(dimension_name(query.group_by))}"
    conditions = [str(item) for item in query.filter] + [f"not {item}" for item in query.exclude]
    yield from (label(each) for each in [*conditions, *query.group][:NAMED_CONDITIONS])


def _period(query: Query) -> str:
    if query.start is None:
        return RANGE_NAMES[query.range or "30d"]
    if query.end is None:
        return f"since {minute_text(query.start, query.zone)}"
    return period_text(query.start, query.end, query.zone)


def _listed(view: SavedView, user: User) -> ListedView:
    summary, problem = "", ""
    try:
        summary = view_summary(saved_query(view.query))
    except BadQuery as bad:
        problem = str(bad)
    owner = "" if view.owner_id == user.pk else full_label(view.owner.get_username())
    return ListedView(view, summary, problem, owner, is_managed=not owner or user.is_admin)


def _user(request: HttpRequest) -> User:
    """The signed-in user, whom the middleware requires."""
    if isinstance(request.user, User):
        return request.user
    raise PermissionDenied


def _managed(request: HttpRequest, view_id: int) -> SavedView:
    """The view of that number, if the user may change it; 404 otherwise."""
    managed = SavedView.objects.managed_by(_user(request)).select_related("owner")
    return get_object_or_404(managed, pk=view_id)


urlpatterns: list[URLPattern] = [
    path("views/", saved_views, name="saved_views"),
    path("views/new/<str:page>/", saved_view_new, name="saved_view_new"),
    path("views/<int:view_id>/", saved_view, name="saved_view"),
    path("views/<int:view_id>/delete", saved_view_delete, name="saved_view_delete"),
]

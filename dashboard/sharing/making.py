"""Making a link: the form, a look as the recipient, and the link, which is shown once."""

from __future__ import annotations

from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_safe

from dashboard.backend import usage
from dashboard.forms import QueryForm
from dashboard.place import Page, Part
from dashboard.sharing import links
from dashboard.sharing.forms import DEFAULT_LIFE, ShareForm
from dashboard.sharing.lenses import Lenses, about
from dashboard.sharing.people import View, sharer, sharers_only
from usage.errors import UsageError
from usage.query import Query

DRAFT = "share_draft"
CSRF = "csrfmiddlewaretoken"


@sharers_only
@never_cache
def new(request: HttpRequest) -> HttpResponseBase:
    if request.method == "POST":
        return _make(request)
    asked = QueryForm.of(request)
    query = asked.query if asked.is_valid() else Query(tz=asked.viewer_tz)
    form = ShareForm.blank(query, sharer(request), usage().now())
    wrong = [f"{name}: {sentence}" for name, sentences in asked.errors.items() for sentence in sentences]
    return _form(request, form, wrong=wrong, status=400 if wrong else 200)


@sensitive_variables("token", "password")
def _make(request: HttpRequest) -> HttpResponseBase:
    form = ShareForm.of(request.POST, sharer(request))
    if not form.is_valid():
        return _form(request, form, status=400)
    if form.unread():
        return _form(request, form, warned=True)
    password = form.new_password
    try:
        token = links.make(form.share, password)
    except UsageError as error:
        return _form(request, form, wrong=[f"The figures could not be kept. {error.sentence}"], status=503)
    except IntegrityError:
        return redirect("share", form.share.pk)  # sent again by a reload: it was made, and is shown once
    request.session.pop(DRAFT, None)
    link = request.build_absolute_uri(reverse("redeem", args=[token]))
    return render(
        request, "sharing/made.html", {"about": about(form.share), "link": link, "password": password}
    )


def _form(
    request: HttpRequest,
    form: ShareForm,
    *,
    wrong: list[str] | None = None,
    warned: bool = False,
    status: int = 200,
) -> HttpResponse:
    shown = {
        "form": form,
        "offers": form.offers,
        "wrong": wrong or [],
        "warnings": form.warnings() if warned else [],
        "default_life": DEFAULT_LIFE,
    }
    return render(request, "sharing/new.html", shown, status=status)


@sharers_only
@never_cache
@require_safe
def draft(request: HttpRequest) -> HttpResponseBase:
    """Back from the preview: the form as it was."""
    kept = request.session.get(DRAFT)
    if kept is None:
        return redirect("share_new")
    return _form(request, ShareForm.of(QueryDict(kept), sharer(request)))


@sharers_only
@never_cache
def preview(request: HttpRequest) -> HttpResponseBase:
    """Keeps the form, and leads to what its link would show."""
    if request.method == "POST":
        form = ShareForm.of(request.POST, sharer(request))
        if not form.is_valid():
            return _form(request, form, status=400)
        request.session[DRAFT] = _without_csrf(request.POST).urlencode()
    previewed = _previewed(request)
    return redirect(previewed.entrance if previewed else "share_new")


@sharers_only
@never_cache
@require_safe
def preview_usage(request: HttpRequest) -> HttpResponseBase:
    return _preview(request, "usage")


@sharers_only
@never_cache
@require_safe
def preview_events(request: HttpRequest) -> HttpResponseBase:
    return _preview(request, "events")


def preview_part(part: Part) -> View:
    @sharers_only
    @never_cache
    @require_safe
    def view(request: HttpRequest) -> HttpResponseBase:
        previewed = _previewed(request)
        return redirect("share_new") if previewed is None else previewed.show_part(request, part)

    return view


def _preview(request: HttpRequest, page: Page) -> HttpResponseBase:
    previewed = _previewed(request)
    return redirect("share_new") if previewed is None else previewed.show(request, page)


def _previewed(request: HttpRequest) -> Lenses | None:
    draft = QueryDict(request.session.get(DRAFT, ""))
    form = ShareForm.of(draft, sharer(request))
    if not form.is_valid():
        return None
    form.share.snapshot = False  # nothing is kept before it is made
    sent = [(name, value) for name, values in draft.lists() for value in values]
    return Lenses(form.share, reverse("share_preview"), "preview", {"preview": True, "draft": sent})


def _without_csrf(sent: QueryDict) -> QueryDict:
    kept = sent.copy()
    kept.pop(CSRF, None)
    return kept

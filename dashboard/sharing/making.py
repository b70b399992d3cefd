"""Making a link: the form, a look as the recipient, and the link, which is shown once."""

from __future__ import annotations

from django.contrib import messages
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dashboard.backend import usage
from dashboard.downloads.views import staff_taker
from dashboard.forms import QueryForm, query_of
from dashboard.problems import problem_of
from dashboard.sharing import links
from dashboard.sharing.about import about
from dashboard.sharing.forms import ShareForm
from dashboard.sharing.lenses import Below, Lenses, place_of
from dashboard.sharing.openings import looked_at
from dashboard.sharing.people import sharer, sharers_only
from usage.errors import UnknownCustomer, UsageError
from usage.query import BadQuery, Query

DRAFT = "share_draft"
MADE = (
    "This link was made already, and its address was shown that once. If you have not seen it, revoke this one and make"
    " another."
)
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
    if not _shows_something(form):
        return _form(request, form, status=400)
    if form.unread():
        return _form(request, form, warned=True)
    password = form.new_password()
    try:
        token = links.make(form.share, password)
    except BadQuery as bad:
        form.blame(bad)
        return _form(request, form, status=400)
    except UsageError as error:
        problem = problem_of(error)
        sentences = [f"The figures could not be kept. {problem.sentence} {problem.advice}"]
        return _form(request, form, wrong=sentences, status=max(problem.status, 400))
    except IntegrityError:
        messages.warning(request, MADE)  # sent twice, or by a reload
        return redirect("share", form.share.pk)
    request.session.pop(DRAFT, None)
    link = request.build_absolute_uri(reverse("redeem", args=[token]))
    return render(
        request, "sharing/made.html", {"about": about(form.share), "link": link, "password": password}
    )


def _shows_something(form: ShareForm) -> bool:
    """Whether the form makes sense, and Autumn knows what its link opens with. The first look finds that kept."""
    if not form.is_valid():
        return False
    share = form.share
    try:
        usage().within(share.scope).series(query_of(share.view))
    except UnknownCustomer as error:
        form.add_error("customer_id", error.sentence)
    except BadQuery as bad:
        form.blame(bad)
    except UsageError:
        pass  # nobody can tell now; whoever opens the link later is told what is wrong then, if anything is
    return form.is_valid()


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
        "looked_at": looked_at(form.query, usage().now()),
    }
    return render(request, "sharing/new.html", shown, status=status)


@sharers_only
@never_cache
@require_POST
def offer(request: HttpRequest) -> HttpResponseBase:
    """The form as it stands, with what the customer in it has."""
    return _form(request, ShareForm.unfinished(request.POST, sharer(request)))


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
        if not _shows_something(form):
            return _form(request, form, status=400)
        request.session[DRAFT] = _without_csrf(request.POST).urlencode()
    lenses = _previewed(request)
    return redirect(lenses.entrance if lenses else "share_new")


def previewed(below: Below) -> URLPattern:
    """The same page for whoever is about to make the link."""

    @sharers_only
    @never_cache
    @require_http_methods(list(below.methods))
    def view(request: HttpRequest) -> HttpResponseBase:
        lenses = _previewed(request)
        if lenses is None:
            return redirect("share_new")
        if below.file and not lenses.share.exports:
            raise Http404
        return below.answer(lenses, request)

    return path(f"shares/preview/{below.route}", view, name=f"preview_{below.name}")


def _previewed(request: HttpRequest) -> Lenses | None:
    draft = QueryDict(request.session.get(DRAFT, ""))
    form = ShareForm.of(draft, sharer(request))
    if not form.is_valid():
        return None
    sent = [(name, value) for name, values in draft.lists() for value in values]
    shown = {"preview": True, "draft": sent}
    live = usage().within(form.share.scope)  # nothing is kept before it is made
    place = place_of(form.share, reverse("share_preview"), live)
    return Lenses(form.share, place, staff_taker(request), "preview", shown)


def _without_csrf(sent: QueryDict) -> QueryDict:
    kept = sent.copy()
    kept.pop(CSRF, None)
    return kept

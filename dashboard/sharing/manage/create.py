"""Creates a link: the form, a preview as the recipient, and the link, which is shown once."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.contrib import messages as django_messages
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from dashboard import messages
from dashboard.forms import QueryForm, saved_query
from dashboard.mount import Mount
from dashboard.pages.routes import Route
from dashboard.pages.staff import staff_exporter
from dashboard.problems import problem_of
from dashboard.services import customer_names, usage
from dashboard.sharing import links
from dashboard.sharing.manage.forms import ShareForm
from dashboard.sharing.manage.initial import viewed_period
from dashboard.sharing.mounts import link_mount
from dashboard.sharing.permissions import sharer, sharers_only
from dashboard.sharing.summary import link_summary
from dashboard.web.addresses import route_address
from dashboard.web.htmx import HtmxRequest
from usage.errors import UnknownCustomer, UsageError
from usage.query import BadQuery, Query

DRAFTS = "share_drafts"
MAX_DRAFTS = 8


@sharers_only
@never_cache
def new(request: HttpRequest) -> HttpResponseBase:
    if request.method == "POST":
        return _create(request)
    query_form = QueryForm.of(request)
    query = query_form.query if query_form.is_valid() else Query(tz=query_form.viewer_tz)
    form = ShareForm.blank(query, sharer(request), usage().now())
    wrong = [f"{name}: {sentence}" for name, sentences in query_form.errors.items() for sentence in sentences]
    return _form(request, form, wrong=wrong, status=400 if wrong else 200)


@sensitive_variables("token", "password")
def _create(request: HttpRequest) -> HttpResponseBase:
    form = ShareForm.of(request.POST, sharer(request))
    if not _opens_with_figures(form):
        return _form(request, form, status=400)
    if form.unread():
        return _form(request, form, warned=True)
    if not links.may_make(sharer(request)):
        sentence = messages.TOO_MANY_LINKS_THIS_HOUR.format(count=links.MAX_IN_HOUR)
        return _form(request, form, wrong=[sentence], status=429)
    password = form.new_password()
    try:
        token = links.make(form.share, password)
    except BadQuery as bad:
        form.blame(bad)
        return _form(request, form, status=400)
    except UsageError as error:
        problem = problem_of(error)
        sentences = [f"The snapshot could not be saved. {problem.sentence} {problem.advice}"]
        return _form(request, form, wrong=sentences, status=max(problem.status, 400))
    except IntegrityError:
        django_messages.warning(
            request, messages.LINK_ALREADY_CREATED, extra_tags="created-before"
        )  # sent twice, or by a reload
        return redirect("share", form.share.pk)
    _save_drafts(request, _drafts_beside(request, form.share.pk))
    link = request.build_absolute_uri(reverse("redeem", args=[token]))
    return render(
        request,
        "sharing/manage/created.html",
        {"about": link_summary(form.share), "link": link, "password": password},
    )


def _opens_with_figures(form: ShareForm) -> bool:
    """Whether the form makes sense, and Autumn knows what its link opens with.

    The first page view finds it cached.
    """
    if not form.is_valid():
        return False
    share = form.share
    try:
        usage().within(share.scope).series(saved_query(share.view))
    except UnknownCustomer as error:
        form.add_error("customer_id", error.sentence)
    except BadQuery as bad:
        form.blame(bad)
    except UsageError:
        pass  # the recipient will see an error, if there still is one
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
        "suggestions": form.suggestions,
        "wrong": wrong or [],
        "warnings": form.warnings() if warned else [],
        "customer_name": customer_names().name(form.given("customer_id") or ""),
        "viewed_period": viewed_period(form.query, usage().now()),
    }
    return render(request, "sharing/manage/create.html", shown, status=status)


@sharers_only
@never_cache
@require_POST
def load_suggestions(request: HttpRequest) -> HttpResponseBase:
    """The form as it stands, with what the customer in it has."""
    return _form(request, ShareForm.unfinished(request.POST, sharer(request)))


@sharers_only
@never_cache
@require_safe
def draft(request: HtmxRequest, share_id: str) -> HttpResponseBase:
    """Back from the preview: the form as it was."""
    sent = _drafts(request).get(share_id)
    if sent is None:
        return _start_over(request)
    return _form(request, ShareForm.of(QueryDict(sent), sharer(request)))


@sharers_only
@never_cache
@require_POST
def preview(request: HttpRequest) -> HttpResponseBase:
    """Keeps the form, and leads to what its link would show."""
    form = ShareForm.of(request.POST, sharer(request))
    if not _opens_with_figures(form):
        return _form(request, form, status=400)
    name = form.share.pk
    sent = _own_fields(request.POST).urlencode()
    _save_drafts(request, {**_drafts_beside(request, name), name: sent})
    return redirect(_preview_mount(request, form).entrance or "share_new")


def with_draft(route: Route) -> Callable[..., HttpResponseBase]:
    """The access rule of a preview: the pages of a link that is not created yet, for its future owner."""

    @sharers_only
    @never_cache
    @require_http_methods(list(route.methods))
    @wraps(route.view)
    def view(request: HtmxRequest, share_id: str) -> HttpResponseBase:
        form = _drafted(request, share_id)
        if form is None:
            return _start_over(request)
        if route.file and not form.share.exports:
            raise Http404
        return route.answer(request, _preview_mount(request, form))

    return view


def _drafted(request: HttpRequest, share_id: str) -> ShareForm | None:
    """The form that was previewed, if it is still there and still valid."""
    form = ShareForm.of(QueryDict(_drafts(request).get(share_id, "")), sharer(request))
    return form if form.is_valid() else None


def _preview_mount(request: HttpRequest, form: ShareForm) -> Mount:
    sent = [
        (name, value)
        for name, values in QueryDict(_drafts(request)[form.share.pk]).lists()
        for value in values
    ]
    live = usage().within(form.share.scope)  # figures are stored when the link is created
    root = route_address("preview_overview", form.share.pk)
    return link_mount(form.share, root, live, staff_exporter(request), "preview_", preview=True, draft=sent)


def _drafts(request: HttpRequest) -> dict[str, str]:
    """The forms that were previewed and not made yet, by the names of their links: each tab has its own."""
    drafts: dict[str, str] = request.session.get(DRAFTS, {})
    return drafts


def _drafts_beside(request: HttpRequest, share_id: str) -> dict[str, str]:
    return {name: sent for name, sent in _drafts(request).items() if name != share_id}


def _save_drafts(request: HttpRequest, drafts: dict[str, str]) -> None:
    request.session[DRAFTS] = dict(list(drafts.items())[-MAX_DRAFTS:])


def _start_over(request: HtmxRequest) -> HttpResponseBase:
    """There is no such draft any more: a new form, as a page of its own."""
    return HttpResponseClientRedirect(route_address("share_new")) if request.htmx else redirect("share_new")


def _own_fields(sent: QueryDict) -> QueryDict:
    """What the form has a field for: not the token, nor anything else that was sent."""
    fields = sent.copy()
    for name in sent.keys() - ShareForm.base_fields.keys():
        del fields[name]
    return fields

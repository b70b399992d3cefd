"""Every text that a form takes has a greatest length, and a longer one is an error beside its field."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

import pytest
from django import forms
from django.contrib import admin
from django.core.cache import cache
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django.fixtures import Settings

import dashboard
from dashboard.forms import MAX_REPEATS, MAX_TEXT_LENGTH, BoundedTexts, Many
from dashboard.models import User
from dashboard.sharing.manage.fields import MAX_NAMES, OpenChoiceField
from tests.page import Page

pytestmark = pytest.mark.django_db
LONG = "x" * 100_000
BY_CHOICE = (forms.BooleanField, forms.ChoiceField, forms.ModelChoiceField)
OF_THE_DATABASE = (forms.DateTimeField, forms.SplitDateTimeField)


def forms_of_the_site() -> Iterator[Any]:
    """Every class of a form that is defined in the site."""
    for module in walk_packages(dashboard.__path__, "dashboard."):
        if ".migrations" not in module.name and not module.name.endswith(("wsgi", ".social")):
            import_module(module.name)
    waiting = [forms.Form, forms.ModelForm, BoundedTexts]
    while waiting:
        found = waiting.pop()
        waiting += found.__subclasses__()
        if found.__module__.startswith("dashboard.") and found is not BoundedTexts:
            yield found


def views(patterns: list[URLPattern | URLResolver]) -> Iterator[Any]:
    """The class of every view that is made from one."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from views(pattern.url_patterns)
        elif (view := getattr(pattern.callback, "view_class", None)) is not None:
            yield view


def has_bound(field: forms.Field) -> bool:
    """Whether a field takes only so much."""
    if isinstance(field, Many):
        return field.most <= MAX_REPEATS
    if isinstance(field, OpenChoiceField):
        return not field.valid_value("x" * (MAX_TEXT_LENGTH + 1))
    if isinstance(field, forms.CharField):
        return field.max_length is not None or field.disabled
    return isinstance(field, (*BY_CHOICE, *OF_THE_DATABASE))


def test_every_field_of_every_form_has_a_greatest_length() -> None:
    """Of the site's own forms, and of those that it takes from libraries."""
    found = list(forms_of_the_site())
    assert {"QueryForm", "ShareForm", "LoginForm", "NewUserForm", "SearchForm"} <= {f.__name__ for f in found}
    unbounded = [
        (form.__name__, name)
        for form in found
        if not issubclass(form, BoundedTexts)
        for name, field in form.base_fields.items()
        if not has_bound(field)
    ]
    assert unbounded == []


def takes_text(form: Any) -> bool:
    """Whether a form has a field of text that can be changed."""
    return any(isinstance(each, forms.CharField) and not each.disabled for each in form.base_fields.values())


def test_every_view_of_a_library_uses_a_bounded_form() -> None:
    """Those of signing in, of second factors and of administration."""
    with_forms = (view for view in views(get_resolver().url_patterns) if hasattr(view, "form_class"))
    used = [view().get_form_class() for view in with_forms]
    used += [form for model in admin.site._registry.values() for form in changed_forms(model)]
    with_text = [form for form in used if form is not None and takes_text(form)]
    assert len(with_text) >= 5
    assert [form for form in with_text if not issubclass(form, BoundedTexts)] == []


def changed_forms(model: admin.ModelAdmin[Any]) -> Iterator[Any]:
    """The forms of an admin that change something."""
    if model.model is User:
        yield from (model.form, model.add_form, model.change_password_form)  # type: ignore[attr-defined]


def test_a_library_s_form_gets_lengths_where_it_has_none() -> None:
    class Free(forms.Form):
        text = forms.CharField()
        short = forms.CharField(max_length=3)

    class Bounded(BoundedTexts, Free):
        pass

    assert Bounded({"text": "x" * MAX_TEXT_LENGTH, "short": "abc"}).is_valid()
    errors = Bounded({"text": "x" * (MAX_TEXT_LENGTH + 1), "short": "abcd"}).errors
    assert errors.keys() == {"text", "short"}


@pytest.mark.parametrize("field", ["login", "password"])
def test_long_text_at_sign_in_is_an_error_of_its_field(
    client: Client, live_mode: Settings, field: str
) -> None:
    """Of a name in no use, and of a password, which is not hashed."""
    cache.clear()
    response = client.post("/accounts/login/", {"login": "ann", "password": "secret", field: LONG})
    assert response.status_code in (200, 400)
    assert response.context_data is not None
    assert response.context_data["form"].errors.keys() == {field}
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("path", ["/accounts/reauthenticate/", "/accounts/password/change/"])
def test_long_password_is_an_error_of_its_field(signed_in: Callable[..., Client], path: str) -> None:
    client = signed_in()
    names = ("password", "oldpassword", "password1", "password2")
    response = client.post(path, dict.fromkeys(names, LONG))
    assert response.status_code in (200, 400)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["recipient", "customer_id", "start", "view", "share_id", "features", "properties"]
)
def test_long_text_in_the_form_of_a_link_is_an_error_of_its_field(
    signed_in: Callable[..., Client], name: str
) -> None:
    response = signed_in("sharer").post("/shares/new", {"period": "fixed", name: LONG})
    assert response.status_code == 400
    assert Page(response).has(data_notice="not-created")


def test_a_link_has_at_most_so_many_names() -> None:
    assert OpenChoiceField().clean([f"n{number}" for number in range(MAX_NAMES)])
    with pytest.raises(forms.ValidationError):
        OpenChoiceField().clean([f"n{number}" for number in range(MAX_NAMES + 1)])


@pytest.mark.parametrize("path", ["dashboard/user/", "dashboard/exportrecord/"])
def test_long_search_of_an_admin_is_no_failure(signed_in: Callable[..., Client], path: str) -> None:
    client = signed_in("admin")
    found = client.get(f"/admin/{path}", {"q": "x" * 60_000})
    assert found.status_code == 200


def test_long_name_of_a_new_user_is_an_error_of_its_field(signed_in: Callable[..., Client]) -> None:
    client = signed_in("admin")
    client.post("/accounts/reauthenticate/", {"password": "correct horse"})
    values = {"username": LONG, "email": LONG, "password1": LONG, "password2": LONG, "role": "viewer"}
    response = client.post("/admin/dashboard/user/add/", values)
    assert response.status_code in (200, 302, 400)
    assert not User.objects.filter(username__startswith="xxx").exists()

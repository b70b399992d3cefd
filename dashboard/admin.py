from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import allauth.account.admin  # registers what is taken away below
import allauth.mfa.admin  # noqa: F401  likewise
from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from allauth.mfa.base.internal.flows import delete_and_cleanup
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList, ChangeListSearchForm
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from dashboard.forms import BoundedTexts
from dashboard.models import ExportRecord, Identity, User

if TYPE_CHECKING:
    Base = UserAdmin[User]
    RecordBase = admin.ModelAdmin[ExportRecord]
    FactorBase = admin.ModelAdmin[Authenticator]
    InlineBase = admin.TabularInline[Identity, User]
else:
    Base = UserAdmin
    RecordBase = FactorBase = admin.ModelAdmin
    InlineBase = admin.TabularInline

admin.site.site_header = admin.site.site_title = "Usage dashboard: users"
admin.site.index_title = "Users and links"
# Sign-in with its throttle and second factor is allauth's; the admin's own form knows neither.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.unregister([Group, EmailAddress, Authenticator])
if settings.OIDC_ISSUER is not None:
    import_module("allauth.socialaccount.admin")  # as above
    from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken

    # The provider is a setting and no account is linked, so rows of these models would only do harm.
    admin.site.unregister([SocialAccount, SocialApp, SocialToken])


class IdentityInline(InlineBase):
    """Who the user is at the OpenID Connect provider: an admin can only remove it.

    The next sign-in then finds the account by its e-mail address.
    """

    model = Identity
    extra = 0
    readonly_fields = ("issuer", "subject", "created_at")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_admin(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_admin(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class UserForm(BoundedTexts, UserChangeForm):  # type: ignore[type-arg]
    pass


class NewUserForm(BoundedTexts, AdminUserCreationForm):  # type: ignore[type-arg]
    pass


class NewPasswordForm(BoundedTexts, AdminPasswordChangeForm):  # type: ignore[type-arg]
    pass


class SearchForm(BoundedTexts, ChangeListSearchForm):
    pass


class BoundedSearch(ChangeList):
    search_form_class = SearchForm


class WithBoundedSearch:
    """An admin whose search has a greatest length: databases refuse longer patterns."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BoundedSearch


@admin.register(User)
class PersonAdmin(WithBoundedSearch, Base):
    form = UserForm
    add_form = NewUserForm
    change_password_form = NewPasswordForm
    list_display = ("username", "email", "first_name", "last_name", "role", "is_active", "last_login")
    list_filter = ("role", "is_active")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Name and e-mail", {"fields": ("first_name", "last_name", "email")}),
        ("Permissions", {"fields": ("role", "is_active", "is_superuser")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "email", "role", "usable_password", "password1", "password2")}),
    )

    def get_inlines(self, request: HttpRequest, obj: User | None) -> Any:
        return [IdentityInline] if obj is not None and obj.identities.exists() else []

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Admins may make admins, but only superusers superusers."""
        dates = ("last_login", "date_joined")
        return dates if request.user.is_superuser else (*dates, "is_superuser")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return _is_admin(request)

    def has_view_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return _is_admin(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _is_admin(request)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return _is_admin(request) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return _is_admin(request) and _may_touch(request, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        deleted, counts, needed, protected = super().get_deleted_objects(objs, request)
        if any(not _may_touch(request, user) for user in objs):
            needed.add("superuser")
        return deleted, counts, needed, protected


class ForReading(WithBoundedSearch):
    """An admin whose rows nobody adds, changes or deletes there; admins read them."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "POST":
            raise PermissionDenied  # newer Django answers it with the page, as if something had been done
        response: HttpResponse = super().changeform_view(request, *args, **kwargs)  # type: ignore[misc]
        return response

    def has_module_permission(self, request: HttpRequest) -> bool:
        return _is_admin(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_admin(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ExportRecord)
class ExportRecordAdmin(ForReading, RecordBase):
    """Who took what."""

    list_display = ("began_at", "who", "file", "query", "rows", "ending")
    list_filter = ("ending", "file")
    search_fields = ("who", "query")


@admin.register(Authenticator)
class AuthenticatorAdmin(ForReading, FactorBase):
    """Second factors, without their secrets: an admin deletes those of a user who has lost them."""

    list_display = fields = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    search_fields = ("user__username", "user__email")

    def has_delete_permission(self, request: HttpRequest, obj: Authenticator | None = None) -> bool:
        return _is_admin(request) and _may_touch(request, None if obj is None else obj.user)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        deleted, counts, needed, protected = super().get_deleted_objects(objs, request)
        if any(not _may_touch(request, each.user) for each in objs):
            needed.add("superuser")
        return deleted, counts, needed, protected

    def delete_model(self, request: HttpRequest, obj: Authenticator) -> None:
        """With the recovery codes, where no other factor is left: they alone would still be required."""
        delete_and_cleanup(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for each in queryset.select_related("user"):
            self.delete_model(request, each)


def _is_admin(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.is_admin


def _may_touch(request: HttpRequest, user: User | None) -> bool:
    return user is None or not user.is_superuser or bool(request.user.is_superuser)

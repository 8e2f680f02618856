"""Django's administration, whose changes are in the history like those of the site's own pages.

The site of the administration mixes `Recorded` into every model's page when it is registered, those of other packages
included, so none can be forgotten. What lets anybody into somebody's account is for administrators alone, whatever
rights others were given: who may look at tokens or at mails that wait could come in as an administrator.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from podium.site.accounts.models import User
from podium.site.audit.actions import Action
from podium.site.audit.services import record, record_many
from podium.site.audit.values import CHANGED

OF_ADMINISTRATORS = {
    "account.EmailAddress",
    "auth.Group",
    "authtoken.TokenProxy",
    "django_tasks_database.DBTaskResult",
    "mfa.Authenticator",
    "socialaccount.SocialAccount",
    "usersessions.UserSession",
}
"""Ways into accounts, and what holds such: mails with their links are tasks, a group gives the rights of its people."""
Sides = tuple[dict[str, Any], dict[str, Any]]


class Recorded:
    """Writes what a page of the administration does into the history, in the transaction in which it is done."""

    def construct_change_message(self, request: Any, form: Any, formsets: Any, add: bool = False) -> Any:
        """Keep the values before and after, which the message does not have."""
        request.audit_sides = _sides(form)
        return super().construct_change_message(request, form, formsets, add)  # type: ignore[misc]

    def log_addition(self, request: Any, obj: Model, message: Any) -> Any:
        _record(Action.ADMINISTRATION_ADDED, request, obj)
        return super().log_addition(request, obj, message)  # type: ignore[misc]

    def log_change(self, request: Any, obj: Model, message: Any) -> Any:
        _record(Action.ADMINISTRATION_CHANGED, request, obj)
        return super().log_change(request, obj, message)  # type: ignore[misc]

    def log_deletions(self, request: Any, queryset: QuerySet[Any]) -> Any:
        record_many(Action.ADMINISTRATION_DELETED, by=request.user, on=list(queryset))
        return super().log_deletions(request, queryset)  # type: ignore[misc]

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The list with its actions, in one transaction."""
        with transaction.atomic():
            response: HttpResponseBase = super().changelist_view(request, *args, **kwargs)  # type: ignore[misc]
        return response


class RecordedPasswords(Recorded):
    """The same for accounts, whose password has a page of its own."""

    def user_change_password(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Give somebody another password, in one transaction."""
        with transaction.atomic():
            response: HttpResponseBase = super().user_change_password(request, *args, **kwargs)  # type: ignore[misc]
        return response


class ForAdministrators:
    """Pages that only administrators have, whatever rights somebody else was given."""

    def has_module_permission(self, request: Any) -> bool:
        """Whether the list of all pages names it."""
        return request.user.is_superuser and super().has_module_permission(request)  # type: ignore[misc]

    def has_view_permission(self, request: Any, obj: Any = None) -> bool:
        return request.user.is_superuser and super().has_view_permission(request, obj)  # type: ignore[misc]

    def has_add_permission(self, request: Any) -> bool:
        return request.user.is_superuser and super().has_add_permission(request)  # type: ignore[misc]

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        return request.user.is_superuser and super().has_change_permission(request, obj)  # type: ignore[misc]

    def has_delete_permission(self, request: Any, obj: Any = None) -> bool:
        return request.user.is_superuser and super().has_delete_permission(request, obj)  # type: ignore[misc]


def _sides(form: Any) -> Sides:
    """What a form has changed: the values that it began with, and those that were sent."""
    names = [name for name in form.changed_data if name in form.fields]
    before = {name: _named(form.get_initial_for_field(form.fields[name], name)) for name in names}
    after = {name: _named(form.cleaned_data.get(name)) for name in names}
    return before, after | {
        name: CHANGED for name in form.changed_data if name not in form.fields
    }  # such as a password


def _named(value: Any) -> Any:
    """A reference to another row by its number, before as after."""
    if isinstance(value, Model):
        return value.pk
    if isinstance(value, QuerySet | list):
        return sorted(each.pk if isinstance(each, Model) else each for each in value)
    return value


def _record(action: Action, request: Any, row: Model) -> None:
    before, after = getattr(request, "audit_sides", ({}, {}))
    about = row if isinstance(row, User) else None
    record(action, by=request.user, on=row, before=before or None, after=after, about=about)


class Administration(admin.AdminSite):
    """The administration of the site."""

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register models, each with a page that records."""
        plain = admin_class or admin.ModelAdmin
        mixed: tuple[type, ...] = (RecordedPasswords if hasattr(plain, "user_change_password") else Recorded,)
        models: list[Any] = [model_or_iterable] if isinstance(model_or_iterable, type) else list(model_or_iterable)
        if any(model._meta.label in OF_ADMINISTRATORS for model in models):
            mixed = (ForAdministrators, *mixed)
        recording = type(plain.__name__, (*mixed, plain), {"__module__": plain.__module__, "__doc__": plain.__doc__})
        super().register(models, recording, **options)

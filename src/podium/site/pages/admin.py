"""News and announcements in the administration."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import BooleanField, Case, QuerySet, URLField, When
from django.http import HttpRequest

from podium.site.pages import queries, services
from podium.site.pages.models import Announcement, NewsPost


class _Shown(admin.ModelAdmin[Any]):
    """Saves and deletes by the services; an address without a scheme is one of HTTPS."""

    formfield_overrides: ClassVar = {URLField: {"assume_scheme": "https"}}

    def save_model(self, request: HttpRequest, obj: services.Notice, form: Any, change: bool) -> None:
        services.publish(obj)

    def delete_model(self, request: HttpRequest, obj: services.Notice) -> None:
        services.withdraw(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for each in queryset:
            services.withdraw(each)


@admin.register(Announcement)
class AnnouncementAdmin(_Shown):
    """The notice on top of the home page."""

    list_display = ("__str__", "created_when", "until", "is_shown")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Announcement]:
        """With `is_now`, asked once for all rows."""
        shown = queries.announcement()
        is_now = Case(When(pk=shown.pk if shown else None, then=True), default=False, output_field=BooleanField())
        return super().get_queryset(request).annotate(is_now=is_now)

    @admin.display(boolean=True, description="shown now")
    def is_shown(self, row: Any) -> bool:
        """Whether this is the one that visitors see."""
        return bool(row.is_now)


@admin.register(NewsPost)
class NewsPostAdmin(_Shown):
    """News on the home page."""

    list_display = ("title", "created_when", "link")
    search_fields = ("title", "text")


admin.site.site_header = "Podium administration"

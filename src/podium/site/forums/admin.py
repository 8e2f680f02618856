"""Forums in the administration, to find what was written; administrators keep order on the pages of the forum."""

from __future__ import annotations

from django.contrib import admin

from podium.site.forums.models import Post, Thread


class _ReadOnly:
    def has_add_permission(self, request: object) -> bool:
        return False

    def has_change_permission(self, request: object, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: object, obj: object = None) -> bool:
        return False


@admin.register(Thread)
class ThreadAdmin(_ReadOnly, admin.ModelAdmin[Thread]):
    """Threads."""

    list_display = ("title", "forum", "started_by", "posts_count", "last_post_date", "deleted_date")
    list_select_related = ("forum__competition", "started_by")
    search_fields = ("title", "started_by__username")


@admin.register(Post)
class PostAdmin(_ReadOnly, admin.ModelAdmin[Post]):
    """Posts."""

    list_display = ("pk", "thread", "posted_by", "date_created", "deleted_date")
    list_select_related = ("thread", "posted_by")
    search_fields = ("content", "posted_by__username")

"""Queues, tokens and workers in the administration: to look at. What changes them is on the queues' own pages."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from podium.site.queues.models import Queue, QueueToken, Worker


class _ToLookAt(admin.ModelAdmin[Any]):
    """Rows that only services change."""

    def has_add_permission(self, request: object) -> bool:
        return False

    def has_change_permission(self, request: object, obj: object | None = None) -> bool:
        return False

    def has_delete_permission(self, request: object, obj: object | None = None) -> bool:
        return False


@admin.register(Queue)
class QueueAdmin(_ToLookAt):
    """Queues, the deleted ones included."""

    list_display = ("name", "is_default", "is_public", "owner", "created_when", "deleted_when")


@admin.register(QueueToken)
class QueueTokenAdmin(_ToLookAt):
    """Tokens; a token's hash is nobody's business."""

    list_display = ("name", "queue", "created_by", "created_when", "last_used_when", "revoked_when")
    exclude = ("token_hash",)


@admin.register(Worker)
class WorkerAdmin(_ToLookAt):
    """Workers as they last introduced themselves."""

    list_display = ("name", "queue", "engine", "slots", "version", "last_seen", "drained_when")

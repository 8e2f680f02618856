"""Queues and workers in the administration."""

from __future__ import annotations

from django.contrib import admin

from podium.site.queues.models import Queue, Worker


@admin.register(Queue)
class QueueAdmin(admin.ModelAdmin[Queue]):
    """Queues; the token's hash is nobody's business."""

    list_display = ("name", "is_default", "is_public", "owner", "created_when")
    exclude = ("token_hash",)
    raw_id_fields = ("owner", "organizers")

    def has_add_permission(self, request: object) -> bool:
        return False


@admin.register(Worker)
class WorkerAdmin(admin.ModelAdmin[Worker]):
    """Workers as they last introduced themselves."""

    list_display = ("name", "queue", "engine", "slots", "version", "last_seen")
    readonly_fields = ("name", "queue", "hostname", "engine", "slots", "version", "first_seen", "last_seen")

    def has_add_permission(self, request: object) -> bool:
        return False

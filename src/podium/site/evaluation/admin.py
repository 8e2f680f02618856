"""Submissions in the administration, to read only: states change in the services."""

from __future__ import annotations

from django.contrib import admin

from podium.site.evaluation.models import Attempt, Submission


class _ReadOnly:
    def has_add_permission(self, request: object, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: object, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: object, obj: object = None) -> bool:
        return False


@admin.register(Submission)
class SubmissionAdmin(_ReadOnly, admin.ModelAdmin[Submission]):
    """Submissions with their ends."""

    exclude = ("secret",)
    list_display = ("id", "owner", "phase", "status", "cause", "fault", "created_when", "finished_when")
    list_filter = ("status", "cause", "fault")
    search_fields = ("owner__username",)
    list_select_related = ("owner", "phase")


@admin.register(Attempt)
class AttemptAdmin(_ReadOnly, admin.ModelAdmin[Attempt]):
    """Attempts with the workers that made them."""

    list_display = ("id", "run", "number", "state", "worker_name", "claimed_when", "finished_when", "cause")
    list_filter = ("state", "cause")
    exclude = ("token_hash",)
    list_select_related = ("run__submission",)

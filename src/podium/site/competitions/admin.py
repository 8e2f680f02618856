"""Competitions in the administration: what is public, featured, who takes part."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from podium.site.competitions.models import Competition, CreationStatus, Participant
from podium.site.leaderboards import services as leaderboards


@admin.register(Competition)
class CompetitionAdmin(admin.ModelAdmin[Competition]):
    """Competitions; their contents are changed on their own pages."""

    list_display = ("title", "created_by", "competition_type", "published", "is_featured", "created_when")
    list_filter = ("published", "is_featured", "competition_type")
    search_fields = ("title", "created_by__username")
    fields = ("title", "published", "is_featured", "queue")
    raw_id_fields = ("queue",)


@admin.register(Participant)
class ParticipantAdmin(admin.ModelAdmin[Participant]):
    """Who takes part."""

    list_display = ("user", "competition", "status", "created_when")
    list_filter = ("status",)
    search_fields = ("user__username", "competition__title")
    raw_id_fields = ("user", "competition")

    def save_model(self, request: Any, obj: Participant, form: Any, change: bool) -> None:
        """Save a participation, and let the boards follow."""
        super().save_model(request, obj, form, change)
        leaderboards.follow_person(owner_id=obj.user_id, competition=obj.competition)


@admin.register(CreationStatus)
class CreationStatusAdmin(admin.ModelAdmin[CreationStatus]):
    """How bundles became competitions, or why not; to read only."""

    list_display = ("created_by", "status", "created_when", "finished_when", "resulting_competition")
    list_filter = ("status",)

    def has_add_permission(self, request: object) -> bool:
        return False

    def has_change_permission(self, request: object, obj: object = None) -> bool:
        return False

"""Which entries a page of the history shows."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from podium.site.audit.actions import Action
from podium.site.words import Words

_AREAS = {
    "competition": _("Competition"),
    "phase": _("Phase"),
    "leaderboard": _("Leaderboard"),
    "submission": _("Submission"),
    "participant": _("Participant"),
    "message": _("Message"),
    "thread": _("Thread"),
    "task": _("Task"),
    "dataset": _("Dataset"),
    "queue": _("Queue"),
    "worker": _("Worker"),
    "webhook": _("Webhook"),
    "user": _("User"),
    "token": _("Token"),
    "organization": _("Organization"),
    "storage": _("Storage"),
    "administration": _("Administration"),
    "history": _("History"),
}
"""What actions begin with, in words."""


def _choices() -> list[Any]:
    """The actions, those of one kind together."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for value, label in Action.choices:
        groups.setdefault(str(_AREAS[value.partition(".")[0]]), []).append((value, str(label)))
    return [("", _("All")), *groups.items()]


def _moment(label: Words) -> forms.DateTimeField:
    return forms.DateTimeField(
        required=False,
        label=label,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"],
    )


class HistoryForm(forms.Form):
    """Filters of the history; moments are UTC."""

    user = forms.CharField(
        required=False, label=_("User name"), max_length=150, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    action = forms.ChoiceField(required=False, label=_("What was done"), choices=_choices)
    since = _moment(_("From (UTC)"))
    until = _moment(_("Before (UTC)"))

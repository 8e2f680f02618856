"""Which entries a page of the history shows."""

from __future__ import annotations

from typing import Any

from django import forms

from podium.site.audit.actions import Action


def _choices() -> list[Any]:
    """The actions, those of one kind together."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for value, label in Action.choices:
        groups.setdefault(value.partition(".")[0].capitalize(), []).append((value, str(label)))
    return [("", "All"), *groups.items()]


def _moment(label: str) -> forms.DateTimeField:
    return forms.DateTimeField(
        required=False,
        label=label,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"],
    )


class HistoryForm(forms.Form):
    """Filters of the history; moments are UTC."""

    user = forms.CharField(
        required=False, label="User name", max_length=150, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    action = forms.ChoiceField(required=False, label="What was done", choices=_choices)
    since = _moment("From (UTC)")
    until = _moment("Before (UTC)")

"""Forms of the competition pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from podium.site.competitions.models import CompetitionType, ParticipantStatus
from podium.site.competitions.queries import Openness
from podium.site.words import Words


class Role(TextChoices):
    """What somebody is in a competition."""

    ORGANIZING = "organizing", _("I organize")
    TAKING_PART = "taking_part", _("I take part in")


class SearchForm(forms.Form):
    """Search, filters and order of the public list; what is no choice filters nothing."""

    search = forms.CharField(
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("Words in the title"), "autocomplete": "off"}),
    )
    ordering = forms.ChoiceField(
        required=False,
        label=_("Order"),
        choices=[
            ("recent", _("Recently added")),
            ("popular", _("Most participants")),
            ("with_most_submissions", _("Most submissions")),
        ],
    )
    type = forms.ChoiceField(
        required=False,
        choices=[
            ("", _("Both")),
            (CompetitionType.COMPETITION, _("Competitions")),
            (CompetitionType.BENCHMARK, _("Benchmarks")),
        ],
    )
    state = forms.ChoiceField(required=False, choices=[("", _("Any")), *Openness.choices])
    role = forms.ChoiceField(required=False, label=_("My part"), choices=[("", _("Any")), *Role.choices])
    organizer = forms.CharField(
        required=False, max_length=100, widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"})
    )
    has_reward = forms.BooleanField(required=False, label=_("With a reward"))

    def chosen(self) -> dict[str, str]:
        """What was asked for, without what is empty or wrong, as it stands in an address."""
        self.is_valid()
        given = {name: self.cleaned_data.get(name) for name in self.fields}
        return {name: "on" if value is True else value for name, value in given.items() if value}


class ParticipantFilterForm(forms.Form):
    """Which participants the organizers' list shows."""

    search = forms.CharField(
        required=False, max_length=200, widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"})
    )
    status = forms.ChoiceField(
        required=False,
        choices=[
            ("", _("All")),
            (ParticipantStatus.PENDING, _("Waiting")),
            (ParticipantStatus.APPROVED, _("Approved")),
            (ParticipantStatus.DENIED, _("Denied")),
        ],
    )


class MessageForm(forms.Form):
    """What organizers write to participants."""

    message = forms.CharField(max_length=50_000, label=_("Message"), widget=forms.Textarea(attrs={"rows": 10}))


class DeleteForm(forms.Form):
    """The title of a competition, written by whoever wants it deleted."""

    title = forms.CharField(max_length=300, label=_("Title"), widget=forms.TextInput(attrs={"autocomplete": "off"}))

    def __init__(self, *args: Any, title: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._title = title

    def clean_title(self) -> str:
        """The title is that of the competition, blanks at its ends aside."""
        given = str(self.cleaned_data["title"])
        if " ".join(given.split()) != " ".join(self._title.split()):
            raise forms.ValidationError(_("This is not the title of the competition."))
        return given


class RegisterForm(forms.Form):
    """Agreement to the terms, where there are any."""

    accept = forms.BooleanField(label=_("I have read the terms and agree to them"), required=False)

    def __init__(self, *args: Any, has_terms: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if has_terms:
            self.fields["accept"].required = True
            self.fields["accept"].error_messages["required"] = _("Taking part needs your agreement to the terms.")
        else:
            del self.fields["accept"]


def _zip_field(label: Words) -> forms.FileField:
    return forms.FileField(required=False, label=label, widget=forms.FileInput(attrs={"accept": ".zip"}))


class TaskForm(forms.Form):
    """Programs and data that take the place of a task's present ones; what is left empty stays."""

    scoring_program = _zip_field(_("Scoring program"))
    reference_data = _zip_field(_("Reference data"))
    ingestion_program = _zip_field(_("Ingestion program"))
    input_data = _zip_field(_("Input data"))

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors and not self.files_given():
            raise forms.ValidationError(_("Choose at least one file."))
        return cleaned

    def files_given(self) -> dict[str, Any]:
        """The files that were chosen, by the name of the part."""
        return {name: self.cleaned_data[name] for name in self.fields if self.cleaned_data.get(name)}

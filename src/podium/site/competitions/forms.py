"""Forms of the competition pages."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.http import QueryDict

from podium.site.competitions.models import ParticipantStatus
from podium.site.errors import Refused


class SearchForm(forms.Form):
    """Search and order of the public list."""

    search = forms.CharField(
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "Words in the title", "autocomplete": "off"}),
    )
    ordering = forms.ChoiceField(
        required=False,
        label="Order",
        choices=[
            ("recent", "Recently added"),
            ("popular", "Most participants"),
            ("with_most_submissions", "Most submissions"),
        ],
    )


class ParticipantFilterForm(forms.Form):
    """Which participants the organizers' list shows."""

    search = forms.CharField(
        required=False, max_length=200, widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"})
    )
    status = forms.ChoiceField(
        required=False,
        choices=[
            ("", "All"),
            (ParticipantStatus.PENDING, "Waiting"),
            (ParticipantStatus.APPROVED, "Approved"),
            (ParticipantStatus.DENIED, "Denied"),
        ],
    )


class UploadForm(forms.Form):
    """A file, either in the form itself or uploaded before: `data_key` names it then."""

    file = forms.FileField(required=False, label="File", widget=forms.FileInput(attrs={"accept": ".zip"}))
    data_key = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors and not cleaned.get("file") and not cleaned.get("data_key"):
            self.add_error("file", "Choose a file first.")
        return cleaned

    def refuse(self, refused: Refused) -> None:
        """Show a refusal: beside its field where it has one, about the file where it is about the upload."""
        named = "file" if refused.field in {"data", "data_file", "file_size", "type"} else refused.field
        self.add_error(named if named in self.fields else None, refused.message)
        sent = cast("QueryDict", self.data).copy()
        sent.pop("data_key", None)  # a refused upload is deleted: it has to be chosen again
        self.data = sent


class RegisterForm(forms.Form):
    """Agreement to the terms, where there are any."""

    accept = forms.BooleanField(label="I have read the terms and agree to them", required=False)

    def __init__(self, *args: Any, has_terms: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if has_terms:
            self.fields["accept"].required = True
            self.fields["accept"].error_messages["required"] = "Taking part needs your agreement to the terms."
        else:
            del self.fields["accept"]


def _zip_field(label: str) -> forms.FileField:
    return forms.FileField(required=False, label=label, widget=forms.FileInput(attrs={"accept": ".zip"}))


class TaskForm(forms.Form):
    """Programs and data that take the place of a task's present ones; what is left empty stays."""

    scoring_program = _zip_field("Scoring program")
    reference_data = _zip_field("Reference data")
    ingestion_program = _zip_field("Ingestion program")
    input_data = _zip_field("Input data")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors and not self.files_given():
            raise forms.ValidationError("Choose at least one file.")
        return cleaned

    def files_given(self) -> dict[str, Any]:
        """The files that were chosen, by the name of the part."""
        return {name: self.cleaned_data[name] for name in self.fields if self.cleaned_data.get(name)}

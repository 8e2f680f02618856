"""Forms that take files, and those of the resources pages."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from podium.site.errors import Refused
from podium.site.resources.models import Dataset, DatasetType
from podium.site.resources.queries import FAMILIES


class UploadForm(forms.Form):
    """A file, either in the form itself or uploaded before: `data_key` names it then."""

    file = forms.FileField(required=False, label=_("File"), widget=forms.FileInput(attrs={"accept": ".zip"}))
    data_key = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if not {"file", "data_key"} & set(self.errors) and not cleaned.get("file") and not cleaned.get("data_key"):
            self.add_error("file", _("Choose a file first."))
        return cleaned

    def refuse(self, refused: Refused) -> None:
        """Show a refusal: beside its field where it has one, about the file where it is about the upload."""
        named = "file" if refused.field in {"data", "data_file", "file_size", "type"} else refused.field
        self.add_error(named if named in self.fields else None, refused.message)
        sent = cast("QueryDict", self.data).copy()
        sent.pop("data_key", None)  # a refused upload is deleted: it has to be chosen again
        self.data = sent


LICENSES = [
    *("CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "ODC-By", "ODbL-1.0", "MIT", "Apache-2.0", "GPL-3.0"),
    *("BSD-3-Clause", "Research-Only"),
]
"""What Codabench offers; any other may be written."""
UPLOADED = [*FAMILIES["dataset"], DatasetType.SUBMISSION]
"""The types of files that are uploaded by themselves; a bundle makes a competition."""


class Refusable(forms.Form):
    """A form that shows what a use case has refused."""

    def refuse(self, refused: Refused) -> None:
        """Show a refusal, beside its field where it has one."""
        named = "name" if refused.code == "duplicate_name" else refused.field
        self.add_error(named if named in self.fields else None, refused.message)


def name_field(most: int) -> forms.CharField:
    """A name of so many characters at most."""
    return forms.CharField(max_length=most, label=_("Name"), widget=forms.TextInput(attrs={"autocomplete": "off"}))


def description_field(most: int) -> forms.CharField:
    """A description of so many characters at most."""
    widget = forms.Textarea(attrs={"rows": 3})
    return forms.CharField(required=False, max_length=most, label=_("Description"), widget=widget)


class DatasetForm(Refusable):
    """What is said of a dataset."""

    name = name_field(255)
    type = forms.ChoiceField(label=_("Type"), choices=[(kind.value, kind.label) for kind in UPLOADED])
    description = description_field(10_000)
    license = forms.CharField(
        required=False,
        max_length=128,
        label=_("Licence"),
        help_text=_("Under which others may use it, such as CC-BY-4.0."),
        widget=forms.TextInput(attrs={"list": "licenses", "autocomplete": "off"}),
    )
    is_public = forms.BooleanField(
        required=False,
        label=_("Public"),
        help_text=_(
            "Everybody may find and download it. Never make the reference data of a running competition public."
        ),
    )

    def __init__(self, *args: Any, dataset: Dataset | None = None, **kwargs: Any) -> None:
        if dataset is not None:
            kwargs["initial"] = {name: getattr(dataset, name) for name in self.base_fields if hasattr(dataset, name)}
        super().__init__(*args, **kwargs)
        if dataset is not None and dataset.type in {DatasetType.SUBMISSION, DatasetType.COMPETITION_BUNDLE}:
            del self.fields["type"]
        if dataset is not None and dataset.type == DatasetType.SUBMISSION:
            del self.fields["is_public"]  # it is shown with its submission

    def facts(self) -> dict[str, Any]:
        """The columns of a dataset."""
        return {name: self.cleaned_data[name] for name in DatasetForm.base_fields if name in self.cleaned_data}


class DatasetUploadForm(DatasetForm, UploadForm):
    """A file with what is said of it; what it is has to be chosen, for a wrong type is found out late."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds = cast("forms.ChoiceField", self.fields["type"])
        kinds.choices = [("", _("Choose what it is")), *cast("list[Any]", kinds.choices)]

    def refuse(self, refused: Refused) -> None:
        """Show a refusal; the file stays where only what is said of it was refused."""
        if refused.field in self.fields or refused.code == "duplicate_name":
            DatasetForm.refuse(self, refused)
        else:
            UploadForm.refuse(self, refused)


class FilterForm(forms.Form):
    """Which datasets a list shows."""

    search = forms.CharField(
        required=False, max_length=200, widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"})
    )
    type = forms.ChoiceField(
        required=False, choices=[("", _("All")), *((kind.value, kind.label) for kind in FAMILIES["dataset"])]
    )
    made = forms.ChoiceField(
        required=False,
        label=_("From"),
        choices=[
            ("", _("Anywhere")),
            ("uploads", _("Uploads")),
            ("bundles", _("Bundles of competitions")),
        ],
    )


class PublicFilterForm(forms.Form):
    """Which public datasets are shown, in which order."""

    search = FilterForm.base_fields["search"]
    ordering = forms.ChoiceField(
        required=False,
        label=_("Order"),
        choices=[
            ("recently_added", _("Recently added")),
            ("most_downloaded", _("Most downloaded")),
        ],
    )
    has_license = forms.BooleanField(required=False, label=_("With a licence"))
    is_verified = forms.BooleanField(required=False, label=_("Verified"))

"""Forms that make, change and share tasks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from django import forms
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from podium.site.accounts.choosing import PeopleField
from podium.site.accounts.models import User
from podium.site.resources import policies
from podium.site.resources.forms import Refusable, description_field, name_field
from podium.site.resources.models import Dataset, DatasetType, Task, TaskVersion
from podium.site.searching import matching

OFFERED: Final = 20
"""Datasets that a search field offers at once."""
_NUMBER = re.compile(r"#(\d{1,18})\s*\Z")
_HELP = {
    "scoring_program": _("Reads what was submitted and writes the scores."),
    "ingestion_program": _("Runs the submitted program; without one, what is submitted are results."),
    "input_data": _("What the submitted program gets."),
    "reference_data": _("The truth, which only the scoring program sees."),
}


def label_of(dataset: Dataset) -> str:
    """A dataset in a search field: its name and its number, since names may occur twice."""
    return f"{dataset.name} #{dataset.pk}"


def offered(user: User, part: str, text: str = "") -> list[str]:
    """What a search field offers of one's own datasets of a type, the newest first."""
    rows = policies.datasets_usable_by(user).filter(type=part, data_file__isnull=False)
    found = matching(rows, _NUMBER.sub("", text), "name", "file_name").order_by("-pk")[:OFFERED]
    return [label_of(dataset) for dataset in found]


class TaskForm(Refusable):
    """What a task is and consists of; programs and data are chosen by search fields."""

    name = name_field(256)
    description = description_field(100_000)
    scoring_program = forms.CharField(max_length=400, label=_("Scoring program"))
    ingestion_program = forms.CharField(max_length=400, required=False, label=_("Ingestion program"))
    ingestion_only_during_scoring = forms.BooleanField(
        required=False,
        label=_("Ingestion runs beside scoring"),
        help_text=_("The two run at the same time and may speak to each other, as in games."),
    )
    input_data = forms.CharField(max_length=400, required=False, label=_("Input data"))
    reference_data = forms.CharField(max_length=400, required=False, label=_("Reference data"))
    is_public = forms.BooleanField(
        required=False,
        label=_("Public"),
        help_text=_("Everybody may see the task and use it in their competitions, with its files."),
    )

    def __init__(self, *args: Any, user: User, version: TaskVersion | None = None, **kwargs: Any) -> None:
        self._user, self._version = user, version
        if version is not None:
            task = version.task
            kwargs["initial"] = {"name": task.name, "description": task.description, "is_public": task.is_public}
            kwargs["initial"]["ingestion_only_during_scoring"] = version.ingestion_only_during_scoring
            for part in TaskVersion.PARTS:
                present = getattr(version, part)
                kwargs["initial"][part] = label_of(present) if present else ""
        super().__init__(*args, **kwargs)
        for part in TaskVersion.PARTS:
            self.fields[part].help_text = _HELP[part]
            self.fields[part].widget.input_type = "search"
            self.fields[part].widget.attrs.update(
                {
                    "autocomplete": "off",
                    "list": f"{part}-offered",
                    "hx-get": reverse_lazy("resources:choices", args=[part]),
                    "hx-trigger": "input changed delay:200ms",
                    "hx-target": f"#{part}-offered",
                }
            )

    def searches(self) -> Iterable[tuple[forms.BoundField, list[str]]]:
        """The search fields with what each offers."""
        for part in TaskVersion.PARTS:
            yield self[part], offered(self._user, part)

    def clean(self) -> dict[str, Any]:
        """Find the datasets that the search fields name."""
        cleaned: dict[str, Any] = super().clean() or {}
        for part in TaskVersion.PARTS:
            if part in cleaned:
                try:
                    cleaned[part] = self._found(part, str(cleaned[part]).strip())
                except forms.ValidationError as error:
                    self.add_error(part, error)
        return cleaned

    def _found(self, part: str, text: str) -> Dataset | None:
        """The dataset that a text names: by what the list offers, by key, or by its name. Raises ValidationError."""
        present = getattr(self._version, part) if self._version else None
        if not text or (present is not None and text == label_of(present)):
            return present if text else None
        rows = policies.datasets_usable_by(self._user).filter(type=part).select_related("data_file")
        if number := _NUMBER.search(text):
            found = list(rows.filter(pk=int(number[1])))
        elif (key := _key(text)) is not None:
            found = list(rows.filter(key=key))
        else:
            found = list(rows.filter(name__iexact=text)[:2])
        kind = str(DatasetType(part).label).lower()
        if not found:
            raise forms.ValidationError(
                _("You have no %(kind)s like that. Choose one that the list offers, or upload it.") % {"kind": kind}
            )
        if len(found) > 1:
            raise forms.ValidationError(
                _("You have several of this name. Write the number too: %(dataset)s") % {"dataset": label_of(found[0])}
            )
        return found[0]

    def parts(self) -> dict[str, Dataset | None]:
        """The programs and data, by their names in `TaskVersion.PARTS`."""
        return {part: self.cleaned_data[part] for part in TaskVersion.PARTS}

    def facts(self) -> dict[str, Any]:
        """What is said of the task."""
        return {name: self.cleaned_data[name] for name in ("name", "description", "is_public")}


def _key(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


class ShareForm(Refusable):
    """Who besides its maker uses a task."""

    people = PeopleField(
        required=False,
        label=_("Shared with"),
        help_text=_(
            "User names, separated by spaces or commas. They see the task and use it in their competitions, with "
            "its files; only you change it."
        ),
    )
    is_public = forms.BooleanField(
        required=False,
        label=_("Public"),
        help_text=_("Everybody may see it and use it, with its files."),
    )

    @staticmethod
    def values_of(task: Task) -> dict[str, Any]:
        """What the form shows of a task."""
        names = task.shared_with.order_by("username").values_list("username", flat=True)
        return {"people": ", ".join(names), "is_public": task.is_public}


class TaskArchiveForm(Refusable):
    """A task as a zip."""

    file = forms.FileField(label=_("Task (.zip)"), widget=forms.FileInput(attrs={"accept": ".zip"}))

"""Forms that make, change and share tasks."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from podium.site.accounts.choosing import PeopleField
from podium.site.accounts.models import User
from podium.site.choosing import SearchField
from podium.site.resources.choosing import PARTS
from podium.site.resources.forms import Refusable, description_field, name_field
from podium.site.resources.models import Dataset, Task, TaskVersion

_HELP = {
    "scoring_program": _("Reads what was submitted and writes the scores."),
    "ingestion_program": _("Runs the submitted program; without one, what is submitted are results."),
    "input_data": _("What the submitted program gets."),
    "reference_data": _("The truth, which only the scoring program sees."),
}


class TaskForm(Refusable):
    """What a task is and consists of; programs and data are chosen by search fields."""

    name = name_field(256)
    description = description_field(100_000)
    scoring_program = SearchField(PARTS["scoring_program"], label=_("Scoring program"))
    ingestion_program = SearchField(PARTS["ingestion_program"], required=False, label=_("Ingestion program"))
    ingestion_only_during_scoring = forms.BooleanField(
        required=False,
        label=_("Ingestion runs beside scoring"),
        help_text=_("The two run at the same time and may speak to each other, as in games."),
    )
    input_data = SearchField(PARTS["input_data"], required=False, label=_("Input data"))
    reference_data = SearchField(PARTS["reference_data"], required=False, label=_("Reference data"))
    is_public = forms.BooleanField(
        required=False,
        label=_("Public"),
        help_text=_("Everybody may see the task and use it in their competitions, with its files."),
    )

    def __init__(self, *args: Any, user: User, version: TaskVersion | None = None, **kwargs: Any) -> None:
        present = {part: getattr(version, part) if version else None for part in TaskVersion.PARTS}
        if version is not None:
            task = version.task
            kwargs["initial"] = {"name": task.name, "description": task.description, "is_public": task.is_public}
            kwargs["initial"] |= {"ingestion_only_during_scoring": version.ingestion_only_during_scoring, **present}
        super().__init__(*args, **kwargs)
        for part in TaskVersion.PARTS:
            self.fields[part].help_text = _HELP[part]
            cast("SearchField", self.fields[part]).of(user, present[part])

    def searches(self) -> list[forms.BoundField]:
        """The search fields."""
        return [self[part] for part in TaskVersion.PARTS]

    def parts(self) -> dict[str, Dataset | None]:
        """The programs and data, by their names in `TaskVersion.PARTS`."""
        return {part: self.cleaned_data[part] for part in TaskVersion.PARTS}

    def facts(self) -> dict[str, Any]:
        """What is said of the task."""
        return {name: self.cleaned_data[name] for name in ("name", "description", "is_public")}


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

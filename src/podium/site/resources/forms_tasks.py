"""Forms that make, change and share tasks."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any, cast

from django import forms
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext_lazy as _

from podium.site.accounts.choosing import PeopleField
from podium.site.accounts.models import User
from podium.site.choosing import SearchField
from podium.site.errors import Refused
from podium.site.resources import services
from podium.site.resources.choosing import PARTS, SOLUTION
from podium.site.resources.forms import Refusable, description_field, name_field
from podium.site.resources.models import Dataset, Task, TaskVersion

_FILE = "_file"
CHOSEN = {**PARTS, "solution": SOLUTION}
"""What a task consists of, and what proves that it works, by the type of the file."""
_HELP = {
    "scoring_program": _("Reads what was submitted and writes the scores."),
    "ingestion_program": _("Runs the submitted program; without one, what is submitted are results."),
    "input_data": _("What the submitted program gets."),
    "reference_data": _("The truth, which only the scoring program sees."),
}


class TaskForm(Refusable):
    """What a task is and consists of; programs and data are chosen by search fields, or come as files."""

    says_optional = False
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
    solution = SearchField(
        SOLUTION,
        required=False,
        label=_("Solution"),
        help_text=_(
            "A submission that works: once it has finished on the task, the task is marked as validated. Participants "
            "can download it."
        ),
    )
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
            cast("SearchField", self.fields[part]).of(user, present[part])
            self.fields[part].help_text, self.fields[part].required = _HELP[part], False
        cast("SearchField", self.fields["solution"]).of(user)
        if version is not None and version.task.solutions.exists():
            self.fields["solution"].label = _("Another solution")
        for part in CHOSEN:
            widget = forms.FileInput(attrs={"accept": ".zip"})
            label = _("or upload it (.zip)")
            self.fields[f"{part}{_FILE}"] = forms.FileField(required=False, label=label, widget=widget)
        self._user = user

    def pairs(self) -> list[tuple[str, forms.BoundField, forms.BoundField]]:
        """Of each part its name, the search field, and the one for a file in its place."""
        return [(str(self.fields[part].label), self[part], self[f"{part}{_FILE}"]) for part in CHOSEN]

    def take_files(self) -> bool:
        """Keep the files that came, whatever else is wrong, and choose them; whether nothing is wrong."""
        for part, kind in CHOSEN.items():
            file = self.files.get(f"{part}{_FILE}")
            if file is None or f"{part}{_FILE}" in self.errors:
                continue
            called = file.name or part
            try:
                kept = services.store_upload(
                    user=self._user,
                    type=part,
                    file=file,
                    file_name=called,
                    size=file.size or 0,
                    name=services.free_dataset_name(self._user, PurePath(called).stem),
                )
            except Refused as refused:
                self.add_error(f"{part}{_FILE}", refused.message)
                continue
            self.cleaned_data[part] = kept
            self.errors.pop(part, None)
            self.data = MultiValueDict({**dict(cast("Any", self.data).lists()), part: [kind.shown(kept, self._user)]})
        if not self.cleaned_data.get("scoring_program") and not {"scoring_program", f"scoring_program{_FILE}"} & set(
            self.errors
        ):
            self.add_error("scoring_program", _("Choose a scoring program, or upload one."))
        return not self.errors

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

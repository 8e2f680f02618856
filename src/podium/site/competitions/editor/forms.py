"""Forms of the editor: each a part of what `services.editing` takes; what that refuses is said beside its field."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePath
from typing import Any, cast

from django import forms
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext_lazy as _

from podium.formats.sections import SWITCHES
from podium.site.accounts.models import User
from podium.site.choosing import SearchField
from podium.site.competitions.editor.said import said
from podium.site.competitions.models import CompetitionType, PagePicture
from podium.site.competitions.services.editor_payload import Path
from podium.site.leaderboards.explanation import RULES
from podium.site.leaderboards.models import SubmissionRule
from podium.site.resources.choosing import FILES, TASKS
from podium.site.resources.models import Dataset, Task
from podium.site.words import Words

MAX_LOGO_BYTES = 2 * 1024 * 1024
EXTRA_ROWS = 2
"""Empty rows at the end of a table, for what is added."""
SIZES = ("memory_limit", "disk_limit", "shared_memory_limit", "output_limit")
LIMITS = ("execution_time_limit", *SIZES, "cpu_limit", "process_limit", "gpus", "network")


def _text(label: Words, **options: Any) -> forms.CharField:
    return forms.CharField(**{"required": False, "label": label, "max_length": 256, **options})


def _long(label: Words, rows: int = 8, **options: Any) -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": rows})
    return forms.CharField(**{"required": False, "label": label, "widget": widget, "strip": False, **options})


def _switch(label: Words, help_text: Words = "") -> forms.BooleanField:
    return forms.BooleanField(required=False, label=label, help_text=help_text)


def _number(label: Words, **options: Any) -> forms.IntegerField:
    return forms.IntegerField(**{"required": False, "label": label, "min_value": 0, **options})


def _picture(label: Words, help_text: Words) -> forms.FileField:
    widget = forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/gif,image/webp"})
    return forms.FileField(required=False, label=label, widget=widget, help_text=help_text)


class Section(forms.Form):
    """A part of a competition; `seen` tells what it was when the page was opened."""

    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def groups(self) -> list[tuple[Words, list[forms.BoundField]]]:
        """The fields in the groups in which they are shown, each with its heading, or "" for none."""
        return [("", [self[name] for name in self.fields])]

    def refuse(self, messages: Sequence[tuple[Path, str]], prefix: Path = ()) -> None:
        """Say what the service refuses: beside the field below `prefix` that it names, else on top."""
        for path, text in messages:
            below = path[len(prefix) :] if path[: len(prefix)] == prefix else path
            named = next((str(step) for step in below if str(step) in self.fields), None)
            self.add_error(named, said(text))

    def given(self) -> dict[str, Any]:
        """What the form says, as the service takes it."""
        return {name: value for name, value in self.cleaned_data.items() if name != "seen"}


class DetailsForm(Section):
    """What a competition is called and how it looks."""

    title = _text(_("Title"), required=True)
    description = _long(_("Description"), rows=3, help_text=_("One or two sentences for lists and search."))
    logo = _picture(_("Logo"), _("PNG, JPEG, GIF or WebP, up to 2 MiB. Left empty, the present one stays."))
    competition_type = forms.ChoiceField(label=_("Type"), choices=CompetitionType.choices)
    docker_image = _text(_("Docker image"), max_length=255, help_text=_("In which programs run; phases share it."))
    reward = _text(_("Reward"))
    contact_email = _text(_("E-mail address for questions"))
    report = _text(_("Address of a report"), help_text=_("A paper or a page about the competition."))

    def clean_logo(self) -> Any:
        """The picture as the API takes it."""
        file = self.cleaned_data["logo"]
        if not file:
            return None
        if file.size > MAX_LOGO_BYTES:
            raise forms.ValidationError(_("A logo has at most 2 MiB."))
        return {"file_name": file.name, "data": base64.b64encode(file.read()).decode()}

    def given(self) -> dict[str, Any]:
        facts = super().given()
        if facts["logo"] is None:
            del facts["logo"]
        return facts


_SWITCH_WORDS: Mapping[str, tuple[Words, Words]] = {
    "registration_auto_approve": (
        _("Whoever asks takes part at once"),
        _("Otherwise an organizer approves each person."),
    ),
    "allow_robot_submissions": (_("Bots may submit"), ""),
    "auto_run_submissions": (_("Submissions run at once"), _("Otherwise an organizer starts each.")),
    "can_participants_make_submissions_public": (_("Participants may make their submissions public"), ""),
    "make_programs_available": (_("Participants may download the programs"), ""),
    "make_input_data_available": (_("Participants may download the input data"), ""),
    "enable_detailed_results": (_("Scoring programs write detailed results"), ""),
    "show_detailed_results_in_submission_panel": (_("Detailed results are shown with one's submissions"), ""),
    "show_detailed_results_in_leaderboard": (_("Detailed results are shown on the leaderboard"), ""),
    "forum_enabled": (_("The competition has a forum"), ""),
    "history": (_("Scoring programs are told who submitted, and earlier scores"), ""),
}


_SWITCH_GROUPS: tuple[tuple[Words, tuple[str, ...]], ...] = (
    (_("Taking part"), ("registration_auto_approve", "allow_robot_submissions", "forum_enabled")),
    (_("Submissions"), ("auto_run_submissions", "can_participants_make_submissions_public", "history")),
    (_("Downloads"), ("make_programs_available", "make_input_data_available")),
    (
        _("Detailed results"),
        (
            "enable_detailed_results",
            "show_detailed_results_in_submission_panel",
            "show_detailed_results_in_leaderboard",
        ),
    ),
)


class ParticipationForm(Section):
    """Who takes part, on which terms, and what participants may."""

    terms = _long(_("Terms"), rows=10, help_text=_("Markdown. Everybody agrees to them before taking part."))
    whitelist_emails = _long(
        _("Approved addresses"),
        rows=4,
        help_text=_("One e-mail address a line. Whoever has one takes part at once."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in SWITCHES:
            if name in _SWITCH_WORDS:
                self.fields[name] = _switch(*_SWITCH_WORDS[name])

    def groups(self) -> list[tuple[Words, list[forms.BoundField]]]:
        grouped = {name for _legend, names in _SWITCH_GROUPS for name in names}
        first: tuple[Words, list[forms.BoundField]] = ("", [self[name] for name in self.fields if name not in grouped])
        return [
            first,
            *((legend, [self[name] for name in names if name in self.fields]) for legend, names in _SWITCH_GROUPS),
        ]

    def given(self) -> dict[str, Any]:
        facts = super().given()
        return {**facts, "whitelist_emails": facts["whitelist_emails"].split()}


class PageForm(Section):
    """A page of a competition."""

    title = _text(_("Title"), required=True)
    content = _long(_("Text"), rows=20, help_text=_("Markdown, or HTML."))
    picture = _picture(
        _("Add a picture"),
        _("PNG, JPEG, GIF or WebP, up to 10 MiB. It can be pasted or dropped into the text as well."),
    )
    at = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)
    index = _number(_("Place"), help_text=_("Pages stand in this order; 0 is the first."))

    def given(self) -> dict[str, Any]:
        facts = super().given()
        return {name: value for name, value in facts.items() if name not in {"picture", "at"}}

    def show(self, picture: PagePicture) -> None:
        """Put a picture into the text: where the cursor was, as a paragraph of its own."""
        cleaned, file = self.cleaned_data, self.cleaned_data["picture"]
        text = str(cleaned["content"]).replace("\r\n", "\n")
        at = len(text) if cleaned["at"] is None else cleaned["at"]
        words = " ".join(re.sub(r"[^\w-]", " ", PurePath(file.name or "").stem).split())
        parts = (text[:at].rstrip(), f"![{words}]({picture.name})", text[at:].lstrip("\n"))
        cleaned["content"] = "\n\n".join(part for part in parts if part)
        if not parts[2]:
            cleaned["content"] += "\n"
        now = {"content": [cleaned["content"]], "at": [""]}
        self.data = MultiValueDict({**dict(cast("Any", self.data).lists()), **now})  # as the form comes back


def _moment(label: Words, **options: Any) -> forms.DateTimeField:
    widget = forms.DateTimeInput(attrs={"type": "datetime-local", "data-utc": ""}, format="%Y-%m-%dT%H:%M")
    formats = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
    return forms.DateTimeField(**{"label": label, "widget": widget, "input_formats": formats, **options})


def _size(label: Words) -> forms.CharField:
    return _text(label, max_length=30, help_text=_("For example 8 GB. Left empty, what the site gives."))


class PhaseForm(Section):
    """A phase: when, with which tasks and files, under which limits. Tasks stand in `TaskFormSet` beside it."""

    name = _text(_("Name"), required=True)
    description = _long(_("Description"), rows=4, help_text=_("Markdown."))
    start = _moment(_("Start"), help_text="")
    end = _moment(_("End"), required=False, help_text=_("Left empty, the phase stays open."))
    index = _number(_("Place"), help_text=_("Phases stand in this order; 0 is the first."))
    parallel = _switch(_("May overlap the phase before it"))
    leaderboard = forms.ChoiceField(label=_("Leaderboard"))
    add_task = SearchField(
        TASKS,
        required=False,
        label=_("Add a task"),
        help_text=_("Write a part of its name and choose: one of yours, a shared or a public one."),
    )
    public_data = SearchField(FILES["public_data"], required=False, label=_("Public data"))
    starting_kit = SearchField(FILES["starting_kit"], required=False, label=_("Starting kit"))
    max_submissions_per_day = _number(_("Submissions a day and person"), help_text=_("0 or empty is no limit."))
    max_submissions_per_person = _number(_("Submissions of a person in all"), help_text=_("0 or empty is no limit."))
    failed_submissions_count = _switch(_("Failures that are the participant's fault count as tries"))
    accepts_only_result_submissions = _switch(_("Takes results only, no code"))
    auto_migrate_to_this_phase = _switch(_("Takes over the submissions of the phase before it when it starts"))
    hide_output = _switch(_("Participants see no output at all"))
    hide_prediction_output = _switch(_("Participants see no output of the ingestion step"))
    hide_score_output = _switch(_("Participants see no output of the scoring step"))
    execution_time_limit = _number(_("Time limit of a step in seconds"), min_value=1)
    memory_limit = _size(_("Memory of a step"))
    disk_limit = _size(_("Disk of a step"))
    shared_memory_limit = _size(_("Shared memory of a step (/dev/shm)"))
    output_limit = _size(_("What a program may print"))
    cpu_limit = forms.FloatField(required=False, label=_("Processors of a step"), min_value=0)
    process_limit = _number(_("Processes and threads of a step"))
    gpus = _number(_("GPUs of a step"))
    network = _switch(_("Programs have network"), _("Where site and worker allow it."))

    def __init__(
        self,
        *args: Any,
        boards: Sequence[tuple[str, str]],
        user: User,
        held: Collection[str],
        files: Mapping[str, Dataset | None],
        **kwargs: Any,
    ) -> None:
        """held: keys of the tasks that the phase has. files: what it gives now."""
        kwargs["initial"] = {**kwargs["initial"], **files}
        super().__init__(*args, **kwargs)
        self._held = held
        self.fields["leaderboard"].choices = list(boards)  # type: ignore[attr-defined]
        cast("SearchField", self.fields["add_task"]).of(user)
        for name, present in files.items():
            cast("SearchField", self.fields[name]).of(user, present)

    def refuse(self, messages: Sequence[tuple[Path, str]], prefix: Path = ()) -> None:
        """Tasks stand in rows, and are added by a field."""
        super().refuse(
            [(tuple("add_task" if step == "tasks" else step for step in path), text) for path, text in messages], prefix
        )

    def clean_add_task(self) -> Task | None:
        """A task that the phase has not yet."""
        task: Task | None = self.cleaned_data["add_task"]
        if task is not None and str(task.key) in self._held:
            raise forms.ValidationError(_("The phase has this task already."))
        return task

    def limits(self) -> list[forms.BoundField]:
        """The fields of the limits of steps, which have a place of their own."""
        return [self[name] for name in LIMITS]

    def given(self) -> dict[str, Any]:
        """Dates that were not touched are left out: a field shows no seconds, which they may have."""
        facts = super().given()
        del facts["add_task"], facts["index"]
        for name in ("start", "end"):
            if self.initial.get(name) is not None and name not in self.changed_data:
                del facts[name]
            elif facts[name] is not None:
                facts[name] = facts[name].isoformat()
        for name in FILES:
            facts[name] = str(facts[name].key) if facts[name] else None
        for name in SIZES:
            facts[name] = facts[name] or None
        facts["leaderboard"] = int(facts["leaderboard"])
        facts["has_max_submissions"] = bool(facts["max_submissions_per_day"] or facts["max_submissions_per_person"])
        if facts["execution_time_limit"] is None:
            del facts["execution_time_limit"]
        return facts


class TaskRowForm(forms.Form):
    """A task that a phase has already: its place, and whether it goes."""

    says_optional = False
    key = forms.UUIDField(widget=forms.HiddenInput)
    order_index = _number(_("Place"))
    remove = _switch(_("Take out"))


TaskFormSet = forms.formset_factory(TaskRowForm, extra=0)


class BoardForm(Section):
    """A leaderboard; its columns stand in `ColumnFormSet` beside it."""

    title = _text(_("Title"), required=True, max_length=64)
    key = _text(
        _("Key"),
        required=True,
        max_length=36,
        help_text=_("A short word, as in competition.yaml."),
    )
    submission_rule = forms.ChoiceField(label=_("Submission rule"), choices=list(RULES.items()))
    primary = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)
    """The row of the column that decides first; chosen in the rows."""
    hidden = _switch(_("Hidden from participants"))
    columns: Sequence[forms.Form] = ()
    """The rows that are columns, in their order."""

    def refuse(self, messages: Sequence[tuple[Path, str]], prefix: Path = ()) -> None:
        """What is said of a column stands in its row."""
        own = []
        for path, text in messages:
            below = path[len(prefix) :] if path[: len(prefix)] == prefix else ()
            if len(below) > 1 and below[0] == "columns" and isinstance(below[1], int) and below[1] < len(self.columns):
                row = self.columns[below[1]]
                named = [_COLUMN_FIELDS.get(str(step), str(step)) for step in below[2:3]]
                row.add_error(next((name for name in named if name in row.fields), None), said(text))
            else:
                own.append((path, text))
        super().refuse(own, prefix)


_COLUMN_FIELDS = {"computation_indexes": "of"}
"""Fields of a column that a row calls otherwise."""


class ColumnRowForm(forms.Form):
    """A column of a leaderboard. A row without key is none."""

    says_optional = False
    id = forms.IntegerField(required=False, widget=forms.HiddenInput)
    index = _number(_("Place"))
    title = _text(_("Title"), max_length=64)
    key = _text(_("Key"), max_length=64)
    sorting = forms.ChoiceField(
        choices=[("desc", _("Higher is better")), ("asc", _("Lower is better"))],
        label=_("Order"),
    )
    precision = _number(_("Digits"), max_value=17, initial=2)
    computation = forms.ChoiceField(
        required=False,
        label=_("Computed"),
        choices=[
            ("", _("No")),
            ("avg", _("Average")),
            ("sum", _("Sum")),
            ("min", _("Smallest")),
            ("max", _("Largest")),
        ],
    )
    of = _text(_("Of the columns"), max_length=500, help_text=_("Keys, with blanks between."))
    group = _text(_("Heading"), help_text=_("Shared with columns beside it."))
    hidden = _switch(_("Hidden"))
    remove = _switch(_("Delete"))

    def clean(self) -> dict[str, Any]:
        """A title alone is no column, and would go unseen."""
        said = super().clean() or self.cleaned_data
        if said.get("title") and not said.get("key") and not said.get("remove"):
            self.add_error("key", _("A column needs a key: the name of its score in scores.json."))
        return said


ColumnFormSet = forms.formset_factory(ColumnRowForm, extra=EXTRA_ROWS)


class QuestionRowForm(forms.Form):
    """A question of the fact sheet. A row without key is none."""

    says_optional = False
    key = _text(_("Key"), max_length=64)
    title = _text(_("Question"))
    type = forms.ChoiceField(
        label=_("Answer"),
        choices=[
            ("text", _("Text")),
            ("checkbox", _("Yes or no")),
            ("select", _("One of these")),
        ],
    )
    selection = forms.CharField(
        required=False,
        label=_("Choices"),
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("One a line."),
        strip=False,
    )
    is_required = _switch(_("Required"))
    is_on_leaderboard = _switch(_("On the leaderboard"))
    remove = _switch(_("Delete"))

    def clean(self) -> dict[str, Any]:
        """One of these needs some to choose from, and a question a key."""
        said = super().clean() or self.cleaned_data
        if said.get("remove"):
            return said
        if said.get("type") == "select" and said.get("key") and not said.get("selection", "").strip():
            self.add_error("selection", _("Write what one chooses from, one a line."))
        if said.get("title") and not said.get("key"):
            self.add_error("key", _("A question needs a key, by which its answers are found."))
        return said


QuestionFormSet = forms.formset_factory(QuestionRowForm, extra=EXTRA_ROWS)


class CollaboratorForm(Section):
    """Somebody who is to organize the competition as well."""

    username = _text(_("User name"), required=True, widget=forms.TextInput(attrs={"autocomplete": "off"}))


class NewForm(Section):
    """The least that a competition is made of; everything else is edited afterwards."""

    title = _text(_("Title"), required=True)
    description = _long(_("Description"), rows=3)
    competition_type = forms.ChoiceField(label=_("Type"), choices=CompetitionType.choices)
    task = SearchField(
        TASKS,
        label=_("Task"),
        help_text=_("How submissions are run and scored. Write a part of its name and choose."),
    )
    phase = _text(_("Name of the first phase"), required=True, initial="Development")
    start = _moment(_("Start of the first phase"))
    end = _moment(_("Its end"), required=False, help_text=_("Left empty, it stays open."))
    column_title = _text(_("Name of the score"), required=True, max_length=64, initial="Score")
    column_key = _text(
        _("Key of the score"),
        required=True,
        max_length=64,
        initial="score",
        help_text=_("As the scoring program writes it."),
    )
    sorting = forms.ChoiceField(
        choices=[("desc", _("Higher is better")), ("asc", _("Lower is better"))],
        label=_("Order"),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast("SearchField", self.fields["task"]).of(user)

    def refuse(self, messages: Sequence[tuple[Path, str]], prefix: Path = ()) -> None:
        """Fields of the payload have other names here."""
        words = {"name": "phase", "tasks": "task", "key": "column_key"}
        super().refuse([(tuple(words.get(str(step), step) for step in path), text) for path, text in messages], prefix)

    def given(self) -> dict[str, Any]:
        facts = super().given()
        end = facts["end"].isoformat() if facts["end"] else None
        phase = {
            "name": facts["phase"],
            "start": facts["start"].isoformat(),
            "end": end,
            "tasks": [str(facts["task"].key)],
        }
        column = {"title": facts["column_title"], "key": facts["column_key"], "index": 0, "sorting": facts["sorting"]}
        board = {"title": "Results", "key": "main", "submission_rule": SubmissionRule.FORCE_BEST, "columns": [column]}
        named = {name: facts[name] for name in ("title", "description", "competition_type")}
        return {**named, "phases": [phase], "leaderboards": [board]}

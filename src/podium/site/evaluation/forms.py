"""The forms that take a submission and that filter lists of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from podium.site.accounts import policies as accounts
from podium.site.accounts.choosing import ORGANIZATIONS
from podium.site.accounts.models import Organization, User
from podium.site.choosing import OFFERED, SearchField
from podium.site.competitions.models import Phase
from podium.site.errors import Refused
from podium.site.evaluation.models import MAX_CREDIT
from podium.site.evaluation.states import SubmissionStatus
from podium.site.leaderboards.models import Score
from podium.site.leaderboards.services import typed_score
from podium.site.resources.forms import UploadForm
from podium.site.resources.models import Task

_PREFIX = "fact-"


class FilterForm(forms.Form):
    """Which of everybody's submissions the organizers' list shows."""

    search = forms.CharField(
        required=False, max_length=200, widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"})
    )
    phase = forms.TypedChoiceField(required=False, coerce=int, empty_value=None)
    status = forms.ChoiceField(required=False, choices=[("", _("All")), *SubmissionStatus.choices])

    def __init__(self, *args: Any, phases: list[Phase], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        phase = self.fields["phase"]
        assert isinstance(phase, forms.TypedChoiceField)  # noqa: S101 - declared above
        phase.choices = [("", _("All")), *((each.pk, each.name) for each in phases)]


class OwnFilterForm(forms.Form):
    """Which of one's own submissions the resources page shows."""

    search = FilterForm.base_fields["search"]
    competition = forms.TypedChoiceField(required=False, coerce=int, empty_value=None)
    status = FilterForm.base_fields["status"]

    def __init__(self, *args: Any, competitions: Sequence[tuple[int, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["competition"]
        assert isinstance(field, forms.TypedChoiceField)  # noqa: S101 - declared above
        field.choices = [("", _("All")), *competitions]


class SubmissionForm(UploadForm):
    """The archive, in whose name, the choice of tasks where there are several, and the competition's fact sheet."""

    organization = forms.TypedChoiceField(
        required=False,
        coerce=int,
        empty_value=None,
        label=_("Submit as"),
        help_text=_("On leaderboards it stands under that name."),
    )

    tasks = forms.MultipleChoiceField(
        required=False,
        label=_("Tasks"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one task.")},
    )

    def __init__(self, *args: Any, phase: Phase, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._offer_organizations(user)
        self._tasks: dict[str, Task] = {str(link.task.pk): link.task for link in phase.phase_tasks.all()}
        self._questions: Mapping[str, Any] = phase.competition.fact_sheet or {}
        if len(self._tasks) > 1:
            choice = self.fields["tasks"]
            assert isinstance(choice, forms.MultipleChoiceField)  # noqa: S101 - declared above
            choice.choices = [(pk, task.name) for pk, task in self._tasks.items()]
            choice.initial = list(self._tasks)
            choice.required = True
        else:
            del self.fields["tasks"]
        for key, question in self._questions.items():
            self.fields[_PREFIX + key] = _answer_field(question)

    def _offer_organizations(self, user: User) -> None:
        """A few are chosen from a list, many by a part of their name."""
        few = list(accounts.submitting_for(user).order_by("name")[: OFFERED + 1])
        self._organizations = {one.pk: one for one in few}
        if len(few) > OFFERED:
            help_text = _("Write a part of an organization's name and choose. Left empty, you submit as yourself.")
            field = SearchField(ORGANIZATIONS, required=False, label=_("Submit as"), help_text=help_text)
            field.of(user)
            self.fields["organization"] = field
        elif few:
            myself = _("Myself (%(name)s)") % {"name": user.shown_name}
            choice = cast("forms.TypedChoiceField", self.fields["organization"])
            choice.choices = [("", myself), *((one.pk, one.name) for one in few)]
        else:
            del self.fields["organization"]

    def chosen_organization(self) -> Organization | None:
        """In whose name; None is the person's own."""
        chosen = self.cleaned_data.get("organization")
        return self._organizations[chosen] if isinstance(chosen, int) else chosen

    def chosen_tasks(self) -> list[Task] | None:
        """The tasks that were ticked; None where there is no choice."""
        chosen = self.cleaned_data.get("tasks")
        return [self._tasks[pk] for pk in chosen] if chosen else None

    def answers(self) -> dict[str, Any] | None:
        """The answers by question key, as the fact sheet's own values; None where there is no fact sheet."""
        if not self._questions:
            return None
        return {
            key: _as_defined(question, self.cleaned_data.get(_PREFIX + key))
            for key, question in self._questions.items()
        }

    def fact_fields(self) -> list[forms.BoundField]:
        """The questions in their order, for the template."""
        return [self[_PREFIX + key] for key in self._questions]


def _is_required(question: Mapping[str, Any]) -> bool:
    return str(question.get("is_required", "")).lower() == "true"


def _answer_field(question: Mapping[str, Any]) -> forms.Field:
    label = str(question.get("title") or question.get("key") or "")
    if question.get("type") == "checkbox":
        return forms.BooleanField(label=label, required=False)
    if question.get("type") == "select":
        choices = [(str(value), str(value)) for value in question.get("selection") or [] if str(value) != ""]
        return forms.ChoiceField(label=label, required=_is_required(question), choices=[("", "—"), *choices])
    return forms.CharField(label=label, required=_is_required(question), max_length=10_000)


def _as_defined(question: Mapping[str, Any], answer: Any) -> Any:
    """A choice as the very value that the fact sheet lists: a form sends only text."""
    if question.get("type") != "select":
        return answer
    return next((value for value in question.get("selection") or [] if str(value) == answer), answer)


class ScoresForm(forms.Form):
    """The scores of a submission, as an organizer sets them."""

    def __init__(self, *args: Any, scores: Sequence[Score], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._scores = {f"score-{score.pk}": score for score in scores}
        for name, score in self._scores.items():
            attrs = {"inputmode": "decimal", "autocomplete": "off"}
            self.fields[name] = forms.CharField(
                label=score.column.title, initial=score.text, widget=forms.TextInput(attrs=attrs)
            )

    def clean(self) -> dict[str, Any]:
        """Each is a number, as typed."""
        cleaned: dict[str, Any] = super().clean() or {}
        for name in set(self._scores) & set(cleaned):
            try:
                typed_score(cleaned[name])
            except Refused as refused:
                self.add_error(name, refused.message)
        return cleaned

    def changed(self) -> list[tuple[Score, float, str]]:
        """The scores that are not as they were, with value and text."""
        texts = {name: self.cleaned_data[name] for name in self._scores}
        return [
            (self._scores[name], typed_score(text), text)
            for name, text in texts.items()
            if text != self._scores[name].text
        ]


class CreditForm(forms.Form):
    """Tries that an organizer gives a person beyond the limits."""

    phase = forms.ModelChoiceField(Phase.objects.none(), empty_label=None, label=_("Phase"))
    tries = forms.IntegerField(label=_("Tries"), min_value=1, max_value=MAX_CREDIT, initial=1)
    note = forms.CharField(
        label=_("Note"), max_length=240, help_text=_("Why; for example: the scorer was wrong on Monday.")
    )

    def __init__(self, *args: Any, phases: Sequence[Phase], **more: Any) -> None:
        super().__init__(*args, **more)
        choices = Phase.objects.filter(pk__in=[phase.pk for phase in phases]).order_by("index")
        cast("forms.ModelChoiceField[Phase]", self.fields["phase"]).queryset = choices

"""A competition made or changed as the editor sends it: all of it or nothing, held to the rules of bundles.

What is sent is read by `podium.formats.editor`; here it becomes rows. Nobody can use what is not theirs to use: tasks
and files must be visible to whoever sends them or be in the competition already, a queue must be theirs or public.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, ProtectedError, Q
from django.utils.translation import gettext as _

from podium.formats import editor
from podium.formats.editor import BoardRow, EditedCompetition, PhaseRow
from podium.site.accounts.models import User
from podium.site.accounts.policies import people_to_name
from podium.site.audit.actions import Action
from podium.site.audit.services import record
from podium.site.competitions import policies
from podium.site.competitions.description import PHASE_SAME
from podium.site.competitions.models import (
    AS_ADMINISTRATOR,
    Competition,
    Page,
    Participant,
    ParticipantStatus,
    Phase,
    PhaseTask,
    WhitelistEmail,
)
from podium.site.competitions.services import edits, queueing
from podium.site.competitions.services.editor_payload import FieldsRefused, Path, merged, present
from podium.site.competitions.services.icons import stored_icon
from podium.site.errors import Forbidden, Refused
from podium.site.evaluation import wakeups
from podium.site.evaluation.limits import ceilings_by_key
from podium.site.evaluation.models import Submission
from podium.site.evaluation.services import additions, boards
from podium.site.evaluation.services import limits as settling
from podium.site.forums.services.opening import open_forum
from podium.site.leaderboards import services as leaderboards
from podium.site.leaderboards.models import Column, Leaderboard
from podium.site.pictures import read_picture
from podium.site.queues.services.lifecycle import leave_where_nobody_may
from podium.site.resources import policies as resources
from podium.site.resources import storage
from podium.site.resources.models import Dataset, StoredFile, Task
from podium.site.resources.services import refuse_over_quota

MAX_COLLABORATORS = 100
_AWAY = 1_000_000
"""Added to indexes while they change, so that no two phases meet on one."""
_SIZES = ("memory_limit", "disk_limit", "shared_memory_limit", "output_limit")
_LIMITS = frozenset(("execution_time_limit", *_SIZES, "cpu_limit", "process_limit", "gpus", "network"))
_COLUMN = ("title", "key", "index", "sorting", "computation", "computation_indexes", "hidden", "precision", "group")
_BOARD = ("title", "key", "hidden", "primary_index", "submission_rule")
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def create_competition(*, user: User, given: Mapping[str, Any]) -> Competition:
    """Make a competition of `user`'s own of what the editor sends. Raises FieldsRefused and Refused; nothing is left.

    given: Codabench's fields of a competition with its pages, phases and leaderboards; logo and queue as well.
    """
    wanted = _read(merged({}, given))
    with storage.removed_on_failure() as stored:
        logo, icon = _stored_logo(given, user, stored)
        with transaction.atomic():
            competition = Competition.objects.create(title=wanted.title, created_by=user, logo=logo, logo_icon=icon)
            open_forum(competition)
            Participant.objects.create(competition=competition, user=user, status=ParticipantStatus.APPROVED)
            phases = [phase.phase.name for phase in wanted.phases]
            facts = {"title": wanted.title, "type": wanted.competition_type, "phases": phases}
            record(Action.COMPETITION_CREATED, by=user, on=competition, after=facts)
            _apply(competition, wanted, user)
            _choose_queue(competition, given, user)
            _set_collaborators(competition, wanted.collaborators, user)
    return competition


def update_competition(*, competition: Competition, by: User, given: Mapping[str, Any]) -> Competition:
    """Change what is given of a competition, all or nothing.

    given: as for `create_competition`, each part optional. Pages and phases that a list leaves out are deleted; a phase
    that has submissions is not. Tasks that come to a phase are run for its submissions with several tasks.
    Raises Forbidden for non-organizers, FieldsRefused and Refused.
    """
    if not policies.can_administer(by, competition):
        raise Forbidden(_("You do not have permission to perform this action."))
    with storage.removed_on_failure() as stored:
        changes_logo = "logo" in given and not _is_address(given["logo"])
        pictures = _stored_logo(given, competition.created_by or by, stored) if changes_logo else (None, None)
        with transaction.atomic():
            # The row is the lock under which a competition is changed: two who do so at once do it in turn.
            locked = Competition.objects.select_for_update(of=("self",)).get(pk=competition.pk)
            there = present(locked)
            wanted = _read(merged(there, given))
            _apply(locked, wanted, by)
            before, after = edits.compared(there, present(locked))
            _choose_queue(locked, given, by)
            if changes_logo:
                _replace_logo(locked, *pictures)
                after["logo"] = "changed"
            wakeups.notify(wakeups.competition_topic(locked.pk))
            wakeups.notify(wakeups.access_topic(locked.pk))
            record(Action.COMPETITION_EDITED, by=by, on=locked, before=before, after=after)
            _set_collaborators(locked, wanted.collaborators, by)  # last: somebody may take themselves away
    return locked


def _read(whole: Mapping[str, Any]) -> EditedCompetition:
    wanted, faults = editor.read(whole, ceilings_by_key())
    if wanted is None:
        errors = [fault for fault in faults if fault.severity == "error"]
        raise FieldsRefused([(_path(fault.path), fault.message) for fault in errors])
    return wanted


def _path(text: str) -> Path:
    if text.startswith("fact_sheet"):
        return ("fact_sheet",)  # Codabench tells all faults of it at one place
    return tuple(int(index) if index else word for word, index in _STEP.findall(text))


def _is_address(given: Any) -> bool:
    """Whether a logo is the address of the present one, which the API gives out."""
    return isinstance(given, str) and given.startswith(("http://", "https://", "/"))


def _stored_logo(
    given: Mapping[str, Any], owner: User, stored: list[StoredFile]
) -> tuple[StoredFile | None, StoredFile | None]:
    """The logo and its icon, which take of the owner's space."""
    picture = read_picture(given.get("logo"), "logo")
    if picture is None:
        return None, None
    refuse_over_quota(owner, len(picture.content))
    logo = storage.store(io.BytesIO(picture.content), folder="logo", name=picture.name)
    stored.append(logo)
    return logo, stored_icon(picture.content, picture.name.rpartition(".")[0], stored)


def _replace_logo(competition: Competition, logo: StoredFile | None, icon: StoredFile | None) -> None:
    former = [file for file in (competition.logo, competition.logo_icon) if file is not None]
    Competition.objects.filter(pk=competition.pk).update(logo=logo, logo_icon=icon)
    competition.logo, competition.logo_icon = logo, icon
    for file in former:
        try:
            with transaction.atomic():
                storage.delete(file)
        except ProtectedError:
            continue  # an archive or another competition has it too


def _choose_queue(competition: Competition, given: Mapping[str, Any], by: User) -> None:
    if "queue" in given:
        named = given["queue"]
        chosen = queueing.queue_with_id(named.get("id") if isinstance(named, Mapping) else named)
        queueing.choose_queue(competition=competition, queue=chosen, by=by)


def _apply(competition: Competition, wanted: EditedCompetition, by: User) -> None:
    facts: dict[str, Any] = {
        **{name: getattr(wanted, name) for name in ("title", "description", "terms", "docker_image")},
        **{name: getattr(wanted, name) for name in ("contact_email", "reward", "report")},
        **wanted.switches,
        "competition_type": wanted.competition_type.value,
        "fact_sheet": {key: each.as_codabench() for key, each in wanted.fact_sheet.items()}
        if wanted.fact_sheet
        else None,
    }
    _update(competition, facts)
    _set_pages(competition, wanted)
    _set_whitelist(competition, wanted.whitelist_emails)
    rows = [_set_board(competition, board, by) for board in wanted.boards]
    _Phases(competition, rows, by).set(wanted.phases)


def _update(row: Any, values: Mapping[str, Any]) -> set[str]:
    """Write what is other than it was; returns the names."""
    changed = {name for name, value in values.items() if getattr(row, name) != value}
    for name in changed:
        setattr(row, name, values[name])
    if changed:
        row.save(update_fields=changed)
    return changed


def _set_pages(competition: Competition, wanted: EditedCompetition) -> None:
    there = {page.pk: page for page in competition.pages.all()}
    competition.pages.exclude(pk__in=[page.id for page in wanted.pages if page.id]).delete()
    for index, page in enumerate(wanted.pages):
        values = {"title": page.title, "content": page.content, "index": index}
        if page.id is None:
            Page.objects.create(competition=competition, **values)
        else:
            _update(there[page.id], values)


def _set_whitelist(competition: Competition, wanted: Iterable[str]) -> None:
    emails = list(wanted)
    competition.whitelist_emails.exclude(email__in=emails).delete()
    known = set(competition.whitelist_emails.values_list("email", flat=True))
    rows = [WhitelistEmail(competition=competition, email=each) for each in emails if each not in known]
    WhitelistEmail.objects.bulk_create(rows)


def _set_collaborators(competition: Competition, wanted: Iterable[int], by: User) -> None:
    """Set who collaborates; they take part from then on, in this competition alone."""
    ids = [pk for pk in wanted if pk != competition.created_by_id]
    before = set(competition.collaborators.values_list("pk", flat=True))
    usable = User.objects.filter(Q(pk__in=people_to_name()) | Q(pk__in=before), pk__in=ids)
    people = {user.pk: user for user in usable}
    missing = [(("collaborators",), f'Invalid pk "{pk}" - object does not exist.') for pk in ids if pk not in people]
    if missing:
        raise FieldsRefused(list(missing))
    if len(ids) > MAX_COLLABORATORS:
        raise FieldsRefused(
            [(("collaborators",), _("A competition has at most %(most)s collaborators.") % {"most": MAX_COLLABORATORS})]
        )
    if set(people) != before:
        for user in competition.collaborators.exclude(pk__in=people):
            record(Action.COLLABORATOR_REMOVED, by=by, on=user, competition=competition, about=user)
        competition.collaborators.set(people.values())
        _end_participations(competition, before - set(people))
        leave_where_nobody_may(competition=competition, by=by)
    for user in (people[pk] for pk in people if pk not in before):
        record(Action.COLLABORATOR_ADDED, by=by, on=user, competition=competition, about=user)
        approved = {"status": ParticipantStatus.APPROVED}
        unasked = {**approved, "reason": AS_ADMINISTRATOR}
        row, made = Participant.objects.get_or_create(competition=competition, user=user, defaults=unasked)
        if not made and row.status != ParticipantStatus.APPROVED:
            Participant.objects.filter(pk=row.pk).update(**approved)
            leaderboards.follow_person(owner_id=user.pk, competition=competition)


def _end_participations(competition: Competition, people: Iterable[int]) -> None:
    """Let who administers a competition no more, never asked to take part and has not submitted, not take part either.

    Else anybody could be made somebody's participant, whom the competition mails, by being added and taken out again.
    """
    submitted = Submission.objects.filter(owner=OuterRef("user"), phase__competition=competition)
    rows = Participant.objects.filter(competition=competition, user__in=list(people), reason=AS_ADMINISTRATOR)
    rows.filter(~Exists(submitted)).delete()


def _set_board(competition: Competition, wanted: BoardRow, by: User) -> Leaderboard:
    """Make a leaderboard, or change it; entries follow in the background where they have to."""
    board = wanted.board
    values = {name: getattr(board, name) for name in _BOARD} | {"submission_rule": board.submission_rule.value}
    columns = [
        {
            **{name: getattr(column, name) for name in _COLUMN},
            "sorting": column.sorting.value,
            "computation": column.computation.value if column.computation else "",
            "computation_indexes": list(column.computation_indexes),
        }
        for column in board.columns
    ]
    if wanted.id is None:
        row = Leaderboard.objects.create(competition=competition, **values)
        Column.objects.bulk_create(Column(leaderboard=row, **column) for column in columns)
        return row
    row = Leaderboard.objects.select_related("competition").prefetch_related("columns").get(pk=wanted.id)
    ids = wanted.column_ids
    there = [{"id": one.pk, **{name: getattr(one, name) for name in _COLUMN}} for one in row.columns.all()]
    named = [{"id": ids.get(column["key"]), **column} for column in columns]
    if there != named or {name: getattr(row, name) for name in _BOARD} != values:
        boards.change_board(board=row, by=by, values=values, columns=named)
    return row


class _Phases:
    """Makes the phases of a competition what they are to be."""

    def __init__(self, competition: Competition, rows: list[Leaderboard], by: User) -> None:
        self._competition, self._boards, self._by = competition, rows, by

    def set(self, wanted: tuple[PhaseRow, ...]) -> None:
        """Delete, make and change phases; what each one's tasks and files are is looked up at once."""
        phases = self._competition.phases.select_related("public_data", "starting_kit")
        there = {phase.pk: phase for phase in phases.prefetch_related("phase_tasks__task")}
        tasks = self._tasks(wanted, there.values())
        files = [
            {name: self._file(name, row, there.get(row.id or 0)) for name in ("public_data", "starting_kit")}
            for row in wanted
        ]
        kept = {row.id for row in wanted if row.id}
        for phase in (each for pk, each in there.items() if pk not in kept):
            self._delete(phase)
        if any(row.id and there[row.id].index != row.phase.index for row in wanted):
            self._competition.phases.update(index=F("index") + _AWAY)
            for phase in there.values():
                phase.index += _AWAY
        for row, own in zip(wanted, files, strict=True):
            self._set_one(there.get(row.id or 0), row, own, tasks)

    def _tasks(self, wanted: tuple[PhaseRow, ...], there: Iterable[Phase]) -> dict[str, Task]:
        present = {str(link.task.key): link.task for phase in there for link in phase.phase_tasks.all()}
        keys = {UUID(task.key) for row in wanted for task in row.tasks if task.key not in present}
        found = {str(task.key): task for task in resources.tasks_visible_to(self._by).filter(key__in=keys)} | present
        missing = [
            (("phases", row.place, "tasks"), _("Task with key %(key)s does not exist") % {"key": task.key})
            for row in wanted
            for task in row.tasks
            if task.key not in found
        ]
        if missing:
            raise FieldsRefused(list(missing))
        return found

    def _file(self, name: str, row: PhaseRow, phase: Phase | None) -> Dataset | None:
        key = getattr(row, name)
        present: Dataset | None = getattr(phase, name) if phase else None
        if key is None or (present is not None and str(present.key) == key):
            return present if key else None
        found = resources.datasets_visible_to(self._by).filter(key=UUID(key), type=name).first()
        if found is None or not found.upload_completed_successfully:
            raise FieldsRefused(
                [
                    (
                        ("phases", row.place, name),
                        _('Cannot find %(name)s with key: "%(key)s"') % {"name": name, "key": key},
                    )
                ]
            )
        return found

    def _delete(self, phase: Phase) -> None:
        Phase.objects.select_for_update(of=("self",)).get(pk=phase.pk)
        if phase.submissions.exists():
            message = _(
                'The phase "%(phase)s" has submissions and stays. Send it with its id, or delete them before it.'
            ) % {"phase": phase.name}
            raise FieldsRefused([(("phases",), message)])
        phase.delete()

    def _set_one(
        self, phase: Phase | None, row: PhaseRow, files: Mapping[str, Dataset | None], tasks: Mapping[str, Task]
    ) -> None:
        board = self._boards[row.board]
        values: dict[str, Any] = {
            **{name: getattr(row.phase, name) for name in PHASE_SAME},
            "max_submissions_per_day": row.phase.max_submissions_per_day,
            "max_submissions_per_person": row.phase.max_submissions,
            **files,
        }
        places = {tasks[place.key].pk: place.order_index for place in row.tasks}
        if phase is None:
            made = Phase.objects.create(competition=self._competition, leaderboard=board, **values)
            links = [PhaseTask(phase=made, task_id=pk, order_index=order) for pk, order in places.items()]
            PhaseTask.objects.bulk_create(links)
            return
        if phase.leaderboard_id != board.pk:
            if phase.submissions.exists():
                message = _("A phase that has submissions keeps its leaderboard.")
                raise FieldsRefused([(("phases", row.place, "leaderboard"), message)])
            values["leaderboard"] = board
        for name in ("max_submissions_per_day", "max_submissions_per_person"):
            if not values[name] and not getattr(phase, name):
                del values[name]  # null and 0 are the same: no limit
        if _update(phase, values) & _LIMITS:
            phase.competition = self._competition
            settling.settle_anew(phase=phase, by=self._by)  # what is asked now holds from the next run on
        self._set_tasks(phase, places)

    def _set_tasks(self, phase: Phase, places: Mapping[int, int]) -> None:
        links = {link.task_id: link for link in phase.phase_tasks.all()}
        for pk, order in places.items():
            if pk not in links:
                PhaseTask.objects.create(phase=phase, task_id=pk, order_index=order)
            elif links[pk].order_index != order:
                PhaseTask.objects.filter(pk=links[pk].pk).update(order_index=order)
        if gone := set(links) - set(places):
            PhaseTask.objects.filter(phase=phase, task__in=gone).delete()
        if set(links) != set(places):
            boards.rebuild(phase=phase, by=self._by)
        if set(places) - set(links):
            additions.begin(phase=phase, by=self._by)


@transaction.atomic
def delete_phase(*, phase: Phase, by: User) -> None:
    """Delete a phase without submissions, not the only one. Raises Forbidden and Refused."""
    if not policies.can_administer(by, phase.competition):
        raise Forbidden(_("You do not have permission to perform this action."))
    others = phase.competition.phases.exclude(pk=phase.pk).order_by("index")
    given = {"phases": [{"id": pk} for pk in others.values_list("pk", flat=True)]}
    try:
        update_competition(competition=phase.competition, by=by, given=given)
    except FieldsRefused as refused:
        raise Refused(refused.message, field="error", code="phase_needed") from refused

"""From an uploaded bundle to a competition: all of it or nothing.

The steps are shown while they run. Rows are made in one transaction and files are removed again when it fails, so a
bundle with a fault leaves nothing behind but the report that names it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import structlog
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from podium.formats import model as formats
from podium.formats.bundle import Bundle, Fault, Report, check_bundle, open_bundle, place_of
from podium.formats.pages import MAX_PAGE_BYTES, Pictures
from podium.site.accounts.models import User
from podium.site.accounts.policies import people_to_name
from podium.site.audit.actions import Action
from podium.site.audit.services import record
from podium.site.buckets import StorageAway
from podium.site.competitions.description import PHASE_SAME
from podium.site.competitions.models import (
    Competition,
    CreationState,
    CreationStatus,
    Page,
    PagePicture,
    Participant,
    ParticipantStatus,
    Phase,
    PhaseTask,
    WhitelistEmail,
)
from podium.site.competitions.services import creation_claims as claims
from podium.site.errors import Refused
from podium.site.evaluation.limits import ceilings_by_key
from podium.site.forums.services.opening import open_forum
from podium.site.leaderboards.models import Column, Leaderboard
from podium.site.pictures import icon_of
from podium.site.queues import policies as queues
from podium.site.queues.models import Queue
from podium.site.resources import policies as resource_policies
from podium.site.resources import storage
from podium.site.resources.models import Dataset, DatasetType, Solution, StoredFile, Task
from podium.site.resources.services import (
    create_dataset,
    create_task,
    delete_dataset,
    organizer_dataset_name,
    refuse_over_quota,
)

log = structlog.get_logger(__name__)

STEPS = [
    gettext_noop("Read the bundle"),
    gettext_noop("Check it"),
    gettext_noop("Store its files"),
    gettext_noop("Create the competition"),
]


class BundleRefused(Exception):
    """The bundle cannot become a competition; `faults` say why."""

    def __init__(self, faults: list[dict[str, Any]]) -> None:
        super().__init__("; ".join(fault["message"] for fault in faults if fault["severity"] == "error"))
        self.faults = faults


def start_creation(*, dataset: Dataset, user: User) -> CreationStatus:
    """Queue the making of a competition from an uploaded bundle; a second call answers with the first one's status."""
    if dataset.type != DatasetType.COMPETITION_BUNDLE:
        raise Refused(_("This file was not uploaded as a competition bundle."), field="type", code="wrong_type")
    with transaction.atomic():
        Dataset.objects.select_for_update().get(pk=dataset.pk)
        existing = CreationStatus.objects.filter(dataset=dataset).first()
        if existing is not None:
            return existing
        status = CreationStatus.objects.create(
            dataset=dataset,
            created_by=user,
            file_name=dataset.file_name,
            steps=[{"name": name, "state": "waiting"} for name in STEPS],
        )
        claims.enqueue(status)
    return status


class _Progress:
    """Writes how far a claimed creation has come; every write but the last is outside the competition's transaction.

    Raises Superseded from whichever method first finds that the claim no longer holds.
    """

    def __init__(self, status: CreationStatus) -> None:
        self._status = status
        self._at = -1

    def next(self) -> None:
        """Finish the present step and begin the following one."""
        self._at += 1
        claims.change(self._status, steps=self._steps("running"))

    def will_write(self, keys: list[str]) -> None:
        """Note files before they are written, so that they are removed if this process dies."""
        claims.change(self._status, files=keys)

    def finish(self, competition: Competition, warnings: list[dict[str, Any]]) -> None:
        """Name the result; part of the transaction that makes the competition."""
        self._end(CreationState.FINISHED, "done", faults=warnings, resulting_competition=competition)

    def fail(self, details: str, faults: list[dict[str, Any]]) -> None:
        """Say why there is no competition."""
        self._end(CreationState.FAILED, "failed", details=details, faults=faults)

    def _end(self, state: CreationState, step: str, **changes: object) -> None:
        steps = self._steps(step)
        claims.change(self._status, status=state, steps=steps, files=[], finished_when=timezone.now(), **changes)

    def _steps(self, present: str) -> list[dict[str, str]]:
        states = ["done"] * self._at + [present]
        return [
            {**step, "state": states[place] if place < len(states) else "waiting"}
            for place, step in enumerate(self._status.steps)
        ]


def _as_json(report: Report) -> list[dict[str, Any]]:
    """The report's faults, and its remarks on the archive (what was ignored, which of two members counts)."""
    remarks = [Fault(severity="warning", message=note, code="archive") for note in report.notes]
    return [asdict(fault) for fault in (*report.faults, *remarks)]


def _text(fault: dict[str, Any]) -> str:
    place = f"{fault['file']}:{fault['line']}" if fault.get("line") else fault.get("file") or ""
    hint = f" {fault['hint']}" if fault.get("hint") else ""
    return f"{place}: {fault['message']}{hint}" if place else f"{fault['message']}{hint}"


def run_creation(*, status_id: int) -> None:
    """Carry out a queued creation and record how it ended; run by the site-worker. A second run changes nothing."""
    status = claims.claim(status_id)
    if status is None:
        return
    try:
        with claims.kept_alive(status):
            _create_and_record(status, _Progress(status))
    except claims.Superseded:
        log.warning("creation superseded", creation=status.pk, attempt=status.attempt)


def _create_and_record(status: CreationStatus, progress: _Progress) -> None:
    progress.next()
    if status.dataset is None or status.dataset.data_file is None:
        progress.fail("The bundle was deleted before it was read. Upload it again.", [])
        return
    try:
        with storage.local(status.dataset.data_file.key) as path:
            create_from_bundle(bundle=path, user=status.created_by, dataset=status.dataset, progress=progress)
    except (claims.Superseded, StorageAway):
        raise  # the second: it is begun again when this claim has run out
    except BundleRefused as refusal:
        errors = [_text(fault) for fault in refusal.faults if fault["severity"] == "error"]
        progress.fail("\n".join(errors), refusal.faults)
        _discard_bundle(status)
    except Exception:
        log.exception("creation failed", status=status.pk)
        progress.fail(
            "The platform failed while it read this bundle. Nothing was created; the administrators find the reason "
            f"in the log under creation {status.pk}.",
            [],
        )


def _discard_bundle(status: CreationStatus) -> None:
    """A refused bundle is deleted with its file (Codabench's rule); its report stays."""
    dataset = status.dataset
    if dataset is not None:
        CreationStatus.objects.filter(pk=status.pk).update(dataset=None)
        delete_dataset(dataset=dataset)


def create_from_bundle(
    *, bundle: Path, user: User, dataset: Dataset | None = None, progress: _Progress | None = None
) -> tuple[Competition, list[dict[str, Any]]]:
    """Make a competition of a bundle; unpublished, owned by `user`.

    bundle: a zip or a folder. dataset: the bundle as it was uploaded.
    Returns the competition and the checker's warnings. Raises BundleRefused with all faults; nothing is left then.
    """
    if progress:
        progress.next()
    report = check_bundle(bundle, ceilings=ceilings_by_key())
    faults = _as_json(report)
    if report.competition is None or not report.ok:
        raise BundleRefused(faults)
    if progress:
        progress.next()
    with open_bundle(bundle) as opened, storage.removed_on_failure() as stored:
        builder = _Builder(opened, user, stored, faults)
        keys = builder.name_files(report.competition)
        if progress:
            progress.will_write(keys)
        builder.store_files()
        if progress:
            progress.next()
        with transaction.atomic():
            competition = builder.create(report.competition, dataset)
            facts = {"title": competition.title, "bundle": dataset.file_name if dataset is not None else bundle.name}
            record(Action.COMPETITION_CREATED, by=user, on=competition, after=facts)
            if progress:
                progress.finish(competition, faults)
        return competition, faults


class _Builder:
    """Turns a checked bundle into files and rows."""

    def __init__(self, bundle: Bundle, user: User, stored: list[StoredFile], faults: list[dict[str, Any]]) -> None:
        self._bundle = bundle
        self._user = user
        self._stored = stored
        self._faults = faults
        self._files: dict[str, str] = {}
        self._logo = self._image = self._icon = ""
        self._has_icon = False
        self._records: dict[str, StoredFile] = {}
        self._datasets: dict[tuple[str, str], Dataset] = {}
        self._pictures = Pictures(bundle)
        self._shown: dict[str, str] = {}
        """The keys of the pictures, by their paths in the bundle."""

    def name_files(self, competition: formats.Competition) -> list[str]:
        """Choose a storage key for every file that the bundle's parts, its pictures and its logo become."""
        for _place, part in competition.parts():
            if isinstance(part, formats.FileRef) and part.path not in self._files:
                name = Path(part.path).name + ("" if Path(part.path).suffix and not part.folder else ".zip")
                self._files[part.path] = storage.new_key("dataset", name)
        self._logo = storage.new_key("logo", Path(competition.image).name)
        self._image = competition.image
        self._icon = storage.new_key("logo_icon", f"{Path(competition.image).stem}_icon.png")
        for file in (competition.terms, *(page.file for page in competition.pages)):
            self._page(file)
        for phase in competition.phases:
            self._pictures.named(phase.description)
        self._shown = {path: storage.new_key("page", Path(name).name) for path, name in self._pictures.names.items()}
        return [*self._files.values(), *self._shown.values(), self._logo, self._icon]

    def store_files(self) -> None:
        """Copy the parts out of the bundle before the transaction, so that no lock is held meanwhile.

        Raises BundleRefused where they take more space than the user has: packed they may be a small part of that.
        """
        try:
            refuse_over_quota(self._user, sum(self._size(path) for path in (*self._files, *self._shown)))
        except Refused as refused:
            raise self._refuse(refused.message, "", refused.hint) from refused
        for path, key in self._files.items():
            with self._new_file(key) as stream:
                self._bundle.extract_part(path, stream)
        for path, key in self._shown.items():
            with self._new_file(key) as stream, self._bundle.open(path) as picture:
                shutil.copyfileobj(picture, stream, storage.CHUNK)
        with self._new_file(self._logo) as stream, self._bundle.open(self._image) as image:
            shutil.copyfileobj(image, stream, storage.CHUNK)
        with self._bundle.open(self._image) as image:
            icon = icon_of(image.read())
        if icon is not None:
            self._has_icon = True
            with self._new_file(self._icon) as stream:
                stream.write(icon)

    def _size(self, path: str) -> int:
        """Bytes of a part, a file or all in a folder."""
        inside = self._bundle.walk(path) if self._bundle.is_dir(path) else [path]
        return sum(self._bundle.size(name) for name in inside)

    @contextmanager
    def _new_file(self, key: str) -> Iterator[BinaryIO]:
        self._stored.append(StoredFile(key=key))
        with storage.Sink(key) as stream:
            yield stream

    def _refuse(self, message: str, path: str, hint: str, value: str = "") -> BundleRefused:
        """A fault that only the platform can find; `value` is what stands in the YAML file."""
        line, column = (place_of(self._bundle, value) if value else None) or (None, None)
        fault = {
            "severity": "error",
            "message": message,
            "file": self._bundle.yaml_name,
            "line": line,
            "column": column,
            "path": path,
            "hint": hint,
            "code": "unusable_reference",
        }
        return BundleRefused([*self._faults, fault])

    def _dataset(self, kind: str, part: formats.Part | None, where: str) -> Dataset | None:
        """The dataset of a part: made of its file once per type, or looked up by key among what the user may use."""
        if part is None:
            return None
        if isinstance(part, formats.DatasetRef):
            found = resource_policies.datasets_visible_to(self._user).filter(key=UUID(part.key), type=kind).first()
            if found is None or not found.upload_completed_successfully:
                raise self._refuse(
                    f'Cannot find {kind} with key: "{part.key}"',
                    where,
                    "Use the key of a dataset of your own or of a public one of this type.",
                    part.key,
                )
            return found
        known = self._datasets.get((kind, part.path))
        if known is None:
            key = self._files[part.path]
            file = self._records.get(key) or storage.record_existing(key)
            self._records[key] = file
            known = create_dataset(
                user=self._user,
                type=kind,
                file=file,
                name=organizer_dataset_name(kind),
                file_name=Path(key).name,
                was_created_by_competition=True,
            )
            self._datasets[(kind, part.path)] = known
        return known

    def create(self, source: formats.Competition, dataset: Dataset | None) -> Competition:
        """Make every row of the competition; runs inside one transaction."""
        competition = self._competition(source, dataset)
        boards = self._leaderboards(source, competition)
        tasks = {task.index: self._task(task) for task in source.tasks}
        self._solutions(source, tasks)
        self._phases(source, competition, boards, tasks)
        for page in source.pages:
            self._save(
                Page(competition=competition, title=page.title, index=page.index, content=self._page(page.file)),
                f"pages[{page.index}]",
            )
        PagePicture.objects.bulk_create(
            PagePicture(competition=competition, name=name, file=storage.record_existing(self._shown[path]))
            for path, name in self._pictures.names.items()
        )
        Participant.objects.create(competition=competition, user=self._user, status=ParticipantStatus.APPROVED)
        emails = {email.lower() for email in source.whitelist_emails}
        WhitelistEmail.objects.bulk_create(WhitelistEmail(competition=competition, email=e) for e in sorted(emails))
        for made in self._datasets.values():
            made.competition = competition
            made.save(update_fields=["competition"])
        if dataset is not None:
            dataset.name = f"{dataset.name} - {competition.title}"[:255]
            dataset.competition = competition
            dataset.save(update_fields=["name", "competition"])
        return competition

    def _save(self, row: models.Model, where: str) -> None:
        """Check lengths and choices against the columns before saving, so that the message names the place."""
        try:
            row.clean_fields()
        except ValidationError as error:
            messages = [f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items()]
            raise self._refuse("; ".join(messages), where, "Correct this value.") from error
        row.save()

    def _page(self, name: str) -> str:
        return self._pictures.named(self._bundle.read_text(name, MAX_PAGE_BYTES), name)[0]

    def _competition(self, source: formats.Competition, dataset: Dataset | None) -> Competition:
        competition = Competition(
            title=source.title,
            description=source.description,
            created_by=self._user,
            competition_type=source.competition_type.value,
            logo=storage.record_existing(self._logo),
            logo_icon=storage.record_existing(self._icon) if self._has_icon else None,
            terms=self._page(source.terms),
            docker_image=source.docker_image,
            queue=self._queue(source.queue),
            fact_sheet={key: question.as_codabench() for key, question in source.fact_sheet.items()}
            if source.fact_sheet
            else None,
            contact_email=source.contact_email or "",
            reward=source.reward or "",
            report=source.report or "",
            bundle=dataset,
            **{
                name: getattr(source, name)
                for name in (
                    "registration_auto_approve",
                    "enable_detailed_results",
                    "show_detailed_results_in_submission_panel",
                    "show_detailed_results_in_leaderboard",
                    "auto_run_submissions",
                    "can_participants_make_submissions_public",
                    "make_programs_available",
                    "make_input_data_available",
                    "forum_enabled",
                    "allow_robot_submissions",
                    "history",
                    "published",
                )
            },
        )
        self._save(competition, "")
        names = list(source.collaborators)
        found = people_to_name().filter(username__in=names)
        missing = sorted(set(names) - {user.username for user in found})
        if missing:
            names_them = f"There is no user {', '.join(missing)}."
            raise self._refuse(names_them, "collaborators", "Use user names.", missing[0])
        competition.collaborators.set(found)
        open_forum(competition)
        return competition

    def _queue(self, vhost: str | None) -> Queue | None:
        if vhost is None:
            return None
        queue = Queue.objects.filter(vhost=vhost, deleted_when__isnull=True).first()
        if queue is None:
            raise self._refuse(
                "The specified Queue does not exist!", "queue", "Use the vhost shown on the queue's page.", vhost
            )
        # Locked until the competition is there, so that it cannot come to a queue that is being closed to it.
        usable = queues.visible_to(self._user).select_for_update(no_key=True, of=("self",)).filter(pk=queue.pk).first()
        if usable is None:
            hint = "Ask its owner to make you an organizer of it, or name another queue."
            raise self._refuse("You do not have access to the specified queue!", "queue", hint, vhost)
        return None if usable.is_default else usable

    def _leaderboards(self, source: formats.Competition, competition: Competition) -> dict[str, Leaderboard]:
        boards: dict[str, Leaderboard] = {}
        for place, board in enumerate(source.leaderboards):
            row = Leaderboard(
                competition=competition,
                title=board.title,
                key=board.key,
                primary_index=board.primary_index,
                hidden=board.hidden,
                submission_rule=board.submission_rule.value,
            )
            self._save(row, f"leaderboards[{place}]")
            boards[board.key] = row
            for column in board.columns:
                self._save(
                    Column(
                        leaderboard=row,
                        title=column.title,
                        key=column.key,
                        index=column.index,
                        sorting=column.sorting.value,
                        computation=column.computation.value if column.computation else "",
                        computation_indexes=list(column.computation_indexes),
                        hidden=column.hidden,
                        precision=column.precision,
                        group=column.group,
                    ),
                    f"leaderboards[{place}].columns[{column.index}]",
                )
        return boards

    def _task(self, source: formats.Task) -> Task:
        where = f"tasks[{source.index}]"
        if source.key is not None:
            task = resource_policies.tasks_visible_to(self._user).filter(key=UUID(source.key)).first()
            if task is None:
                message = f"Task with key {source.key} does not exist"
                raise self._refuse(message, where, "Use a task that you may see.", source.key)
            return task
        scoring = self._dataset("scoring_program", source.scoring_program, f"{where}.scoring_program")
        assert scoring is not None  # noqa: S101 - the checker refuses a task without one
        return create_task(
            user=self._user,
            name=source.name,
            description=source.description,
            scoring_program=scoring,
            ingestion_only_during_scoring=source.ingestion_only_during_scoring,
            is_public=source.is_public,
            ingestion_program=self._dataset(
                "ingestion_program", source.ingestion_program, f"{where}.ingestion_program"
            ),
            input_data=self._dataset("input_data", source.input_data, f"{where}.input_data"),
            reference_data=self._dataset("reference_data", source.reference_data, f"{where}.reference_data"),
        )

    def _solutions(self, source: formats.Competition, tasks: dict[int, Task]) -> None:
        for place, solution in enumerate(source.solutions):
            where = f"solutions[{place}]"
            for index in solution.tasks:
                if not resource_policies.may_change_task(self._user, tasks[index]):
                    message = (
                        f"The task \u201c{tasks[index].name}\u201d is somebody else's, who alone gives it solutions."
                    )
                    raise self._refuse(message, where, "Leave the solution out, or name a task of your own.")
            data = self._dataset("solution", solution.data, where)
            assert data is not None  # noqa: S101 - the checker refuses a solution without data
            row = Solution(
                name=(solution.name or Path(data.file_name).stem)[:256], description=solution.description, data=data
            )
            self._save(row, where)
            row.tasks.set(tasks[index] for index in solution.tasks)

    def _phases(
        self,
        source: formats.Competition,
        competition: Competition,
        boards: dict[str, Leaderboard],
        tasks: dict[int, Task],
    ) -> None:
        for phase in source.phases:
            where = f"phases[{phase.index}]"
            row = Phase(
                competition=competition,
                leaderboard=boards[phase.leaderboard],
                public_data=self._dataset("public_data", phase.public_data, f"{where}.public_data"),
                starting_kit=self._dataset("starting_kit", phase.starting_kit, f"{where}.starting_kit"),
                max_submissions_per_person=phase.max_submissions,
                max_submissions_per_day=phase.max_submissions_per_day,
                **{name: getattr(phase, name) for name in PHASE_SAME},
            )
            row.description = self._pictures.named(phase.description)[0]
            self._save(row, where)
            PhaseTask.objects.bulk_create(
                PhaseTask(phase=row, task=tasks[index], order_index=order)
                for order, index in enumerate(dict.fromkeys(phase.tasks))
            )

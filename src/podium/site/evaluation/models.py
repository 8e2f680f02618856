"""Submissions, their runs and attempts, their output, and the ledger of tries."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from podium.protocol import Cause, Fault, Step, Stream
from podium.site.accounts.models import Organization
from podium.site.competitions.models import Competition, Phase
from podium.site.evaluation.states import TERMINAL, AttemptState, RunState, SubmissionStatus
from podium.site.queues.models import Queue, Worker
from podium.site.resources.models import Dataset, StoredFile, Task, TaskVersion


class SubmissionKind(models.TextChoices):
    """Told apart as Codabench does: no metadata, metadata without command, metadata with command."""

    RESULT = "result", _("Result")
    CODE = "code", _("Code")
    COMMAND = "command", _("Own command")


_TERMINAL = sorted(state.value for state in TERMINAL)  # in a fixed order, or every check would see a change


def _choices(words: type[Cause] | type[Fault] | type[Step] | type[Stream]) -> list[tuple[str, str]]:
    return [(word.value, word.value.replace("_", " ")) for word in words]


class Submission(models.Model):
    """One entry of one person to one phase; a parent with a child per task where the phase has several.

    The failure columns are set together, when the submission fails: what happened (`cause`, `failed_step`), the
    limit that was hit and what was measured, whose fault it is, and a sentence for the participant
    (`status_details`). Whether the try counted is in the ledger.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="submissions")
    organization = models.ForeignKey(
        Organization, null=True, blank=True, on_delete=models.PROTECT, related_name="submissions"
    )
    phase = models.ForeignKey(Phase, on_delete=models.CASCADE, related_name="submissions")
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="children", db_index=False
    )
    has_children = models.BooleanField(default=False)
    task = models.ForeignKey(Task, null=True, blank=True, on_delete=models.SET_NULL, related_name="submissions")
    task_version = models.ForeignKey(
        TaskVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="submissions"
    )
    data = models.ForeignKey(Dataset, null=True, blank=True, on_delete=models.SET_NULL, related_name="submissions")
    kind = models.CharField(max_length=16, choices=SubmissionKind.choices)
    name = models.CharField(max_length=120, blank=True, default="")
    description = models.CharField(max_length=240, blank=True, default="")
    status = models.CharField(max_length=16, choices=SubmissionStatus.choices, default=SubmissionStatus.SUBMITTING)
    status_details = models.TextField(blank=True, default="")
    cause = models.CharField(max_length=20, blank=True, default="", choices=_choices(Cause))
    fault = models.CharField(max_length=16, blank=True, default="", choices=_choices(Fault))
    failed_step = models.CharField(max_length=16, blank=True, default="", choices=_choices(Step))
    failed_program = models.CharField(max_length=40, blank=True, default="")
    limit = models.CharField(max_length=100, blank=True, default="")
    measured = models.CharField(max_length=100, blank=True, default="")
    notes = models.JSONField(default=list, blank=True, help_text="remarks that are no failure, in order")
    fact_sheet_answers = models.JSONField(null=True, blank=True)
    secret = models.UUIDField(default=uuid.uuid4)
    queue = models.ForeignKey(Queue, null=True, blank=True, on_delete=models.SET_NULL, related_name="submissions")
    created_when = models.DateTimeField(default=timezone.now)
    original_when = models.DateTimeField(
        null=True, blank=True, help_text="of a rerun: when what is rerun was submitted, also if that is gone"
    )
    started_when = models.DateTimeField(null=True, blank=True)
    finished_when = models.DateTimeField(null=True, blank=True)
    changed_when = models.DateTimeField(default=timezone.now, help_text="when it came to its status")
    cancel_requested_when = models.DateTimeField(null=True, blank=True)
    is_public = models.BooleanField(default=False)
    original = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="reruns", db_index=False
    )
    is_specific_task_re_run = models.BooleanField(default=False)
    is_bulk_rerun = models.BooleanField(default=False, help_text="part of a rerun of many, which waits behind all else")
    created_by_migration = models.ForeignKey(
        Phase, null=True, blank=True, on_delete=models.SET_NULL, related_name="migrated_submissions"
    )
    is_migrated = models.BooleanField(default=False, help_text="a copy of it was made in the next phase")
    is_soft_deleted = models.BooleanField(default=False)
    soft_deleted_when = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=SubmissionStatus.values), name="evaluation_submission_status"
            ),
            models.CheckConstraint(condition=Q(kind__in=SubmissionKind.values), name="evaluation_submission_kind"),
            models.CheckConstraint(
                condition=~Q(status="Failed") | ~Q(cause=""), name="evaluation_submission_failed_has_cause"
            ),
            models.CheckConstraint(
                condition=Q(finished_when__isnull=False, status__in=_TERMINAL)
                | (Q(finished_when__isnull=True) & ~Q(status__in=_TERMINAL)),
                name="evaluation_submission_finished_when",
            ),
            models.CheckConstraint(
                condition=Q(has_children=False) | Q(parent__isnull=True), name="evaluation_submission_two_levels"
            ),
            models.UniqueConstraint(fields=["parent", "task"], name="evaluation_submission_child_per_task"),
        ]
        indexes = [
            models.Index(fields=["phase", "owner", "-id"], name="evaluation_sub_phase_owner"),
            models.Index(fields=["phase", "-id"], name="evaluation_sub_phase"),
            models.Index(fields=["phase", "changed_when", "id"], name="evaluation_sub_changed"),
            models.Index(fields=["owner", "-id"], name="evaluation_sub_owner"),
            models.Index(fields=["queue", "-id"], name="evaluation_sub_queue"),
            models.Index(
                fields=["status", "id"],
                condition=~Q(status__in=_TERMINAL),
                name="evaluation_sub_under_way",
            ),
            models.Index(fields=["finished_when"], condition=Q(status="Failed"), name="evaluation_sub_failed_when"),
            # Most have no parent: of an index with those in it a planner believes that it tells nothing.
            models.Index(fields=["parent"], condition=Q(parent__isnull=False), name="evaluation_sub_children"),
            models.Index(fields=["-id"], condition=Q(is_public=True), name="evaluation_sub_public"),
            models.Index(fields=["original"], condition=Q(original__isnull=False), name="evaluation_sub_reruns"),
            # By parent too: on the date alone SQLite prefers another index.
            models.Index(fields=["parent", "created_when"], name="evaluation_sub_made_when"),
        ]

    def __str__(self) -> str:
        return f"submission {self.pk}"

    @property
    def submitted_when(self) -> datetime:
        """When the work was handed in, which decides ties and what is the latest: a rerun is as old as its original."""
        return self.original_when or self.created_when

    @property
    def came_in_the_grace(self) -> bool:
        """Whether it was submitted after the phase's end because its upload had been begun before."""
        if self.data is None or self.phase.end is None:
            return False
        return self.data.upload_started_when < self.phase.end <= self.created_when

    @property
    def is_terminal(self) -> bool:
        """Whether nothing will happen to it any more."""
        return self.status in TERMINAL

    @property
    def shown_name(self) -> str:
        """Under whose name it stands: the organization's that it was made for, else its owner's."""
        return self.organization.name if self.organization else self.owner.shown_name

    @property
    def file_name(self) -> str:
        """The name of the uploaded file (Codabench's words where it is gone)."""
        return self.data.file_name or f"{self.data.name}.zip" if self.data else gettext("Deleted File")


class _Lane(models.Model):
    """Where runs of one class of a queue wait for their turn; what it means is told in `services.order`."""

    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, related_name="+")
    priority = models.SmallIntegerField(help_text="higher first")
    competition = models.ForeignKey(Competition, on_delete=models.CASCADE, related_name="+")
    waiting = models.BooleanField(default=False, help_text="whether a run may be waiting here")
    last_served = models.DateTimeField()

    class Meta:
        abstract = True


class CompetitionLane(_Lane):
    """The turn of a competition."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["queue", "priority", "competition"], name="evaluation_competitionlane_once")
        ]
        indexes = [
            models.Index(
                fields=["queue", "-priority", "last_served", "id"],
                condition=Q(waiting=True),
                name="evaluation_competition_turn",
            )
        ]

    def __str__(self) -> str:
        return f"{self.competition} in {self.queue}"


class ParticipantLane(_Lane):
    """The turn of a participant among those of a competition."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["queue", "priority", "competition", "owner"], name="evaluation_participantlane_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["queue", "priority", "competition", "last_served", "id"],
                condition=Q(waiting=True),
                name="evaluation_participant_turn",
            )
        ]

    def __str__(self) -> str:
        return f"{self.owner} in {self.competition}"


class Run(models.Model):
    """One step of a submission, queued in the transaction that creates it; `services.order` says who is next."""

    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="runs")
    step = models.CharField(max_length=16, choices=_choices(Step))
    state = models.CharField(max_length=16, choices=RunState.choices, default=RunState.QUEUED)
    queue = models.ForeignKey(Queue, on_delete=models.PROTECT, related_name="runs")
    lane = models.ForeignKey(ParticipantLane, on_delete=models.CASCADE, related_name="runs")
    created_when = models.DateTimeField(default=timezone.now)
    finished_when = models.DateTimeField(null=True, blank=True)
    output = models.ForeignKey(StoredFile, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    private_output = models.ForeignKey(StoredFile, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    detailed_results = models.ForeignKey(StoredFile, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    image = models.CharField(max_length=255)
    image_digest = models.CharField(max_length=255, blank=True, default="")
    limits = models.JSONField(default=dict, blank=True, help_text="the limits in effect, of the last attempt")
    programs = models.JSONField(default=list, help_text="how each program ended: exit code, times, memory")
    sandbox_seconds = models.FloatField(default=0)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["submission", "step"], name="evaluation_run_step_once"),
            models.CheckConstraint(condition=Q(state__in=RunState.values), name="evaluation_run_state"),
        ]
        indexes = [
            models.Index(fields=["lane", "id"], condition=Q(state="queued"), name="evaluation_run_waiting"),
            models.Index(fields=["queue", "created_when"], condition=Q(state="queued"), name="evaluation_run_queued"),
            models.Index(fields=["queue", "lane"], condition=Q(state="claimed"), name="evaluation_run_claimed"),
            models.Index(
                fields=["queue", "-finished_when"],
                condition=Q(state__in=["succeeded", "failed"]),
                name="evaluation_run_ended",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.step} of {self.submission}"


class Attempt(models.Model):
    """One execution of a run by a worker that holds a token and a lease."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=16, choices=AttemptState.choices, default=AttemptState.ACTIVE)
    token_hash = models.CharField(max_length=64, unique=True)
    worker = models.ForeignKey(Worker, null=True, on_delete=models.SET_NULL, related_name="attempts")
    worker_name = models.CharField(max_length=255, blank=True, default="")
    claimed_when = models.DateTimeField(default=timezone.now)
    lease_until = models.DateTimeField()
    deadline = models.DateTimeField(help_text="when it is over whatever the worker says")
    finished_when = models.DateTimeField(null=True, blank=True)
    cause = models.CharField(max_length=20, blank=True, default="", choices=_choices(Cause))
    message = models.TextField(blank=True, default="")
    log_ends = models.JSONField(default=dict, help_text="how many bytes of each stream there are, by its name")
    has_chunks = models.BooleanField(default=False, help_text="whether its output lies in chunks, not sealed yet")
    log = models.ForeignKey(StoredFile, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["run", "number"]
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="evaluation_attempt_number"),
            models.UniqueConstraint(fields=["run"], condition=Q(state="active"), name="evaluation_attempt_one_active"),
            models.CheckConstraint(condition=Q(state__in=AttemptState.values), name="evaluation_attempt_state"),
        ]
        indexes = [
            models.Index(fields=["worker", "-id"], name="evaluation_attempt_worker"),
            models.Index(fields=["lease_until"], condition=Q(state="active"), name="evaluation_attempt_lease"),
            models.Index(fields=["deadline"], condition=Q(state="active"), name="evaluation_attempt_deadline"),
            models.Index(fields=["finished_when"], condition=Q(state="lost"), name="evaluation_attempt_lost_when"),
            models.Index(fields=["state", "id"], condition=Q(has_chunks=True), name="evaluation_attempt_unsealed"),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.run}"

    @property
    def output_key(self) -> str:
        """Where the worker's zip of the output is written before it is sealed."""
        return f"incoming/attempt-{self.pk}-output"

    @property
    def private_output_key(self) -> str:
        """Where the worker's zip of what is for organizers only is written before it is sealed."""
        return f"incoming/attempt-{self.pk}-private-output"

    @property
    def detailed_results_key(self) -> str:
        """Where the worker's detailed results are written before they are sealed."""
        return f"incoming/attempt-{self.pk}-detailed-results"


class Delivery(models.Model):
    """An attempt that was handed out as a message of a broker, and how far its worker has come by its own word.

    What the columns mean for each other, and who ends a delivery that stands still, is told in
    `codabench_worker.services`.
    """

    attempt = models.OneToOneField(Attempt, on_delete=models.CASCADE, related_name="delivery")
    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, related_name="deliveries")
    message_id = models.UUIDField(unique=True, default=uuid.uuid4, help_text="the id of the Celery task")
    secret_hash = models.CharField(max_length=64, unique=True)
    published_when = models.DateTimeField(null=True, blank=True, help_text="when the broker confirmed the message")
    started_when = models.DateTimeField(null=True, blank=True, help_text="when a worker said that it has the job")
    taken_when = models.DateTimeField(
        null=True, blank=True, help_text="when a worker of Podium's own took it, which beats from then on"
    )
    heard_when = models.DateTimeField(null=True, blank=True, help_text="when anything was heard after the start")
    running_when = models.DateTimeField(null=True, blank=True, help_text="when the first program began to speak")
    announced_when = models.DateTimeField(null=True, blank=True, help_text="when the worker said that it is done")
    scores = models.JSONField(null=True, blank=True, help_text="as they came, until the attempt is settled")
    closed_when = models.DateTimeField(null=True, blank=True, help_text="when there was nothing more to tell workers")

    class Meta:
        verbose_name_plural = "deliveries"
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["queue"], condition=Q(closed_when__isnull=True), name="evaluation_delivery_open")
        ]

    def __str__(self) -> str:
        return f"delivery of {self.attempt}"

    def log_key(self, stream: Stream) -> str:
        """Where the worker's file of a program's output is written."""
        return f"incoming/attempt-{self.attempt_id}-{stream.value}"


class LogChunk(models.Model):
    """A piece of a program's output while its attempt is under way; in order of their offsets they are the log.

    When the attempt has ended they are sealed into one file and deleted (`services.output`).
    """

    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="log_chunks")
    stream = models.CharField(max_length=20, choices=_choices(Stream))
    offset = models.PositiveBigIntegerField()
    data = models.BinaryField()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["attempt", "stream", "offset"], name="evaluation_logchunk_place")
        ]

    def __str__(self) -> str:
        return f"{self.stream} at {self.offset}"


MAX_CREDIT = 100
"""Tries that one credit may give."""


class TryEntry(models.Model):
    """A line in the ledger of tries: +1 when a submission is accepted, -1 with a reason when the try is given back.

    A credit is what an organizer gives a person beyond the limits: minus as many tries as are given, with a note.
    `day` is the UTC day on which the line counts: the day of the submission itself, or of the credit.
    """

    phase = models.ForeignKey(Phase, on_delete=models.CASCADE, related_name="tries")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tries")
    submission = models.ForeignKey(Submission, null=True, on_delete=models.SET_NULL, related_name="tries")
    day = models.DateField()
    amount = models.SmallIntegerField()
    is_credit = models.BooleanField(default=False, help_text="given by an organizer beyond the limits")
    reason = models.CharField(max_length=240)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_when = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "try entries"
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__in=[-1, 1], is_credit=False)
                | Q(amount__gte=-MAX_CREDIT, amount__lte=-1, is_credit=True),
                name="evaluation_tryentry_amount",
            ),
            models.UniqueConstraint(
                fields=["submission", "amount"],
                condition=Q(submission__isnull=False),
                name="evaluation_tryentry_once",
            ),
        ]
        indexes = [models.Index(fields=["phase", "user", "day"], name="evaluation_tryentry_used")]

    def __str__(self) -> str:
        return f"{self.amount:+d} {self.reason}"

    @property
    def given(self) -> int:
        """How many tries this line gives."""
        return -self.amount


class WorkState(models.TextChoices):
    """Background work waits, is done by a site-worker, and ends."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"


class WorkKind(models.TextChoices):
    """What can be done to all submissions of a phase at once."""

    RERUN = "rerun", _("Evaluate all submissions again")
    MIGRATE = "migrate", _("Submit the entries to the next phase")
    REBUILD = "rebuild", _("Order the leaderboard anew")
    EXTEND = "extend", _("Evaluate submissions on the tasks that were added")


class PhaseWork(models.Model):
    """Work on all submissions of a phase, done in pieces by the site-worker; how, is told in `services.phase_work`.

    `cursor` is the last submission that is done, `until` the last that there was when the work was asked for. `attempt`
    counts how often a site-worker began, `alive_until` is its promised next sign of life (null: queued).
    """

    phase = models.ForeignKey(Phase, on_delete=models.CASCADE, related_name="works")
    kind = models.CharField(max_length=16, choices=WorkKind.choices)
    state = models.CharField(max_length=16, choices=WorkState.choices, default=WorkState.WAITING)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_when = models.DateTimeField(default=timezone.now)
    finished_when = models.DateTimeField(null=True, blank=True)
    total = models.PositiveIntegerField()
    done = models.PositiveIntegerField(default=0)
    cursor = models.PositiveBigIntegerField(default=0)
    until = models.PositiveBigIntegerField()
    details = models.TextField(blank=True, default="")
    attempt = models.PositiveSmallIntegerField(default=0)
    alive_until = models.DateTimeField(null=True, blank=True)

    OPEN = (WorkState.WAITING, WorkState.RUNNING)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=WorkState.values), name="evaluation_phasework_state"),
            models.CheckConstraint(condition=Q(kind__in=WorkKind.values), name="evaluation_phasework_kind"),
            models.UniqueConstraint(
                fields=["phase", "kind"],
                condition=Q(state__in=["waiting", "running"]),
                name="evaluation_phasework_one_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.phase}: {self.state}"

    @property
    def is_open(self) -> bool:
        """Whether it is still to be done."""
        return self.state in self.OPEN

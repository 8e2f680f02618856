"""Competitions, their phases, pages and participants, and how they came in."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from podium.formats.pages import MAX_PICTURE_NAME
from podium.site.queues.models import Queue
from podium.site.resources.models import Dataset, StoredFile, Task

DEFAULT_DOCKER_IMAGE = "codalab/codalab-legacy:py37"


class CompetitionType(models.TextChoices):
    COMPETITION = "competition", _("Competition")
    BENCHMARK = "benchmark", _("Benchmark")


class LivingCompetitions(models.Manager["Competition"]):
    """Competitions that are not deleted."""

    def get_queryset(self) -> models.QuerySet[Competition]:
        """All but those that wait to be deleted for good."""
        return super().get_queryset().filter(deleted_when__isnull=True)


class Competition(models.Model):
    """A competition; a benchmark is a competition whose type is "benchmark".

    `deleted_when` is set while it can still be restored (`services.deleting`): `objects` does not have it then.
    `logo_icon` is the logo made small when it was sent; there is none of a picture that could not be read.
    """

    title = models.CharField(max_length=256)
    description = models.TextField(blank=True, default="")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="competitions"
    )
    collaborators = models.ManyToManyField(
        settings.AUTH_USER_MODEL, blank=True, related_name="collaborating_competitions"
    )
    created_when = models.DateTimeField(default=timezone.now)
    competition_type = models.CharField(
        max_length=16, choices=CompetitionType.choices, default=CompetitionType.COMPETITION
    )
    logo = models.ForeignKey(StoredFile, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    logo_icon = models.ForeignKey(
        StoredFile, null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    published = models.BooleanField(default=False)
    secret_key = models.UUIDField(unique=True, default=uuid.uuid4)
    registration_auto_approve = models.BooleanField(default=False)
    terms = models.TextField(blank=True, default="")
    docker_image = models.CharField(max_length=255, default=DEFAULT_DOCKER_IMAGE)
    queue = models.ForeignKey(Queue, null=True, blank=True, on_delete=models.SET_NULL, related_name="competitions")
    enable_detailed_results = models.BooleanField(default=False)
    show_detailed_results_in_submission_panel = models.BooleanField(default=True)
    show_detailed_results_in_leaderboard = models.BooleanField(default=True)
    make_programs_available = models.BooleanField(default=False)
    make_input_data_available = models.BooleanField(default=False)
    allow_robot_submissions = models.BooleanField(default=False)
    auto_run_submissions = models.BooleanField(default=True)
    can_participants_make_submissions_public = models.BooleanField(default=True)
    forum_enabled = models.BooleanField(default=True)
    history = models.BooleanField(
        default=False, help_text="whether scoring programs are told who submitted, when, and their earlier scores"
    )
    is_featured = models.BooleanField(default=False)
    is_migrating = models.BooleanField(default=False)
    fact_sheet = models.JSONField(null=True, blank=True)
    contact_email = models.EmailField(max_length=256, blank=True, default="")
    reward = models.CharField(max_length=256, blank=True, default="")
    report = models.CharField(max_length=256, blank=True, default="")
    bundle = models.ForeignKey(Dataset, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    deleted_when = models.DateTimeField(null=True, blank=True, editable=False, db_index=True)

    objects = LivingCompetitions()
    everything = models.Manager["Competition"]()

    class Meta:
        ordering = ["created_when", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(competition_type__in=CompetitionType.values), name="competitions_competition_type"
            )
        ]
        # Of the published ones alone: SQLite takes no index for a column that is nothing but yes or no.
        indexes = [
            models.Index(fields=["-created_when", "-id"], condition=Q(published=True), name="competitions_public")
        ]

    def __str__(self) -> str:
        return self.title


class Page(models.Model):
    """A page of a competition, in Markdown or HTML as the organizer wrote it; cleaned when shown."""

    competition = models.ForeignKey(Competition, on_delete=models.CASCADE, related_name="pages")
    title = models.CharField(max_length=256)
    content = models.TextField(blank=True, default="")
    index = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["index", "pk"]

    def __str__(self) -> str:
        return self.title


class PagePicture(models.Model):
    """A picture that the texts of a competition show: in Markdown `![what it shows](name)`.

    name: as in a bundle, a plain relative path (`formats.pages.is_picture_name`).
    """

    competition = models.ForeignKey(Competition, on_delete=models.CASCADE, related_name="pictures")
    name = models.CharField(max_length=MAX_PICTURE_NAME)
    file = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="+")
    created_when = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["competition", "name"], name="competitions_pagepicture_name"),
        ]

    def __str__(self) -> str:
        return self.name


class PhaseStatus(models.TextChoices):
    PREVIOUS = "Previous"
    CURRENT = "Current"
    NEXT = "Next"


class Phase(models.Model):
    """A span of time with its tasks and limits. 0 or null as a limit of tries means no limit (Codabench's rule).

    Limits of steps are kept as the organizer asked, null for not asked. `agreed_limits` is what was settled when the
    phase's first run was given to a worker: since then no run of the phase gets less (`evaluation.services.limits`).
    """

    competition = models.ForeignKey(Competition, on_delete=models.CASCADE, related_name="phases")
    index = models.PositiveIntegerField()
    name = models.CharField(max_length=256)
    description = models.TextField(blank=True, default="")
    start = models.DateTimeField()
    end = models.DateTimeField(null=True, blank=True)
    tasks = models.ManyToManyField(Task, through="PhaseTask", related_name="phases")
    leaderboard = models.ForeignKey(
        "leaderboards.Leaderboard", null=True, blank=True, on_delete=models.PROTECT, related_name="phases"
    )
    execution_time_limit = models.PositiveBigIntegerField(default=600, help_text="seconds, as the organizer asked")
    memory_limit = models.PositiveBigIntegerField(null=True, blank=True, help_text="bytes")
    disk_limit = models.PositiveBigIntegerField(null=True, blank=True, help_text="bytes")
    shared_memory_limit = models.PositiveBigIntegerField(null=True, blank=True, help_text="bytes of /dev/shm")
    output_limit = models.PositiveBigIntegerField(null=True, blank=True, help_text="bytes of what a program prints")
    cpu_limit = models.FloatField(null=True, blank=True, help_text="processors")
    process_limit = models.PositiveIntegerField(null=True, blank=True, help_text="processes and threads")
    gpus = models.PositiveSmallIntegerField(null=True, blank=True, help_text="GPUs; 0 is none")
    network = models.BooleanField(default=False, help_text="whether programs have network")
    agreed_limits = models.JSONField(null=True, blank=True, editable=False)
    has_max_submissions = models.BooleanField(default=True)
    max_submissions_per_day = models.PositiveIntegerField(null=True, blank=True, default=5)
    max_submissions_per_person = models.PositiveIntegerField(null=True, blank=True, default=100)
    failed_submissions_count = models.BooleanField(
        default=False, help_text="whether a failure that is the participant's fault costs a try"
    )
    accepts_only_result_submissions = models.BooleanField(default=False)
    auto_migrate_to_this_phase = models.BooleanField(default=False)
    has_been_migrated = models.BooleanField(default=False)
    hide_output = models.BooleanField(default=False)
    hide_prediction_output = models.BooleanField(default=False)
    hide_score_output = models.BooleanField(default=False)
    public_data = models.ForeignKey(
        Dataset, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    starting_kit = models.ForeignKey(
        Dataset, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )

    class Meta:
        ordering = ["competition", "index", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["competition", "index"], name="competitions_phase_index"),
            models.CheckConstraint(
                condition=Q(end__isnull=True) | Q(end__gt=F("start")), name="competitions_phase_end_after_start"
            ),
        ]
        indexes = [  # of those phases alone that give the file, see `resources.models`
            models.Index(
                fields=["public_data"], condition=Q(public_data__isnull=False), name="competitions_phase_data"
            ),
            models.Index(
                fields=["starting_kit"], condition=Q(starting_kit__isnull=False), name="competitions_phase_kit"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def status_at(self, now: datetime) -> PhaseStatus:
        """Next, Current or Previous at `now`, by the dates alone (Codabench's rule)."""
        if now < self.start:
            return PhaseStatus.NEXT
        if self.end is None or now < self.end:
            return PhaseStatus.CURRENT
        return PhaseStatus.PREVIOUS

    @property
    def status(self) -> PhaseStatus:
        """The status now."""
        return self.status_at(timezone.now())

    @property
    def is_final_phase(self) -> bool:
        """Whether no later phase follows."""
        return not any(p.index > self.index for p in self.competition.phases.all())


class PhaseTask(models.Model):
    """That a phase has a task, and at which place (Codabench's PhaseTaskInstance)."""

    phase = models.ForeignKey(Phase, on_delete=models.CASCADE, related_name="phase_tasks")
    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="phase_tasks")
    order_index = models.PositiveIntegerField(default=999)

    class Meta:
        ordering = ["order_index", "task"]
        constraints = [models.UniqueConstraint(fields=["phase", "task"], name="competitions_phasetask_once")]

    def __str__(self) -> str:
        return f"{self.phase}: {self.task}"


class ParticipantStatus(models.TextChoices):
    UNKNOWN = "unknown"
    DENIED = "denied"
    APPROVED = "approved"
    PENDING = "pending"


AS_ADMINISTRATOR = "Made an administrator"
"""The reason of a participation that nobody asked for: it ends when the person is taken out as an administrator."""


class Participant(models.Model):
    """That a person asked to take part, and what the organizer said."""

    competition = models.ForeignKey(Competition, on_delete=models.CASCADE, related_name="participants")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="participations")
    status = models.CharField(max_length=16, choices=ParticipantStatus.choices, default=ParticipantStatus.UNKNOWN)
    reason = models.CharField(max_length=100, blank=True, default="")
    created_when = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["competition", "user"], name="competitions_participant_once"),
            models.CheckConstraint(
                condition=Q(status__in=ParticipantStatus.values), name="competitions_participant_status"
            ),
        ]
        indexes = [models.Index(fields=["user", "status"], name="competitions_participant_mine")]

    def __str__(self) -> str:
        return f"{self.user} in {self.competition}"

    @property
    def told_address(self) -> str | None:
        """The e-mail address as organizers are told it: none of whom they made an administrator unasked.

        Else anybody would be told everybody's address, by making them one in a competition of their own.
        """
        return None if self.reason == AS_ADMINISTRATOR else self.user.email


class WhitelistEmail(models.Model):
    """An address whose owner is approved at once. Stored in lower case."""

    competition = models.ForeignKey(Competition, on_delete=models.CASCADE, related_name="whitelist_emails")
    email = models.EmailField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["competition", "email"], name="competitions_whitelistemail_once")
        ]

    def __str__(self) -> str:
        return self.email


class CreationState(models.TextChoices):
    STARTING = "Starting", _("Starting")
    FINISHED = "Finished", _("Finished")
    FAILED = "Failed", _("Failed")


class CreationStatus(models.Model):
    """How far the making of a competition from an uploaded bundle has come.

    `steps` is a list of {"name", "state"}; `faults` is the checker's report, a list of
    {"severity", "message", "file", "line", "column", "path", "hint", "code"}. `attempt` counts how often a site-worker
    began, `alive_until` is its promised next sign of life (null: queued), `files` are the storage keys it may write.
    """

    dataset = models.ForeignKey(Dataset, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_when = models.DateTimeField(default=timezone.now)
    finished_when = models.DateTimeField(null=True, blank=True)
    status = models.CharField(max_length=16, choices=CreationState.choices, default=CreationState.STARTING)
    details = models.TextField(blank=True, default="")
    file_name = models.CharField(max_length=255, blank=True, default="", help_text="kept when the bundle is deleted")
    steps = models.JSONField(default=list)
    faults = models.JSONField(default=list)
    attempt = models.PositiveSmallIntegerField(default=0)
    alive_until = models.DateTimeField(null=True, blank=True)
    files = models.JSONField(default=list, blank=True)
    resulting_competition = models.ForeignKey(
        Competition, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["alive_until"], condition=Q(status="Starting"), name="competitions_creation_alive"),
            models.Index(fields=["dataset"], condition=Q(dataset__isnull=False), name="competitions_creation_of"),
        ]

    def __str__(self) -> str:
        return f"{self.dataset}: {self.status}"


class DumpState(models.TextChoices):
    WAITING = "Waiting", _("Waiting")
    RUNNING = "Running", _("Running")
    FINISHED = "Finished", _("Finished")
    FAILED = "Failed", _("Failed")


class DumpKind(models.TextChoices):
    BUNDLE = "bundle", _("Bundle")
    ARCHIVE = "archive", _("Archive")


class Dump(models.Model):
    """A competition written out, as a bundle or with everything in an archive: how far that is, and what came of it.

    A bundle is a dataset of the organizer's; an archive holds what other people did and is a `file` of its own, which
    only whoever runs the competition gets. `done` and `total` count the bytes of files that go into an archive.
    `attempt`, `alive_until` and `files` are those of every long job, see `services.claims`.
    """

    competition = models.ForeignKey(Competition, on_delete=models.CASCADE, related_name="dumps")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_when = models.DateTimeField(default=timezone.now)
    started_when = models.DateTimeField(null=True, blank=True)
    finished_when = models.DateTimeField(null=True, blank=True)
    kind = models.CharField(max_length=16, choices=DumpKind.choices, default=DumpKind.BUNDLE)
    keys_instead_of_files = models.BooleanField(default=False)
    status = models.CharField(max_length=16, choices=DumpState.choices, default=DumpState.WAITING)
    details = models.TextField(blank=True, default="", help_text="why it failed")
    dataset = models.ForeignKey(
        Dataset, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    file = models.ForeignKey(StoredFile, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    done = models.PositiveBigIntegerField(default=0)
    total = models.PositiveBigIntegerField(default=0)
    attempt = models.PositiveSmallIntegerField(default=0)
    alive_until = models.DateTimeField(null=True, blank=True)
    files = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=DumpState.values), name="competitions_dump_status"),
            models.CheckConstraint(condition=Q(kind__in=DumpKind.values), name="competitions_dump_kind"),
        ]
        indexes = [
            models.Index(fields=["dataset"], condition=Q(dataset__isnull=False), name="competitions_dump_bundle")
        ]

    def __str__(self) -> str:
        return f"{self.competition}: {self.status}"

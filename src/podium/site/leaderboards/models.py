"""Leaderboards, their columns, the scores and the entries that stand on a board."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

_LIKE = ["int8_ops", "varchar_pattern_ops"]


class SubmissionRule(models.TextChoices):
    """Codabench's six rules of which submissions stand on the board."""

    ADD = "Add", _("Add")
    ADD_AND_DELETE = "Add_And_Delete", _("Add And Delete")
    ADD_AND_DELETE_MULTIPLE = "Add_And_Delete_Multiple", _("Add And Delete Multiple")
    FORCE_LAST = "Force_Last", _("Force Last")
    FORCE_LATEST_MULTIPLE = "Force_Latest_Multiple", _("Force Latest Multiple")
    FORCE_BEST = "Force_Best", _("Force Best")


BY_HAND = frozenset({SubmissionRule.ADD, SubmissionRule.ADD_AND_DELETE, SubmissionRule.ADD_AND_DELETE_MULTIPLE})
"""Rules by which participants put submissions on the board themselves."""


class Leaderboard(models.Model):
    """A board; each phase that uses it has rows of its own."""

    competition = models.ForeignKey("competitions.Competition", on_delete=models.CASCADE, related_name="leaderboards")
    title = models.CharField(max_length=64)
    key = models.CharField(max_length=36)
    primary_index = models.PositiveIntegerField(default=0)
    hidden = models.BooleanField(default=False)
    submission_rule = models.CharField(max_length=32, choices=SubmissionRule.choices, default=SubmissionRule.ADD)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["competition", "key"], name="leaderboards_leaderboard_key"),
            models.CheckConstraint(
                condition=Q(submission_rule__in=SubmissionRule.values), name="leaderboards_leaderboard_rule"
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Column(models.Model):
    """A column of a board. A computed one has a `computation` over the columns at `computation_indexes`."""

    leaderboard = models.ForeignKey(Leaderboard, on_delete=models.CASCADE, related_name="columns")
    title = models.CharField(max_length=64)
    key = models.CharField(max_length=64)
    index = models.PositiveIntegerField()
    sorting = models.CharField(max_length=4, choices=[("desc", "Descending"), ("asc", "Ascending")], default="desc")
    computation = models.CharField(
        max_length=3, blank=True, default="", choices=[("avg", "avg"), ("sum", "sum"), ("min", "min"), ("max", "max")]
    )
    computation_indexes = models.JSONField(default=list, blank=True)
    hidden = models.BooleanField(default=False)
    precision = models.PositiveSmallIntegerField(default=2, validators=[MaxValueValidator(17)])
    group = models.CharField(max_length=256, blank=True, default="", help_text="heading over several columns")

    class Meta:
        ordering = ["index", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["leaderboard", "key"], name="leaderboards_column_key"),
            models.UniqueConstraint(fields=["leaderboard", "index"], name="leaderboards_column_index"),
        ]

    def __str__(self) -> str:
        return self.title


class Score(models.Model):
    """One number of one submission in one column: an IEEE double and the text as the scoring program gave it.

    Belongs to the submission that ran the task (a child, where a phase has several tasks). Computed columns have
    scores too, on the submission that stands on the board.
    """

    submission = models.ForeignKey("evaluation.Submission", on_delete=models.CASCADE, related_name="scores")
    column = models.ForeignKey(Column, on_delete=models.CASCADE, related_name="scores")
    value = models.FloatField()
    text = models.CharField(max_length=100)
    low = models.FloatField(null=True, blank=True, help_text="lower end of the 95 % interval")
    high = models.FloatField(null=True, blank=True, help_text="upper end of the 95 % interval")
    interval_source = models.CharField(max_length=10, blank=True, default="", help_text="what the interval is made of")
    created_when = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["submission", "column"]
        constraints = [models.UniqueConstraint(fields=["submission", "column"], name="leaderboards_score_once")]
        indexes = [models.Index(fields=["column", "value"], name="leaderboards_score_value")]

    def __str__(self) -> str:
        return self.text


class Entry(models.Model):
    """That a submission stands on a board, with the key that orders it.

    `sort_key` compares like the ranks do (see `podium.ranking`), so a page of the board is an index scan.
    """

    leaderboard = models.ForeignKey(Leaderboard, on_delete=models.CASCADE, related_name="entries")
    phase = models.ForeignKey("competitions.Phase", on_delete=models.CASCADE, related_name="entries")
    submission = models.OneToOneField("evaluation.Submission", on_delete=models.CASCADE, related_name="entry")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=150, default="", help_text="the owner's shown name, folded, for the search")
    sort_key = models.CharField(max_length=2048)
    created_when = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["sort_key"]
        constraints = [
            models.UniqueConstraint(fields=["phase", "sort_key"], name="leaderboards_entry_place"),
        ]
        indexes = [
            models.Index(fields=["phase", "owner"], name="leaderboards_entry_owner"),
            # The class serves a LIKE of PostgreSQL in every collation; other databases have no such classes.
            models.Index(fields=["phase", "name"], name="leaderboards_entry_name", opclasses=_LIKE),
        ]

    def __str__(self) -> str:
        return f"{self.submission} on {self.leaderboard}"


class Standing(models.Model):
    """That a submission stood on a board from one moment to another, in one place of the order.

    The boards of the past are read from these rows (`history`). They are written by the services that change entries:
    one begins with an entry and ends with it, or when its sort key changes. Of a submission that was deleted for good
    the place stays, without the submission.
    """

    phase = models.ForeignKey("competitions.Phase", on_delete=models.CASCADE, related_name="standings")
    submission = models.ForeignKey(
        "evaluation.Submission", null=True, blank=True, on_delete=models.SET_NULL, related_name="standings"
    )
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    column = models.ForeignKey(Column, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    value = models.FloatField(null=True, blank=True, help_text="what it had in the primary column")
    sort_key = models.CharField(max_length=2048)
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["sort_key"]
        constraints = [
            models.UniqueConstraint(
                fields=["submission"], condition=Q(until__isnull=True), name="leaderboards_standing_once"
            ),
        ]
        indexes = [
            models.Index(fields=["phase", "sort_key"], name="leaderboards_standing_order"),
            models.Index(fields=["phase", "since"], name="leaderboards_standing_since"),
            models.Index(fields=["phase", "owner"], condition=Q(until__isnull=True), name="leaderboards_standing_open"),
        ]

    def __str__(self) -> str:
        return f"submission {self.submission_id} in {self.phase}"


class Block(models.Model):
    """A stretch of a board and the number of its entries: from `first_key` up to the next block's.

    Adding up the blocks before a place tells its rank, and which block holds a rank, without counting entries. How they
    are kept is told in `services.places`. `changed_when`, of a board's first block, is when the board changed last.
    """

    phase = models.ForeignKey("competitions.Phase", on_delete=models.CASCADE, related_name="blocks")
    first_key = models.CharField(max_length=2048, blank=True)
    count = models.PositiveIntegerField()
    changed_when = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["phase", "first_key"], name="leaderboards_block_first")]

    def __str__(self) -> str:
        return f"{self.count} entries of {self.phase}"


class Withheld(models.Model):
    """An entry that left a board because its owner was shut out; it comes back when they are let in again."""

    submission = models.OneToOneField("evaluation.Submission", on_delete=models.CASCADE, related_name="withheld")
    phase = models.ForeignKey("competitions.Phase", on_delete=models.CASCADE, related_name="+")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")

    def __str__(self) -> str:
        return f"{self.submission}, withheld"

"""The ledger of tries: what a person has used, has left, and why.

A try is debited when a submission is accepted and given back with a reason; what counts is the sum, so no counter can
drift. Days start at midnight UTC. What an organizer credits is no try given back but an allowance beyond the limits, on
the day of the credit and in all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from django.db.models import Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from podium.site.competitions.models import Phase
from podium.site.evaluation.models import Submission, TryEntry

LINES = 50
"""Lines of the ledger that a page shows of a phase."""


@dataclass(frozen=True)
class Tries:
    """A person's tries in a phase; None as a limit or as what is left means no limit.

    The limits are the phase's, with what organizers have given beyond them (`extra_today`, `extra_total`) added.
    """

    used_today: int
    used_total: int
    per_day: int | None
    total: int | None
    extra_today: int = 0
    extra_total: int = 0

    @property
    def left_today(self) -> int | None:
        """Tries left today, by the daily limit alone."""
        return None if self.per_day is None else max(0, self.per_day - self.used_today)

    @property
    def left_total(self) -> int | None:
        """Tries left in the whole phase."""
        return None if self.total is None else max(0, self.total - self.used_total)

    @property
    def left_now(self) -> int | None:
        """How often one can submit now: the smaller of both; None where nothing limits it."""
        return min((left for left in (self.left_today, self.left_total) if left is not None), default=None)

    @property
    def reason(self) -> str | None:
        """Why no further try is possible now, in Codabench's words; None when one is."""
        if self.left_today == 0:
            return _("Reached maximum allowed submissions for today for this phase")
        if self.left_total == 0:
            return _("Reached maximum allowed submissions for this phase")
        return None

    @property
    def can(self) -> bool:
        """Whether a further try is possible now."""
        return self.reason is None


def tries(user: Any, phase: Phase) -> Tries:
    """What `user` has used and may still use in `phase`."""
    if not user.is_authenticated:
        return Tries(0, 0, None, None)
    day = Q(day=timezone.now().astimezone(UTC).date())
    sums = TryEntry.objects.filter(phase=phase, user=user).aggregate(
        used_today=Sum("amount", filter=day & Q(is_credit=False)),
        used_total=Sum("amount", filter=Q(is_credit=False)),
        extra_today=Sum("amount", filter=day & Q(is_credit=True)),
        extra_total=Sum("amount", filter=Q(is_credit=True)),
    )
    limited = phase.has_max_submissions and not (user.is_bot and phase.competition.allow_robot_submissions)
    extra_today, extra_total = -(sums["extra_today"] or 0), -(sums["extra_total"] or 0)
    per_day = phase.max_submissions_per_day if limited else None
    total = phase.max_submissions_per_person if limited else None
    return Tries(
        used_today=max(0, sums["used_today"] or 0),
        used_total=max(0, sums["used_total"] or 0),
        per_day=per_day + extra_today if per_day else None,
        total=total + extra_total if total else None,
        extra_today=extra_today,
        extra_total=extra_total,
    )


def used(user: Any, phases: Iterable[Phase]) -> dict[int, tuple[int, int]]:
    """How many tries `user` has used in each of the phases, today and in all, by the phase's id; one query for all."""
    wanted = {phase.pk: (0, 0) for phase in phases}
    if not user.is_authenticated:
        return wanted
    day = timezone.now().astimezone(UTC).date()
    sums = (
        TryEntry.objects.filter(phase__in=wanted, user=user, is_credit=False)
        .order_by()
        .values("phase")
        .annotate(today=Sum("amount", filter=Q(day=day)), total=Sum("amount"))
    )
    return wanted | {row["phase"]: (max(0, row["today"] or 0), max(0, row["total"] or 0)) for row in sums}


def ledger(user: Any, phase: Phase) -> QuerySet[TryEntry]:
    """The lines behind the numbers, newest first."""
    entries = TryEntry.objects.filter(phase=phase, user=user).select_related("submission", "created_by")
    return entries.order_by("-pk")


def counted(submission: Submission) -> bool:
    """Whether the try of a submission counts."""
    entries = TryEntry.objects.filter(submission=submission)
    return int(entries.aggregate(total=Sum("amount"))["total"] or 0) > 0

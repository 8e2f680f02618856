"""Reads of competitions that join."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.db.models import Count, F, IntegerField, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404

from podium.site.accounts.models import User
from podium.site.competitions import policies
from podium.site.competitions.models import Competition, DumpKind, Participant, ParticipantStatus, Phase, PhaseTask
from podium.site.evaluation.models import Submission
from podium.site.leaderboards.models import Leaderboard
from podium.site.resources import queries as resources
from podium.site.resources.grants import download_url
from podium.site.resources.models import Dataset, Solution


def _count(rows: QuerySet[Any], group: str) -> Coalesce:
    counted = rows.order_by().values(group).annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def with_counts(competitions: QuerySet[Competition]) -> QuerySet[Competition]:
    """Annotate participants_count (approved, not organizing) and submissions_count (no children, no deleted ones)."""
    organizing = Competition.collaborators.through.objects.filter(competition=OuterRef("competition"))
    participants = (
        Participant.objects.filter(competition=OuterRef("pk"), status=ParticipantStatus.APPROVED)
        .exclude(user=F("competition__created_by"))
        .exclude(user__in=organizing.values("user"))
    )
    submissions = Submission.objects.filter(
        phase__competition=OuterRef("pk"), parent__isnull=True, is_soft_deleted=False
    )
    return competitions.annotate(
        participants_count=_count(participants, "competition"),
        submissions_count=_count(submissions, "phase__competition"),
    )


_ORDERINGS = {
    "recent": ["-created_when", "-pk"],
    "popular": ["-participants_count", "-pk"],
    "with_most_submissions": ["-submissions_count", "-pk"],
}


def public_competitions(
    *,
    search: str = "",
    ordering: str = "recent",
    user: Any = None,
    participating_in: bool = False,
    organizing: bool = False,
    has_reward: bool = False,
) -> QuerySet[Competition]:
    """Published competitions and benchmarks, as the public list shows them.

    search: words in the title. ordering: recent, popular or with_most_submissions.
    """
    rows = with_counts(Competition.objects.filter(published=True)).select_related("created_by", "logo")
    for word in search.split():
        rows = rows.filter(title__icontains=word)
    if participating_in:
        rows = rows.filter(policies.taking_part(user))
    if organizing:
        rows = rows.filter(policies.organized_by(user))
    if has_reward:
        rows = rows.exclude(reward="")
    return rows.order_by(*_ORDERINGS.get(ordering, _ORDERINGS["recent"]))


def _for_page(competitions: QuerySet[Competition], *, files: bool) -> QuerySet[Competition]:
    links, phases = PhaseTask.objects.select_related("task"), Phase.objects.select_related("leaderboard")
    if files:
        links = links.prefetch_related(
            resources.version_prefetch("task__"),
            Prefetch("task__solutions", queryset=Solution.objects.select_related("data__data_file")),
        )
        parts, facts = ("public_data", "starting_kit"), ("data_file", "created_by", "competition")
        phases = phases.select_related(*[f"{part}__{fact}" for part in parts for fact in facts])
    phases = phases.prefetch_related(Prefetch("phase_tasks", queryset=links.order_by("order_index", "task")))
    return competitions.select_related("created_by", "logo", "queue__owner").prefetch_related(
        "collaborators",
        "pages",
        Prefetch("phases", queryset=phases.order_by("index")),
        Prefetch("leaderboards", queryset=Leaderboard.objects.prefetch_related("columns")),
    )


def competition_for_page(
    user: Any, pk: int, secret_key: str | uuid.UUID | None = None, *, files: bool = True
) -> Competition:
    """A competition with everything its pages show, in a fixed number of queries. Raises Http404 when not visible.

    files: also those of its phases and tasks, for pages that list them.
    """
    found = _for_page(policies.visible_to(user, secret_key).filter(pk=pk), files=files).first()
    if found is None:
        raise Http404("There is no such competition, or you may not see it.")
    for phase in found.phases.all():
        phase.competition = found  # the same object, so that is_final_phase and policies ask nothing again
    _count_people(found)
    return found


LARGE = 1000
"""With more participants or submissions than this, the numbers on the pages of a competition are kept a minute."""


def _count_people(competition: Competition) -> None:
    """Set participants_count and submissions_count as `with_counts` does; a large number is not counted each time."""
    key = f"competition-counts-{competition.pk}"
    counts = cache.get(key)
    if counts is None:
        counted: Any = with_counts(Competition.objects.filter(pk=competition.pk)).get()
        counts = counted.participants_count, counted.submissions_count
        if max(counts) > LARGE:
            cache.set(key, counts, 60)
    competition.participants_count, competition.submissions_count = counts  # type: ignore[attr-defined]


def participants(competition: Competition, search: str = "", status: str = "") -> QuerySet[Participant]:
    """Who asked to take part, by name; for organizers.

    search: in user name or e-mail address. status: one of ParticipantStatus, or any.
    """
    rows = Participant.objects.filter(competition=competition).select_related("user").order_by("user__username")
    for word in search.split():
        rows = rows.filter(Q(user__username__icontains=word) | Q(user__email__icontains=word))
    return rows.filter(status=status) if status else rows


@dataclass(frozen=True)
class FileRow:
    """A file that a person may download from a competition's page."""

    dataset: Dataset
    kind: str
    phase: str
    task: str
    available: bool


def files_for(user: Any, competition: Competition) -> list[FileRow]:
    """The files of a competition that `user` may have.

    Codabench's rule: approved participants get programs if make_programs_available, input data if
    make_input_data_available, and always solutions, starting kit and public data; organizers get everything.
    """
    organizer = policies.can_administer(user, competition)
    if not organizer and not policies.is_approved(user, competition):
        return []
    rows: list[FileRow] = []
    for phase in competition.phases.all():
        for kind, dataset in (("Starting kit", phase.starting_kit), ("Public data", phase.public_data)):
            _add(rows, dataset, kind, phase.name, "", available=True)
        for link in phase.phase_tasks.all():
            version = resources.current_version(link.task)
            programs, data = competition.make_programs_available, competition.make_input_data_available
            for kind, dataset, available in (
                ("Ingestion program", version.ingestion_program, programs),
                ("Scoring program", version.scoring_program, programs),
                ("Input data", version.input_data, data),
                ("Reference data", version.reference_data, False),
            ):
                if organizer or available:
                    _add(rows, dataset, kind, phase.name, link.task.name, available=available)
            for solution in link.task.solutions.all():
                _add(rows, solution.data, "Solution", phase.name, link.task.name, available=True)
    return rows


def _add(rows: list[FileRow], dataset: Dataset | None, kind: str, phase: str, task: str, *, available: bool) -> None:
    if dataset is not None and dataset.data_file is not None:
        rows.append(FileRow(dataset=dataset, kind=kind, phase=phase, task=task, available=available))


def counters() -> dict[str, int]:
    """The home page's three numbers."""

    return {
        "competitions": Competition.objects.filter(published=True).count(),
        "users": User.objects.filter(Q(is_active=True), is_deleted=False).count(),
        "submissions": Submission.objects.filter(parent__isnull=True).count(),
    }


def archives_with_addresses(competition: Competition, *, absolute: bool = False) -> list[dict[str, Any]]:
    """The newest archives of a competition, each with its file, name and address; ask a policy first.

    absolute: addresses as API clients want them.
    """
    rows = competition.dumps.filter(kind=DumpKind.ARCHIVE).select_related("file", "created_by")[:20]
    found = []
    for row in rows:
        name = f"archive-{competition.pk}-{row.created_when:%Y-%m-%d}.zip"
        url = download_url(row.file, name=name, absolute=absolute) if row.file else ""
        found.append({"row": row, "file": row.file, "name": name if row.file else "", "url": url})
    return found

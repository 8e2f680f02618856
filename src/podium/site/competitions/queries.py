"""Reads of competitions that join."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet, TextChoices, prefetch_related_objects
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from podium.site.accounts.models import User
from podium.site.competitions import counts, policies
from podium.site.competitions.counts import Counted, attach
from podium.site.competitions.models import Competition, DumpKind, Participant, Phase, PhaseTask
from podium.site.evaluation import policies as submissions
from podium.site.leaderboards.models import Leaderboard
from podium.site.resources import policies as resource_policies
from podium.site.resources import queries as resources
from podium.site.resources.grants import download_url
from podium.site.resources.models import Dataset, DatasetType, Solution
from podium.site.searching import matching

_MOST = {"popular": "participants", "with_most_submissions": "submissions"}


class Openness(TextChoices):
    """Whether one can take part in a competition now, as the capsule on its card says it."""

    OPEN = "open", gettext_lazy("Open now")
    COMING = "coming", gettext_lazy("Starting later")
    OVER = "over", gettext_lazy("Over")


def public_competitions(
    *,
    search: str = "",
    ordering: str = "recent",
    user: Any = None,
    participating_in: bool = False,
    organizing: bool = False,
    has_reward: bool = False,
    type: str = "",
    organizer: str = "",
    openness: str = "",
) -> Counted:
    """Published competitions and benchmarks, as the public list shows them.

    search: words in the title. ordering: recent, popular or with_most_submissions. type: competition, benchmark or
    any. organizer: words in the shown or user name of the creator or of one collaborator. openness: of `Openness`.
    """
    rows = (
        Competition.objects.filter(published=True)
        .select_related("created_by", "logo", "logo_icon")
        .prefetch_related("phases")
    )
    for word in search.split():
        rows = rows.filter(title__icontains=word)
    if participating_in:
        rows = rows.filter(policies.taking_part(user))
    if organizing:
        rows = rows.filter(policies.organized_by(user))
    if has_reward:
        rows = rows.exclude(reward="")
    if type:
        rows = rows.filter(competition_type=type)
    if organizer:
        rows = rows.filter(_run_by(organizer))
    if openness:
        rows = rows.filter(_that_are(Openness(openness)))
    return Counted(rows.order_by("-created_when", "-pk"), _MOST.get(ordering, ""))


def _run_by(name: str) -> Q:
    people = matching(User.objects.filter(is_deleted=False), name, "username", "display_name").values("pk")
    collaborating = Competition.collaborators.through.objects.filter(user__in=people)
    return Q(created_by__in=people) | Q(pk__in=collaborating.values("competition"))


def _that_are(openness: Openness) -> Q:
    """The rule of `Phase.status_at`: a phase that is on, else one to come."""
    is_open = _has_open_phase()
    is_coming = Exists(Phase.objects.filter(competition=OuterRef("pk"), start__gt=timezone.now()))
    if openness == Openness.OPEN:
        return Q(is_open)
    return ~Q(is_open) & (Q(is_coming) if openness == Openness.COMING else ~Q(is_coming))


def _has_open_phase() -> Exists:
    now = timezone.now()
    phases = Phase.objects.filter(competition=OuterRef("pk"), start__lte=now)
    return Exists(phases.filter(Q(end__isnull=True) | Q(end__gt=now)))


FRONT = 4


def front_page(popular: int = FRONT, recent: int = FRONT) -> tuple[list[Competition], list[Competition]]:
    """The popular and the recent competitions of Codabench's home page, none twice.

    popular, recent: how many of each at most. Popular are first the featured ones, then those with most participants;
    recent are the newest of those that are neither featured nor popular.
    """
    rows = Competition.objects.filter(published=True).select_related("created_by", "logo", "logo_icon")
    featured = set(rows.filter(is_featured=True).values_list("pk", flat=True))
    order = sorted(Counted(rows, "participants").ids(), key=lambda pk: pk not in featured)[:popular]
    found = rows.in_bulk(order)
    first = [found[pk] for pk in order if pk in found]
    newest = rows.filter(is_featured=False).exclude(pk__in=order).order_by("-created_when", "-pk")
    then = list(newest[:recent])
    attach([*first, *then])
    return first, then


HOME_POPULAR, HOME_FEATURED, HOME_RECENT, HOME_OWN = 3, 6, 6, 3


def of_person(user: Any) -> list[Competition]:
    """What somebody finds of theirs on the home page: what they take part in or organize, what is on now first."""
    if not user.is_authenticated:
        return []
    rows = Competition.objects.filter(policies.taking_part(user) | policies.organized_by(user))
    rows = rows.annotate(is_on=_has_open_phase()).order_by("-is_on", "-created_when", "-pk")
    rows = rows.select_related("created_by", "logo", "logo_icon").prefetch_related("phases")
    shown: list[Competition] = list(rows[:HOME_OWN])
    attach(shown)
    return shown


def home_page() -> tuple[list[Competition], list[Competition]]:
    """The competitions of the home page, as `front_page`, with their phases: a row of popular ones, two of newest.

    Of featured ones up to two rows are shown.
    """
    featured = Competition.objects.filter(published=True, is_featured=True)[:HOME_FEATURED].count()
    popular, recent = front_page(max(HOME_POPULAR, featured), HOME_RECENT)
    prefetch_related_objects([*popular, *recent], "phases")
    return popular, recent


def _for_page(competitions: QuerySet[Competition], *, files: bool) -> QuerySet[Competition]:
    links, phases = PhaseTask.objects.select_related("task"), Phase.objects.all()
    if files:
        links = links.prefetch_related(
            resources.version_prefetch("task__"),
            Prefetch("task__solutions", queryset=Solution.objects.select_related("data__data_file")),
        )
        parts, facts = ("public_data", "starting_kit"), ("data_file", "created_by", "competition")
        phases = phases.select_related(*[f"{part}__{fact}" for part in parts for fact in facts])
    phases = phases.prefetch_related(Prefetch("phase_tasks", queryset=links.order_by("order_index", "task")))
    return competitions.select_related("created_by", "logo", "logo_icon", "queue__owner", "forum").prefetch_related(
        "collaborators",
        *(["pages"] if files else []),
        Prefetch("phases", queryset=phases.order_by("index")),
        Prefetch("leaderboards", queryset=Leaderboard.objects.prefetch_related("columns")),
    )


def competition_for_page(
    user: Any, pk: int, secret_key: str | uuid.UUID | None = None, *, files: bool = True
) -> Competition:
    """A competition with everything its pages show, in a fixed number of queries. Raises Http404 when not visible.

    files: also those of its phases and tasks, and its own pages, for pages that list them.
    """
    wanted = _for_page(policies.visible_to(user, secret_key).filter(pk=pk), files=files)
    # Without an order, for which Django would first hash every selected column: a tenth of a page's time (measured).
    found = next(iter(wanted.order_by()[:1]), None)
    if found is None:
        raise Http404(_("There is no such competition, or you may not see it."))
    boards = {board.pk: board for board in found.leaderboards.all()}
    for phase in found.phases.all():
        # The same objects, so that nothing is asked again for is_final_phase, policies, and the columns of a board.
        phase.competition = found
        phase.leaderboard = boards.get(phase.leaderboard_id or 0)
    attach([found])
    return found


def participants(competition: Competition, search: str = "", status: str = "") -> QuerySet[Participant]:
    """Who asked to take part, by name; for organizers.

    search: in user name or e-mail address. status: one of ParticipantStatus, or any.
    """
    rows = Participant.objects.filter(competition=competition).select_related("user").order_by("user__username")
    for word in search.split():
        rows = rows.filter(Q(user__username__icontains=word) | policies.with_address(icontains=word))
    return rows.filter(status=status) if status else rows


@dataclass(frozen=True)
class FileRow:
    """A file that a person may download from a competition's page."""

    dataset: Dataset
    type: DatasetType
    phase: str
    task: str
    available: bool

    @property
    def kind(self) -> str:
        """What it is, in words."""
        return str(self.type.label)


def files_for(user: Any, competition: Competition) -> list[FileRow]:
    """The files of a competition that `user` may have.

    Codabench's rule: approved participants get programs if make_programs_available, input data if
    make_input_data_available, solutions, and always starting kit and public data; organizers get everything. What
    belongs to a task participants get once a phase with the task has begun.
    """
    organizer = policies.can_administer(user, competition)
    if not organizer and not policies.is_approved(user, competition):
        return []
    rows: list[FileRow] = []
    for phase in competition.phases.all():
        given_to_all = ((DatasetType.STARTING_KIT, phase.starting_kit), (DatasetType.PUBLIC_DATA, phase.public_data))
        for type, dataset in given_to_all:
            _add(rows, dataset, type, phase.name, "", available=True)
        for link in phase.phase_tasks.all():
            version = resources.current_version(link.task)
            given = policies.parts_given(phase, organizer=False, takes_part=True)
            for part in ("ingestion_program", "scoring_program", "input_data", "reference_data"):
                if organizer or part in given:
                    type = DatasetType(part)
                    _add(rows, getattr(version, part), type, phase.name, link.task.name, available=part in given)
            begun = policies.has_begun(phase)
            for solution in link.task.solutions.all() if begun or organizer else ():
                _add(rows, solution.data, DatasetType.SOLUTION, phase.name, link.task.name, available=begun)
    return rows


def gives_file(user: Any, dataset: Dataset) -> bool:
    """Whether `user` may have a dataset's file: as the owner, or because it is public, as is a submission made of it.

    Or because a competition's files have it.
    """
    if resource_policies.datasets_visible_to(user).filter(pk=dataset.pk).exists():
        return True
    if dataset.is_public and submissions.visible_to(user).filter(data=dataset, is_public=True).exists():
        return True
    if not user.is_authenticated:
        return False
    using = resources.competitions_using([dataset])[dataset.pk]
    mine = policies.administered_by(user) | Competition.objects.filter(policies.taking_part(user))
    for competition in _for_page(mine.filter(pk__in=using).distinct(), files=True)[:MOST_ASKED]:
        if any(row.dataset.pk == dataset.pk for row in files_for(user, competition)):
            return True
    return False


MOST_ASKED = 50
"""Competitions that are asked whether they give a file."""


def _add(
    rows: list[FileRow], dataset: Dataset | None, type: DatasetType, phase: str, task: str, *, available: bool
) -> None:
    if dataset is not None and dataset.data_file is not None:
        rows.append(FileRow(dataset=dataset, type=type, phase=phase, task=task, available=available))


def counters() -> dict[str, int]:
    """The home page's three numbers: `competitions`, `users`, `submissions`; what they cost does not grow."""
    return counts.of_site()


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

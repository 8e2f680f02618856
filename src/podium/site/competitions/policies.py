"""Who may see competitions and who runs them."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext

from podium.site.accounts.models import User
from podium.site.competitions.models import (
    AS_ADMINISTRATOR,
    Competition,
    Participant,
    ParticipantStatus,
    Phase,
    PhaseStatus,
    PhaseTask,
)
from podium.site.resources import policies as resources
from podium.site.resources.models import Task, TaskVersion


def _secret(secret_key: str | uuid.UUID | None) -> uuid.UUID | None:
    try:
        return uuid.UUID(str(secret_key)) if secret_key else None
    except ValueError:
        return None


def organized_by(user: Any) -> Q:
    """Competitions that `user` created or collaborates on."""
    if not user.is_authenticated:
        return Q(pk__in=[])
    return Q(created_by=user) | Q(
        pk__in=Competition.collaborators.through.objects.filter(user=user).values("competition")
    )


def taking_part(user: Any) -> Q:
    """Competitions in which `user` is an approved participant."""
    if not user.is_authenticated:
        return Q(pk__in=[])
    if user.stands_in is not None:
        return Q(pk=user.stands_in)
    return Q(pk__in=Participant.objects.filter(user=user, status=ParticipantStatus.APPROVED).values("competition"))


def visible_to(user: Any, secret_key: str | uuid.UUID | None = None) -> QuerySet[Competition]:
    """The competitions that `user` may see.

    Published ones, those one organizes or takes part in, and the one whose secret key is shown; administrators see
    all. Everything else of a competition (phases, boards, files) is visible only if the competition is.
    """
    if user.is_authenticated and user.is_superuser:
        return Competition.objects.all()
    rule = Q(published=True) | organized_by(user) | taking_part(user)
    secret = _secret(secret_key)
    if secret is not None:
        rule |= Q(secret_key=secret)
    return Competition.objects.filter(rule)


def with_secret(secret_key: str | uuid.UUID | None) -> QuerySet[Competition]:
    """The competition whose secret key is shown, none for what is no key."""
    secret = _secret(secret_key)
    return Competition.objects.none() if secret is None else Competition.objects.filter(secret_key=secret)


def can_administer(user: Any, competition: Competition) -> bool:
    """Creator, collaborators and administrators run a competition."""
    if not user.is_authenticated:
        return False
    if user.is_superuser or competition.created_by_id == user.pk:
        return True
    return any(collaborator.pk == user.pk for collaborator in competition.collaborators.all())


def administered_by(user: Any) -> QuerySet[Competition]:
    """The competitions that `user` runs, as `can_administer` says."""
    if user.is_authenticated and user.is_superuser:
        return Competition.objects.all()
    return Competition.objects.filter(organized_by(user))


def participant_of(user: Any, competition: Competition) -> Participant | None:
    """The user's participation, whatever its status."""
    if not user.is_authenticated:
        return None
    if user.stands_in is not None:
        approved = Participant(user=user, competition=competition, status=ParticipantStatus.APPROVED)
        return approved if user.stands_in == competition.pk else None
    return Participant.objects.filter(user=user, competition=competition).first()


NOBODYS_NUMBER = -1


def stand_in(competition: Competition) -> User:
    """Somebody who is an approved participant of a competition and nothing else; there is no row of them."""
    person = User(pk=NOBODYS_NUMBER, username="participant", display_name=gettext("A participant"))
    person.stands_in = competition.pk
    return person


def is_approved(user: Any, competition: Competition) -> bool:
    """Whether `user` may take part."""
    participant = participant_of(user, competition)
    return participant is not None and participant.status == ParticipantStatus.APPROVED


def is_welcome_robot(user: Any, competition: Competition) -> bool:
    """Whether a bot may take part unasked, and do what bots do: the competition lets robots in and did not deny it."""
    if not (user.is_authenticated and user.is_bot and competition.allow_robot_submissions):
        return False
    participant = participant_of(user, competition)
    return participant is None or participant.status != ParticipantStatus.DENIED


def parts_given(phase: Phase, *, organizer: bool, takes_part: bool) -> frozenset[str]:
    """Which parts of the tasks of a phase (`TaskVersion.PARTS`) somebody may have.

    Organizers all; approved participants programs and input data where the competition makes them available
    (Codabench's rule), once the phase has begun.
    """
    if organizer:
        return frozenset(TaskVersion.PARTS)
    if not takes_part or not has_begun(phase):
        return frozenset()
    programs = {"scoring_program", "ingestion_program"} if phase.competition.make_programs_available else set()
    data = {"input_data"} if phase.competition.make_input_data_available else set()
    return frozenset(programs | data)


def robots_see(user: Any) -> QuerySet[Competition]:
    """The competitions in which a bot is welcome (`is_welcome_robot`), of those that it sees."""
    denied = Participant.objects.filter(user=user, status=ParticipantStatus.DENIED)
    welcoming = visible_to(user).filter(allow_robot_submissions=True)
    return welcoming.exclude(pk__in=denied.values("competition"))


def has_begun(phase: Phase) -> bool:
    """Whether participants may have what belongs to the tasks of a phase."""
    return phase.status is not PhaseStatus.NEXT


def may_replace_task(user: Any, competition: Competition, task: Task) -> bool:
    """Whether `user` may give a task of the competition other programs and data.

    Its maker may, and organizers where the task is one of the competition's creator and serves no other competition
    that they do not run: such a one is not theirs to change.
    """
    if not can_administer(user, competition):
        return False
    if resources.may_change_task(user, task):
        return True
    run = Competition.everything.filter(organized_by(user))
    elsewhere = PhaseTask.objects.filter(task=task).exclude(phase__competition__in=run)
    return task.created_by_id == competition.created_by_id and not elsewhere.exists()


def with_address(**lookup: str) -> Q:
    """Participants whose address, as far as organizers are told it (`told_address`), is like that; lookup: Django's."""
    return ~Q(reason=AS_ADMINISTRATOR) & Q(**{f"user__email__{name}": text for name, text in lookup.items()})


def people_unasked(competition: Competition) -> set[int]:
    """Who was made an administrator of a competition and has not asked to take part, by number."""
    asked = competition.participants.exclude(reason=AS_ADMINISTRATOR).values("user")
    collaborating = competition.collaborators.exclude(pk__in=asked).values_list("pk", flat=True)
    unasked = competition.participants.filter(reason=AS_ADMINISTRATOR).values_list("user", flat=True)
    return {*collaborating, *unasked}

"""What a change of a person does to the boards on which they stand."""

from __future__ import annotations

from django.db import transaction

from podium.site.accounts.models import Organization, User
from podium.site.competitions.models import Competition, Phase
from podium.site.evaluation.models import Submission
from podium.site.leaderboards import stamps
from podium.site.leaderboards.models import Entry
from podium.site.leaderboards.names import folded
from podium.site.leaderboards.services.standing import recompute


@transaction.atomic
def follow_person(*, owner_id: int, competition: Competition | None = None) -> None:
    """Take a person's entries from the boards when they were shut out, bring them back when they are let in again.

    competition: where it is; None for all, after a ban or its end. Costs as much as the person has submissions there.
    """
    phases = Phase.objects.filter(pk__in=Submission.objects.filter(owner=owner_id).values("phase"))
    if competition is not None:
        phases = phases.filter(competition=competition)
    for phase in phases.select_related("leaderboard").order_by("pk"):
        recompute(phase=phase, owner_id=owner_id)


def rename(*, user: User) -> None:
    """Let a person be found on boards by their present name."""
    entries = Entry.objects.filter(owner=user, submission__organization__isnull=True)
    entries.update(name=folded(user.shown_name))
    stamps.mark_names_changed(Entry.objects.filter(owner=user))


def rename_organization(*, organization: Organization) -> None:
    """Let an organization be found on boards by its present name."""
    entries = Entry.objects.filter(submission__organization=organization)
    entries.update(name=folded(organization.name))
    stamps.mark_names_changed(entries)

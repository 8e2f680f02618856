"""Background work on competitions."""

from __future__ import annotations

from django_tasks import task

from podium.site.competitions.services import creation, deleting, dumping


@task()
def create_competition(status_id: int) -> None:
    """Make a competition from its uploaded bundle."""
    creation.run_creation(status_id=status_id)


@task()
def write_dump(dump_id: int) -> None:
    """Write a competition out, as a bundle or an archive."""
    dumping.run_dump(dump_id=dump_id)


@task()
def end_submissions(competition_id: int) -> None:
    """Cancel what is under way in a deleted competition."""
    deleting.end_submissions(competition_id)

"""Background work on the numbers of the site."""

from __future__ import annotations

from django_tasks import task

from podium.site.analytics.services import orphans, snapshots


@task()
def take_snapshot(day_id: int) -> None:
    """Count what the site stores."""
    snapshots.take(day_id=day_id)


@task()
def look_for_orphans() -> None:
    """Compare the storage with its rows."""
    orphans.look()


@task()
def delete_orphans(deletion_id: int) -> None:
    """Remove the files that nothing refers to."""
    orphans.run_deletion(deletion_id=deletion_id)

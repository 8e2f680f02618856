"""What must hold of a platform once everything has ended, whatever was done to it meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from podium.site.evaluation.services.attempts import MAX_ATTEMPTS

from .running import Platform
from .waiting import eventually

ENDED = "('Finished', 'Failed', 'Cancelled')"


def files_of(platform: Platform) -> set[str]:
    """Every stored file that is not an upload on its way."""
    root = platform.data / "files"
    found = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return {str(path) for path in found if path.parts[0] != "incoming"}


def known_files(platform: Platform) -> set[str]:
    """Every file that the database knows."""
    return {row["key"] for row in platform.rows("SELECT key FROM resources_storedfile")}


def uploads(platform: Platform) -> list[str]:
    """What lies among the uploads on their way."""
    return sorted(path.name for path in (platform.data / "files" / "incoming").glob("*"))


def job_folders(platform: Platform) -> list[Path]:
    """Folders of jobs in the work folders of the compute workers."""
    return sorted(path for path in (platform.data / "worker").glob("workers/*/jobs/*"))


def wait_for_ends(platform: Platform, *, within: float) -> None:
    """Wait until every submission has ended."""
    query = f"SELECT id, status FROM evaluation_submission WHERE status NOT IN {ENDED}"  # noqa: S608 - constant
    eventually(lambda: not platform.rows(query) or None, "the end of every submission", within=within)


def assert_sound(platform: Platform) -> None:
    """Assert of the rows: nothing lost, nothing twice, every end with its reason, every try as the verdict says."""
    _nothing_is_open(platform)
    _runs_and_attempts_agree(platform)
    _scores_and_places_follow_from_ends(platform)
    _tries_follow_from_ends(platform)


def _none(platform: Platform, what: str, query: str) -> None:
    rows = platform.rows(query)
    assert not rows, f"{what}: {rows}"


def _nothing_is_open(platform: Platform) -> None:
    _none(
        platform,
        "submissions under way",
        f"SELECT id, status FROM evaluation_submission WHERE status NOT IN {ENDED}",  # noqa: S608 - constant
    )
    _none(platform, "open runs", "SELECT id, state FROM evaluation_run WHERE state IN ('queued', 'claimed')")
    _none(platform, "active attempts", "SELECT id FROM evaluation_attempt WHERE state = 'active'")


def _runs_and_attempts_agree(platform: Platform) -> None:
    _none(
        platform,
        "runs with too many attempts",
        f"SELECT run_id FROM evaluation_attempt GROUP BY run_id HAVING COUNT(*) > {MAX_ATTEMPTS}",  # noqa: S608
    )
    _none(
        platform,
        "runs whose successful attempts do not fit their state",
        "SELECT run.id, run.state FROM evaluation_run run WHERE (SELECT COUNT(*) FROM evaluation_attempt a WHERE"
        " a.run_id = run.id AND a.state = 'succeeded') <> (CASE WHEN run.state = 'succeeded' THEN 1 ELSE 0 END)",
    )
    _none(
        platform,
        "successful runs without output",
        "SELECT id FROM evaluation_run WHERE state = 'succeeded' AND output_id IS NULL",
    )


def _scores_and_places_follow_from_ends(platform: Platform) -> None:
    _none(
        platform,
        "scores that are there twice, or of what did not finish",
        "SELECT s.submission_id, s.column_id FROM leaderboards_score s JOIN evaluation_submission sub"
        " ON sub.id = s.submission_id GROUP BY s.submission_id, s.column_id, sub.status"
        " HAVING COUNT(*) > 1 OR sub.status <> 'Finished'",
    )
    _none(
        platform,
        "finished submissions without a score",
        "SELECT id FROM evaluation_submission sub WHERE status = 'Finished' AND NOT has_children AND NOT EXISTS"
        " (SELECT 1 FROM leaderboards_score s WHERE s.submission_id = sub.id)",
    )
    _none(
        platform,
        "places of what did not finish",
        "SELECT e.submission_id FROM leaderboards_entry e JOIN evaluation_submission s ON s.id = e.submission_id"
        " WHERE s.status <> 'Finished'",
    )
    _none(
        platform,
        "failures without a cause, a step or a sentence",
        "SELECT id FROM evaluation_submission WHERE status = 'Failed' AND"
        " (cause = '' OR fault = '' OR failed_step = '' OR status_details = '')",
    )


def _tries_follow_from_ends(platform: Platform) -> None:
    """By default what failed, or was cancelled before it started, costs nothing; what began costs one."""
    _none(
        platform,
        "tries that do not follow from how their submissions ended",
        "SELECT s.id, s.status, s.started_when,"
        " (SELECT SUM(t.amount) FROM evaluation_tryentry t WHERE t.submission_id = s.id) AS counted"
        " FROM evaluation_submission s WHERE s.parent_id IS NULL AND s.original_id IS NULL"
        " AND s.created_by_migration_id IS NULL"
        " AND (SELECT SUM(t.amount) FROM evaluation_tryentry t WHERE t.submission_id = s.id) <>"
        " (CASE WHEN s.status = 'Finished' OR (s.status = 'Cancelled' AND s.started_when IS NOT NULL)"
        " THEN 1 ELSE 0 END)",
    )
    _none(
        platform,
        "submissions that were never counted",
        "SELECT id FROM evaluation_submission s WHERE parent_id IS NULL AND original_id IS NULL AND"
        " created_by_migration_id IS NULL AND NOT EXISTS"
        " (SELECT 1 FROM evaluation_tryentry t WHERE t.submission_id = s.id)",
    )


def assert_nothing_left_behind(platform: Platform) -> None:
    """Assert that no program, job folder, upload or file without a row is left, nor a row without its file.

    The site-worker is started again with no patience for what was left half done, so what only time would clear is
    cleared now. Compute workers must have been stopped, and one have been started after the last that was killed.
    """
    assert not platform.sandboxes()
    assert not job_folders(platform)
    with _without_patience(platform):
        eventually(lambda: not uploads(platform) or None, f"the end of uploads: {uploads(platform)}")
        _assert_files_are_known(platform)


def assert_files_are_known(platform: Platform) -> None:
    """Assert that every stored file has a row and every row its file, once what only time would clear is cleared."""
    with _without_patience(platform):
        _assert_files_are_known(platform)


def _assert_files_are_known(platform: Platform) -> None:
    eventually(lambda: files_of(platform) <= known_files(platform) or None, "the end of files without a row")
    missing = known_files(platform) - files_of(platform)
    assert not missing, f"rows whose file is gone: {missing}"


@contextmanager
def _without_patience(platform: Platform) -> Iterator[None]:
    """With a site-worker that forgets at once what was left half done; in the end it is stopped."""
    patient = platform.settings
    platform.roles["site-worker"].stop()
    platform.settings = {**patient, "PODIUM_TIDY_SECONDS": "0.2", "PODIUM_FORGOTTEN_SECONDS": "0.1"}
    platform.start_site_worker()
    try:
        yield
    finally:
        platform.roles["site-worker"].stop()
        platform.settings = patient

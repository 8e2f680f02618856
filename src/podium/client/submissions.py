"""Submissions: making them, looking at them, their logs and files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from podium.client.downloads import download, read_file
from podium.client.files import upload_dataset
from podium.client.models import CanSubmit, Submission, SubmissionDetails
from podium.client.rules import call, creation, many, named, one
from podium.client.steps import Plan, Stream
from podium.client.uploads import Progress


def can_make_submission(phase: int) -> Plan[CanSubmit]:
    """Whether the caller may submit to a phase now, and if not, why."""
    with named(f"phase {phase}"):
        return (yield from one(CanSubmit, "GET", f"api/can_make_submission/{phase}/"))


def submit(
    phase: int,
    data_key: str,
    *,
    tasks: Iterable[int] | None = None,
    fact_sheet_answers: Mapping[str, Any] | None = None,
    organization: int | None = None,
) -> Plan[Submission]:
    """Submit an uploaded file to all tasks of a phase or to those given by number, for oneself or an organization."""
    body: dict[str, Any] = {"phase": phase, "data": data_key}
    if tasks is not None:
        body["tasks"] = list(tasks)
    if fact_sheet_answers:
        body["fact_sheet_answers"] = dict(fact_sheet_answers)
    if organization is not None:
        body["organization"] = organization
    return (yield from one(Submission, "POST", "api/submissions/", json=body, headers=creation()))


def submit_file(
    phase: int,
    path: Path,
    *,
    tasks: Iterable[int] | None = None,
    fact_sheet_answers: Mapping[str, Any] | None = None,
    organization: int | None = None,
    progress: Progress | None = None,
) -> Plan[Submission]:
    """Send a zip, folder or file and submit it."""
    key = yield from upload_dataset(path, "submission", progress=progress)
    return (
        yield from submit(phase, key, tasks=tasks, fact_sheet_answers=fact_sheet_answers, organization=organization)
    )


def submission(submission: int) -> Plan[Submission]:
    """One submission."""
    with named(f"submission {submission}"):
        return (yield from one(Submission, "GET", f"api/submissions/{submission}/"))


def submissions(
    *,
    competition: int | None = None,
    phase: int | None = None,
    status: str | None = None,
    search: str | None = None,
) -> Stream[Submission]:
    """The submissions that the caller may see, newest first; `search` looks in file, name, description and owner."""
    params = {"phase__competition": competition, "phase": phase, "status": status, "search": search}
    return many(Submission, "api/submissions/", params)


def details(submission: int) -> Plan[SubmissionDetails]:
    """Where a submission's logs and files are."""
    with named(f"submission {submission}"):
        return (yield from one(SubmissionDetails, "GET", f"api/submissions/{submission}/get_details/"))


def logs(submission: int, *, limit: int = 64 * 1024 * 1024) -> Plan[dict[str, str]]:
    """Every log of a submission by name (`prediction_stdout`, `scoring_stderr`, ...), each cut at `limit` bytes."""
    files = (yield from details(submission)).logs
    found = {}
    for file in files:
        if file.data_file:
            content = yield from read_file(file.data_file, limit=limit)
            found[file.name] = content.decode(errors="replace")
    return found


# What is done with them


def cancel_submission(submission: int) -> Plan[bool]:
    """Cancel a submission; returns whether there was something to cancel."""
    with named(f"submission {submission}"):
        answer = yield from call("POST", f"api/submissions/{submission}/cancel_submission/")
    return bool(answer["canceled"])


def run_submission(submission: int) -> Plan[None]:
    """Start a submission that waits for the organizers; for them."""
    with named(f"submission {submission}"):
        yield from call("POST", f"api/submissions/{submission}/run_submission/")


def rerun_submission(submission: int, *, task: str | None = None) -> Plan[int]:
    """Evaluate a submission that has ended again, as a new one whose number is returned; for organizers.

    `task` is the key of the one task to run it on, off the board.
    """
    path = f"api/submissions/{submission}/re_run_submission/"
    with named(f"submission {submission}"):
        answer = yield from call("POST", path, params={"task_key": task})
    return int(answer["id"])


def rerun_submissions(submissions: Sequence[int]) -> Plan[None]:
    """Evaluate a selection again, all or none; those that have not ended are left out. For organizers."""
    yield from call("POST", "api/submissions/re_run_many_submissions/", json=list(submissions))


def remove_submission(submission: int) -> Plan[None]:
    """Remove the files of a submission of the caller's; its row and scores stay."""
    with named(f"submission {submission}"):
        yield from call("DELETE", f"api/submissions/{submission}/soft_delete/")


def delete_submissions(submissions: Sequence[int]) -> Plan[None]:
    """Delete submissions with all their files and scores for good, all or none."""
    yield from call("DELETE", "api/submissions/delete_many/", json=list(submissions))


def publish_submission(number: int, public: bool = True) -> Plan[bool]:
    """Show a submission to whoever sees the competition, or to nobody else again; returns whether it is shown now."""
    now = (yield from submission(number)).is_public
    if now is not public:
        answer = yield from call("POST", f"api/submissions/{number}/toggle_public/")
        now = bool(answer["is_public"])
    return now


def place_submission(submission: int, on_leaderboard: bool = True) -> Plan[None]:
    """Put a submission on the leaderboard, or take it away, where the board's rule leaves that to people."""
    method = "POST" if on_leaderboard else "DELETE"
    with named(f"submission {submission}"):
        yield from call(method, f"api/submissions/{submission}/submission_leaderboard_connection/")


def update_fact_sheet(submission: int, answers: Mapping[str, Any]) -> Plan[None]:
    """Give other answers to the fact sheet of a submission."""
    with named(f"submission {submission}"):
        yield from call("PATCH", f"api/submissions/{submission}/update_fact_sheet/", json=dict(answers))


def download_submissions(
    target: Path,
    *,
    phase: int | None = None,
    competition: int | None = None,
    search: str | None = None,
    include: Sequence[str] = (),
    progress: Progress | None = None,
) -> Plan[int]:
    """Store the files of all submissions of a phase or a competition in one zip; returns its size in bytes.

    `include` says what of each: submission (the default), prediction_result, scoring_result.
    """
    params = [
        *((name, str(value)) for name, value in (("phase", phase), ("phase__competition", competition)) if value),
        *([("search", search)] if search else []),
        *(("include", part) for part in include),
    ]
    return (yield from download(f"api/submissions/download_zip/?{urlencode(params)}", target, progress=progress))

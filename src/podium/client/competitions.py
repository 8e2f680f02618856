"""Competitions: looking around, taking part, making them of bundles, archives."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import RootModel

from podium.client.downloads import download
from podium.client.errors import CreationFailedError, PodiumError, UnexpectedAnswerError, WaitTimeoutError
from podium.client.files import send
from podium.client.models import (
    Competition,
    CompetitionArchive,
    CompetitionDump,
    CompetitionFiles,
    CompetitionItem,
    CreationFault,
    CreationStatus,
    HistoryEntry,
    Leaderboard,
)
from podium.client.rules import call, creation, many, named, one, tagged
from podium.client.steps import Pause, Plan, Stream
from podium.client.uploads import Progress

_Ending = TypeVar("_Ending", CreationStatus, CompetitionArchive, CompetitionDump)


class _Limits(RootModel[dict[str, float]]):
    """Ceilings by key."""


def competitions(
    *, search: str | None = None, mine: bool = False, participating: bool = False, kind: str | None = None
) -> Stream[CompetitionItem]:
    """The competitions that the caller may see.

    `search` looks in titles and descriptions, `mine` keeps those that the caller organizes, `participating`
    those that the caller takes part in; `kind` is competition (the server's default), benchmark or any.
    """
    params = {
        "search": search,
        "mine": "true" if mine else None,
        "participating_in": "true" if participating else None,
        "type": kind,
    }
    return many(CompetitionItem, "api/competitions/", params)


def competition(competition: int, *, secret_key: str | None = None) -> Plan[Competition]:
    """One competition; `secret_key` opens one that is not published."""
    with named(f"competition {competition}"):
        path = f"api/competitions/{competition}/"
        return (yield from tagged(Competition, "GET", path, params={"secret_key": secret_key}))


def register(competition: int, *, secret_key: str | None = None) -> Plan[str]:
    """Ask to take part; returns `approved`, or `pending` until the organizer decides."""
    body = {"secret_key": secret_key} if secret_key else {}
    with named(f"competition {competition}"):
        answer = yield from call("POST", f"api/competitions/{competition}/register/", json=body)
    return str(answer["participant_status"])


def publish(number: int, published: bool = True) -> Plan[bool]:
    """Show the competition to everybody, or hide it again; returns whether it is published now."""
    now = (yield from competition(number)).published
    if now is not published:
        answer = yield from call("POST", f"api/competitions/{number}/toggle_publish/")
        now = bool(answer["published"])
    return now


def create_competition(facts: Mapping[str, Any]) -> Plan[Competition]:
    """Make a competition of what the web editor sends: title, phases, leaderboards, pages, ... See the API's schema."""
    return (yield from one(Competition, "POST", "api/competitions/", json=dict(facts), headers=creation()))


def update_competition(competition: int, *, if_match: str | None = None, **facts: Any) -> Plan[Competition]:
    """Change what is given of a competition of the caller's, in the words of `create_competition`.

    Lists (pages, phases, leaderboards, collaborators, whitelist_emails) are given whole. With `if_match`, the `etag` of
    the competition as it was read, nothing is done when somebody has changed it since: ConflictError.
    """
    headers = {"If-Match": if_match} if if_match else {}
    with named(f"competition {competition}"):
        path = f"api/competitions/{competition}/"
        return (yield from tagged(Competition, "PATCH", path, json=facts, headers=headers))


def delete_competition(competition: int) -> Plan[None]:
    """Delete a competition of the caller's with all its submissions."""
    with named(f"competition {competition}"):
        yield from call("DELETE", f"api/competitions/{competition}/")


def history(
    competition: int | None = None,
    *,
    user: str | None = None,
    action: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Stream[HistoryEntry]:
    """What organizers and administrators changed in a competition of the caller's, the newest first.

    Without a competition that of the whole site, for administrators. `user` is who did it, `action` as in
    `competition.published`; `since` and `until` are moments, of which the first counts.
    """
    path = "api/audit/" if competition is None else f"api/competitions/{competition}/audit/"
    moments = {name: moment.isoformat() if moment else None for name, moment in (("since", since), ("until", until))}
    return many(HistoryEntry, path, {"user": user, "action": action, **moments})


def email_participants(competition: int, message: str) -> Plan[None]:
    """Write a mail, in Markdown, to everybody who takes part in a competition of the caller's."""
    with named(f"competition {competition}"):
        yield from call("POST", f"api/competitions/{competition}/email_all_participants/", json={"message": message})


def download_results(
    competition: int,
    target: Path,
    *,
    phase: int | None = None,
    format: str = "csv",
    progress: Progress | None = None,
) -> Plan[int]:
    """Store the results of a competition of the caller's, unrounded; `format` is csv, json or zip (a CSV per board)."""
    query = f"?phase={phase}" if phase is not None else ""
    with named(f"competition {competition}"):
        path = f"api/competitions/{competition}/results.{format}{query}"
        return (yield from download(path, target, progress=progress))


def leaderboard(phase: int) -> Plan[Leaderboard]:
    """A phase's leaderboard, rows in rank order."""
    with named(f"phase {phase}"):
        return (yield from one(Leaderboard, "GET", f"api/phases/{phase}/get_leaderboard/"))


def limits() -> Plan[dict[str, float]]:
    """The most that the server gives a step of a submission, by the keys of a phase in a bundle."""
    found: _Limits = yield from one(_Limits, "GET", "api/limits/")
    return found.root


# Bundles


def upload_bundle(path: Path, *, progress: Progress | None = None) -> Plan[int]:
    """Send a competition bundle, zip or folder; returns the number to ask `creation_status` with."""
    answer = yield from send(path, "competition_bundle", name=None, progress=progress)
    if not isinstance(answer.get("status_id"), int):
        raise UnexpectedAnswerError("The server took the bundle but did not start to unpack it.")
    return int(answer["status_id"])


def creation_status(status_id: int) -> Plan[CreationStatus]:
    """How far an uploaded bundle is on its way to becoming a competition."""
    return (yield from one(CreationStatus, "GET", f"api/competitions/{status_id}/creation_status/"))


def wait_for_competition(
    status_id: int, *, timeout: float = 600, on_change: Callable[[CreationStatus], None] | None = None
) -> Plan[int]:
    """Wait until a bundle has become a competition and return that competition's number.

    `on_change` is called with every new state. Raises CreationFailedError with the faults when the bundle is
    refused, WaitTimeoutError after `timeout` seconds.
    """
    late = WaitTimeoutError(
        f"The bundle was not unpacked within {timeout:g} s.", hint="Unpacking goes on; look again later."
    )
    return _created((yield from _until_ended(lambda: creation_status(status_id), timeout, late, on_change)))


def _until_ended(
    ask: Callable[[], Plan[_Ending]],
    timeout: float,
    late: WaitTimeoutError,
    on_change: Callable[[_Ending], None] | None,
) -> Plan[_Ending]:
    """Ask until something has ended, and tell every new state of it. Raises `late` after `timeout` seconds."""
    deadline, last = time.monotonic() + timeout, None
    while True:
        now = yield from ask()
        if now != last and on_change:
            on_change(now)
        last = now
        if now.ended:
            return now
        if time.monotonic() > deadline:
            raise late
        yield Pause(0.2)


def _created(status: CreationStatus) -> int:
    if status.status == "Finished" and status.resulting_competition is not None:
        return status.resulting_competition
    faults = [describe_fault(fault) for fault in status.faults if fault.severity == "error"]
    if not faults and status.details:
        faults = [line for line in status.details.splitlines() if line.strip()]
    raise CreationFailedError(
        "The bundle was refused." if faults else "The bundle was refused without a reason.",
        faults=faults,
        hint="Mend it and check it with `podium check`.",
    )


def describe_fault(fault: CreationFault) -> str:
    """One line for a fault: where it is, what is wrong, how to mend it."""
    place = ":".join(str(part) for part in (fault.file, fault.line, fault.column) if part is not None)
    return f"{place + ': ' if place else ''}{fault.message}{' ' + fault.hint if fault.hint else ''}"


# Dumps and archives


def files(competition: int) -> Plan[CompetitionFiles]:
    """The bundle, the dumps and the archives of a competition of the caller's."""
    with named(f"competition {competition}"):
        return (yield from one(CompetitionFiles, "GET", f"api/competitions/{competition}/get_files/"))


def create_dump(competition: int, *, keys_instead_of_files: bool = False) -> Plan[int]:
    """Start to write a competition out as a bundle; returns the number that `wait_for_dump` takes."""
    path, body = f"api/competitions/{competition}/create_dump/", {"keys_instead_of_files": keys_instead_of_files}
    with named(f"competition {competition}"):
        answer = yield from call("POST", path, json=body)
    return int(answer["dump"])


def wait_for_dump(competition: int, dump: int, *, timeout: float = 3600) -> Plan[CompetitionDump]:
    """Wait until a dump is finished and return it with its address.

    Raises PodiumError with the reason when it fails, WaitTimeoutError after `timeout` seconds.
    """

    def ask() -> Plan[CompetitionDump]:
        found = (yield from files(competition)).dumps
        now = next((each for each in found if each.id == dump), None)
        if now is None:
            raise UnexpectedAnswerError(f"The server lists dump {dump} no more.")
        return now

    late = WaitTimeoutError(f"The dump was not written within {timeout:g} s.", hint="Writing goes on; ask again.")
    found = yield from _until_ended(ask, timeout, late, None)
    if found.status != "Finished" or not found.url:
        raise PodiumError("There is no dump.", hint=found.details or "Its file was deleted already.")
    return found


def create_archive(competition: int) -> Plan[CompetitionArchive]:
    """Start to write a competition of the caller's with all that happened in it; one under way is answered with."""
    with named(f"competition {competition}"):
        return (yield from one(CompetitionArchive, "POST", f"api/competitions/{competition}/create_archive/"))


def archives(competition: int) -> Plan[list[CompetitionArchive]]:
    """The newest archives of a competition of the caller's, newest first."""
    return (yield from files(competition)).archives


def wait_for_archive(
    competition: int,
    archive: int,
    *,
    timeout: float = 24 * 3600,
    on_change: Callable[[CompetitionArchive], None] | None = None,
) -> Plan[CompetitionArchive]:
    """Wait until an archive is finished and return it with its address.

    `on_change` is called with every new state. Raises PodiumError with the reason when it fails, WaitTimeoutError
    after `timeout` seconds.
    """

    def ask() -> Plan[CompetitionArchive]:
        found = yield from archives(competition)
        now = next((each for each in found if each.id == archive), None)
        if now is None:
            raise UnexpectedAnswerError(f"The server lists archive {archive} no more.")
        return now

    late = WaitTimeoutError(f"The archive was not written within {timeout:g} s.", hint="Writing goes on; ask again.")
    return _finished((yield from _until_ended(ask, timeout, late, on_change)))


def _finished(archive: CompetitionArchive) -> CompetitionArchive:
    if archive.status == "Finished" and archive.url:
        return archive
    reason = archive.details or "Its file was deleted already: a newer one took its place."
    raise PodiumError("There is no archive.", hint=reason)

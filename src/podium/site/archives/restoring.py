"""Restore a competition from an archive: its files first, then every row in one transaction; all of it or nothing.

What an archive says is believed of the competition alone. It never decides who somebody is: each of its people becomes
an account of its own that nobody can log in to, unless whoever restores has named another one. Nothing is started: what
was under way has failed by the platform's fault, and what was held for the organizers is held.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final

import structlog
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from podium.formats.archives import ArchiveError, open_archive
from podium.formats.competition_archive import KINDS, Archive, BadArchiveError
from podium.formats.competition_archive.kinds import member_of
from podium.formats.factsheet import check_definition
from podium.formats.pages import is_picture_name
from podium.formats.unpacking import quoted
from podium.protocol import Cause, Failure, Step, Stream
from podium.ranking import keys
from podium.site.accounts.models import User
from podium.site.accounts.services import create_placeholder
from podium.site.archives.tables import DERIVED, MODELS, column_of
from podium.site.audit.actions import Action
from podium.site.audit.services import record
from podium.site.competitions.models import Competition, Phase
from podium.site.competitions.services.icons import give_icon
from podium.site.errors import Refused
from podium.site.evaluation import logs
from podium.site.evaluation.models import ParticipantLane, PhaseWork, Submission, WorkState
from podium.site.evaluation.services import order, verdicts
from podium.site.evaluation.states import OPEN_RUNS, TERMINAL, AttemptState, RunState, SubmissionStatus
from podium.site.forums.models import Forum, Thread
from podium.site.forums.services import posting
from podium.site.forums.services.opening import open_forum
from podium.site.leaderboards import services as leaderboards
from podium.site.leaderboards.models import Entry
from podium.site.leaderboards.services import places
from podium.site.queues.models import hash_token, new_token
from podium.site.queues.services import default_queue
from podium.site.resources import storage
from podium.site.resources.models import Dataset

log = structlog.get_logger(__name__)

BATCH: Final = 500
INTERRUPTED: Final = (
    "This submission was being evaluated when its competition was archived. The try was given back; an organizer can "
    "evaluate it again."
)
_CHECKED: Final = frozenset({"text", "whole", "number", "flag", "time", "day"})
_OWNED: Final = frozenset(
    "collaborators whitelist_emails pages pictures leaderboards phases participants".split()  # noqa: SIM905 - read as a line
)
"""Kinds whose rows name the competition."""


@dataclass
class Restored:
    """What came of it: the competition, who is who (archived name to account), and what the administrator should know.

    interrupted: how many submissions were under way.
    """

    competition: Competition
    people: dict[str, User]
    interrupted: int = 0
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Stored:
    """A file that lies in storage and has no row yet."""

    key: str
    md5: str


def restore(*, archive: Archive, users: Mapping[str, User] | None = None, owner: User | None = None) -> Restored:
    """Make a competition of an archive, unpublished, on the default queue.

    users: accounts of this site by the archived user name of whom they are; all others become placeholders. owner: the
    account that is whoever made the competition, and runs it here.
    Raises BadArchiveError with member and line, Refused where `users` names somebody twice or nobody of the archive;
    nothing is left then. Restoring an archive twice makes two competitions.
    """
    archive.verify_rows()
    users = _with_owner(archive, users or {}, owner)
    _refuse_unfit(archive, users)
    written: list[str] = []
    try:
        stored = _store(archive, written)
        with storage.removed_on_failure() as pictures, transaction.atomic():
            restored = _Restorer(archive, users, owner, stored).restore()
            give_icon(competition=restored.competition, stored=pictures)
            return restored
    except BaseException:
        for key in written:
            storage.remove_content(key)
        raise


def _with_owner(archive: Archive, users: Mapping[str, User], owner: User | None) -> Mapping[str, User]:
    """The table of people with the owner in the place of whoever made the competition."""
    (row,) = archive.rows("competition")
    makers = [person["username"] for person in archive.rows("people") if person["id"] == row["created_by"]]
    return {**users, **dict.fromkeys(makers, owner)} if owner else users


def _refuse_unfit(archive: Archive, users: Mapping[str, User]) -> None:
    names = [row["username"] for row in archive.rows("people")]
    for name in users:
        if name not in names:
            raise Refused(f'There is no "{name}" in the archive.', field="users", code="unknown")
    doubled = {user.username for user in users.values() if list(users.values()).count(user) > 1}
    if doubled:
        raise Refused(f'"{min(doubled)}" is named for two people.', field="users", code="twice")
    if len(set(names)) != len(names):
        raise BadArchiveError(f"{member_of('people')}: a user name occurs twice.")


class _Digesting:
    """Writes and digests."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._md5 = hashlib.md5(usedforsecurity=False)  # shown by the API; the archive's sha256 was checked

    def write(self, data: bytes, /) -> int:
        self._md5.update(data)
        return self._stream.write(data)

    def md5(self) -> str:
        """Of what was written, in hex."""
        return self._md5.hexdigest()


def _store(archive: Archive, written: list[str]) -> list[_Stored]:
    """Put the content of every file into storage, checked; each gets a name of its own, as it had."""
    stored: list[_Stored] = []
    known: dict[tuple[str, str, int], _Stored] = {}
    for row in archive.rows("files"):
        key = storage.new_key("restored", row["name"])
        written.append(key)
        same = known.get((row["member"], row["sha256"], row["size"]))
        if same is not None:
            storage.copy(key, same.key)
            stored.append(_Stored(key, same.md5))
            continue
        with storage.Sink(key) as stream:
            digesting = _Digesting(stream)
            archive.copy(row, digesting)
        stored.append(_Stored(key, digesting.md5()))
        known[(row["member"], row["sha256"], row["size"])] = stored[-1]
    return stored


class _Restorer:
    """Makes the rows, kind by kind, inside one transaction."""

    def __init__(self, archive: Archive, users: Mapping[str, User], owner: User | None, stored: list[_Stored]) -> None:
        self._archive, self._users, self._stored = archive, users, stored
        self._owner = owner
        self._people: dict[str, User] = {}
        self._ids: dict[str, list[int]] = {kind: [] for kind in KINDS}
        self._owners: list[int] = []
        self._phases: list[int] = []
        self._lanes: dict[int, int] = {}
        self._opened: Forum | None = None
        self._queue = default_queue()
        self._now = timezone.now()
        self._made = min(archive.manifest.made, self._now)

    def restore(self) -> Restored:
        """Make everything and say what came of it."""
        self._make_people()
        for kind in KINDS:
            if kind == "people":
                continue
            if kind == "datasets":
                self._choose_owner()
            if kind == "entries":
                self._place()
            else:
                self._make(kind)
        competition = Competition.objects.get(pk=self._ids["competition"][0])
        self._claim_datasets(competition)
        self._recount_threads()
        facts = {"archive of": self._archive.manifest.made}
        record(Action.COMPETITION_CREATED, by=None, on=competition, after=facts)
        warnings = self._contradictions()
        return Restored(competition, self._people, self._interrupt(competition), warnings)

    # People

    def _make_people(self) -> None:
        for row in self._archive.rows("people"):
            user = self._users.get(row["username"]) or create_placeholder(
                username=row["username"], display_name=row["display_name"], is_bot=row["is_bot"]
            )
            self._people[row["username"]] = user
            self._ids["people"].append(user.pk)

    def _choose_owner(self) -> None:
        """Find who runs the competition, and so owns its tasks and what else has no owner."""
        (row,) = self._archive.rows("competition")
        if row["created_by"] is not None:
            self._owner = User.objects.get(pk=self._ids["people"][row["created_by"] - 1])
        if self._owner is None:
            raise Refused("The archive does not tell who made the competition: name an owner.", field="owner")

    # Rows

    def _make(self, kind: str) -> None:
        for start, batch in self._batches(kind):
            made = [self._object(kind, start + place, row) for place, row in enumerate(batch)]
            last = start + len(batch) - 1
            with self._lines(kind, start, last):
                MODELS[kind]._default_manager.bulk_create(made)
            self._ids[kind] += [each.pk for each in made]

    def _batches(self, kind: str) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        """The rows of a kind in pieces, each with the line of its first; none names another of its own piece."""
        own = [name for name, type_ in KINDS[kind].items() if type_.removesuffix("?") == kind]
        batch: list[dict[str, Any]] = []
        start = 1
        for row in self._archive.rows(kind):
            if len(batch) == BATCH or any((row[name] or 0) >= start for name in own):
                yield start, batch
                start, batch = row["id"], []
            batch.append(row)
        if batch:
            yield start, batch

    def _lines(self, kind: str, first: int, last: int) -> _Lines:
        return _Lines(member_of(kind), first, last)

    def _object(self, kind: str, line: int, row: dict[str, Any]) -> Any:
        values = {}
        for name, type_ in KINDS[kind].items():
            if name in DERIVED.get(kind, ()):
                continue
            to = type_.removesuffix("?")
            value = row[name]
            if to in KINDS and value is not None:
                value = self._ids[to][value - 1]
            values[column_of(kind, name)] = value
            if to in _CHECKED:
                _check_column(kind, line, name, value)
        if kind in _OWNED:
            values["competition_id"] = self._ids["competition"][0]
        more = getattr(self, f"_of_{kind}", None)
        if more is not None:
            with self._lines(kind, line, line):
                values |= more(row)
        return MODELS[kind](**values)

    def _of_files(self, row: dict[str, Any]) -> dict[str, Any]:
        stored = self._stored[row["id"] - 1]
        return {"key": stored.key, "md5": stored.md5}

    def _of_datasets(self, row: dict[str, Any]) -> dict[str, Any]:
        """Nobody but its maker sees it; what nobody of the competition made is the owner's."""
        assert self._owner is not None  # noqa: S101 - chosen before
        there = row["data_file"] is not None
        return {
            **({} if row["created_by"] else {"created_by_id": self._owner.pk}),
            "upload_started_when": row["created_when"],
            "upload_completed_when": row["created_when"] if there else None,
        }

    def _of_tasks(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"created_by": self._owner}

    def _of_competition(self, row: dict[str, Any]) -> dict[str, Any]:
        if row["fact_sheet"] is not None:
            _, faults = check_definition(row["fact_sheet"])
            if faults:
                raise BadArchiveError(f'"fact_sheet" cannot be used: {faults[0][1]}')
        return {"created_by": self._owner, "published": False}

    def _of_pictures(self, row: dict[str, Any]) -> dict[str, Any]:
        if not is_picture_name(row["name"]):
            raise BadArchiveError(f'"name" is no name of a picture: {quoted(row["name"])}.')
        return {}

    def _of_phases(self, row: dict[str, Any]) -> dict[str, Any]:
        """A phase that should have taken over submissions already does not do so behind everybody's back."""
        begun = row["auto_migrate_to_this_phase"] and row["start"] <= self._now
        return {"has_been_migrated": row["has_been_migrated"] or begun}

    def _of_submissions(self, row: dict[str, Any]) -> dict[str, Any]:
        self._owners.append(self._ids["people"][row["owner"] - 1])
        self._phases.append(self._ids["phases"][row["phase"] - 1])
        return {"queue": self._queue}

    def _of_runs(self, row: dict[str, Any]) -> dict[str, Any]:
        owner = self._owners[row["submission"] - 1]
        values: dict[str, Any] = {"queue": self._queue, "lane_id": self._lane(owner)}
        if row["state"] in OPEN_RUNS:
            values |= {"state": RunState.CANCELLED, "finished_when": self._made}
        return values

    def _lane(self, owner: int) -> int:
        """The lane of a participant, in which nothing waits."""
        if owner not in self._lanes:
            lane, _ = ParticipantLane.objects.get_or_create(
                queue=self._queue,
                priority=order.NEW,
                competition_id=self._ids["competition"][0],
                owner_id=owner,
                defaults={"last_served": order.NEVER},
            )
            self._lanes[owner] = lane.pk
        return self._lanes[owner]

    def _of_attempts(self, row: dict[str, Any]) -> dict[str, Any]:
        self._check_log(row)
        values: dict[str, Any] = {
            "token_hash": hash_token(new_token()),  # which nobody has
            "lease_until": row["claimed_when"],
            "deadline": row["claimed_when"],
        }
        if row["state"] == AttemptState.ACTIVE:
            ended = {"state": AttemptState.CANCELLED, "finished_when": self._made, "cause": Cause.PLATFORM}
            values |= {**ended, "message": "Its competition was archived meanwhile."}
        return values

    def _check_log(self, row: dict[str, Any]) -> None:
        """Refuse a log that is longer than it is said to be, which would be read whole one day."""
        if row["log"] is None:
            if row["log_ends"]:
                raise BadArchiveError('"log_ends" speaks of a log that is not there.')
            return
        if not set(row["log_ends"]) <= {stream.value for stream in Stream}:
            raise BadArchiveError('"log_ends" names a stream that no program has.')
        try:
            with storage.local(self._stored[row["log"] - 1].key) as path, open_archive(path) as (_, listing):
                sizes = {member.name: member.size for member in listing.members}
        except ArchiveError as problem:
            raise BadArchiveError(f'"log" cannot be read: {problem}') from problem
        if sizes != {logs.member(stream): end for stream, end in row["log_ends"].items()}:
            raise BadArchiveError('"log_ends" is not what the log holds.')

    def _of_works(self, row: dict[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {"until": 0}
        if row["state"] in PhaseWork.OPEN:
            details = f"The competition was archived when {row['done']} of {row['total']} were done."
            values |= {"state": WorkState.FAILED, "details": details, "finished_when": self._made}
        return values

    # The forum

    def _of_threads(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"forum_id": self._forum().pk}

    def _forum(self) -> Forum:
        if self._opened is None:
            self._opened = open_forum(Competition.objects.get(pk=self._ids["competition"][0]))
        return self._opened

    def _recount_threads(self) -> None:
        """Open the forum, and let its threads say what follows from their posts."""
        for thread in Thread.objects.filter(forum=self._forum()).order_by("pk").iterator(chunk_size=BATCH):
            posting.recount(thread)

    # Boards

    def _place(self) -> None:
        """Put the entries on their boards; their places follow from the scores."""
        found = Phase.objects.filter(pk__in=self._ids["phases"]).select_related("leaderboard")
        phases = {phase.pk: phase for phase in found.prefetch_related("leaderboard__columns")}
        for start, batch in self._batches("entries"):
            numbers = [self._ids["submissions"][row["submission"] - 1] for row in batch]
            submissions = Submission.objects.select_related("owner").in_bulk(numbers)
            entries = []
            for place, (row, number) in enumerate(zip(batch, numbers, strict=True)):
                submission = submissions[number]
                submission.phase, name = phases[submission.phase_id], submission.owner.shown_name
                with self._lines("entries", start + place, start + place):
                    made = leaderboards.restored_entry(
                        submission=submission, name=name, created_when=row["created_when"]
                    )
                entries.append(made)
            with self._lines("entries", start, start + len(batch) - 1):
                Entry.objects.bulk_create(entries)
            self._ids["entries"] += numbers
        for phase in phases:
            places.rebuild(phase)

    def _of_withheld(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"phase_id": self._phases[row["submission"] - 1], "owner_id": self._owners[row["submission"] - 1]}

    def _of_standings(self, row: dict[str, Any]) -> dict[str, Any]:
        number = self._ids["submissions"][row["submission"] - 1] if row["submission"] else 0
        try:
            return {"sort_key": keys.with_id(row["place"], number)}
        except ValueError as error:
            raise BadArchiveError(f'"place": {error}') from error

    def _contradictions(self) -> list[str]:
        """Say where a board is in another order than the archive tells; scores decide."""
        phases = self._ids["phases"]
        entries = Entry.objects.filter(phase__in=phases).order_by("phase", "sort_key")
        now = list(entries.values_list("submission", flat=True))
        if now == self._ids["entries"]:
            return []
        return ["A board is in another order than in the archive: there the order did not follow from the scores."]

    # The end

    def _claim_datasets(self, competition: Competition) -> None:
        for batch in _pieces(self._ids["datasets"]):
            made = Dataset.objects.filter(pk__in=batch, was_created_by_competition=True)
            made.update(competition=competition)
        if competition.bundle is not None:
            Dataset.objects.filter(pk=competition.bundle.pk).update(competition=competition)

    def _interrupt(self, competition: Competition) -> int:
        """End what was under way, as any submission ends that the platform has let down."""
        open_ones = Submission.objects.filter(phase__competition=competition, has_children=False)
        open_ones = open_ones.exclude(status__in={*TERMINAL, SubmissionStatus.SUBMITTING})
        found = list(open_ones.select_related("phase__leaderboard", "phase__competition").order_by("pk"))
        for submission in found:
            step = Step.SCORING if submission.status == SubmissionStatus.SCORING else Step.PREDICTION
            verdicts.fail(submission, Failure(cause=Cause.PLATFORM, step=step, message=INTERRUPTED))
        return len(found)


class _Lines:
    """Adds member and lines to what goes wrong in a block."""

    def __init__(self, member: str, first: int, last: int) -> None:
        self._place = f"{member}, line {first}" if first == last else f"{member}, lines {first} to {last}"

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: object) -> None:
        """Name the place."""
        if isinstance(error, IntegrityError):
            raise BadArchiveError(f"{self._place}: a row contradicts another or itself ({error}).") from error
        if isinstance(error, (BadArchiveError, Refused)):
            raise BadArchiveError(f"{self._place}: {error}") from error


def _check_column(kind: str, line: int, name: str, value: Any) -> None:
    """Check a value by its column: choices, length, range."""
    column = MODELS[kind]._meta.get_field(name)
    if value in column.empty_values:  # type: ignore[union-attr]
        return
    try:
        column.clean(value, None)  # type: ignore[union-attr]
    except ValidationError as error:
        text = " ".join(error.messages)
        raise BadArchiveError(f'{member_of(kind)}, line {line}: "{name}": {text}') from error


def _pieces(keys: list[int]) -> Iterable[list[int]]:
    return (keys[start : start + BATCH] for start in range(0, len(keys), BATCH))

"""Podium's REST API as Python methods."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from pydantic import BaseModel, RootModel, ValidationError

from podium.client import events
from podium.client.errors import (
    ApiError,
    CreationFailedError,
    PodiumError,
    UnexpectedAnswerError,
    WaitTimeoutError,
    not_found,
)
from podium.client.models import (
    CanSubmit,
    Competition,
    CompetitionArchive,
    CompetitionItem,
    CreationFault,
    CreationStatus,
    Event,
    Leaderboard,
    Profile,
    Queue,
    QueueToken,
    Submission,
    SubmissionDetails,
    Worker,
)
from podium.client.transport import Transport, unreachable
from podium.client.uploads import Progress, as_zip, pieces

_Model = TypeVar("_Model", bound=BaseModel)


class _Limits(RootModel[dict[str, float]]):
    """Ceilings by key."""


@contextmanager
def _named(what: str) -> Iterator[None]:
    """Say in a 404 what it was that is not there."""
    try:
        yield
    except ApiError as error:
        raise not_found(error, what) from error


_Ending = TypeVar("_Ending", CreationStatus, CompetitionArchive)


class Podium:
    """A client of one server.

    `server` is its address (`https://podium.example.org`), `token` an API token as `login` gives it, `timeout` the
    seconds that one call may take. Every method raises ApiError when the server refuses, UnreachableError without
    a connection and UnexpectedAnswerError when something that is no Podium server answers. Threads may share a client.

        with Podium("http://127.0.0.1:8000") as podium:
            podium.login("pat", "secret")
            submission = podium.submit_file(phase=1, path=Path("my-solution"))
            for event in podium.watch(submission.id):
                print(event.kind, event.data)
    """

    def __init__(
        self,
        server: str,
        token: str | None = None,
        *,
        timeout: float = 30,
        transport: httpx.BaseTransport | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.transport = Transport(server, token, timeout=timeout, transport=transport, pause=pause)

    @property
    def server(self) -> str:
        """The server's address."""
        return self.transport.server

    @property
    def token(self) -> str | None:
        """The token that calls carry."""
        return self.transport.token

    def close(self) -> None:
        """Close every connection."""
        self.transport.close()

    def __enter__(self) -> Self:
        """Use the client in a `with` block."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close every connection."""
        self.close()

    # The account

    def login(self, username: str, password: str) -> str:
        """Exchange a name (or e-mail address) and password for a token, use it from now on, and return it."""
        answer = self.transport.call("POST", "api/api-token-auth/", json={"username": username, "password": password})
        token = answer.get("token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not token:
            raise UnexpectedAnswerError(f"{self.server} gave no token.", hint="Check the address of the server.")
        self.transport.token = token
        return token

    def me(self) -> Profile:
        """The account that the token belongs to."""
        return self._one(Profile, "GET", "api/my_profile/")

    # Competitions

    def competitions(
        self,
        *,
        search: str | None = None,
        mine: bool = False,
        participating: bool = False,
        kind: str | None = None,
    ) -> list[CompetitionItem]:
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
        return self._many(CompetitionItem, "api/competitions/", params)

    def competition(self, competition: int, *, secret_key: str | None = None) -> Competition:
        """One competition; `secret_key` opens one that is not published."""
        params = {"secret_key": secret_key}
        with _named(f"competition {competition}"):
            return self._one(Competition, "GET", f"api/competitions/{competition}/", params=params)

    def register(self, competition: int, *, secret_key: str | None = None) -> str:
        """Ask to take part; returns `approved`, or `pending` until the organizer decides."""
        body = {"secret_key": secret_key} if secret_key else {}
        with _named(f"competition {competition}"):
            answer = self.transport.call("POST", f"api/competitions/{competition}/register/", json=body)
        return str(answer["participant_status"])

    def publish(self, competition: int, published: bool = True) -> bool:
        """Show the competition to everybody, or hide it again; returns whether it is published now."""
        now = self.competition(competition).published
        if now is not published:
            now = bool(self.transport.call("POST", f"api/competitions/{competition}/toggle_publish/")["published"])
        return now

    # Files

    def upload_dataset(
        self, path: Path, type: str, *, name: str | None = None, progress: Progress | None = None
    ) -> str:
        """Send a file of a type (submission, input_data, scoring_program, ...) and return its key.

        A folder is zipped with its content at the root, a single file that is no zip is wrapped into one. `progress`
        is called with the bytes sent and the bytes in all.
        """
        with as_zip(path) as archive:
            return str(self._send(archive, type, name, progress)["key"])

    def upload_bundle(self, path: Path, *, progress: Progress | None = None) -> int:
        """Send a competition bundle, zip or folder; returns the number to ask `creation_status` with."""
        with as_zip(path) as archive:
            answer = self._send(archive, "competition_bundle", None, progress)
        if not isinstance(answer.get("status_id"), int):
            raise UnexpectedAnswerError(f"{self.server} took the bundle but did not start to unpack it.")
        return int(answer["status_id"])

    def _send(self, archive: Path, type: str, name: str | None, progress: Progress | None) -> dict[str, Any]:
        size = archive.stat().st_size
        request = {
            "type": type,
            "request_sassy_file_name": archive.name,
            "file_name": archive.name,
            "file_size": size,
            **({"name": name} if name else {}),
        }
        place = self.transport.call("POST", "api/datasets/", json=request)
        self.transport.put_file(
            place["sassy_url"],
            lambda: pieces(archive, size, progress),
            size,
            headers={"Content-Type": "application/zip", "x-ms-blob-type": "BlockBlob"},
        )
        answer = self.transport.call("PUT", f"api/datasets/completed/{place['key']}/")
        return {"key": place["key"], **(answer if isinstance(answer, dict) else {})}

    def creation_status(self, status_id: int) -> CreationStatus:
        """How far an uploaded bundle is on its way to becoming a competition."""
        return self._one(CreationStatus, "GET", f"api/competitions/{status_id}/creation_status/")

    def wait_for_competition(
        self, status_id: int, *, timeout: float = 600, on_change: Callable[[CreationStatus], None] | None = None
    ) -> int:
        """Wait until a bundle has become a competition and return that competition's number.

        `on_change` is called with every new state. Raises CreationFailedError with the faults when the bundle is
        refused, WaitTimeoutError after `timeout` seconds.
        """
        late = WaitTimeoutError(
            f"The bundle was not unpacked within {timeout:g} s.", hint="Unpacking goes on; look again later."
        )
        return _created(self._until_ended(lambda: self.creation_status(status_id), timeout, late, on_change))

    def _until_ended(
        self,
        ask: Callable[[], _Ending],
        timeout: float,
        late: WaitTimeoutError,
        on_change: Callable[[_Ending], None] | None,
    ) -> _Ending:
        """Ask until something has ended, and tell every new state of it. Raises `late` after `timeout` seconds."""
        deadline, last = time.monotonic() + timeout, None
        while True:
            now = ask()
            if now != last and on_change:
                on_change(now)
            last = now
            if now.ended:
                return now
            if time.monotonic() > deadline:
                raise late
            self.transport.pause(0.2)

    def create_archive(self, competition: int) -> CompetitionArchive:
        """Start to write a competition of the caller's with all that happened in it; one under way is answered with."""
        with _named(f"competition {competition}"):
            return self._one(CompetitionArchive, "POST", f"api/competitions/{competition}/create_archive/")

    def archives(self, competition: int) -> list[CompetitionArchive]:
        """The newest archives of a competition of the caller's, newest first."""
        path = f"api/competitions/{competition}/get_files/"
        with _named(f"competition {competition}"):
            found = self.transport.call("GET", path)
        return [self._typed(CompetitionArchive, each, path) for each in found["archives"]]

    def wait_for_archive(
        self,
        competition: int,
        archive: int,
        *,
        timeout: float = 24 * 3600,
        on_change: Callable[[CompetitionArchive], None] | None = None,
    ) -> CompetitionArchive:
        """Wait until an archive is finished and return it with its address.

        `on_change` is called with every new state. Raises PodiumError with the reason when it fails, WaitTimeoutError
        after `timeout` seconds.
        """

        def ask() -> CompetitionArchive:
            now = next((each for each in self.archives(competition) if each.id == archive), None)
            if now is None:
                raise UnexpectedAnswerError(f"{self.server} lists archive {archive} no more.")
            return now

        late = WaitTimeoutError(
            f"The archive was not written within {timeout:g} s.", hint="Writing goes on; ask again later."
        )
        return _finished(self._until_ended(ask, timeout, late, on_change))

    def limits(self) -> dict[str, float]:
        """The most that the server gives a step of a submission, by the keys of a phase in a bundle."""
        path = "api/limits/"
        return self._typed(_Limits, self.transport.call("GET", path), path).root

    # Submissions

    def can_make_submission(self, phase: int) -> CanSubmit:
        """Whether the caller may submit to a phase now, and if not, why."""
        with _named(f"phase {phase}"):
            return self._one(CanSubmit, "GET", f"api/can_make_submission/{phase}/")

    def submit(
        self,
        phase: int,
        data_key: str,
        *,
        tasks: Iterable[int] | None = None,
        fact_sheet_answers: Mapping[str, Any] | None = None,
    ) -> Submission:
        """Submit an uploaded file to a phase, to all its tasks or to those given by number."""
        body: dict[str, Any] = {"phase": phase, "data": data_key}
        if tasks is not None:
            body["tasks"] = list(tasks)
        if fact_sheet_answers:
            body["fact_sheet_answers"] = dict(fact_sheet_answers)
        return self._one(Submission, "POST", "api/submissions/", json=body)

    def submit_file(
        self,
        phase: int,
        path: Path,
        *,
        tasks: Iterable[int] | None = None,
        fact_sheet_answers: Mapping[str, Any] | None = None,
        progress: Progress | None = None,
    ) -> Submission:
        """Send a zip, folder or file and submit it."""
        key = self.upload_dataset(path, "submission", progress=progress)
        return self.submit(phase, key, tasks=tasks, fact_sheet_answers=fact_sheet_answers)

    def submission(self, submission: int) -> Submission:
        """One submission."""
        with _named(f"submission {submission}"):
            return self._one(Submission, "GET", f"api/submissions/{submission}/")

    def submissions(
        self, *, competition: int | None = None, phase: int | None = None, status: str | None = None
    ) -> list[Submission]:
        """The submissions that the caller may see, newest first."""
        params = {"phase__competition": competition, "phase": phase, "status": status}
        return self._many(Submission, "api/submissions/", params)

    def details(self, submission: int) -> SubmissionDetails:
        """Where a submission's logs and files are."""
        with _named(f"submission {submission}"):
            return self._one(SubmissionDetails, "GET", f"api/submissions/{submission}/get_details/")

    def logs(self, submission: int, *, limit: int = 64 * 1024 * 1024) -> dict[str, str]:
        """Every log of a submission by name (`prediction_stdout`, `scoring_stderr`, ...), each cut at `limit` bytes."""
        files = self.details(submission).logs
        return {f.name: self.read(f.data_file, limit=limit).decode(errors="replace") for f in files if f.data_file}

    def watch(self, submission: int, *, timeout: float | None = None) -> Iterator[Event]:
        """Yield what happens to a submission, status and log as they come, until it has ended.

        The submissions that a submission to several tasks consists of are told with it. The server's event stream is
        used while it holds, questions every half second when it does not. Raises WaitTimeoutError after `timeout`
        seconds.
        """
        return events.watch(self, submission, timeout=timeout)

    # Results and downloads

    def leaderboard(self, phase: int) -> Leaderboard:
        """A phase's leaderboard, rows in rank order."""
        with _named(f"phase {phase}"):
            return self._one(Leaderboard, "GET", f"api/phases/{phase}/get_leaderboard/")

    def read(self, url: str, *, limit: int) -> bytes:
        """The content of a file that an answer names, at most `limit` bytes of it."""
        content = bytearray()
        for piece in self._pieces_of(url):
            content += piece
            if len(content) >= limit:
                break
        return bytes(content[:limit])

    def download(self, url: str, target: Path, *, progress: Progress | None = None) -> int:
        """Store a file that an answer names at `target` and return its size in bytes; a half file is never left."""
        half = target.with_name(target.name + ".part")
        try:
            with half.open("wb") as stream:
                for piece in self._pieces_of(url, progress):
                    stream.write(piece)
            half.replace(target)
        finally:
            half.unlink(missing_ok=True)
        return target.stat().st_size

    def _pieces_of(self, url: str, progress: Progress | None = None) -> Iterator[bytes]:
        try:
            with self.transport.stream(url, headers={"Accept": "*/*"}) as response:
                total = int(response.headers.get("Content-Length") or 0)
                for piece in response.iter_bytes():
                    yield piece
                    if progress:
                        progress(response.num_bytes_downloaded, total)
        except httpx.TransportError as error:
            raise unreachable(self.server, error) from error

    # Answers

    # Queues

    def queues(self, *, public: bool = False, search: str | None = None) -> list[Queue]:
        """The queues that the caller owns or organizes; `public` adds everybody's."""
        return self._many(Queue, "api/queues/", {"public": "true" if public else None, "search": search})

    def create_queue(self, name: str, *, public: bool = False) -> Queue:
        """Make a queue of one's own."""
        return self._one(Queue, "POST", "api/queues/", json={"name": name, "is_public": public})

    def delete_queue(self, queue: int) -> None:
        """Delete a queue; its competitions and what waits there go to the default queue."""
        with _named(f"queue {queue}"):
            self.transport.call("DELETE", f"api/queues/{queue}/")

    def queue_tokens(self, queue: int) -> list[QueueToken]:
        """The tokens that open a queue, without their secrets."""
        with _named(f"queue {queue}"):
            return self._many(QueueToken, f"api/queues/{queue}/tokens/", {})

    def create_queue_token(self, queue: int, name: str) -> QueueToken:
        """Make a token; its secret is in this answer alone."""
        with _named(f"queue {queue}"):
            return self._one(QueueToken, "POST", f"api/queues/{queue}/tokens/", json={"name": name})

    def rotate_queue_token(self, queue: int, token: int) -> QueueToken:
        """Put a new secret in a token's place; the old one is refused from the next claim on."""
        with _named(f"token {token} of queue {queue}"):
            return self._one(QueueToken, "POST", f"api/queues/{queue}/tokens/{token}/rotate/")

    def revoke_queue_token(self, queue: int, token: int) -> None:
        """Refuse a token from the next claim on; jobs under way finish."""
        with _named(f"token {token} of queue {queue}"):
            self.transport.call("DELETE", f"api/queues/{queue}/tokens/{token}/")

    def workers(self, queue: int) -> list[Worker]:
        """The workers of a queue that were seen in the last week."""
        with _named(f"queue {queue}"):
            return self._many(Worker, f"api/queues/{queue}/workers/", {})

    def drain_worker(self, queue: int, worker: int, *, drained: bool = True) -> Worker:
        """Give a worker no new jobs, or jobs again."""
        with _named(f"worker {worker} of queue {queue}"):
            wish = "drain" if drained else "undrain"
            return self._one(Worker, "POST", f"api/queues/{queue}/workers/{worker}/{wish}/")

    def _one(self, model: type[_Model], method: str, path: str, *, params: Any = None, json: Any = None) -> _Model:
        return self._typed(model, self.transport.call(method, path, params=_present(params), json=json), path)

    def _many(self, model: type[_Model], path: str, params: Mapping[str, Any]) -> list[_Model]:
        """A list that is bare (Codabench's) or in an envelope with pages."""
        answer = self.transport.call("GET", path, params=_present(params))
        if isinstance(answer, list):
            return [self._typed(model, item, path) for item in answer]
        found: list[_Model] = []
        while isinstance(answer, dict) and isinstance(answer.get("results"), list):
            found += [self._typed(model, item, path) for item in answer["results"]]
            if not answer.get("next"):
                return found
            answer = self.transport.call("GET", answer["next"])
        raise UnexpectedAnswerError(f"{self.server} gave no list at {path}.", hint="Check the address of the server.")

    def _typed(self, model: type[_Model], data: Any, path: str) -> _Model:
        try:
            return model.model_validate(data)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the answer"
            raise UnexpectedAnswerError(
                f"{self.server} answered something unexpected at {path} ({place}: {first['msg']}).",
                hint="Check that client and server are of a like version.",
            ) from error


def _present(params: Mapping[str, Any] | None) -> dict[str, Any]:
    return {key: value for key, value in (params or {}).items() if value is not None}


def _finished(archive: CompetitionArchive) -> CompetitionArchive:
    if archive.status == "Finished" and archive.url:
        return archive
    reason = archive.details or "Its file was deleted already: a newer one took its place."
    raise PodiumError("There is no archive.", hint=reason)


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

"""The client: everything that it can do, by name.

Each line is one action; what it sends and makes of the answer is written once, in the module that it comes from, and is
a blocking method of `Podium` and a coroutine of `AsyncPodium`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable as AwaitableOf
from collections.abc import Callable
from types import TracebackType
from typing import Self

import httpx

from podium.client import account as _account
from podium.client import competition_events as _competition_events
from podium.client import competitions as _competitions
from podium.client import downloads as _downloads
from podium.client import events as _events
from podium.client import files as _files
from podium.client import phases as _phases
from podium.client import queues as _queues
from podium.client import submissions as _submissions
from podium.client import tasks as _tasks
from podium.client.actions import Awaitable, Blocking, action, listing, watching
from podium.client.transport import AsyncTransport, Transport


class _Actions:
    # The account
    login = action(_account.login)
    me = action(_account.me)
    tokens = listing(_account.tokens)
    create_token = action(_account.create_token)
    revoke_token = action(_account.revoke_token)
    find_people = action(_account.find_people)
    organizations = listing(_account.organizations)
    create_organization = action(_account.create_organization)
    update_organization = action(_account.update_organization)
    invite_to_organization = action(_account.invite_to_organization)
    answer_invitation = action(_account.answer_invitation)
    delete_organization = action(_account.delete_organization)

    # Competitions
    competitions = listing(_competitions.competitions)
    competition = action(_competitions.competition)
    register = action(_competitions.register)
    publish = action(_competitions.publish)
    leaderboard = action(_competitions.leaderboard)
    limits = action(_competitions.limits)
    create_competition = action(_competitions.create_competition)
    update_competition = action(_competitions.update_competition)
    delete_competition = action(_competitions.delete_competition)
    email_participants = action(_competitions.email_participants)
    history = listing(_competitions.history)
    download_results = action(_competitions.download_results)
    watch_competition = watching(_competition_events.watch_competition)

    # Participants and phases
    participants = listing(_phases.participants)
    set_participant_status = action(_phases.set_participant_status)
    credit_tries = action(_phases.credit_tries)
    migrate_phase = action(_phases.migrate_phase)
    rerun_phase = action(_phases.rerun_phase)
    phase_works = listing(_phases.phase_works)
    settle_limits = action(_phases.settle_limits)

    # Bundles, dumps and archives
    upload_bundle = action(_competitions.upload_bundle)
    creation_status = action(_competitions.creation_status)
    wait_for_competition = action(_competitions.wait_for_competition)
    files = action(_competitions.files)
    create_dump = action(_competitions.create_dump)
    wait_for_dump = action(_competitions.wait_for_dump)
    create_archive = action(_competitions.create_archive)
    archives = action(_competitions.archives)
    wait_for_archive = action(_competitions.wait_for_archive)

    # Files
    upload_dataset = action(_files.upload_dataset)
    datasets = listing(_files.datasets)
    public_datasets = listing(_files.public_datasets)
    dataset = action(_files.dataset)
    update_dataset = action(_files.update_dataset)
    delete_datasets = action(_files.delete_datasets)
    quota = action(_files.quota)
    unused = action(_files.unused)
    delete_unused = action(_files.delete_unused)
    read = action(_downloads.read_file)
    download = action(_downloads.download)

    # Tasks
    tasks = listing(_tasks.tasks)
    task = action(_tasks.task)
    create_task = action(_tasks.create_task)
    update_task = action(_tasks.update_task)
    delete_task = action(_tasks.delete_task)
    upload_task = action(_tasks.upload_task)

    # Submissions
    can_make_submission = action(_submissions.can_make_submission)
    submit = action(_submissions.submit)
    submit_file = action(_submissions.submit_file)
    submission = action(_submissions.submission)
    submissions = listing(_submissions.submissions)
    details = action(_submissions.details)
    logs = action(_submissions.logs)
    cancel_submission = action(_submissions.cancel_submission)
    run_submission = action(_submissions.run_submission)
    rerun_submission = action(_submissions.rerun_submission)
    rerun_submissions = action(_submissions.rerun_submissions)
    remove_submission = action(_submissions.remove_submission)
    delete_submissions = action(_submissions.delete_submissions)
    publish_submission = action(_submissions.publish_submission)
    place_submission = action(_submissions.place_submission)
    update_fact_sheet = action(_submissions.update_fact_sheet)
    download_submissions = action(_submissions.download_submissions)
    watch = watching(_events.watch)

    # Queues
    queues = listing(_queues.queues)
    create_queue = action(_queues.create_queue)
    update_queue = action(_queues.update_queue)
    delete_queue = action(_queues.delete_queue)
    queue_tokens = listing(_queues.queue_tokens)
    create_queue_token = action(_queues.create_queue_token)
    rotate_queue_token = action(_queues.rotate_queue_token)
    revoke_queue_token = action(_queues.revoke_queue_token)
    workers = listing(_queues.workers)
    drain_worker = action(_queues.drain_worker)


class Podium(_Actions, Blocking):
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


class AsyncPodium(_Actions, Awaitable):
    """The same client for an event loop: the methods of `Podium`, awaited; lists are gone through by `async for`.

    async with AsyncPodium("http://127.0.0.1:8000", token) as podium:
        async for competition in podium.competitions(mine=True):
            print(competition.title)
    """

    def __init__(
        self,
        server: str,
        token: str | None = None,
        *,
        timeout: float = 30,
        transport: httpx.AsyncBaseTransport | None = None,
        pause: Callable[[float], AwaitableOf[None]] = asyncio.sleep,
    ) -> None:
        self.transport = AsyncTransport(server, token, timeout=timeout, transport=transport, pause=pause)

    @property
    def server(self) -> str:
        """The server's address."""
        return self.transport.server

    @property
    def token(self) -> str | None:
        """The token that calls carry."""
        return self.transport.token

    async def close(self) -> None:
        """Close every connection."""
        await self.transport.close()

    async def __aenter__(self) -> Self:
        """Use the client in an `async with` block."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Close every connection."""
        await self.close()

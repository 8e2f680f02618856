"""The AMQP intake: messages from a queue's RabbitMQ, everything after that over HTTPS.

A message says where the platform is and carries a secret; with it the worker takes the job, and from then on beats and
finishes as after an HTTPS claim. So leases, cancelling and live output are the same, and a message that comes twice is
refused by the platform. Each slot has a connection and a consumer of its own, so that the broker knows how many jobs
can start, and acknowledges its message when the job has ended; a worker that dies gives it back.

States of a slot's message: *held* from its delivery; *taken* when the platform has given the job for it (asked again
with the same token until it answers); *done* when the job has ended or is not for us, which acknowledges it; *given
back* when the worker is drained.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import ssl
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx
from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.exceptions import OperationalError
from kombu.messaging import Consumer

from podium.protocol import Claim, FileRef, Job, Take
from podium.worker.intake import IntakeUnavailableError
from podium.worker.intake_https import HttpsIntake, parsed
from podium.worker.settings import WorkerSettings

log = logging.getLogger("podium.worker")

QUEUE = "compute-worker"
MAX_PRIORITY = 10
_MAX_BODY = 1024 * 1024
_HEARTBEAT_SECONDS = 30
_PAUSE_SECONDS = 2.0
_IDLE_SECONDS = 1.0
_BUSY_SECONDS = 0.05
"""How often a slot's thread looks for the end of its job."""


_TRANSPORT = Connection("amqp://")
_BROKEN: tuple[type[Exception], ...] = (
    OSError,
    OperationalError,
    *_TRANSPORT.connection_errors,
    *_TRANSPORT.channel_errors,
)


@dataclass
class Held:
    """A message that a slot holds, and what is to become of it."""

    body: bytes
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    done: threading.Event = field(default_factory=threading.Event)
    give_back: bool = False
    taken: bool = False


class Slot:
    """One consumer in a thread of its own: takes a message, waits until it is done with, acknowledges it."""

    def __init__(self, url: str, tls: bool, number: int, loop: asyncio.AbstractEventLoop) -> None:
        self._url = url
        self._tls = tls
        self._loop = loop
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"amqp-{number}", daemon=True)
        self.arrived: asyncio.Queue[Held] = asyncio.Queue()
        self.trouble = ""
        self.held: Held | None = None
        """What the asynchronous side has in hand."""

    def start(self) -> None:
        """Begin to consume."""
        self._thread.start()

    def stop(self) -> None:
        """Stop consuming; a message that is held goes back to the broker."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._consume()
            except _BROKEN as error:
                self.trouble = f"{type(error).__name__}: {error}"[:300]
                self._stopped.wait(_PAUSE_SECONDS)

    def _consume(self) -> None:
        with Connection(
            self._url,
            ssl=({"server_hostname": None, "cert_reqs": ssl.CERT_REQUIRED} if self._tls else False),
            heartbeat=_HEARTBEAT_SECONDS,
            connect_timeout=10,
        ) as connection:
            connection.connect()
            channel = connection.channel()
            channel.basic_qos(0, 1, False)
            # As Codabench's workers declare it, so that whoever comes first is right.
            queue = Queue(
                QUEUE,
                exchange=Exchange(QUEUE, type="direct", durable=True),
                routing_key=QUEUE,
                durable=True,
                queue_arguments={"x-max-priority": MAX_PRIORITY},
            )
            got: list[Any] = []
            with Consumer(channel, queues=[queue], on_message=got.append, accept=["json"]):
                self.trouble = ""
                while not self._stopped.is_set():
                    _drain(connection, _IDLE_SECONDS)
                    if got:
                        self._hold(connection, got.pop())

    def _hold(self, connection: Connection, message: Any) -> None:
        """Keep a message until the other side is done with it, and the connection alive meanwhile."""
        held = Held(bytes(message.body) if isinstance(message.body, bytes | bytearray) else message.body.encode())
        self._loop.call_soon_threadsafe(self.arrived.put_nowait, held)
        while not held.done.wait(_BUSY_SECONDS):
            if self._stopped.is_set():
                return  # closing the connection gives the message back
            _drain(connection, _BUSY_SECONDS)
        if held.give_back:
            self._stopped.wait(_PAUSE_SECONDS)
            message.requeue()
        else:
            message.ack()


def _drain(connection: Connection, seconds: float) -> None:
    try:
        connection.drain_events(timeout=seconds)
    except TimeoutError:
        connection.heartbeat_check()


class AmqpIntake(HttpsIntake):
    """Takes jobs by messages, and speaks the platform's worker API for the rest; used as a context.

    Args: as of `HttpsIntake`. Where the settings name a server, it is used instead of the one in the messages.
    """

    def __init__(self, settings: WorkerSettings, client: httpx.AsyncClient, **more: Any) -> None:
        super().__init__(settings, client, **more)
        tls = settings.broker_tls or settings.broker.startswith("amqps://")
        loop = asyncio.get_running_loop()
        self._slots = [Slot(settings.broker, tls, number, loop) for number in range(settings.slots)]
        self._servers: dict[int, str] = {}

    def __enter__(self) -> Self:
        for slot in self._slots:
            slot.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        for slot in self._slots:
            slot.stop()

    async def claim(self, slot: int, not_ready: str = "") -> Job | None:
        """Wait for a message and take its job; see `Intake.claim`. The slot's job before this one has ended.

        A worker that is not ready gives its message back for others; the broker's protocol has no word for the reason.
        """
        place = self._slots[slot]
        if place.held is not None and place.held.taken:
            self._done(place, place.held)
        if not_ready:
            held = place.held or (None if place.arrived.empty() else place.arrived.get_nowait())
            if held is not None:
                held.give_back = True
                self._done(place, held)
            return None
        if place.held is None:
            try:
                place.held = await asyncio.wait_for(place.arrived.get(), self._settings.wait_seconds)
            except TimeoutError:
                if place.trouble:
                    raise IntakeUnavailableError(f"RabbitMQ: {place.trouble}") from None
                return None
        return await self._take(place, place.held)

    async def _take(self, place: Slot, held: Held) -> Job | None:
        """Ask for the job of a message; a platform that does not answer is asked again with the next claim."""
        understood = _understood(held.body)
        if understood is None:
            log.error("A message in the queue is no job and is dropped")
            self._done(place, held)
            return None
        submission, secret, named = understood
        server = self._settings.server or named
        claim: Claim = self._claim.model_copy(update={"wait": 0})
        answer = await self._post(
            f"{server}/api/worker/take",
            Take(submission=submission, token=held.token, claim=claim),
            {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"},
            httpx.Timeout(15.0),
        )
        if answer.status_code == httpx.codes.OK:
            job = self._whole(parsed(Job, answer), server)
            self._servers[job.attempt] = server
            held.taken = True
            return job
        if answer.status_code == httpx.codes.NO_CONTENT:  # drained: another worker may do it
            held.give_back = True
        elif answer.status_code >= 500 or answer.status_code in {408, 425, 429}:
            raise IntakeUnavailableError(f"HTTP {answer.status_code}")
        else:
            log.info("A message's job is not to be done (HTTP %d): it came twice, or was cancelled", answer.status_code)
        self._done(place, held)
        return None

    @staticmethod
    def _done(place: Slot, held: Held) -> None:
        held.done.set()
        place.held = None

    def _address(self, job: Job, verb: str) -> str:
        return self._servers.get(job.attempt, "") + super()._address(job, verb)

    @staticmethod
    def _whole(job: Job, server: str) -> Job:
        """The job with whole addresses: its platform is known by the message alone."""

        def whole(value: object) -> object:
            if isinstance(value, FileRef) and value.url.startswith("/"):
                return value.model_copy(update={"url": server + value.url})
            return value

        changes = {name: whole(getattr(job, name)) for name in type(job).model_fields}
        for name in ("output_url", "detailed_results_url", "private_output_url"):
            url = getattr(job, name)
            changes[name] = server + url if url and url.startswith("/") else url
        return job.model_copy(update=changes)


def _understood(body: bytes) -> tuple[int, str, str] | None:
    """Submission, secret and platform of a job's message; None when it is none."""
    if len(body) > _MAX_BODY:
        return None
    try:
        args = json.loads(body)[0][0]
        submission, secret, api = args["id"], args["secret"], args["submissions_api_url"]
        hexadecimal = secret["__value__"]["hex"] if isinstance(secret, dict) else str(secret).replace("-", "")
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    if not (isinstance(submission, int) and isinstance(api, str) and api.startswith(("http://", "https://"))):
        return None
    if not (isinstance(hexadecimal, str) and len(hexadecimal) == 32 and hexadecimal.isalnum()):
        return None
    h = hexadecimal
    return submission, f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}", api.removesuffix("/").removesuffix("/api")

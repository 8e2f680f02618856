"""The worker process: slots that claim jobs until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator

import httpx
from structlog.contextvars import bound_contextvars

from podium.logs import hide
from podium.sandbox import Sandbox, SandboxConfig, create
from podium.worker.admission import Admission
from podium.worker.attempt import Attempt, Workplace
from podium.worker.cache import DatasetCache
from podium.worker.folders import WorkerFolder, open_worker_folder, remove_job
from podium.worker.intake import IntakeRefusedError, IntakeUnavailableError, TokenRefusedError
from podium.worker.intake_https import HttpsIntake
from podium.worker.limits import ceilings_of
from podium.worker.retry import Backoff
from podium.worker.settings import WorkerSettings, without_password
from podium.worker.steps import Surroundings
from podium.worker.transfer import HttpFiles

log = logging.getLogger("podium.worker")

_USERS_PER_WORKER = 64  # host users of the sandbox: one per slot, the next worker process on this folder has others
_LONGEST_STOP = 2.0  # seconds that killing sandboxes may take before the process goes anyway


def run(settings: WorkerSettings) -> None:
    """Serve until SIGTERM or SIGINT; see `serve`."""
    hide(settings.token)
    os.umask(0o022)  # what is unpacked must be readable by the sandbox's user
    asyncio.run(_serve_until_signalled(settings))


async def _serve_until_signalled(settings: WorkerSettings) -> None:
    stop = asyncio.Event()
    with _signals(stop):
        await serve(settings, stop=stop)


async def serve(settings: WorkerSettings, *, stop: asyncio.Event | None = None) -> None:
    """Claim and do jobs, `settings.slots` at a time, until `stop` is set.

    When it stops, running attempts are abandoned: their sandboxes are killed at once, their leases run out and the
    platform gives the runs to other workers.

    Args:
        settings: what to serve, and with what.
        stop: set it to end; None serves until cancelled.

    Raises:
        OSError: the work folder cannot be used.
        TokenRefusedError: the platform does not know the token, and never did since the start.
        podium.sandbox.SandboxError: the engine cannot be had.
    """
    folder = open_worker_folder(settings.work)
    try:
        sandbox = create(settings.engine, sandbox_config(settings, folder))
        try:
            await _clean_up(sandbox, folder)
            await _serve(settings, folder, sandbox, stop or asyncio.Event())
        finally:
            await sandbox.aclose()
    finally:
        folder.release()


def sandbox_config(settings: WorkerSettings, folder: WorkerFolder) -> SandboxConfig:
    """Say to the sandbox what the operator said to the worker."""
    return SandboxConfig(
        owner=f"worker-{folder.identity}-{folder.number}",
        state_folder=folder.root / "workers" / str(folder.number) / "sandbox",
        uid_base=settings.uid_base + _USERS_PER_WORKER * folder.number,
        environments=settings.environments,
        default_environment=settings.default_environment,
        host_network=settings.host_network,
        container_socket=settings.container_socket,
        pull_policy=settings.pull_policy,
        images_bytes=settings.images_bytes,
        registry_file=settings.registry_file,
        registry_logins=settings.registry_logins,
        registries=settings.registries,
        unsafe=settings.unsafe,
    )


async def _clean_up(sandbox: Sandbox, folder: WorkerFolder) -> None:
    """Remove what a killed predecessor left: processes and containers first, then the folders they used."""
    swept = await sandbox.sweep()
    leftovers = folder.leftovers()
    for job in leftovers:
        await asyncio.to_thread(remove_job, job)
    if swept or leftovers:
        log.info("Removed what an earlier worker left: %d sandboxes, %d job folders", swept, len(leftovers))


async def _serve(settings: WorkerSettings, folder: WorkerFolder, sandbox: Sandbox, stop: asyncio.Event) -> None:
    cache = DatasetCache(folder.root / "cache", settings.cache_bytes)
    await asyncio.to_thread(cache.sweep)
    connections = httpx.Limits(max_connections=None, max_keepalive_connections=4 * settings.slots, keepalive_expiry=60)
    async with (
        httpx.AsyncClient(base_url=settings.server, limits=connections) as client,
        contextlib.AsyncExitStack() as stack,
    ):
        name = settings.name or _name(folder)
        ceilings = ceilings_of(settings, sandbox.name)
        kind = _intake_kind(settings)
        intake = kind(
            settings, client, name=name, engine=sandbox.name, hostname=socket.gethostname(), ceilings=ceilings
        )
        stack.enter_context(intake)
        files = HttpFiles(client, settings.retries, rewrite=settings.url_rewrite)
        admission = Admission(folder.root, settings.min_free_bytes, cache, sandbox)
        places = [
            Workplace(
                intake=intake,
                around=Surroundings(
                    sandbox=sandbox,
                    files=files,
                    ceilings=ceilings,
                    data=settings.data if settings.data and settings.data.is_dir() else None,
                    env=_proxies(settings),
                    gpus=settings.gpus,
                    slot=slot,
                ),
                cache=cache,
                admission=admission,
                recheck_seconds=settings.recheck_seconds,
                folder=folder,
                retries=settings.retries,
                keep_job_folders=settings.keep_job_folders,
            )
            for slot in range(settings.slots)
        ]
        served = without_password(settings.broker) if settings.broker else settings.server
        log.info("%s serves %s with %d slots (%s)", name, served, settings.slots, sandbox.name)
        contact = _Contact(served)
        slots = [asyncio.create_task(_slot(place, contact), name=f"slot-{place.around.slot}") for place in places]
        stopped = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait({stopped, *slots}, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopped}:
                task.result()  # a slot never ends by itself: a refused token or a fault of ours ends the process
        finally:
            for task in (stopped, *slots):
                task.cancel()
            await asyncio.wait({stopped, *slots}, timeout=_LONGEST_STOP)


def _intake_kind(settings: WorkerSettings) -> type[HttpsIntake]:
    if not settings.broker:
        return HttpsIntake
    from podium.worker.intake_amqp import AmqpIntake  # noqa: PLC0415 - AMQP's library only where it is used

    return AmqpIntake


class _Contact:
    """What the slots know together about the platform, so that each change is told once and not by every slot."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._trouble = ""
        self.accepted = False

    def lost(self, error: IntakeUnavailableError) -> None:
        if self._trouble != "lost":
            log.warning("%s cannot be reached or does not answer (%s). The worker goes on trying.", self._server, error)
        self._trouble = "lost"

    def refused(self, error: IntakeRefusedError) -> None:
        if self._trouble != "refused":
            log.error("The platform refuses this worker (is the queue token right?): %s", error)
        self._trouble = "refused"

    def well(self) -> None:
        if self._trouble:
            log.info("The platform answers again")
        self._trouble = ""
        self.accepted = True


async def _slot(place: Workplace, contact: _Contact) -> None:
    """Claim, work, and so on.

    Raises TokenRefusedError when the platform has accepted the token never yet.
    """
    backoff = Backoff(place.retries)
    while True:
        try:
            reason = await place.admission.reason_against()
            job = await place.intake.claim(place.around.slot, reason)
        except IntakeUnavailableError as error:
            contact.lost(error)
            await backoff.pause()
            continue
        except IntakeRefusedError as error:
            # A wrong token never gets better. One that was right may be rotated or its queue be made anew.
            if isinstance(error, TokenRefusedError) and not contact.accepted:
                raise
            contact.refused(error)
            await backoff.pause()
            continue
        contact.well()
        if reason:
            await asyncio.sleep(place.recheck_seconds)
            continue
        backoff.reset()
        if job is not None:
            with bound_contextvars(job=job.label, attempt=job.attempt):
                log.info("%s: attempt %d, %s", job.label, job.number, job.step)
                try:
                    await Attempt(job, place).run()
                except Exception:
                    # One job's trouble must not end the others; the lease of this one runs out.
                    log.exception("%s: the attempt failed in an unforeseen way", job.label)
                    await backoff.pause()


def _name(folder: WorkerFolder) -> str:
    number = f"-{folder.number}" if folder.number else ""
    return f"{socket.gethostname()}-{folder.identity}{number}"


def _proxies(settings: WorkerSettings) -> tuple[tuple[str, str], ...]:
    given = (("http_proxy", settings.http_proxy), ("https_proxy", settings.https_proxy))
    return tuple((name, value) for name, value in given if value)


@contextlib.contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    """First signal: stop; second: at once (the sandboxes die with this process)."""

    def told() -> None:
        if stop.is_set():
            os._exit(1)
        log.info("Stopping")
        # Threads that copy or unpack cannot be interrupted, and Python waits for them; nobody else should.
        last_resort = threading.Timer(_LONGEST_STOP + 0.3, os._exit, (0,))
        last_resort.daemon = True
        last_resort.start()
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

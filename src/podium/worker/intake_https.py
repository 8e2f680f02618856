"""The HTTPS intake: long polls for jobs, beats and outcomes over kept-alive connections."""

from __future__ import annotations

import asyncio
import logging
import shutil
from importlib.metadata import version
from types import TracebackType
from typing import Self, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from podium.protocol import DRAINED, WORKER_STATE, Beat, BeatAnswer, Ceilings, Claim, Job, Outcome
from podium.worker.intake import AttemptOverError, IntakeRefusedError, IntakeUnavailableError, TokenRefusedError
from podium.worker.limits import gpu_names
from podium.worker.settings import WorkerSettings

log = logging.getLogger("podium.worker")
_JSON = "application/json"
_ANSWER_SECONDS = 15.0
_FIRST_CONNECT_SECONDS = 1.8
"""How long a slot's first connection is waited for: a dead address is to be told within two seconds."""
_MAX_SHOWN = 200
_MAX_REASON = 300
# 409 says so; a token or attempt that the platform does not know is no longer ours either.
_OVER = {401, 403, 404, 409, 410}
M = TypeVar("M", bound=BaseModel)


class HttpsIntake:
    """Speaks the platform's worker API.

    Args:
        settings: server, queue token and slots.
        client: the HTTP client to use; its base_url is the platform's address.
        name: what this worker is called, all its slots together.
        engine: name of the sandbox engine, shown to the queue's owner.
        hostname: shown to participants and organizers.
        ceilings: the most that this worker gives, reported with every claim.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        client: httpx.AsyncClient,
        *,
        name: str,
        engine: str,
        hostname: str,
        ceilings: Ceilings,
    ) -> None:
        self._client = client
        self._settings = settings
        self._drained = False
        self._tried: set[int] = set()
        self._queue_headers = {"Authorization": f"Bearer {settings.token}", "Content-Type": _JSON}
        self._claim = Claim(
            worker=name,
            hostname=hostname,
            version=version("podium"),
            engine=engine,
            slots=settings.slots,
            wait=settings.wait_seconds,
            ceilings=ceilings,
            gpus=gpu_names(settings.gpus),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """There is nothing to end: requests are made one by one."""

    async def claim(self, slot: int, not_ready: str = "") -> Job | None:
        """Ask for one job, letting the platform hold the request open; see `Intake.claim`."""
        claim = self._claim.model_copy(update={"free_disk_bytes": await asyncio.to_thread(self._free_disk)})
        if not_ready:
            claim = claim.model_copy(update={"not_ready": not_ready[:_MAX_REASON], "wait": 0})
        connect = _ANSWER_SECONDS if slot in self._tried else _FIRST_CONNECT_SECONDS
        self._tried.add(slot)
        timeout = httpx.Timeout(_ANSWER_SECONDS, connect=connect, read=self._settings.wait_seconds + _ANSWER_SECONDS)
        answer = await self._post("/api/worker/claim", claim, self._queue_headers, timeout)
        if answer.status_code in {httpx.codes.NO_CONTENT, httpx.codes.OK}:
            self._note_drained(answer.headers.get(WORKER_STATE) == DRAINED)
        if answer.status_code == httpx.codes.NO_CONTENT:
            return None
        if answer.status_code == httpx.codes.OK:
            return parsed(Job, answer)
        if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            raise TokenRefusedError(f"HTTP {answer.status_code} {_excerpt(answer)}")
        raise _unusable(answer)

    def _free_disk(self) -> int | None:
        try:
            return shutil.disk_usage(self._settings.work).free
        except OSError as error:
            log.warning("Free disk space cannot be read: %s", error)
            return None

    def _note_drained(self, drained: bool) -> None:
        """Say once that this worker gets no jobs, and once that it does again."""
        if drained and not self._drained:
            log.warning("This worker is drained: it gets no new jobs until its queue's people undrain it.")
        elif self._drained and not drained:
            log.info("This worker gets jobs again.")
        self._drained = drained

    async def beat(self, job: Job, beat: Beat) -> BeatAnswer:
        """Renew the lease of `job`; see `Intake.beat`."""
        return parsed(BeatAnswer, await self._attempt(job, "beat", beat))

    async def finish(self, job: Job, outcome: Outcome) -> None:
        """Hand over the outcome of `job`; see `Intake.finish`."""
        await self._attempt(job, "finish", outcome)

    async def _attempt(self, job: Job, verb: str, message: BaseModel) -> httpx.Response:
        headers = {"Authorization": f"Bearer {job.token}", "Content-Type": _JSON}
        answer = await self._post(self._address(job, verb), message, headers, httpx.Timeout(_ANSWER_SECONDS))
        if answer.status_code in _OVER:
            raise AttemptOverError(_excerpt(answer))
        if answer.status_code != httpx.codes.OK:
            raise _unusable(answer)
        return answer

    def _address(self, job: Job, verb: str) -> str:
        return f"/api/worker/attempts/{job.attempt}/{verb}"

    async def _post(
        self, path: str, message: BaseModel, headers: dict[str, str], timeout: httpx.Timeout
    ) -> httpx.Response:
        try:
            return await self._client.post(path, content=message.model_dump_json(), headers=headers, timeout=timeout)
        except httpx.HTTPError as error:
            raise IntakeUnavailableError(f"{type(error).__name__}: {error}") from error


def parsed(model: type[M], answer: httpx.Response) -> M:
    """The message in an answer. Raises IntakeUnavailableError when it is none."""
    try:
        return model.model_validate_json(answer.content)
    except ValidationError as error:
        # Another program on this port, or a platform of another version: either may be mended by a restart.
        raise IntakeUnavailableError(f"the answer is no {model.__name__}: {error.error_count()} faults") from error


def _unusable(answer: httpx.Response) -> Exception:
    text = f"HTTP {answer.status_code} {_excerpt(answer)}"
    retriable = answer.status_code >= 500 or answer.status_code in {408, 425, 429}
    return IntakeUnavailableError(text) if retriable else IntakeRefusedError(text)


def _excerpt(answer: httpx.Response) -> str:
    return answer.text[:_MAX_SHOWN]

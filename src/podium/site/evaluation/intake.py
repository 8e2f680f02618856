"""The workers' addresses: claim, beat, finish (see `podium.protocol.jobs`).

Beside Django rather than through it: a thousand idle workers are a thousand open long polls, and each costs one
coroutine, no thread and no query: they wait in line (see `polls`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from podium.protocol import (
    DRAINED,
    MAX_BEAT_BYTES,
    MAX_OUTCOME_BYTES,
    WORKER_STATE,
    Beat,
    BeatAnswer,
    Claim,
    FinishAnswer,
    Job,
    Outcome,
    Take,
)
from podium.site.evaluation import polls, services
from podium.site.evaluation.bodies import id_in_path, read_body
from podium.site.evaluation.codabench_worker import services as deliveries
from podium.site.evaluation.jobs import job_for
from podium.site.evaluation.models import Attempt
from podium.site.evaluation.services import order
from podium.site.evaluation.services.attempts import AttemptOver, Drained, TokenRevoked, WrongToken, abandon
from podium.site.evaluation.states import IllegalTransition
from podium.site.queues.models import QueueToken
from podium.site.queues.services import token_of
from podium.site.threads import in_thread

log = structlog.get_logger(__name__)
Message = TypeVar("Message", bound=BaseModel)
Answer = TypeVar("Answer")
REFUSED = "No queue has this token. It may have been revoked or rotated: make another on the queue's page."


async def _read(request: Request, kind: type[Message], cap: int) -> Message:
    """Parse a message under a cap on its size."""
    body = await read_body(request, cap)
    try:
        # PostgreSQL keeps no NUL in texts, and a message may quote what a program printed.
        return kind.model_validate_json(body.replace(b"\\u0000", b"\\ufffd"))
    except ValidationError as error:
        raise HTTPException(422, error.json(include_url=False, include_input=False)) from error


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise HTTPException(401, "Send the token as `Authorization: Bearer <token>`.")
    return token


def _json(message: BaseModel) -> Response:
    return Response(message.model_dump_json(), media_type="application/json")


async def claim(request: Request) -> Response:
    """Answer with a job as soon as there is one, or 204 after the wait."""
    token = _bearer(request)
    message = await _read(request, Claim, MAX_BEAT_BYTES)
    found = await in_thread(lambda: token_of(token))
    if found is None:
        raise HTTPException(403, REFUSED)
    until = time.monotonic() + message.wait
    with polls.in_line(found.queue_id) as place:
        while True:
            if await request.is_disconnected():
                return Response(status_code=204)  # nobody waits any more: a job given now would wait out its lease
            with place.look() as told:
                job, drained = await in_thread(lambda: _look(found, message))
                more = told and (job is not None or await in_thread(lambda: order.something_waits(found.queue_id)))
            if more:
                place.pass_on()
            if job is not None:
                return _json(job)
            if not await place.turn(until - time.monotonic()):
                return Response(status_code=204, headers={WORKER_STATE: DRAINED} if drained else None)


def _look(token: QueueToken, message: Claim) -> tuple[Job | None, bool]:
    """A job if there is one for this worker, and whether the worker is drained."""
    try:
        return _claim(token, message), False
    except Drained:
        return None, True
    except TokenRevoked:
        raise HTTPException(403, REFUSED) from None


def _claim(token: QueueToken, message: Claim) -> Job | None:
    claimed = services.claim_run(queue=token.queue, claim=message, token_id=token.pk)
    if claimed is None:
        return None
    try:
        return _described(*claimed)
    except AttemptOver:
        return None


def _described(attempt: Attempt, token: str, limit: float) -> Job:
    """The job of an attempt. Raises AttemptOver when it cannot be done, which ends it."""
    try:
        return job_for(attempt, token, limit)
    except LookupError as error:
        log.exception("job cannot be described", attempt=attempt.pk, reason=str(error))
        abandon(attempt_id=attempt.pk, reason=str(error))
        raise AttemptOver from error


async def take(request: Request) -> Response:
    """Answer with the job of a message that a worker has from a broker; 409 when it is somebody else's or over.

    The bearer token is the message's secret. 204 tells a drained worker to give the message back.
    """
    secret = _bearer(request)
    message = await _read(request, Take, MAX_BEAT_BYTES)

    def work() -> Job:
        taken = deliveries.take(
            submission_id=message.submission, secret=secret, claim=message.claim, token=message.token
        )
        return _described(*taken)

    try:
        return _json(await _guarded(work))
    except Drained:
        return Response(status_code=204, headers={WORKER_STATE: DRAINED})


async def beat(request: Request) -> Response:
    """Renew an attempt's lease and take its output."""
    token, attempt_id = _bearer(request), id_in_path(request, "attempt")
    message = await _read(request, Beat, MAX_BEAT_BYTES)

    def work() -> BeatAnswer:
        return services.beat(attempt_id=attempt_id, token=token, message=message)

    return _json(await _guarded(work))


async def finish(request: Request) -> Response:
    """Take the end of an attempt."""
    token, attempt_id = _bearer(request), id_in_path(request, "attempt")
    outcome = await _read(request, Outcome, MAX_OUTCOME_BYTES)

    def work() -> FinishAnswer:
        services.finish(attempt_id=attempt_id, token=token, outcome=outcome)
        return FinishAnswer()

    return _json(await _guarded(work))


async def _guarded(work: Callable[[], Answer]) -> Answer:
    try:
        return await in_thread(work)
    except WrongToken:
        raise HTTPException(403, "No attempt has this id and token.") from None
    except (AttemptOver, IllegalTransition):
        raise HTTPException(409, "This attempt is over.") from None


routes = [
    Route("/api/worker/claim", claim, methods=["POST"]),
    Route("/api/worker/take", take, methods=["POST"]),
    Route("/api/worker/attempts/{attempt}/beat", beat, methods=["POST"]),
    Route("/api/worker/attempts/{attempt}/finish", finish, methods=["POST"]),
]

"""What a worker calls back: statuses, scores, and the socket of its programs' output.

    PATCH /api/submissions/<id>/                                  form or JSON: secret, status, status_details
    POST  /api/upload_submission_scores/<id>/                     JSON: secret, scores
    WS    /submission_input/<user>/<id>/<secret>/?kind=program    text frames: {"kind": ..., "message": ...}

Nothing happens before the secret was checked. Files come and go by signed address, see `bytes_plane`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from typing import Any
from urllib.parse import parse_qsl

import anyio
import structlog
from django.db import DatabaseError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from podium.formats.scores import ScoresError
from podium.protocol import Stream
from podium.site.evaluation.bodies import id_in_path, read_body
from podium.site.evaluation.codabench_worker import services
from podium.site.evaluation.models import Submission
from podium.site.evaluation.services.attempts import AttemptOver, WrongToken
from podium.site.evaluation.states import SubmissionStatus
from podium.site.threads import in_thread

log = structlog.get_logger(__name__)

MAX_REPORT_BYTES = 256 * 1024
MAX_SCORES_BYTES = 1024 * 1024
MAX_FRAME_BYTES = 1024 * 1024
_PATIENCE_SECONDS = 60
"""How long a frame waits for a database that is away, before the socket is closed."""
_STREAMS = {"program": Stream.STDOUT, "ingestion": Stream.INGESTION_STDOUT, "stderr": Stream.STDERR}
_REMARKS = {"Docker_Image_Pull_Fail", "Execution_Time_Limit_Exceeded"}
_NO_SECRET = "Submission secrets do not match"  # noqa: S105 - Codabench's words
_OVER = "This job is over: it was cancelled, given to another worker, or has ended."


def _secret(given: Any) -> str:
    """The secret as it was given out, whichever way it is written. Raises WrongToken."""
    try:
        return str(uuid.UUID(str(given)))
    except ValueError:
        raise WrongToken from None


def _fields(request: Request, body: bytes) -> dict[str, Any]:
    """The fields of a form or of a JSON object."""
    try:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json":
            found = json.loads(body)
        else:
            found = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=100))
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "The body is neither a form nor JSON.") from error
    if not isinstance(found, dict):
        raise HTTPException(400, "The body must be an object.")
    return found


async def report(request: Request) -> Response:
    """Take a worker's status; 403 tells a worker that begins a job to leave it."""
    submission_id = id_in_path(request, "submission")
    fields = _fields(request, await read_body(request, MAX_REPORT_BYTES))
    status, details = str(fields.get("status") or ""), str(fields.get("status_details") or "")
    if status and status not in SubmissionStatus.values:
        return JSONResponse({"status": [f'"{status[:40]}" is not a valid choice.']}, status_code=400)
    remark = str(fields.get("error_message") or "") if fields.get("type") in _REMARKS else ""

    def work() -> dict[str, Any]:
        secret = _secret(fields.get("secret"))
        if remark:
            services.add_remark(submission_id=submission_id, secret=secret, text=remark)
        return _shown(services.report(submission_id=submission_id, secret=secret, status=status, details=details))

    try:
        return JSONResponse(await in_thread(work))
    except WrongToken:
        return JSONResponse({"detail": _NO_SECRET}, status_code=403)
    except AttemptOver:
        return JSONResponse({"detail": _OVER}, status_code=403)


def _shown(submission: Submission) -> dict[str, Any]:
    """Codabench's answer to a worker's report."""
    data = submission.data
    return {
        "id": submission.pk,
        "data": str(data.key) if data else None,
        "phase": submission.phase_id,
        "status": submission.status,
        "status_details": submission.status_details or None,
        "filename": submission.file_name,
        "description": submission.description,
        "md5": None,
        "fact_sheet_answers": submission.fact_sheet_answers,
        "organization": None,
        "queue": None,
        "created_when": f"{submission.created_when:%Y-%m-%d %H:%M}",
        "scores": [],
    }


async def scores(request: Request) -> Response:
    """Take a worker's scores, once or again."""
    submission_id = id_in_path(request, "submission")
    body = await read_body(request, MAX_SCORES_BYTES)
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "The body is no JSON.") from error
    if not isinstance(message, dict):
        raise HTTPException(400, "The body must be an object.")

    def work() -> None:
        secret = _secret(message.get("secret"))
        services.take_scores(submission_id=submission_id, secret=secret, message=body)

    try:
        await in_thread(work)
    except WrongToken:
        return JSONResponse({"detail": _NO_SECRET}, status_code=403)
    except ScoresError as error:
        return JSONResponse([str(error)], status_code=400)
    return Response(status_code=200)


async def output(socket: WebSocket) -> None:
    """Take the live output of a program; the handshake is refused unless user, submission and secret belong together.

    Once it is open it stays open: a worker whose socket breaks counts its program as failed.
    """
    path, kind = socket.path_params, socket.query_params.get("kind", "")
    if max(path["user"], path["submission"]) >= 2**63:
        await socket.close(1008)
        return

    def opened() -> int:
        return services.program_speaks(
            submission_id=path["submission"],
            owner_id=path["user"],
            secret=_secret(path["secret"]),
            is_program=kind in {"program", "ingestion"},
        )

    try:
        attempt_id = await in_thread(opened)
    except (WrongToken, AttemptOver):
        await socket.close(1008)
        return
    await socket.accept()
    frames: asyncio.Queue[str | None] = asyncio.Queue(maxsize=256)  # a worker that is quicker than the database waits
    keeping = asyncio.create_task(_keep(frames, attempt_id))
    try:
        while not keeping.done():
            await frames.put(await socket.receive_text())
    except (WebSocketDisconnect, KeyError):  # gone, or a frame of bytes
        pass
    finally:
        with anyio.CancelScope(shield=True):
            while not keeping.done():  # the queue may be full, and its reader may have given up
                with contextlib.suppress(asyncio.QueueFull):
                    frames.put_nowait(None)
                await asyncio.wait({keeping}, timeout=1)
            keeping.result()


async def _keep(frames: asyncio.Queue[str | None], attempt_id: int) -> None:
    """Store frames, as many at once as have come meanwhile."""
    last = False
    while not last:
        pieces = [await frames.get()]
        while not frames.empty():
            pieces.append(frames.get_nowait())
        last = None in pieces
        understood = [piece for text in pieces if text and (piece := _piece(text)) is not None]
        if understood and not await _stored(attempt_id, understood):
            return


async def _stored(attempt_id: int, pieces: list[tuple[Stream, bytes]]) -> bool:
    """Store output, waiting for a database that is away; returns whether more is wanted."""
    for _ in range(_PATIENCE_SECONDS):
        try:
            await in_thread(lambda: services.add_output(attempt_id=attempt_id, pieces=pieces))
        except AttemptOver:
            return False
        except DatabaseError:
            log.warning("live output waits for the database", attempt=attempt_id, exc_info=True)
            await asyncio.sleep(1)
        else:
            return True
    return False


def _piece(text: str) -> tuple[Stream, bytes] | None:
    """A frame's stream and content; None for one that says nothing to keep."""
    if len(text) > MAX_FRAME_BYTES:
        return None
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(frame, dict) or not isinstance(message := frame.get("message"), str):
        return None
    stream = _STREAMS.get(str(frame.get("kind")))
    return (stream, message.encode(errors="replace")) if stream and message else None


routes = [
    Route("/api/submissions/{submission}/", report, methods=["PATCH"]),
    Route("/api/upload_submission_scores/{submission}/", scores, methods=["POST"]),
    WebSocketRoute("/submission_input/{user:int}/{submission:int}/{secret}/", output),
]

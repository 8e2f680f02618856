"""A small platform for the worker's tests: the protocol's four routes and nothing else, checked strictly."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import socket
import zipfile
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from podium.protocol import (
    DRAINED,
    MAX_BEAT_BYTES,
    MAX_FRAME_BYTES,
    MAX_OUTCOME_BYTES,
    PROTOCOL_VERSION,
    WORKER_STATE,
    Beat,
    BeatAnswer,
    Claim,
    FileRef,
    FinishAnswer,
    Job,
    JobLimits,
    Outcome,
    Phase,
    Step,
    Stream,
)

QUEUE_TOKEN = "queue-token-of-the-tests"
Content = str | bytes
Tree = Mapping[str, Content]

PATIENCE = 30.0


def zip_of(tree: Tree) -> bytes:
    """Zip a mapping of names to contents."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in tree.items():
            # A fixed time: equal trees have equal digests, whenever they are zipped.
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def files_of(archive: bytes) -> dict[str, str]:
    """Read a zip of text files."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name).decode() for name in opened.namelist() if not name.endswith("/")}


@dataclass
class AttemptRow:
    """What the platform knows about one attempt."""

    job: Job
    worker: str | None = None
    over: bool = False
    cancel: bool = False
    phases: list[Phase] = field(default_factory=list)
    beats: int = 0
    streams: dict[Stream, bytearray] = field(default_factory=lambda: defaultdict(bytearray))
    outcome: Outcome | None = None
    finishes: int = 0

    def text(self, stream: Stream) -> str:
        return self.streams[stream].decode()

    @property
    def output(self) -> str:
        return self.text(Stream.STDOUT)

    @property
    def errors(self) -> str:
        return self.text(Stream.STDERR)


class Platform:
    """The platform's side of the protocol, in memory."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.downloads: dict[str, int] = defaultdict(int)
        self.uploads: dict[str, bytes] = {}
        self.upload_types: dict[str, str] = {}
        self.upload_history: dict[str, list[bytes]] = defaultdict(list)
        self.attempts: dict[int, AttemptRow] = {}
        self.queue: deque[AttemptRow] = deque()
        self.claims: list[Claim] = []
        self.drained = False
        self.requests: list[str] = []
        self.protocol_faults: list[str] = []
        self.lease_seconds = 30.0
        self.output_passes = asyncio.Event()
        """Cleared, it holds up every beat with output, as a slow connection does."""
        self.output_passes.set()
        self.held_up = 0
        self._faults: dict[str, deque[int]] = defaultdict(deque)
        self._changed = asyncio.Condition()
        self._socket = _listening_socket()
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None

    # For tests: what the platform holds

    def put(self, content: bytes, name: str = "") -> FileRef:
        """Store a file and name it as a job would."""
        digest = hashlib.sha256(content).hexdigest()
        path = f"/files/{digest}?signature=secret-of-{digest[:8]}"
        self.files[digest] = content
        return FileRef(url=path, sha256=digest, size=len(content), name=name)

    def put_zip(self, tree: Tree | bytes | None) -> FileRef | None:
        if tree is None:
            return None
        return self.put(tree if isinstance(tree, bytes) else zip_of(tree))

    async def send(
        self,
        step: Step,
        *,
        program: Tree | bytes,
        ingestion: Tree | bytes | None = None,
        input_data: Tree | bytes | FileRef | None = None,
        reference: Tree | bytes | FileRef | None = None,
        results: Tree | bytes | None = None,
        limits: JobLimits | None = None,
        queued: bool = True,
        **more: Any,
    ) -> AttemptRow:
        """Make one attempt of trees that are zipped here, and queue it."""
        number = len(self.attempts) + 1
        program_ref = self.put_zip(program)
        assert program_ref is not None
        job = Job(
            attempt=number,
            token=f"attempt-token-{number}",
            lease_seconds=self.lease_seconds,
            run=number,
            number=1,
            label=f"submission-{number}-{step.value}",
            step=step,
            image=more.pop("image", "podium/tests"),
            limits=limits or JobLimits(wall_seconds=20),
            program=program_ref,
            ingestion_program=self.put_zip(ingestion),
            input_data=input_data if isinstance(input_data, FileRef) else self.put_zip(input_data),
            reference_data=reference if isinstance(reference, FileRef) else self.put_zip(reference),
            results=self.put_zip(results),
            output_url=f"/uploads/{number}/output?signature=secret",
            detailed_results_url=f"/uploads/{number}/detailed" if more.get("detailed_results") else None,
            **more,
        )
        row = AttemptRow(job)
        self.attempts[number] = row
        if queued:
            await self.enqueue(row)
        return row

    async def enqueue(self, row: AttemptRow) -> None:
        """Put an attempt into the queue; the same one twice is a duplicate delivery."""
        self.queue.append(row)
        await self.tell()

    async def tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def until(self, condition: Callable[[], object], patience: float = PATIENCE) -> None:
        """Wait until something is true of the platform."""
        async with asyncio.timeout(patience), self._changed:
            await self._changed.wait_for(lambda: bool(condition()))

    async def finished(self, row: AttemptRow) -> Outcome:
        """Wait for an attempt's outcome."""
        await self.until(lambda: row.outcome is not None)
        assert row.outcome is not None
        assert not self.protocol_faults, self.protocol_faults
        return row.outcome

    def output_files(self, row: AttemptRow) -> dict[str, str]:
        """The files of the uploaded output."""
        return files_of(self.uploads[f"/uploads/{row.job.attempt}/output"])

    def answer_next(self, route: str, *statuses: int) -> None:
        """Let the next requests of a route ("claim", "beat", "finish", "get", "put") fail with these statuses."""
        self._faults[route].extend(statuses)

    # Serving

    async def start(self) -> None:
        """Answer on the platform's port, again after `stop`."""
        if self._socket.fileno() == -1:
            self._socket = _listening_socket(self.port)
        app = Starlette(
            routes=[
                Route("/api/worker/claim", self._claim, methods=["POST"]),
                Route("/api/worker/attempts/{attempt:int}/beat", self._beat, methods=["POST"]),
                Route("/api/worker/attempts/{attempt:int}/finish", self._finish, methods=["POST"]),
                Route("/files/{digest}", self._get, methods=["GET"]),
                Route("/uploads/{attempt:int}/{what}", self._put, methods=["PUT"]),
            ]
        )
        config = uvicorn.Config(app, log_level="warning", lifespan="off")
        self._server = uvicorn.Server(config)
        self._serving = asyncio.create_task(self._server._serve(sockets=[self._socket]))

    async def stop(self) -> None:
        """Close the port and every connection, as a platform that is restarted does."""
        if self._server is None or self._serving is None:
            return
        self._server.should_exit = True
        self._server.force_exit = True
        await self._serving
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()
        self._socket.close()
        self._server = None

    # Routes

    def _fault(self, route: str) -> Response | None:
        self.requests.append(route)
        if self._faults[route]:
            return JSONResponse({"detail": "made by the test"}, self._faults[route].popleft())
        return None

    def _strict(self, condition: bool, what: str) -> None:
        if not condition:
            self.protocol_faults.append(what)

    async def _claim(self, request: Request) -> Response:
        if (fault := self._fault("claim")) is not None:
            return fault
        if request.headers.get("authorization") != f"Bearer {QUEUE_TOKEN}":
            return JSONResponse({"detail": "unknown queue token"}, 401)
        claim = Claim.model_validate_json(await request.body())
        self._strict(claim.protocol == PROTOCOL_VERSION, "protocol version")
        self._strict(bool(claim.worker), "claim without a worker's name")
        self.claims.append(claim)
        await self.tell()
        if claim.not_ready:
            return Response(status_code=204)
        with contextlib.suppress(TimeoutError):
            await self.until(lambda: self.queue and not self.drained, claim.wait)
        if self.drained or not self.queue:
            return Response(status_code=204, headers={WORKER_STATE: DRAINED} if self.drained else None)
        row = self.queue.popleft()
        row.worker = claim.worker
        await self.tell()
        return Response(row.job.model_dump_json(), media_type="application/json")

    def _row(self, request: Request) -> AttemptRow | None:
        row = self.attempts[request.path_params["attempt"]]
        self._strict(request.headers.get("authorization") == f"Bearer {row.job.token}", "wrong attempt token")
        return None if row.over else row

    async def _beat(self, request: Request) -> Response:
        if (fault := self._fault("beat")) is not None:
            return fault
        body = await request.body()
        self._strict(len(body) <= MAX_BEAT_BYTES, f"a beat of {len(body)} bytes")
        beat = Beat.model_validate_json(body)
        row = self._row(request)
        if row is None:
            return JSONResponse({"detail": "over"}, 409)
        if beat.frames and not self.output_passes.is_set():
            self.held_up += 1
            await self.tell()
            await self.output_passes.wait()
        row.beats += 1
        if not row.phases or row.phases[-1] is not beat.phase:
            row.phases.append(beat.phase)
        for frame in beat.frames:
            kept = row.streams[frame.stream]
            self._strict(len(frame.data) <= MAX_FRAME_BYTES, f"a frame of {len(frame.data)} bytes")
            self._strict(frame.offset <= len(kept), f"a hole in {frame.stream} at {len(kept)}")
            kept[frame.offset : frame.offset + len(frame.data)] = frame.data
        await self.tell()
        answer = BeatAnswer(lease_seconds=self.lease_seconds, cancel=row.cancel)
        return Response(answer.model_dump_json(), media_type="application/json")

    async def _finish(self, request: Request) -> Response:
        if (fault := self._fault("finish")) is not None:
            return fault
        body = await request.body()
        self._strict(len(body) <= MAX_OUTCOME_BYTES, f"an outcome of {len(body)} bytes")
        outcome = Outcome.model_validate_json(body)
        row = self._row(request)
        if row is None:
            return JSONResponse({"detail": "over"}, 409)
        row.finishes += 1
        row.outcome = outcome
        row.over = True
        await self.tell()
        return Response(FinishAnswer().model_dump_json(), media_type="application/json")

    async def _get(self, request: Request) -> Response:
        digest = request.path_params["digest"]
        self.downloads[digest] += 1
        await self.tell()
        if (fault := self._fault("get")) is not None:
            return fault
        self._strict("authorization" not in request.headers, "a token was sent with a signed address")
        if digest not in self.files:
            return Response(status_code=404)
        return Response(self.files[digest], media_type="application/octet-stream")

    async def _put(self, request: Request) -> Response:
        body = await request.body()
        if (fault := self._fault("put")) is not None:
            return fault
        self._strict(request.headers.get("content-length") == str(len(body)), "a PUT without its length")
        what = request.path_params["what"]
        wanted = {"output": "application/zip", "detailed": "text/html"}[what]
        self._strict(request.headers.get("content-type") == wanted, f"content type of {what}")
        path = request.url.path
        self.uploads[path] = body
        self.upload_history[path].append(body)
        await self.tell()
        return Response(status_code=200)


def _listening_socket(port: int = 0) -> socket.socket:
    # The protocol is named because asyncio sets TCP_NODELAY only then; without it each answer waits 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    listening.set_inheritable(True)
    return listening


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[Platform]:
    """A platform that answers while the context is open."""
    platform = Platform()
    await platform.start()
    try:
        yield platform
    finally:
        await platform.stop()

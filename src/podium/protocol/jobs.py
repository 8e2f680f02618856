"""The messages of the HTTPS intake: claim, job, beat, outcome.

    POST /api/worker/claim                    Authorization: Bearer <queue token>    Claim   -> 200 Job | 204
    POST /api/worker/take                     Authorization: Bearer <a message's secret> Take -> 200 Job | 409
    POST /api/worker/attempts/<id>/beat       Authorization: Bearer <attempt token>  Beat    -> 200 BeatAnswer | 409
    POST /api/worker/attempts/<id>/finish     Authorization: Bearer <attempt token>  Outcome -> 200 FinishAnswer | 409

409 means that the attempt is over (lost, cancelled, finished, superseded): the worker kills what still runs and
forgets it. Every message may be sent twice: frames are told apart by their offset, an outcome by its attempt.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field

from podium.protocol.causes import Failure, Step
from podium.protocol.limits import Ceilings, JobLimits

PROTOCOL_VERSION = 1
WORKER_STATE = "Podium-Worker-State"
"""Header of the answer 204; `DRAINED` says that the worker gets no job because its people drained it."""
DRAINED = "drained"
MAX_FRAME_BYTES = 256 * 1024
MAX_HISTORY = 200
"""How many earlier submissions a job tells of."""
MAX_BEAT_BYTES = 4 * 1024 * 1024
MAX_OUTCOME_BYTES = 2 * 1024 * 1024


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Claim(_Message):
    """A worker asks for one job; `wait` is how many seconds the platform may hold the request open."""

    worker: str = Field(min_length=1, max_length=255, description="the worker's name, unique within the queue")
    hostname: str = Field(default="", max_length=255)
    version: str = Field(default="", max_length=40)
    protocol: int = PROTOCOL_VERSION
    engine: str = Field(default="", max_length=40)
    slots: int = Field(default=1, ge=1, le=1024, description="how many claims this worker makes at once")
    free_disk_bytes: int | None = Field(default=None, ge=0, lt=2**63, description="free where jobs are done")
    gpus: list[Annotated[str, Field(max_length=100)]] = Field(default_factory=list, max_length=64)
    wait: float = Field(default=20, ge=0, le=60)
    ceilings: Ceilings = Field(default_factory=Ceilings)
    not_ready: str = Field(
        default="", max_length=300, description="why the worker takes no job now; it is answered 204 at once"
    )


class Take(_Message):
    """A worker has a job's message from a broker and asks for the job; the message's secret is its bearer token.

    The worker makes the attempt's token itself, so that the same request again gets the same answer.
    """

    submission: int = Field(ge=1, le=2**63 - 1)
    token: str = Field(min_length=32, max_length=100)
    claim: Claim


class FileRef(_Message):
    """A file to fetch: a short-lived address, and what its content must hash to."""

    url: str
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    size: int | None = Field(default=None, ge=0)
    name: str = ""


class EarlierScores(_Message):
    """What an earlier submission of the same participant got; `number` counts within its phase."""

    phase: int = Field(ge=0, description="the phase's place, from 0")
    number: int = Field(ge=1)
    scores: dict[str, str] = Field(default_factory=dict, description="by column key, as the scoring program wrote them")


class Provenance(_Message):
    """Who submitted what is scored, when, and what they got before: CodaLab 1.5's `input/metadata` and history."""

    submitted_by: str
    submitted_at: str = Field(description="ISO 8601, in UTC")
    number: int = Field(ge=1, description="the submission's place among the participant's own of the phase")
    phase: int = Field(ge=0, description="the phase's place, from 0")
    automatic: bool = Field(default=False, description="taken over from the phase before, not submitted by hand")
    history: list[EarlierScores] = Field(default_factory=list, max_length=MAX_HISTORY)


class Job(_Message):
    """One attempt of one step, with all that a worker needs to do it.

    In the prediction step `program` is what the participant submitted; in the scoring step it is the scoring
    program. `results` is what gets scored: the prediction step's output or, with `results_are_submission`, the
    submission itself (a result submission to a task without ingestion has no prediction step).
    `ingestion_program` is present in the step in which it runs.
    """

    attempt: int
    token: str
    lease_seconds: float
    run: int
    number: int = Field(ge=1, description="which attempt of the run this is")
    label: str = Field(description="for logs and container names, e.g. submission-12-scoring-1")
    step: Step
    image: str
    limits: JobLimits
    program: FileRef
    ingestion_program: FileRef | None = None
    input_data: FileRef | None = None
    reference_data: FileRef | None = None
    results: FileRef | None = None
    results_are_submission: bool = False
    ingestion_only_during_scoring: bool = False
    detailed_results: bool = False
    output_url: str = Field(description="PUT: zip of /app/output")
    detailed_results_url: str | None = Field(default=None, description="PUT: text/html")
    private_output_url: str | None = Field(
        default=None, description="PUT: zip of /app/output/private of the scoring step, which only organizers may see"
    )
    columns: list[str] = Field(default_factory=list, description="column keys that the leaderboard wants")
    provenance: Provenance | None = Field(default=None, description="for scoring programs that ask for it")


class Stream(StrEnum):
    """Which program's output a frame belongs to; Codabench's four names within a step."""

    STDOUT = "stdout"
    STDERR = "stderr"
    INGESTION_STDOUT = "ingestion_stdout"
    INGESTION_STDERR = "ingestion_stderr"


class Frame(_Message):
    """A piece of output: `offset` is its first byte's place in the stream, so a repeated frame changes nothing."""

    stream: Stream
    offset: int = Field(ge=0)
    data: Annotated[Base64Bytes, Field(max_length=MAX_FRAME_BYTES * 2)]


class Phase(StrEnum):
    """What an attempt is doing now."""

    PREPARING = "preparing"
    RUNNING = "running"
    UPLOADING = "uploading"


class Beat(_Message):
    """Renew the lease, say what the attempt is doing, and hand over new output."""

    phase: Phase
    frames: list[Frame] = Field(default_factory=list, max_length=1000)


class BeatAnswer(_Message):
    """How long the lease now lasts, and whether the attempt is to be cancelled."""

    lease_seconds: float
    cancel: bool = False


class ProgramOutcome(_Message):
    """How one program of the step ended."""

    name: str = Field(max_length=40, description="'program' or 'ingestion'")
    exit_code: int | None = None
    cause: str = Field(max_length=40, description="the sandbox's word: ok, exit_code, time_limit, ...")
    detail: str = Field(default="", max_length=4000)
    wall_seconds: float = Field(ge=0)
    cpu_seconds: float | None = Field(default=None, ge=0)
    peak_memory_bytes: int | None = Field(default=None, ge=0)
    stdout_truncated: bool = False
    stderr_truncated: bool = False


class Score(_Message):
    """One score: the number, the text as the scoring program gave it, and its 95 % interval where there is one.

    `interval` says what the interval was made of: ci, std or examples.
    """

    value: float = Field(allow_inf_nan=False)
    text: str = Field(max_length=100)
    low: float | None = Field(default=None, allow_inf_nan=False)
    high: float | None = Field(default=None, allow_inf_nan=False)
    interval: str = Field(default="", max_length=10)


class Outcome(_Message):
    """The end of an attempt; `failure` is None when the step succeeded."""

    failure: Failure | None = None
    programs: list[ProgramOutcome] = Field(default_factory=list, max_length=4)
    scores: dict[Annotated[str, Field(max_length=200)], Score] = Field(default_factory=dict, max_length=1000)
    notes: list[Annotated[str, Field(max_length=1000)]] = Field(default_factory=list, max_length=100)
    image_digest: str | None = Field(default=None, max_length=255)
    output_uploaded: bool = False
    detailed_results_uploaded: bool = False
    private_output_uploaded: bool = False
    sandbox_seconds: float = Field(default=0, ge=0, description="time spent inside sandboxes, for the figures")


class FinishAnswer(_Message):
    """The platform has stored the outcome."""

    accepted: bool = True

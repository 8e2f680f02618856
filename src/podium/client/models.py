"""What the REST API answers with, typed; fields that a newer server adds are ignored."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator

TERMINAL = frozenset({"Finished", "Failed", "Cancelled"})


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Profile(_Answer):
    """The account that a token belongs to."""

    username: str
    name: str | None = None
    email: str | None = None


class CompetitionItem(_Answer):
    """A competition as lists show it."""

    id: int
    title: str
    created_by: str | None = None
    owner_display_name: str | None = None
    created_when: datetime | None = None
    published: bool = False
    participants_count: int = 0
    submissions_count: int = 0
    description: str | None = None
    competition_type: str = "competition"
    reward: str | None = None


class CompetitionArchive(_Answer):
    """An archive of a competition, in bytes: `done` of `total` while it is written, `size` when it is there."""

    id: int
    status: str
    details: str = ""
    done: int = 0
    total: int = 0
    name: str = ""
    url: str | None = None
    size: int | None = None
    sha256: str | None = None

    @property
    def ended(self) -> bool:
        """Whether it is finished or failed."""
        return self.status in TERMINAL


class Task(_Answer):
    """A task of a phase: what is submitted to, and scored."""

    id: int
    key: str | None = None
    name: str = ""


class Phase(_Answer):
    """A phase; `status` is Previous, Current or Next, by the server's clock."""

    id: int
    index: int = 0
    name: str = ""
    description: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    status: str | None = None
    tasks: list[Task] = Field(default_factory=list)
    execution_time_limit: int | None = None
    max_submissions_per_day: int | None = None
    max_submissions_per_person: int | None = None
    used_submissions_per_day: int | None = None
    used_submissions_per_person: int | None = None


class Column(_Answer):
    """A column of a leaderboard."""

    id: int | None = None
    key: str
    title: str = ""
    index: int = 0
    sorting: str = "desc"
    hidden: bool = False
    precision: int = 2


class Board(_Answer):
    """A leaderboard's definition."""

    id: int
    key: str = ""
    title: str = ""
    columns: list[Column] = Field(default_factory=list)


class Competition(CompetitionItem):
    """A competition with its phases, as its page shows it; `etag` names its state, for a change that keeps others'."""

    etag: str | None = None
    phases: list[Phase] = Field(default_factory=list)
    leaderboards: list[Board] = Field(default_factory=list)
    participant_status: str | None = None
    docker_image: str | None = None
    terms: str | None = None
    fact_sheet: dict[str, Any] | None = None
    contact_email: str | None = None

    @field_validator("fact_sheet", mode="before")
    @classmethod
    def _fact_sheet_may_be_text(cls, value: object) -> object:
        """Some servers store the fact sheet as JSON text; an empty one is no fact sheet."""
        if isinstance(value, str):
            value = json.loads(value) if value.strip() else None
        return value or None


class Score(_Answer):
    """One score of a submission, as text so that no digit is lost."""

    id: int | None = None
    index: int = 0
    column_key: str = ""
    score: str | None = Field(default=None, validation_alias=AliasChoices("text", "score"))
    task_id: int | None = None

    @field_validator("score", mode="before")
    @classmethod
    def _number_as_text(cls, value: object) -> object:
        return str(value) if isinstance(value, int | float) else value


class Submission(_Answer):
    """A submission.

    Beyond Codabench's fields, `cause`, `message`, `fault` (participant, organizer, platform or nobody), `limit` and
    `measured` (texts with their unit) and `advice` say why one failed.
    """

    id: int
    phase: int
    status: str
    status_details: str | None = None
    phase_name: str | None = None
    filename: str | None = None
    owner: str | None = None
    created_when: str | None = None
    parent: int | None = None
    has_children: bool = False
    children: list[int] = Field(default_factory=list)
    scores: list[Score] = Field(default_factory=list)
    on_leaderboard: bool = False
    is_public: bool = False
    task: Task | None = None
    cause: str | None = None
    message: str | None = None
    advice: str | None = None
    fault: str | None = None
    limit: str | None = None
    measured: str | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in TERMINAL


class LogFile(_Answer):
    """One program's output: `name` is step, perhaps `ingestion`, and stream, joined by underscores."""

    name: str
    data_file: str | None = None

    @property
    def step(self) -> str:
        """The step it comes from: prediction or scoring."""
        return self.name.partition("_")[0]

    @property
    def stream(self) -> str:
        """stdout, stderr, ingestion_stdout or ingestion_stderr."""
        return self.name.partition("_")[2] or self.name


class SubmissionDetails(_Answer):
    """Where a submission's files are: short-lived addresses, None for what is hidden or was never made."""

    logs: list[LogFile] = Field(default_factory=list)
    data_file: str | None = None
    prediction_result: str | None = None
    scoring_result: str | None = None
    private_result: str | None = None
    detailed_result: str | None = None
    fact_sheet_answers: dict[str, Any] | None = None


class CreationStep(_Answer):
    """One step of unpacking a bundle; `state` is waiting, running, done or failed."""

    name: str
    state: str = ""


class CreationFault(_Answer):
    """One fault of a bundle, with its place."""

    severity: str = "error"
    message: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
    path: str | None = None
    hint: str | None = None


class CreationStatus(_Answer):
    """How far a bundle is on its way to becoming a competition."""

    status: str
    details: str | None = None
    resulting_competition: int | None = None
    steps: list[CreationStep] = Field(default_factory=list)
    faults: list[CreationFault] = Field(default_factory=list)

    @property
    def ended(self) -> bool:
        """Whether the competition exists or the bundle was refused."""
        return self.status in TERMINAL


class LeaderboardRow(_Answer):
    """One entry of a leaderboard, in rank order."""

    id: int
    owner: str = ""
    rank: int | None = None
    scores: list[Score] = Field(default_factory=list)
    fact_sheet_answers: dict[str, Any] | None = None
    created_when: str | None = None


class LeaderboardTask(_Answer):
    """A task's block of columns on a leaderboard."""

    id: int
    name: str = ""
    columns: list[Column] = Field(default_factory=list)


class Leaderboard(_Answer):
    """A phase's leaderboard: rows in rank order, columns by task."""

    id: int
    title: str = ""
    submissions: list[LeaderboardRow] = Field(default_factory=list)
    tasks: list[LeaderboardTask] = Field(default_factory=list)
    primary_index: int = 0


class CanSubmit(_Answer):
    """Whether the caller may submit to a phase now, and if not, why."""

    can: bool
    reason: str | None = None


class Queue(_Answer):
    """A queue as far as the caller may see it."""

    id: int
    name: str
    vhost: str = ""
    is_public: bool = False
    is_owner: bool = False
    is_served: bool = False
    broker_url: str | None = None


class QueueToken(_Answer):
    """A token of a queue; `token`, its secret, only in the answer that makes it."""

    id: int
    name: str
    ending: str = ""
    last_used_when: datetime | None = None
    token: str = ""


class Worker(_Answer):
    """A worker as it last introduced itself; `running` are the submissions that it works on."""

    id: int
    name: str
    state: str = ""
    engine: str = ""
    version: str = ""
    slots: int = 1
    free_disk_bytes: int | None = None
    gpus: list[str] = Field(default_factory=list)
    last_seen: datetime | None = None
    running: list[int] = Field(default_factory=list)
    last_error: str | None = None


class Event(_Answer):
    """Something that happened to a submission while it was watched.

    `kind` is `status` (data: status, status_details; of a failure also cause, fault, limit,
    measured, advice, and whether the try counted), `log` (step, stream, offset in bytes, text),
    `child` (child_id) or `end` (status); `submission` says which submission it is about.
    """

    kind: str
    submission: int
    data: dict[str, Any] = Field(default_factory=dict)
    id: str | None = None


class CompetitionEvent(_Answer):
    """Something that happened in a competition while it was watched.

    `kind` is `submission` (data: submission, phase, owner, status, changed_when), `leaderboard` (phase), `phase`
    (phase, name, status, start, end), `competition` (title, published) or `end` (reason).
    """

    kind: str
    competition: int
    data: dict[str, Any] = Field(default_factory=dict)
    id: str | None = None


class HistoryEntry(_Answer):
    """A change that an organizer or administrator made.

    `via` is session, token, command or platform; `before` and `after` hold the fields that are other than they were;
    `address` is told to administrators.
    """

    id: int
    when: datetime
    action: str
    what: str = ""
    who: str = ""
    via: str = ""
    token_name: str = ""
    competition: int | None = None
    competition_title: str = ""
    kind: str = ""
    object_id: int | None = None
    object_name: str = ""
    before: dict[str, Any] = Field(default_factory=dict)
    after: dict[str, Any] = Field(default_factory=dict)
    address: str | None = None


class Participant(_Answer):
    """Somebody who takes part or wishes to; `status` is unknown, denied, approved or pending."""

    id: int
    username: str
    email: str | None = None
    status: str = ""
    is_bot: bool = False
    is_deleted: bool = False


class Tries(_Answer):
    """How many submissions a person has made to a phase and may still make; None is without limit."""

    used_today: int = 0
    used_total: int = 0
    left_today: int | None = None
    left_total: int | None = None


class PhaseWork(_Answer):
    """Work on all submissions of a phase (a rerun, a migration): `done` of `total`."""

    id: int
    kind: str = ""
    state: str = ""
    total: int = 0
    done: int = 0
    details: str | None = None
    created_when: datetime | None = None
    finished_when: datetime | None = None


class CompetitionDump(_Answer):
    """A competition written out as a bundle."""

    id: int
    name: str = ""
    url: str | None = None
    status: str = ""
    details: str | None = None
    keys_instead_of_files: bool = False
    created_when: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether it is finished or failed."""
        return self.status in TERMINAL


class NamedFile(_Answer):
    """A file with a short-lived address."""

    name: str
    url: str | None = None


class CompetitionFiles(_Answer):
    """The bundle that a competition was made of, its dumps and its archives."""

    bundle: NamedFile | None = None
    dumps: list[CompetitionDump] = Field(default_factory=list)
    archives: list[CompetitionArchive] = Field(default_factory=list)


class Titled(_Answer):
    """A competition by number and title."""

    id: int = Field(validation_alias=AliasChoices("id", "pk"))
    title: str = ""


class Dataset(_Answer):
    """A file of a type: data, a program, a submission, a bundle. `file_size` is in bytes."""

    id: int
    key: str | None = None
    name: str | None = ""
    type: str = ""
    description: str | None = None
    created_by: str | None = None
    created_when: datetime | None = None
    is_public: bool = False
    file_name: str | None = None
    file_size: float | None = None
    license: str | None = None
    downloads: int | None = None
    in_use: list[Titled] = Field(default_factory=list)


class TaskPart(_Answer):
    """A program or data of a task."""

    id: int
    key: str
    name: str | None = ""
    type: str = ""


class TaskDetails(_Answer):
    """A task with its programs and data."""

    id: int
    key: str | None = None
    name: str = ""
    description: str | None = None
    created_by: str | int | None = None
    created_when: datetime | None = None
    is_public: bool = False
    version: int = 1
    is_used_in_competitions: bool | None = None
    shared_with: list[str | int] = Field(default_factory=list)
    competitions: list[Titled] = Field(default_factory=list)
    ingestion_only_during_scoring: bool = False
    scoring_program: TaskPart | str | None = None
    ingestion_program: TaskPart | str | None = None
    input_data: TaskPart | str | None = None
    reference_data: TaskPart | str | None = None


class Quota(_Answer):
    """The space that one's files may take (`quota`, GB) and take (`storage_used`, bytes)."""

    quota: float
    storage_used: float


class Unused(_Answer):
    """How many things nobody uses, and of failed submissions."""

    unused_tasks: int = 0
    unused_datasets_programs: int = 0
    unused_submissions: int = 0
    failed_submissions: int = 0


class Organization(_Answer):
    """An organization; `url` is its page's path on the server."""

    id: int
    name: str
    email: str | None = None
    location: str | None = None
    description: str | None = None
    url: str | None = None


class ApiToken(_Answer):
    """An API token; `token`, the secret itself, only in the answer that makes it."""

    id: int
    name: str
    scope: str = ""
    ending: str = ""
    created_when: datetime | None = None
    expires_when: datetime | None = None
    last_used_when: datetime | None = None
    token: str = ""


class Person(_Answer):
    """Somebody as the search for people shows them."""

    id: int
    username: str
    name: str | None = None

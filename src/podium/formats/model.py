"""What a bundle says, whatever its version: one typed model that every reader parses into.

Names, meanings and defaults are those of Codabench's version 2 bundles; what only older ones have is added. All values
are checked before they get here; positions in the file live in the report, not in the model.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from podium.formats.factsheet import Question

DEFAULT_IMAGE: Final = "codalab/codalab-legacy:py37"
DEFAULT_TIME_LIMIT: Final = 600
MIN_SIZE: Final = 2**20
"""No program runs in less than a megabyte of memory or disk: who writes 512 means another unit."""
MIN_CPUS: Final = 0.1
MAX_CPUS: Final = 4096.0
MAX_PROCESSES: Final = 1_000_000
MAX_GPUS: Final = 1024
DEFAULT_PER_DAY: Final = 5
DEFAULT_TOTAL: Final = 100


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CompetitionType(StrEnum):
    """A benchmark is a competition whose type says so."""

    COMPETITION = "competition"
    BENCHMARK = "benchmark"


class SubmissionRule(StrEnum):
    """How submissions come onto the board and leave it; Codabench's six."""

    ADD = "Add"
    ADD_AND_DELETE = "Add_And_Delete"
    ADD_AND_DELETE_MULTIPLE = "Add_And_Delete_Multiple"
    FORCE_LAST = "Force_Last"
    FORCE_LATEST_MULTIPLE = "Force_Latest_Multiple"
    FORCE_BEST = "Force_Best"


class Sorting(StrEnum):
    """Which scores of a column are better: smaller (asc) or larger (desc)."""

    ASC = "asc"
    DESC = "desc"


class Computation(StrEnum):
    """How a computed column is made of others."""

    AVG = "avg"
    SUM = "sum"
    MIN = "min"
    MAX = "max"


class FileRef(_Model):
    """A part of the bundle: a file, or a folder that is to be zipped; `path` is cleaned and relative to the root."""

    kind: Literal["file"] = "file"
    path: str
    folder: bool = False


class DatasetRef(_Model):
    """A dataset, task or solution that the platform already has; only a server can look `key` (a UUID) up."""

    kind: Literal["key"] = "key"
    key: str


Part = Annotated[FileRef | DatasetRef, Field(discriminator="kind")]


class Page(_Model):
    """A page of the competition: Markdown or HTML in the file `file`; `index` is its place."""

    index: int
    title: str
    file: str


class Task(_Model):
    """What a submission has to solve; with `key`, a task of the platform, and then only `index` counts."""

    index: int
    key: str | None = None
    name: str = ""
    description: str = ""
    is_public: bool = False
    ingestion_only_during_scoring: bool = False
    scoring_program: Part | None = None
    ingestion_program: Part | None = None
    input_data: Part | None = None
    reference_data: Part | None = None


class Solution(_Model):
    """A sample submission for some tasks (their indexes); `data` is a file or folder of the bundle or a key."""

    index: int
    tasks: tuple[int, ...]
    data: Part
    name: str = ""
    description: str = ""


class Phase(_Model):
    """A phase; `index` counts from 0 in order of time, `tasks` are task indexes in their order.

    `end` is None for a phase without end. Of `max_submissions` (in total) and `max_submissions_per_day`, both per
    participant, 0 means no limit. The limits of a step are as the organizer asked, None for not asked:
    `execution_time_limit` in seconds, `memory_limit`, `disk_limit`, `shared_memory_limit` and `output_limit` in bytes,
    `cpu_limit` in processors, `process_limit` and `gpus` in numbers. `leaderboard` is the
    key of the board that the phase uses. A `parallel` phase runs beside the one before it (CodaLab 1.8's children of a
    parallel parent), and they may overlap.
    """

    index: int
    name: str
    description: str = ""
    start: datetime
    end: datetime | None = None
    tasks: tuple[int, ...]
    max_submissions_per_day: int = DEFAULT_PER_DAY
    max_submissions: int = DEFAULT_TOTAL
    has_max_submissions: bool = True
    execution_time_limit: int = DEFAULT_TIME_LIMIT
    memory_limit: int | None = None
    disk_limit: int | None = None
    shared_memory_limit: int | None = None
    output_limit: int | None = None
    cpu_limit: float | None = None
    process_limit: int | None = None
    gpus: int | None = None
    network: bool = False
    auto_migrate_to_this_phase: bool = False
    hide_output: bool = False
    hide_prediction_output: bool = False
    hide_score_output: bool = False
    accepts_only_result_submissions: bool = False
    failed_submissions_count: bool = False
    parallel: bool = False
    public_data: Part | None = None
    starting_kit: Part | None = None
    leaderboard: str

    @property
    def limited(self) -> bool:
        """Whether the number of submissions is limited at all (Codabench's rule: 0 is no limit)."""
        return self.has_max_submissions and (self.max_submissions > 0 or self.max_submissions_per_day > 0)


class Column(_Model):
    """A column of a leaderboard; `computation_indexes` are the indexes of the columns that it is computed from.

    Columns with the same `group` stand under a common heading (CodaLab's column groups); "" is none.
    """

    index: int
    key: str
    title: str
    sorting: Sorting = Sorting.DESC
    computation: Computation | None = None
    computation_indexes: tuple[int, ...] = ()
    precision: int = 2
    hidden: bool = False
    group: str = ""


class Leaderboard(_Model):
    """A leaderboard; columns are in the order of their indexes, the one with `primary_index` ranks first."""

    index: int
    key: str
    title: str
    primary_index: int = 0
    hidden: bool = False
    submission_rule: SubmissionRule = SubmissionRule.ADD
    columns: tuple[Column, ...]

    @property
    def score_keys(self) -> tuple[str, ...]:
        """Keys of the columns that a scoring program fills, in order."""
        return tuple(column.key for column in self.columns if column.computation is None)


class Competition(_Model):
    """A whole competition as its bundle describes it.

    With `history` a scoring program is told who submitted, when, and their earlier scores, as CodaLab 1.5 did.
    """

    version: str
    title: str
    description: str = ""
    image: str
    terms: str
    pages: tuple[Page, ...] = ()
    competition_type: CompetitionType = CompetitionType.COMPETITION
    docker_image: str = DEFAULT_IMAGE
    queue: str | None = None
    registration_auto_approve: bool = False
    enable_detailed_results: bool = False
    show_detailed_results_in_submission_panel: bool = True
    show_detailed_results_in_leaderboard: bool = True
    auto_run_submissions: bool = True
    can_participants_make_submissions_public: bool = True
    make_programs_available: bool = False
    make_input_data_available: bool = False
    forum_enabled: bool = True
    allow_robot_submissions: bool = False
    history: bool = False
    published: bool = False
    collaborators: tuple[str, ...] = ()
    whitelist_emails: tuple[str, ...] = ()
    contact_email: str | None = None
    reward: str | None = None
    report: str | None = None
    fact_sheet: dict[str, Question] | None = None
    tasks: tuple[Task, ...]
    solutions: tuple[Solution, ...] = ()
    phases: tuple[Phase, ...]
    leaderboards: tuple[Leaderboard, ...]

    def task(self, index: int) -> Task:
        """Return the task with that index; KeyError when there is none."""
        for task in self.tasks:
            if task.index == index:
                return task
        raise KeyError(index)

    def leaderboard_of(self, phase: Phase) -> Leaderboard:
        """Return the leaderboard that a phase uses."""
        return next(board for board in self.leaderboards if board.key == phase.leaderboard)

    def parts(self) -> tuple[tuple[str, Part], ...]:
        """Return every file and dataset that tasks, solutions and phases refer to, with its type, in order."""
        found: list[tuple[str, Part | None]] = []
        for task in self.tasks:
            for kind in ("scoring_program", "ingestion_program", "input_data", "reference_data"):
                found.append((kind, getattr(task, kind)))
        found += [("solution", solution.data) for solution in self.solutions]
        for phase in self.phases:
            found += [("public_data", phase.public_data), ("starting_kit", phase.starting_kit)]
        return tuple((kind, part) for kind, part in found if part is not None)

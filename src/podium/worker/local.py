"""A task run on this machine with no platform: the worker's own code on local files, for `podium run`."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from podium.formats.archives import ArchiveError, pack_folder
from podium.formats.metadata import Kind, MetadataError, kind_of, metadata_in_archive
from podium.protocol import Failure, FileRef, Job, JobLimits, Outcome, Provenance, Score, Step, Stream
from podium.sandbox import Sandbox
from podium.worker.attempt import perform
from podium.worker.folders import make_folder, remove_job
from podium.worker.output import truncation_mark
from podium.worker.steps import Surroundings
from podium.worker.transfer import TransferError

LocalOutput = Callable[[Step, Stream, bytes], None]
"""Called from the event loop with each chunk that a program prints: which step, which stream, the bytes."""


@dataclass(frozen=True, kw_only=True)
class LocalTask:
    """A task's files, each a zip, a folder (its contents count), or for data any other file.

    Attributes:
        scoring_program, ingestion_program, input_data, reference_data: as in a bundle; None where there is none.
        ingestion_only_during_scoring: ingestion runs beside the scoring program.
        image: the competition's image; picks the environment.
        columns: keys of the leaderboard's columns that the scoring program fills; empty takes every score.
        limits: of each step.
        history: tell the scoring program who submitted and when, as a first submission.
    """

    scoring_program: Path
    ingestion_program: Path | None = None
    input_data: Path | None = None
    reference_data: Path | None = None
    ingestion_only_during_scoring: bool = False
    image: str = ""
    columns: tuple[str, ...] = ()
    limits: JobLimits = field(default_factory=lambda: JobLimits(wall_seconds=600))
    history: bool = False


@dataclass(frozen=True, kw_only=True)
class LocalResult:
    """What a local run gave.

    Attributes:
        prediction, scoring: the outcome that a worker would have reported; None for a step that did not run.
        prediction_output, scoring_output: zips of the steps' output folders.
        private_output: zip of what the scoring program wrote for organizers only, if there is any.
        detailed_results: the HTML file that a participant would see, if there is one.
    """

    prediction: Outcome | None = None
    scoring: Outcome | None = None
    prediction_output: Path | None = None
    scoring_output: Path | None = None
    private_output: Path | None = None
    detailed_results: Path | None = None

    @property
    def failure(self) -> Failure | None:
        """Why the run has no scores, or None when it has."""
        for outcome in (self.prediction, self.scoring):
            if outcome is not None and outcome.failure is not None:
                return outcome.failure
        return None

    @property
    def scores(self) -> dict[str, Score]:
        """The scores by column key; empty when the run failed."""
        return self.scoring.scores if self.scoring is not None else {}

    @property
    def notes(self) -> list[str]:
        """Remarks of both steps."""
        return [note for outcome in (self.prediction, self.scoring) if outcome is not None for note in outcome.notes]


async def run_task(
    task: LocalTask,
    submission: Path,
    sandbox: Sandbox,
    *,
    results: Path,
    on_output: LocalOutput | None = None,
    scratch: Path | None = None,
    data: Path | None = None,
) -> LocalResult:
    """Run ingestion and scoring of a task on one submission, exactly as a worker would.

    Args:
        task: the task's files.
        submission: the participant's zip or folder.
        sandbox: runs the programs.
        results: folder for the outputs and detailed results; made if absent, files of earlier runs are replaced.
        on_output: takes what the programs print, as they print it.
        scratch: where job folders are made; its path must be open (x) to the sandbox's user. None: the system's
            folder for temporary files.
        data: folder that programs see read-only at /app/data.

    Returns:
        The result; what fails is told in it. Cancelling kills the programs at once.

    Raises:
        FileNotFoundError: a file of the task or the submission is missing.
        OSError: the results folder cannot be written.
    """
    given = (task.scoring_program, task.ingestion_program, task.input_data, task.reference_data, submission)
    for path in given:
        if path is not None and not path.exists():
            raise FileNotFoundError(f"{path} does not exist.")
    results.mkdir(parents=True, exist_ok=True)
    base = Path(tempfile.mkdtemp(prefix="podium-run-", dir=scratch))
    base.chmod(0o711)  # passable for the sandbox's user
    try:
        run = _LocalRun(task, Surroundings(sandbox=sandbox, files=_LocalFiles(results), data=data), base, on_output)
        return await run.both(submission, results)
    finally:
        await asyncio.to_thread(remove_job, base)


class _LocalFiles:
    """Files by local path in place of addresses; outputs go to the results folder under the name in the address."""

    def __init__(self, results: Path) -> None:
        self._results = results

    async def fetch(self, ref: FileRef, target: Path, what: str) -> None:
        source = Path(ref.url)
        try:
            if source.is_dir():
                await asyncio.to_thread(pack_folder, source, target, skip_links=False)
            else:
                await asyncio.to_thread(shutil.copyfile, source, target)
        except ArchiveError as error:
            raise TransferError(f"{what} could not be packed: {error}") from error

    async def store(self, source: Path, url: str, content_type: str, what: str) -> None:
        del content_type, what
        await asyncio.to_thread(shutil.copyfile, source, self._results / url)


class _LiveOutput:
    """Hands output on at once; the sandbox has capped it already."""

    def __init__(self, step: Step, cap_bytes: int, on_output: LocalOutput | None) -> None:
        self._step = step
        self._cap_bytes = cap_bytes
        self._on_output = on_output

    def write(self, stream: Stream, data: bytes) -> None:
        if self._on_output is not None:
            self._on_output(self._step, stream, data)

    def mark_truncated(self, stream: Stream) -> None:
        self.write(stream, truncation_mark(self._cap_bytes))


class _LocalRun:
    """The jobs that the platform would send, one after the other."""

    def __init__(self, task: LocalTask, around: Surroundings, base: Path, on_output: LocalOutput | None) -> None:
        self._task = task
        self._around = around
        self._base = base
        self._on_output = on_output
        self._label = f"local-{uuid.uuid4().hex[:12]}"

    async def both(self, submission: Path, results: Path) -> LocalResult:
        for name in ("prediction_output.zip", "scoring_output.zip", "private_output.zip", "detailed_results.html"):
            (results / name).unlink(missing_ok=True)
        submitted = await self._as_archive(submission)
        if self._is_result_without_prediction(submitted):
            prediction, scored = None, submitted
        else:
            prediction = await self._step(self._job(Step.PREDICTION, submitted))
            scored = results / "prediction_output.zip"
        scoring = None
        if prediction is None or prediction.failure is None:
            job = self._job(Step.SCORING, self._task.scoring_program).model_copy(
                update={"results": _ref(scored), "results_are_submission": prediction is None}
            )
            scoring = await self._step(job)
        return LocalResult(
            prediction=prediction,
            scoring=scoring,
            prediction_output=_if_there(results / "prediction_output.zip"),
            scoring_output=_if_there(results / "scoring_output.zip"),
            private_output=_if_there(results / "private_output.zip"),
            detailed_results=_if_there(results / "detailed_results.html"),
        )

    async def _as_archive(self, submission: Path) -> Path:
        """A participant uploads a zip, so a folder becomes one first."""
        if not submission.is_dir():
            return submission
        archive = self._base / "submission.zip"
        await asyncio.to_thread(pack_folder, submission, archive)
        return archive

    def _is_result_without_prediction(self, submitted: Path) -> bool:
        """The platform's rule: results need no prediction step where no ingestion runs in it."""
        if self._task.ingestion_program is not None and not self._task.ingestion_only_during_scoring:
            return False
        try:
            return kind_of(metadata_in_archive(submitted)) is Kind.RESULT
        except (ArchiveError, MetadataError):
            return False  # the prediction step says what is wrong with it

    def _job(self, step: Step, program: Path) -> Job:
        task = self._task
        scoring = step is Step.SCORING
        ingests = task.ingestion_program is not None and scoring == task.ingestion_only_during_scoring
        return Job(
            attempt=0,
            token="",
            lease_seconds=0,
            run=0,
            number=1,
            label=f"{self._label}-{step.value}",
            step=step,
            image=task.image,
            limits=task.limits,
            program=_ref(program),
            ingestion_program=_ref(task.ingestion_program) if task.ingestion_program is not None and ingests else None,
            input_data=_ref(task.input_data) if task.input_data is not None and (ingests or not scoring) else None,
            reference_data=_ref(task.reference_data) if task.reference_data is not None and scoring else None,
            ingestion_only_during_scoring=task.ingestion_only_during_scoring,
            detailed_results=scoring,
            output_url=f"{step.value}_output.zip",
            detailed_results_url="detailed_results.html" if scoring else None,
            private_output_url="private_output.zip" if scoring else None,
            columns=list(task.columns),
            provenance=_first_submission() if scoring and task.history else None,
        )

    async def _step(self, job: Job) -> Outcome:
        folder = self._base / job.step.value
        make_folder(folder, 0o711)
        live = _LiveOutput(job.step, job.limits.output_bytes, self._on_output)
        return await perform(
            job, folder=folder, around=self._around, cache=None, output=live, on_phase=_ignore, drain=_nothing
        )


def _first_submission() -> Provenance:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Provenance(submitted_by="local", submitted_at=now, number=1, phase=0)


def _ref(path: Path) -> FileRef:
    return FileRef(url=str(path.resolve()), name=path.name)


def _if_there(path: Path) -> Path | None:
    return path if path.exists() else None


def _ignore(phase: object) -> None:
    """Nobody asks for the phase of a local run."""


async def _nothing() -> None:
    """A local run's output is handed on as it comes; nothing waits."""

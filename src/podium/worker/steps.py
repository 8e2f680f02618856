"""The two steps of an evaluation, prediction and scoring, by Codabench's rules with its defects mended.

Which folder is mounted where:

    sandbox                prediction                             scoring
    program                program      -> /app/program           program        -> /app/program
                           output       -> /app/output            output         -> /app/output
                           input_data   -> /app/input_data        results (copy) -> /app/input/res
                                                                  reference data -> /app/input/ref, read-only
    ingestion              its program  -> /app/program and /app/ingestion_program
                           submission   -> /app/ingested_program  results (own copy) -> /app/ingested_program
                           output       -> /app/output            an output folder of its own -> /app/output
                           input_data   -> /app/input_data        input_data     -> /app/input_data
    both, when both run    shared       -> /app/shared            shared         -> /app/shared

Reference data is mounted beside the scoring program only. In the scoring step, where ingestion may execute what the
participant submitted, nothing is shared between the two sandboxes but /app/shared; so neither the scores nor the
results as scored can be touched from there.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from podium.formats.commands import CommandError, Role, argv, variables_for
from podium.formats.metadata import MetadataError, ProgramMetadata, read_program_metadata
from podium.protocol import Cause, Ceilings, Failure, Fault, Job, Phase, ProgramOutcome, Score, Step
from podium.sandbox import ImageError, ImageInfo, Limits, Mount, Result, Sandbox, SandboxError, Spec
from podium.worker import staging
from podium.worker.failing import StepFailedError, program_outcome
from podium.worker.folders import plain_name
from podium.worker.limits import gpus_for, refusal, sandbox_limits
from podium.worker.results import write_step_metadata
from podium.worker.running import OutputWriter, Program, run_together
from podium.worker.staging import Stage
from podium.worker.transfer import Files


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a step needs of its worker, the same for every job.

    Attributes:
        sandbox: runs programs.
        files: fetches and stores files.
        ceilings: the most that programs are given.
        data: the worker's own folder, seen read-only at /app/data, or None.
        env: further environment variables of programs that have network (proxies).
        gpus: which GPUs programs get, or None.
        slot: which of the worker's slots this is.
    """

    sandbox: Sandbox
    files: Files
    ceilings: Ceilings = field(default_factory=Ceilings)
    data: Path | None = None
    env: tuple[tuple[str, str], ...] = ()
    gpus: str | None = None
    slot: int = 0

    @property
    def engine_mounts(self) -> bool:
        """Whether mounts really exist; the process engine only replaces their paths in commands."""
        return self.sandbox.name != "process"


@dataclass
class StepReport:
    """What is known about a step so far; it is filled as the step goes on, so a failure keeps what there was."""

    failure: Failure | None = None
    programs: list[ProgramOutcome] = field(default_factory=list)
    scores: dict[str, Score] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    image_digest: str | None = None
    sandbox_seconds: float = 0.0
    output: Path | None = None
    detailed_results_uploaded: bool = False
    private_output_uploaded: bool = False


class StepRun(ABC):
    """One step of one job, from fetching its files to reading what its programs left.

    Args:
        job: what to do.
        stage: the job's folder and files.
        around: the worker's side.
        write: takes the programs' output as it arrives.
        on_phase: told when programs start to run.
    """

    def __init__(
        self, job: Job, stage: Stage, around: Surroundings, write: OutputWriter, on_phase: Callable[[Phase], None]
    ) -> None:
        self.job = job
        self.report = StepReport()
        self._stage = stage
        self._around = around
        self._write = write
        self._on_phase = on_phase
        self._written: list[Path] = []
        self._limits: Limits = sandbox_limits(job.limits, around.ceilings)

    async def run(self) -> StepReport:
        """Do the step; known failures are in the report, only cancelling and faults of this code are raised."""
        if refused := refusal(self.job.limits, self._around.ceilings):
            self.report.failure = self._failed(Cause.PLATFORM, refused).failure
            return self.report
        image = asyncio.create_task(self._around.sandbox.prepare(self.job.image or None))
        try:
            await self._do(image)
        except StepFailedError as error:
            self.report.failure = error.failure
        except SandboxError as error:
            self.report.failure = self._failed(Cause.PLATFORM, f"The worker's sandbox is not well. {error}").failure
        finally:
            image.cancel()
            await asyncio.gather(image, return_exceptions=True)
        self.report.notes[:0] = self._stage.notes
        return self.report

    @abstractmethod
    async def _do(self, image: asyncio.Task[ImageInfo]) -> None:
        """Fill the report; `image` is being fetched meanwhile."""

    async def _ingestion_program(self) -> Path | None:
        if self.job.ingestion_program is None:
            return None
        return await self._stage.private(staging.INGESTION_PROGRAM, self.job.ingestion_program)

    async def _input_data(self) -> Path | None:
        if self.job.input_data is None:
            return None
        return await self._stage.private(staging.INPUT_DATA, self.job.input_data)

    def _metadata(self, folder: Path, part: staging.Part) -> ProgramMetadata:
        try:
            return read_program_metadata(folder)
        except MetadataError as error:
            raise self._failed(
                Cause.BAD_LAYOUT, f"{part.title}'s metadata file cannot be read. {error}", fault=part.fault
            ) from error

    def _ingestion(self, folder: Path, mounts: list[Mount], *, decisive: bool) -> Program:
        metadata = self._metadata(folder, staging.INGESTION_PROGRAM)
        own = [
            Mount(folder, "/app/program", writable=True),
            Mount(folder, "/app/ingestion_program", writable=True),
            *mounts,
        ]
        return self._program(
            "ingestion",
            staging.INGESTION_PROGRAM,
            "ingestion",
            metadata,
            own,
            decisive=decisive,
        )

    def _program(
        self,
        name: str,
        part: staging.Part,
        role: Role,
        metadata: ProgramMetadata,
        mounts: list[Mount],
        *,
        decisive: bool = True,
    ) -> Program:
        title = "The submission's program" if role == "submission" else part.title
        if metadata.command is None:
            what = "has no metadata file" if not metadata.present else "has no command in its metadata file"
            raise self._failed(
                Cause.BAD_LAYOUT,
                f'{title} {what}, so it cannot be started. Add a file "metadata" with a line such as '
                '"command: python3 program.py".',
                program=name,
                fault=part.fault,
            )
        try:
            words = argv(metadata.command, variables_for(role, scoring_step=self.job.step is Step.SCORING))
        except CommandError as error:
            raise self._failed(
                Cause.BAD_LAYOUT, f"{title} cannot be started. {error}", program=name, fault=part.fault
            ) from error
        return Program(name, title, self._spec(name, tuple(words), mounts), decisive)

    def _spec(self, name: str, words: tuple[str, ...], mounts: list[Mount]) -> Spec:
        around = self._around
        network = self.job.limits.network
        if around.data is not None:
            mounts = [*mounts, Mount(around.data, "/app/data")]
        return Spec(
            argv=words,
            name=f"{plain_name(self.job.label)}-{self.job.attempt}-{name}",
            image=self.job.image or None,
            mounts=tuple(mounts),
            workdir="/app/program",
            env={"PYTHONUNBUFFERED": "1", **(dict(around.env) if network else {})},
            network=network,
            limits=self._limits,
            gpus=gpus_for(self.job.limits.gpus, around.gpus, around.slot),
            slot=around.slot,
        )

    async def _run(self, programs: list[Program], image: asyncio.Task[ImageInfo]) -> dict[str, Result]:
        """Run what there is to run, and take the written folders back."""
        if not programs:
            return {}
        try:
            prepared = await image
        except ImageError as error:
            raise self._failed(Cause.IMAGE_PULL, f"The image {self.job.image} could not be had. {error}") from error
        programs = [replace(program, spec=replace(program.spec, prepared=prepared)) for program in programs]
        writable = {mount.source for program in programs for mount in program.spec.mounts if mount.writable}
        await asyncio.to_thread(self._hand_over, writable)
        self._on_phase(Phase.RUNNING)
        results = await run_together(self._around.sandbox, programs, self._write)
        for program in programs:
            result = results[program.name]
            self.report.programs.append(program_outcome(program.name, result))
            self.report.image_digest = self.report.image_digest or result.image_digest
        self.report.sandbox_seconds = max(result.wall_seconds for result in results.values())
        await asyncio.to_thread(self._take_back)
        return results

    def _hand_over(self, folders: set[Path]) -> None:
        for folder in folders:
            self._around.sandbox.prepare_folder(folder, self._around.slot)

    def _take_back(self) -> None:
        """Make the outputs ours again; the rest of the job folder is only removed."""
        for folder in self._written:
            self._around.sandbox.reclaim_folder(folder)

    def _output_folder(self, name: str) -> Path:
        """Make a folder that is taken back from the programs after the run."""
        folder = self._stage.new_folder(name)
        self._written.append(folder)
        return folder

    def _add_metadata(self, output: Path, results: dict[str, Result]) -> None:
        ended = {name: (result.exit_code, result.wall_seconds) for name, result in results.items()}
        if not write_step_metadata(output, program=ended.get("program"), ingestion=ended.get("ingestion")):
            self.report.notes.append(
                'The output already holds a file "metadata", so the platform\'s own (exit codes, times) was left out.'
            )

    def _failed(
        self, cause: Cause, message: str, *, program: str | None = None, fault: Fault | None = None
    ) -> StepFailedError:
        return StepFailedError(cause, self.job.step, message, program=program, fault=fault)


def data_mount(folder: Path | None, target: str) -> list[Mount]:
    """Mount a private copy, if there is one."""
    return [] if folder is None else [Mount(folder, target, writable=True)]

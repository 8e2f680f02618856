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
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from podium.formats.commands import CommandError, Role, argv, variables_for
from podium.formats.metadata import Kind, MetadataError, ProgramMetadata, kind_of, read_program_metadata
from podium.formats.scores import ScoresError, read_scores, validate_scores
from podium.protocol import Cause, Failure, Fault, Job, Phase, ProgramOutcome, Score, Step
from podium.sandbox import Cause as SandboxCause
from podium.sandbox import ImageError, Limits, Mount, Result, Sandbox, SandboxError, Spec
from podium.worker import staging
from podium.worker.failing import StepFailedError, ended_badly, failure_of, program_outcome
from podium.worker.limits import Ceilings, effective
from podium.worker.results import DetailedResults, write_step_metadata
from podium.worker.running import OutputWriter, Program, run_together
from podium.worker.staging import Stage, all_or_first_error, copy_tree
from podium.worker.transfer import Files

_MAX_SCORES = 1000


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


class StepRun:
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
        self._ingestion_output: Path | None = None
        self._limits: Limits = effective(job.limits, around.ceilings)

    async def run(self) -> StepReport:
        """Do the step; known failures are in the report, only cancelling and faults of this code are raised."""
        image = asyncio.create_task(self._around.sandbox.prepare(self.job.image))
        try:
            if self.job.step is Step.PREDICTION:
                await self._prediction(image)
            else:
                await self._scoring(image)
        except StepFailedError as error:
            self.report.failure = error.failure
        except SandboxError as error:
            self.report.failure = self._failed(Cause.PLATFORM, f"The worker's sandbox is not well. {error}").failure
        finally:
            image.cancel()
            await asyncio.gather(image, return_exceptions=True)
        self.report.notes[:0] = self._stage.notes
        return self.report

    # Prediction

    async def _prediction(self, image: asyncio.Task[object]) -> None:
        job = self.job
        submission, ingestion, input_data = await all_or_first_error(
            self._stage.private(staging.SUBMISSION, job.program),
            self._ingestion_program(),
            self._input_data(),
        )
        metadata = self._metadata(submission, staging.SUBMISSION)
        kind = kind_of(metadata)
        output = self._stage.new_folder("output")
        self.report.output = output
        if kind is Kind.RESULT or (kind is Kind.CODE and job.ingestion_only_during_scoring):
            await copy_tree(submission, output, keep_links=False)
        elif kind is Kind.CODE and ingestion is None:
            raise self._failed(
                Cause.BAD_LAYOUT,
                "The submission names no command in its metadata file, and this task has no ingestion program that "
                "would run it: there is neither ingestion program nor command. Add a line such as "
                '"command: python3 program.py" to the metadata file, or, to submit results, leave that file out.',
            )
        programs = self._prediction_programs(
            kind=kind,
            metadata=metadata,
            submission=submission,
            ingestion=ingestion,
            input_data=input_data,
            output=output,
        )
        results = await self._run(programs, image)
        self._add_metadata(output, results)
        for program in programs:
            result = results[program.name]
            if result.ok or self.report.failure is not None:
                continue
            if program.decisive:
                self.report.failure = failure_of(job.step, program.name, program.title, result, self._limits)
            else:
                self.report.notes.append(
                    f"{ended_badly(program.title, result)} It is not counted, for results were submitted, not code."
                )

    def _prediction_programs(
        self,
        *,
        kind: Kind,
        metadata: ProgramMetadata,
        submission: Path,
        ingestion: Path | None,
        input_data: Path | None,
        output: Path,
    ) -> list[Program]:
        programs = []
        common = [Mount(output, "/app/output", writable=True), *_optional(input_data, "/app/input_data")]
        if kind is Kind.COMMAND and ingestion is not None:
            common.append(Mount(self._stage.new_folder("shared"), "/app/shared", writable=True))
        if kind is Kind.COMMAND:
            mounts = [Mount(submission, "/app/program", writable=True), *common]
            programs.append(self._program("program", staging.SUBMISSION, "submission", metadata, mounts))
        if ingestion is not None:
            with self._ignored_if(kind is Kind.RESULT):
                mounts = [Mount(submission, "/app/ingested_program", writable=True), *common]
                programs.append(self._ingestion(ingestion, mounts, decisive=kind is not Kind.RESULT))
        return programs

    # Scoring

    async def _scoring(self, image: asyncio.Task[object]) -> None:
        job = self.job
        if job.results is None:
            raise self._failed(Cause.PLATFORM, "The platform sent a scoring job without results to score.")
        scorer, results, reference, ingestion, input_data = await all_or_first_error(
            self._stage.private(staging.SCORING_PROGRAM, job.program),
            self._stage.private(
                staging.SUBMITTED_RESULTS if job.results_are_submission else staging.PREDICTION_OUTPUT, job.results
            ),
            self._optional_shared(),
            self._ingestion_program(),
            self._input_data(),
        )
        if job.results_are_submission:
            self._check_result_submission(results, ingestion)
            write_step_metadata(results, program=None, ingestion=None)
        output = self._stage.new_folder("output")
        self.report.output = output
        mounts = [
            Mount(output, "/app/output", writable=True),
            Mount(self._stage.new_folder("shared"), "/app/shared", writable=True),
            Mount(results, "/app/input/res", writable=True),
            *([Mount(reference, "/app/input/ref")] if reference is not None else []),
        ]
        programs = [self._scorer(scorer, mounts, input_data)]
        if ingestion is not None:
            programs.append(await self._ingestion_beside_scoring(ingestion, results, mounts[1], input_data))
        async with self._detailed_results(output):
            ended = await self._run(programs, image)
        self._add_metadata(output, ended)
        self._judge_scoring(programs, ended)
        if self.report.failure is None:
            self._read_scores(output)
        self._keep_ingestion_output(output)

    def _scorer(self, scorer: Path, mounts: list[Mount], input_data: Path | None) -> Program:
        metadata = self._metadata(scorer, staging.SCORING_PROGRAM)
        own = [Mount(scorer, "/app/program", writable=True), *mounts, *_optional(input_data, "/app/input_data")]
        return self._program("program", staging.SCORING_PROGRAM, "scoring", metadata, own)

    async def _ingestion_beside_scoring(
        self, ingestion: Path, results: Path, shared: Mount, input_data: Path | None
    ) -> Program:
        """Ingestion during scoring: copies of its own of all that the scoring program reads or writes."""
        submission = self._stage.new_folder("ingested_program")
        await copy_tree(results, submission)
        self._ingestion_output = self._stage.new_folder("ingestion_output")
        mounts = [
            Mount(submission, "/app/ingested_program", writable=True),
            Mount(self._ingestion_output, "/app/output", writable=True),
            shared,
        ]
        if input_data is not None:
            own_data = self._stage.new_folder("ingestion_input_data")
            await copy_tree(input_data, own_data)
            mounts.append(Mount(own_data, "/app/input_data", writable=True))
        return self._ingestion(ingestion, mounts, decisive=False)

    def _check_result_submission(self, results: Path, ingestion: Path | None) -> None:
        if ingestion is None and kind_of(self._metadata(results, staging.SUBMITTED_RESULTS)) is Kind.CODE:
            raise self._failed(
                Cause.BAD_LAYOUT,
                "The submission contains a metadata file without a command, so it is code; but this task has no "
                "ingestion program that would run it: there is neither ingestion program nor command. To submit "
                "results, leave the metadata file out.",
                fault=Fault.PARTICIPANT,
            )

    def _judge_scoring(self, programs: list[Program], ended: dict[str, Result]) -> None:
        """Only the scoring program decides (Codabench's rule); what ingestion did is told beside it."""
        ingestion_note = None
        if len(programs) > 1 and not ended["ingestion"].ok and ended["ingestion"].cause is not SandboxCause.CANCELLED:
            ingestion_note = ended_badly(
                "The ingestion program, which ran beside the scoring program,", ended["ingestion"]
            )
            self.report.notes.append(ingestion_note)
        result = ended["program"]
        if result.ok:
            return
        failure = failure_of(self.job.step, "program", programs[0].title, result, self._limits)
        if ingestion_note is not None:
            failure = failure.model_copy(update={"message": f"{failure.message} {ingestion_note}"[:4000]})
        self.report.failure = failure

    def _read_scores(self, output: Path) -> None:
        try:
            scores = read_scores(output, self.job.columns or None)
            self.report.notes.extend(scores.notes)
            values = scores.values
            if self.job.columns:
                values, notes = validate_scores(values, self.job.columns)
                self.report.notes.extend(notes)
        except ScoresError as error:
            cause = Cause.MISSING_OUTPUT if error.code == "missing_output" else Cause.BAD_SCORES
            raise self._failed(cause, str(error), program="program") from error
        if len(values) > _MAX_SCORES:
            self.report.notes.append(f"Of {len(values)} scores the first {_MAX_SCORES} were taken.")
        for key, value in list(values.items())[:_MAX_SCORES]:
            self.report.scores[key[:200]] = Score(value=value.number, text=value.text[:100])

    def _keep_ingestion_output(self, output: Path) -> None:
        """Let what ingestion wrote beside scoring be downloaded with the output, under a name of its own."""
        written = self._ingestion_output
        if written is None or not any(written.iterdir()):
            return
        kept = output / written.name
        if os.path.lexists(kept):
            self.report.notes.append(f"The ingestion program's output was left out: {kept.name} exists already.")
        else:
            written.rename(kept)

    # Common

    async def _ingestion_program(self) -> Path | None:
        if self.job.ingestion_program is None:
            return None
        return await self._stage.private(staging.INGESTION_PROGRAM, self.job.ingestion_program)

    async def _input_data(self) -> Path | None:
        if self.job.input_data is None:
            return None
        return await self._stage.private(staging.INPUT_DATA, self.job.input_data)

    async def _optional_shared(self) -> Path | None:
        if self.job.reference_data is None:
            return None
        return await self._stage.shared(staging.REFERENCE_DATA, self.job.reference_data)

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
        network = self.job.limits.network and around.ceilings.network
        if around.data is not None:
            mounts = [*mounts, Mount(around.data, "/app/data")]
        return Spec(
            argv=words,
            name=f"{self.job.label}-{self.job.attempt}-{name}",
            image=self.job.image,
            mounts=tuple(mounts),
            workdir="/app/program",
            env={"PYTHONUNBUFFERED": "1", **(dict(around.env) if network else {})},
            network=network,
            limits=self._limits,
            gpus=around.gpus,
            slot=around.slot,
        )

    async def _run(self, programs: list[Program], image: asyncio.Task[object]) -> dict[str, Result]:
        """Run what there is to run, and take the written folders back."""
        if not programs:
            return {}
        try:
            await image
        except ImageError as error:
            raise self._failed(Cause.IMAGE_PULL, f"The image {self.job.image} could not be had. {error}") from error
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
        """Make what was written ours again; the rest of the job folder is only removed."""
        for folder in (self.report.output, self._ingestion_output):
            if folder is not None:
                self._around.sandbox.reclaim_folder(folder)

    def _add_metadata(self, output: Path, results: dict[str, Result]) -> None:
        ended = {name: (result.exit_code, result.wall_seconds) for name, result in results.items()}
        if not write_step_metadata(output, program=ended.get("program"), ingestion=ended.get("ingestion")):
            self.report.notes.append(
                'The output already holds a file "metadata", so the platform\'s own (exit codes, times) was left out.'
            )

    @contextlib.asynccontextmanager
    async def _detailed_results(self, output: Path) -> AsyncIterator[None]:
        """Hand over detailed results while the scoring program runs and once after it."""
        url = self.job.detailed_results_url
        if not self.job.detailed_results or url is None:
            yield
            return
        detailed = DetailedResults(output, url, self._around.files, self._stage.folder / "detailed_results.copy")
        watching = asyncio.create_task(detailed.watch())
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        await detailed.finish()
        self.report.detailed_results_uploaded = detailed.uploaded
        self.report.notes.extend(detailed.notes)

    @contextlib.contextmanager
    def _ignored_if(self, results_submitted: bool) -> Iterator[None]:
        try:
            yield
        except StepFailedError as error:
            if not results_submitted:
                raise
            self.report.notes.append(f"{error.failure.message} It is not needed here, for results were submitted.")

    def _failed(
        self, cause: Cause, message: str, *, program: str | None = None, fault: Fault | None = None
    ) -> StepFailedError:
        return StepFailedError(cause, self.job.step, message, program=program, fault=fault)


def _optional(folder: Path | None, target: str) -> list[Mount]:
    return [] if folder is None else [Mount(folder, target, writable=True)]

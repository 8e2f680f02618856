"""The scoring step: the scoring program, and ingestion beside it where the task wants that."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

from podium.formats.metadata import Kind, kind_of
from podium.formats.scores import ScoresError, read_scores, validate_scores
from podium.protocol import Cause, Fault, Score
from podium.sandbox import Cause as SandboxCause
from podium.sandbox import ImageInfo, Mount, Result
from podium.worker import staging
from podium.worker.failing import ended_badly, failure_of, with_language
from podium.worker.folders import make_folder
from podium.worker.provenance import write_provenance
from podium.worker.results import DetailedResults, write_step_metadata
from podium.worker.running import Program
from podium.worker.staging import all_or_first_error, copy_tree
from podium.worker.steps import StepRun, data_mount

_MAX_SCORES = 1000


class Scoring(StepRun):
    """Runs the scoring program on what is to be scored, and reads its scores."""

    _ingestion_output: Path | None = None

    async def _do(self, image: asyncio.Task[ImageInfo]) -> None:
        job = self.job
        if job.results is None:
            raise self._failed(Cause.PLATFORM, "The platform sent a scoring job without results to score.")
        inputs = self._stage.new_folder("input")
        scorer, results, reference, ingestion, input_data = await all_or_first_error(
            self._stage.private(staging.SCORING_PROGRAM, job.program),
            self._stage.private(
                staging.SUBMITTED_RESULTS if job.results_are_submission else staging.PREDICTION_OUTPUT, job.results
            ),
            self._reference_data(),
            self._ingestion_program(),
            self._input_data(),
        )
        if job.results_are_submission:
            self._check_result_submission(results, ingestion)
            write_step_metadata(results, program=None, ingestion=None)
        if job.provenance is not None:
            await asyncio.to_thread(write_provenance, inputs, job.provenance)
        output = self.report.output = self._output_folder("output")
        mounts = [
            Mount(output, "/app/output", writable=True),
            Mount(self._stage.new_folder("shared"), "/app/shared", writable=True),
            Mount(inputs, "/app/input", writable=True),  # with the results in it
            *self._reference_mount(inputs, reference),
        ]
        programs = [self._scorer(scorer, mounts, input_data)]
        if ingestion is not None:
            programs.append(await self._ingestion_beside_scoring(ingestion, results, mounts[1], input_data))
        async with self._detailed_results(output):
            ended = await self._run(programs, image)
        self._add_metadata(output, ended)
        self._judge_scoring(programs, ended)
        if self.report.failure is None:
            await asyncio.to_thread(self._read_scores, output)  # a large file takes a while, and others beat meanwhile
        self._keep_ingestion_output(output)

    def _scorer(self, scorer: Path, mounts: list[Mount], input_data: Path | None) -> Program:
        metadata = self._metadata(scorer, staging.SCORING_PROGRAM)
        own = [Mount(scorer, "/app/program", writable=True), *mounts, *data_mount(input_data, "/app/input_data")]
        return self._program("program", staging.SCORING_PROGRAM, "scoring", metadata, own)

    async def _ingestion_beside_scoring(
        self, ingestion: Path, results: Path, shared: Mount, input_data: Path | None
    ) -> Program:
        """Ingestion during scoring: copies of its own of all that the scoring program reads or writes."""
        submission = self._stage.new_folder("ingested_program")
        await copy_tree(results, submission)
        self._ingestion_output = self._output_folder("ingestion_output")
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
        failure = with_language(failure, result, programs[0].spec.mounts[0].source)
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
            self.report.scores[key[:200]] = Score(value=value.number, text=value.text[:100], **value.bounds)

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

    async def _reference_data(self) -> Path | None:
        if self.job.reference_data is None:
            return None
        if self._around.engine_mounts:
            return await self._stage.shared(staging.REFERENCE_DATA, self.job.reference_data)
        return await self._stage.private(staging.REFERENCE_DATA, self.job.reference_data)

    def _reference_mount(self, inputs: Path, reference: Path | None) -> list[Mount]:
        if reference is None:
            return []
        make_folder(inputs / "ref", 0o755)  # the mount point, where it is not the private copy itself
        return [Mount(reference, "/app/input/ref")]

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

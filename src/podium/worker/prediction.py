"""The prediction step: what the participant submitted, with or without an ingestion program."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

from podium.formats.metadata import Kind, ProgramMetadata, kind_of
from podium.protocol import Cause
from podium.sandbox import Cause as SandboxCause
from podium.sandbox import ImageInfo, Mount
from podium.worker import staging
from podium.worker.failing import StepFailedError, ended_badly, failure_of, with_language
from podium.worker.running import Program
from podium.worker.staging import all_or_first_error, copy_tree
from podium.worker.steps import StepRun, data_mount


class Prediction(StepRun):
    """Copies results, or runs the submission's command, the ingestion program, or both side by side."""

    async def _do(self, image: asyncio.Task[ImageInfo]) -> None:
        job = self.job
        submission, ingestion, input_data = await all_or_first_error(
            self._stage.private(staging.SUBMISSION, job.program),
            self._ingestion_program(),
            self._input_data(),
        )
        metadata = self._metadata(submission, staging.SUBMISSION)
        kind = kind_of(metadata)
        output = self.report.output = self._output_folder("output")
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
            if result.ok or result.cause is SandboxCause.CANCELLED or self.report.failure is not None:
                continue  # a cancelled one was stopped because the other had failed
            if program.decisive:
                failure = failure_of(job.step, program.name, program.title, result, self._limits)
                self.report.failure = with_language(failure, result, program.spec.mounts[0].source)
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
        common = [Mount(output, "/app/output", writable=True), *data_mount(input_data, "/app/input_data")]
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

    @contextlib.contextmanager
    def _ignored_if(self, results_submitted: bool) -> Iterator[None]:
        try:
            yield
        except StepFailedError as error:
            if not results_submitted:
                raise
            self.report.notes.append(f"{error.failure.message} It is not needed here, for results were submitted.")

"""One attempt from job to outcome: the work, and the heart that beats beside it.

States, in prose once: an attempt is *working* until its outcome is accepted. Its heart renews the lease and hands over
output all that time, also while the outcome is being delivered. What ends it otherwise is told by the answers to its
beats: *cancelled* (the sandboxes are killed, then the cancellation is reported) or *over* (the platform has given the
attempt up: everything is killed and nothing is reported). When the worker itself is told to stop, the attempt is
abandoned without a word: its lease runs out and the platform gives the run to somebody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from podium.formats.archives import DEFAULT_CAPS, ArchiveError, pack_folder
from podium.protocol import Beat, BeatAnswer, Cause, Failure, Fault, Frame, Job, Outcome, Phase, Step, Stream
from podium.worker.admission import Admission
from podium.worker.cache import DatasetCache
from podium.worker.failing import clip_notes
from podium.worker.folders import WorkerFolder, remove_job
from podium.worker.intake import AttemptOverError, Intake, IntakeRefusedError, IntakeUnavailableError
from podium.worker.limits import sandbox_limits
from podium.worker.output import BATCH_BYTES, BATCH_SECONDS, OutputCollector, OutputSink
from podium.worker.prediction import Prediction
from podium.worker.results import take_private
from podium.worker.retry import Backoff
from podium.worker.scoring import Scoring
from podium.worker.settings import Retries
from podium.worker.staging import Stage, all_or_first_error
from podium.worker.steps import StepReport, Surroundings
from podium.worker.transfer import TransferError

log = logging.getLogger("podium.worker")

_LONGEST_SILENCE = 2.0  # seconds; a cancel reaches the worker with an answer, so it asks at least that often
_PULSE_SECONDS = 4.0  # the most that one answer to a beat without output is waited for, before it is asked again
_PHASE_SECONDS = 0.25  # a phase shorter than this is not worth a request of its own


class JobCancelledError(Exception):
    """The platform wants the attempt to stop."""


class Heart:
    """Renews an attempt's lease and hands over its output, in as few requests as that allows.

    A beat is due when 64 KiB of output wait, when the oldest has waited 100 ms, when the phase has changed, and
    in any case every two seconds or third of a lease. Beats follow one another, so a slow connection with much output
    could hold up what the answers tell for long; when no answer has come for two seconds, beats without output go
    beside them, so that a cancel is heard all the same.

    Args:
        intake: where beats go.
        job: whose lease it is.
        collector: the output to hand over.
        retries: pauses while the platform is away.
    """

    def __init__(self, intake: Intake, job: Job, collector: OutputCollector, retries: Retries) -> None:
        self._intake = intake
        self._job = job
        self._collector = collector
        self._retries = retries
        self._phase = Phase.PREPARING
        self._told_phase = Phase.PREPARING
        self._phase_changed = 0.0
        self._lease = job.lease_seconds
        self._last = self._heard = time.monotonic()
        self._draining = False
        self._drained = asyncio.Event()

    def set_phase(self, phase: Phase) -> None:
        """Note what the attempt is doing now."""
        self._phase = phase
        self._phase_changed = time.monotonic()
        self._collector.changed.set()

    async def run(self) -> None:
        """Beat until cancelled.

        Raises:
            JobCancelledError: the platform asks for the end of the attempt.
            AttemptOverError: the attempt is no longer this worker's.
        """
        tasks = [asyncio.create_task(self._beats(), name="beats"), asyncio.create_task(self._pulse(), name="pulse")]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _pulse(self) -> None:
        """Ask beside the beats whenever they have told nothing for a while."""
        while True:
            silent = time.monotonic() - self._heard
            if silent < _LONGEST_SILENCE + _PHASE_SECONDS:
                await asyncio.sleep(_LONGEST_SILENCE + _PHASE_SECONDS - silent)
                continue
            self._heard = time.monotonic()  # of what comes now; when nothing does, it is asked again as late
            with contextlib.suppress(TimeoutError, IntakeUnavailableError, IntakeRefusedError):
                async with asyncio.timeout(_PULSE_SECONDS):
                    answer = await self._intake.beat(self._job, Beat(phase=self._phase, frames=[]))
                self._hear(answer)

    def _hear(self, answer: BeatAnswer) -> None:
        self._heard = time.monotonic()
        self._lease = answer.lease_seconds
        if answer.cancel:
            raise JobCancelledError

    async def _beats(self) -> None:
        backoff = Backoff(self._retries)
        while True:
            await self._until_due()
            phase, frames = self._phase, self._collector.batch()
            try:
                answer = await self._intake.beat(self._job, Beat(phase=phase, frames=frames))
            except IntakeUnavailableError as error:
                log.warning("%s: the platform did not take a beat, trying again: %s", self._job.label, error)
                await backoff.pause()
                continue
            except IntakeRefusedError:
                # The platform will never take these frames; without them the lease can still be renewed.
                log.exception("%s: a beat with %d frames was refused", self._job.label, len(frames))
                self._accepted(phase, frames)
                await backoff.pause()
                continue
            backoff.reset()
            self._accepted(phase, frames)
            self._hear(answer)

    def _accepted(self, phase: Phase, frames: list[Frame]) -> None:
        self._told_phase = phase
        self._last = time.monotonic()
        self._collector.acknowledge(frames)
        if not self._collector.pending_bytes:
            self._drained.set()

    async def drain(self) -> None:
        """Hand over all output that waits, and return when the platform has it."""
        if not self._collector.pending_bytes:
            return
        self._draining = True
        self._drained.clear()
        self._collector.changed.set()
        await self._drained.wait()

    async def _until_due(self) -> None:
        waiting_since: float | None = None
        while True:
            now = time.monotonic()
            due = self._last + min(_LONGEST_SILENCE, self._lease / 3)
            pending = self._collector.pending_bytes
            if pending >= BATCH_BYTES or (pending and self._draining):
                return
            if pending:
                waiting_since = waiting_since or now
                due = min(due, waiting_since + BATCH_SECONDS)
            if self._phase is not self._told_phase:
                due = min(due, self._phase_changed + _PHASE_SECONDS)
            if due <= now:
                return
            self._collector.changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._collector.changed.wait(), due - now)


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """What attempts of one slot need, the same for every job.

    Attributes:
        intake: where beats and outcomes go.
        around: sandbox, files, ceilings, slot.
        cache: datasets by digest.
        admission: whether a job may be taken.
        folder: where job folders are made.
        retries: pauses while the platform is away.
        recheck_seconds: how long to wait before looking again whether a job may be taken.
        keep_job_folders: leave job folders behind, for debugging.
    """

    intake: Intake
    around: Surroundings
    cache: DatasetCache
    admission: Admission
    folder: WorkerFolder
    retries: Retries
    recheck_seconds: float = 5.0
    keep_job_folders: bool = False


class Attempt:
    """Does one job and reports its outcome; leaves no process and no folder behind."""

    def __init__(self, job: Job, place: Workplace) -> None:
        self._job = job
        self._place = place
        self._collector = OutputCollector(job.limits.output_bytes)
        self._heart = Heart(place.intake, job, self._collector, place.retries)

    async def run(self) -> None:
        """Work until the outcome is accepted, or the platform has given the attempt up."""
        try:
            folder = self._place.folder.new_job(f"{self._job.label}-{self._job.attempt}")
        except OSError:
            log.exception("%s: no job folder can be made", self._job.label)
            await self._finish(self._own_fault())
            return
        heart = asyncio.create_task(self._heart.run(), name="heart")
        work = asyncio.create_task(self._work(folder), name="work")
        try:
            await asyncio.wait({heart, work}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
                return
            await _ended(work)
            await self._heart_stopped(heart)
        except AttemptOverError as over:
            log.info("%s: the attempt is over for the platform: %s", self._job.label, over)
        finally:
            await to_its_end(self._clean_up(heart, work, folder))

    async def _clean_up(self, heart: asyncio.Task[None], work: asyncio.Task[None], folder: Path) -> None:
        await _ended(heart)
        await _ended(work)
        if not self._place.keep_job_folders:
            await asyncio.to_thread(remove_job, folder)

    async def _heart_stopped(self, heart: asyncio.Task[None]) -> None:
        """The beats ended before the work: tell what is to be told."""
        try:
            heart.result()
        except JobCancelledError:
            await self._last_output()
            failure = Failure(
                cause=Cause.CANCELLED, step=self._job.step, message="The submission was cancelled while it ran."
            )
            await self._finish(Outcome(failure=failure))
        except AttemptOverError:
            raise
        except Exception:
            log.exception("%s: beating failed", self._job.label)
            await self._finish(self._own_fault())

    async def _last_output(self) -> None:
        """Offer the output that was under way once; a cancelled attempt is not worth more."""
        frames = self._collector.batch()
        if frames:
            with contextlib.suppress(IntakeUnavailableError, IntakeRefusedError):
                await self._place.intake.beat(self._job, Beat(phase=Phase.RUNNING, frames=frames))

    async def _work(self, folder: Path) -> None:
        try:
            outcome = await perform(
                self._job,
                folder=folder,
                around=self._place.around,
                cache=self._place.cache,
                output=self._collector,
                on_phase=self._heart.set_phase,
                drain=self._heart.drain,
            )
        except Exception:
            log.exception("%s: the worker failed", self._job.label)
            outcome = self._own_fault()
        await self._finish(outcome)

    def _own_fault(self) -> Outcome:
        return Outcome(
            failure=Failure(
                cause=Cause.PLATFORM,
                step=self._job.step,
                message="The worker failed by a fault of its own; its log tells the administrator more.",
                fault=Fault.PLATFORM,
            )
        )

    async def _finish(self, outcome: Outcome) -> None:
        """Deliver the outcome, however long the platform is away."""
        backoff = Backoff(self._place.retries)
        while True:
            try:
                await self._place.intake.finish(self._job, outcome)
            except IntakeUnavailableError as error:
                log.warning("%s: the outcome was not taken, trying again: %s", self._job.label, error)
                await backoff.pause()
            except IntakeRefusedError:
                log.exception("%s: the platform refused the outcome", self._job.label)
                if outcome == self._own_fault():
                    return
                outcome = self._own_fault()
            else:
                ended = outcome.failure.cause.value if outcome.failure is not None else "done"
                log.info("%s: %s after %.1f s in sandboxes", self._job.label, ended, outcome.sandbox_seconds)
                return


async def perform(
    job: Job,
    *,
    folder: Path,
    around: Surroundings,
    cache: DatasetCache | None,
    output: OutputSink,
    on_phase: Callable[[Phase], None],
    drain: Callable[[], Coroutine[Any, Any, None]],
) -> Outcome:
    """Do the step that a job asks for and store what it gave; the same code serves a platform and a local run.

    Args:
        job: what to do.
        folder: an empty folder of the job's own.
        around: the worker's side.
        cache: datasets by digest, or None.
        output: takes the programs' output.
        on_phase: told what is being done.
        drain: hands over the rest of the output; called while results are stored.

    Returns:
        The outcome. What is not a fault of the worker's own code is told in it, never raised.
    """
    stage = Stage(folder, job.step, around.files, cache)
    try:
        kind = Prediction if job.step is Step.PREDICTION else Scoring
        report = await kind(job, stage, around, output.write, on_phase).run()
        for program in report.programs:
            ingestion = program.name == "ingestion"
            if program.stdout_truncated:
                output.mark_truncated(Stream.INGESTION_STDOUT if ingestion else Stream.STDOUT)
            if program.stderr_truncated:
                output.mark_truncated(Stream.INGESTION_STDERR if ingestion else Stream.STDERR)
        on_phase(Phase.UPLOADING)
        stored, _ = await all_or_first_error(_store_output(job, report, folder, around), drain())
    finally:
        await stage.close()
    return Outcome(
        failure=report.failure,
        programs=report.programs,
        scores=report.scores if report.failure is None else {},
        notes=clip_notes(report.notes),
        image_digest=report.image_digest,
        output_uploaded=stored,
        private_output_uploaded=report.private_output_uploaded,
        detailed_results_uploaded=report.detailed_results_uploaded,
        sandbox_seconds=report.sandbox_seconds,
    )


async def _store_output(job: Job, report: StepReport, folder: Path, around: Surroundings) -> bool:
    """Pack and hand over the output folder, also that of a step that failed: it may show why.

    The disk limit holds for the sizes that files claim: a file with holes takes no disk here, but time to pack and
    disk where it is unpacked. What a scoring program wrote for its organizers goes apart from the rest, however the
    step has ended, so that no participant's download has it.
    """
    if report.output is None:
        return False
    limit = sandbox_limits(job.limits, around.ceilings).disk_bytes
    caps = replace(DEFAULT_CAPS, max_bytes=min(limit or DEFAULT_CAPS.max_bytes, DEFAULT_CAPS.max_bytes))

    async def store(output: Path, archive: Path, url: str, what: str) -> None:
        listing = await asyncio.to_thread(pack_folder, output, archive, skip_links=False, caps=caps)
        report.notes.extend(listing.notes)
        await around.files.store(archive, url, "application/zip", what)

    private = folder / "private_output"
    apart = job.step is Step.SCORING and await asyncio.to_thread(take_private, report.output, private)
    try:
        await store(report.output, folder / "output.zip", job.output_url, "The output")
        if apart and job.private_output_url is not None:
            await store(private, folder / "private_output.zip", job.private_output_url, "The output for organizers")
            report.private_output_uploaded = True
    except ArchiveError as error:
        _fail(report, job, Cause.DISK_LIMIT, f"The output could not be packed. {error}")
        return False
    except TransferError as error:
        cause = Cause.DISK_LIMIT if error.status == 413 else Cause.PLATFORM
        _fail(report, job, cause, str(error))
        return False
    return True


def _fail(report: StepReport, job: Job, cause: Cause, message: str) -> None:
    """The step fails for want of its output, unless it has failed already."""
    if report.failure is None:
        report.failure = Failure(cause=cause, step=job.step, message=message)
    else:
        report.notes.append(message)


async def to_its_end(cleaning: Coroutine[Any, Any, None]) -> None:
    """Await a clean-up that being cancelled meanwhile must not cut short."""
    task = asyncio.ensure_future(cleaning)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

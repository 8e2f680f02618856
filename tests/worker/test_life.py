"""An attempt's life beside its programs: streaming, leases, cancelling, losing it, a platform that goes away."""

from __future__ import annotations

from pathlib import Path

import pytest

from podium.protocol import Cause, JobLimits, Step, Stream
from podium.worker.intake import TokenRefusedError
from podium.worker.main import serve
from podium.worker.settings import WorkerSettings

from .fake_platform import Platform, Tree
from .worker_running import UID_BASE, Gate, RunningWorker, StartWorker, processes_of_users

pytestmark = pytest.mark.bwrap

UNICODE = "naïve ∑ \N{SNOWMAN}"


def program(code: str) -> Tree:
    return {"metadata": "command: python3 run.py", "run.py": code}


def sandbox_processes(worker: RunningWorker) -> list[int]:
    return processes_of_users(worker.settings.uid_base)


async def test_output_arrives_before_the_program_ends(platform: Platform, worker: RunningWorker, gate: Gate) -> None:
    code = f"import sys\nprint({UNICODE!r})\nprint('oh', file=sys.stderr)\n{gate.wait}print('end')"
    row = await platform.send(Step.PREDICTION, program=program(code))
    await platform.until(lambda: row.output == f"{UNICODE}\n" and row.errors == "oh\n")
    assert row.outcome is None
    gate.open()
    await platform.finished(row)
    assert row.output == f"{UNICODE}\nend\n"


async def test_much_output_arrives_whole_and_in_order(platform: Platform, worker: RunningWorker) -> None:
    lines = "".join(f"line {number}\n" for number in range(200_000))
    code = "for number in range(200_000): print('line', number)"
    row = await platform.send(Step.PREDICTION, program={"metadata": "command: python3 -u run.py", "run.py": code})
    await platform.finished(row)
    assert row.output == lines


async def test_output_beyond_the_cap_ends_with_a_mark(platform: Platform, worker: RunningWorker) -> None:
    code = "print('x' * 5000)\nprint('last')"
    row = await platform.send(
        Step.PREDICTION, program=program(code), limits=JobLimits(wall_seconds=20, output_bytes=1000)
    )
    outcome = await platform.finished(row)
    assert outcome.failure is None
    assert row.output == "x" * 1000 + "\n[output truncated at 1000 bytes]\n"
    assert outcome.programs[0].stdout_truncated


async def test_both_programs_stream_to_their_own_four_streams(platform: Platform, worker: RunningWorker) -> None:
    def speaker(name: str) -> Tree:
        return program(f"import sys\nprint('{name} out')\nprint('{name} err', file=sys.stderr)")

    row = await platform.send(Step.PREDICTION, program=speaker("program"), ingestion=speaker("ingestion"))
    await platform.finished(row)
    assert {stream: row.text(stream) for stream in Stream} == {
        Stream.STDOUT: "program out\n",
        Stream.STDERR: "program err\n",
        Stream.INGESTION_STDOUT: "ingestion out\n",
        Stream.INGESTION_STDERR: "ingestion err\n",
    }


async def test_a_silent_program_keeps_its_lease(platform: Platform, worker: RunningWorker, gate: Gate) -> None:
    platform.lease_seconds = 0.6
    row = await platform.send(Step.PREDICTION, program=program(gate.wait))
    await platform.until(lambda: row.beats >= 4)
    gate.open()
    assert (await platform.finished(row)).failure is None


async def test_a_cancel_kills_the_programs_and_is_reported(
    platform: Platform, worker: RunningWorker, gate: Gate
) -> None:
    stubborn = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up')\n" + gate.wait
    row = await platform.send(Step.PREDICTION, program=program(stubborn))
    await platform.until(lambda: row.output == "up\n")
    assert sandbox_processes(worker)
    row.cancel = True
    outcome = await platform.finished(row)
    assert outcome.failure is not None
    assert outcome.failure.cause is Cause.CANCELLED
    assert sandbox_processes(worker) == []
    assert row.output == "up\n"


async def test_a_cancel_is_heard_also_while_the_connection_is_busy_with_output(
    platform: Platform, worker: RunningWorker, gate: Gate
) -> None:
    row = await platform.send(Step.PREDICTION, program=program("print('x' * 500_000)\n" + gate.wait))
    platform.output_passes.clear()
    await platform.until(lambda: platform.held_up)
    assert sandbox_processes(worker)
    row.cancel = True
    await platform.until(lambda: not sandbox_processes(worker), patience=10)
    assert row.output == "", "the output is still under way"
    platform.output_passes.set()
    outcome = await platform.finished(row)
    assert outcome.failure is not None
    assert outcome.failure.cause is Cause.CANCELLED


async def test_an_attempt_that_is_over_is_killed_and_forgotten(
    platform: Platform, worker: RunningWorker, gate: Gate
) -> None:
    row = await platform.send(Step.PREDICTION, program=program("print('up')\n" + gate.wait))
    await platform.until(lambda: row.output == "up\n")
    row.over = True  # from now on every beat is answered with 409
    following = await platform.send(Step.PREDICTION, program=program("print('next')"))
    assert (await platform.finished(following)).failure is None
    assert row.outcome is None
    assert sandbox_processes(worker) == []


async def test_an_outcome_that_comes_too_late_is_dropped(platform: Platform, worker: RunningWorker) -> None:
    platform.answer_next("finish", 409)
    row = await platform.send(Step.PREDICTION, program=program("pass"))
    following = await platform.send(Step.PREDICTION, program=program("pass"))
    await platform.finished(following)
    assert row.outcome is None


async def test_the_same_attempt_delivered_twice_ends_once(platform: Platform, worker: RunningWorker) -> None:
    row = await platform.send(Step.PREDICTION, program=program("print('once')"))
    await platform.finished(row)
    await platform.enqueue(row)
    following = await platform.send(Step.PREDICTION, program=program("pass"))
    await platform.finished(following)
    assert row.finishes == 1
    assert row.output == "once\n"


async def test_server_errors_in_every_request_are_ridden_out(platform: Platform, worker: RunningWorker) -> None:
    for route in ("claim", "beat", "finish", "get", "put"):
        platform.answer_next(route, 500, 502, 503, 429)
    row = await platform.send(Step.PREDICTION, program=program("print('still here')"))
    outcome = await platform.finished(row)
    assert outcome.failure is None
    assert outcome.output_uploaded
    assert row.output == "still here\n"


async def test_a_platform_that_restarts_while_a_program_runs_loses_nothing(
    platform: Platform, worker: RunningWorker, gate: Gate
) -> None:
    row = await platform.send(Step.PREDICTION, program=program(f"print('before')\n{gate.wait}print('after')"))
    await platform.until(lambda: row.output == "before\n")
    await platform.stop()
    gate.open()
    await worker.until_logged("did not take a beat")
    await platform.start()
    outcome = await platform.finished(row)
    assert outcome.failure is None
    assert row.output == "before\nafter\n"
    assert platform.output_files(row)


async def test_a_worker_waits_for_a_platform_that_is_not_up_yet(platform: Platform, start_worker: StartWorker) -> None:
    await platform.stop()
    worker = await start_worker()
    await worker.until_logged("does not answer")
    await platform.start()
    row = await platform.send(Step.PREDICTION, program=program("pass"))
    assert (await platform.finished(row)).failure is None


async def test_a_token_that_is_refused_from_the_start_ends_the_worker(platform: Platform, work_folder: Path) -> None:
    settings = WorkerSettings(
        server=platform.url, token="wrong", slots=3, work=work_folder, engine="bubblewrap", uid_base=UID_BASE
    )
    with pytest.raises(TokenRefusedError, match="HTTP 401"):
        await serve(settings)


@pytest.mark.slow
async def test_slots_that_find_no_platform_say_so_once(
    platform: Platform, start_worker: StartWorker, caplog: pytest.LogCaptureFixture
) -> None:
    await platform.stop()
    worker = await start_worker(slots=3)
    await worker.until_logged("does not answer")
    await platform.start()
    await worker.until_logged("answers again")
    told = [record.getMessage() for record in caplog.records if "does not answer" in record.getMessage()]
    assert len(told) == 1
    assert told[0].startswith(f"{platform.url} cannot be reached")
    assert told[0].endswith("The worker goes on trying.")


async def test_a_token_that_was_right_and_is_refused_is_told_and_asked_again(
    platform: Platform, start_worker: StartWorker
) -> None:
    worker = await start_worker(wait_seconds=0.05)
    first = await platform.send(Step.PREDICTION, program=program("pass"))
    assert (await platform.finished(first)).failure is None
    platform.answer_next("claim", 401, 401)
    await worker.until_logged("refuses this worker (is the queue token right?)")
    row = await platform.send(Step.PREDICTION, program=program("pass"))
    assert (await platform.finished(row)).failure is None


async def test_an_outcome_that_is_refused_is_replaced_by_one_that_says_so(
    platform: Platform, worker: RunningWorker
) -> None:
    platform.answer_next("finish", 422)
    row = await platform.send(Step.PREDICTION, program=program("pass"))
    outcome = await platform.finished(row)
    assert outcome.failure is not None
    assert outcome.failure.cause is Cause.PLATFORM


async def test_an_output_that_cannot_be_stored_is_the_platforms_fault(
    platform: Platform, worker: RunningWorker
) -> None:
    platform.answer_next("put", 403)
    row = await platform.send(Step.PREDICTION, program=program("pass"))
    outcome = await platform.finished(row)
    assert outcome.failure is not None
    assert outcome.failure.cause is Cause.PLATFORM
    assert "signature" not in outcome.failure.message
    assert not outcome.output_uploaded


async def test_an_image_that_cannot_be_had_is_told_apart(
    platform: Platform, start_worker: StartWorker, tmp_path: Path
) -> None:
    await start_worker(environments=(("broken/*", tmp_path / "nowhere"),))
    row = await platform.send(Step.PREDICTION, program=program("pass"), image="broken/image:1")
    outcome = await platform.finished(row)
    assert outcome.failure is not None
    assert outcome.failure.cause is Cause.IMAGE_PULL
    assert "broken/image:1" in outcome.failure.message


async def test_an_image_that_cannot_be_had_does_not_matter_when_nothing_runs(
    platform: Platform, start_worker: StartWorker, tmp_path: Path
) -> None:
    await start_worker(environments=(("broken/*", tmp_path / "nowhere"),))
    row = await platform.send(
        Step.PREDICTION, program={"a": "b"}, ingestion_only_during_scoring=True, image="broken/image:1"
    )
    assert (await platform.finished(row)).failure is None


async def test_two_slots_run_two_jobs_at_once(platform: Platform, start_worker: StartWorker, gate: Gate) -> None:
    await start_worker(slots=2)
    rows = [await platform.send(Step.PREDICTION, program=program("print('up')\n" + gate.wait)) for _ in range(2)]
    await platform.until(lambda: all(row.output == "up\n" for row in rows))
    gate.open()
    for row in rows:
        assert (await platform.finished(row)).failure is None


async def test_the_workers_ceiling_holds_below_what_the_phase_asks(
    platform: Platform, start_worker: StartWorker
) -> None:
    await start_worker(max_wall_seconds=1)
    row = await platform.send(
        Step.PREDICTION, program={"metadata": "command: sleep 1000"}, limits=JobLimits(wall_seconds=2147483647)
    )
    outcome = await platform.finished(row)
    assert outcome.failure is not None
    assert outcome.failure.cause is Cause.TIME_LIMIT
    assert outcome.failure.limit == "1 s"
    assert platform.claims[0].ceilings.wall_seconds == 1


async def test_a_claim_says_who_asks(platform: Platform, start_worker: StartWorker) -> None:
    await start_worker(name="lab-7", slots=3)
    await platform.until(lambda: len(platform.claims) == 3)
    assert {claim.worker for claim in platform.claims} == {"lab-7"}, "one worker with three slots"
    assert all(claim.free_disk_bytes for claim in platform.claims)
    assert {claim.engine for claim in platform.claims} == {"bubblewrap"}
    assert {claim.slots for claim in platform.claims} == {3}


async def test_a_drained_worker_says_so_once_and_takes_jobs_again_when_it_may(
    platform: Platform, start_worker: StartWorker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="podium.worker")
    platform.drained = True
    await start_worker(wait_seconds=0.05)
    row = await platform.send(Step.PREDICTION, program=program("pass"))
    await platform.until(lambda: len(platform.claims) > 3 and "This worker is drained" in caplog.text)
    assert len([one for one in caplog.records if "is drained" in one.getMessage()]) == 1
    platform.drained = False
    assert (await platform.finished(row)).failure is None
    await platform.until(lambda: "gets jobs again" in caplog.text)


async def test_a_job_needs_no_more_requests_than_it_must(platform: Platform, worker: RunningWorker) -> None:
    scorer = program("open('/app/output/scores.json', 'w').write('{\"s\": 1}')")
    for _ in range(2):
        platform.requests.clear()
        row = await platform.send(Step.SCORING, program=scorer, results={"a": "b"}, results_are_submission=True)
        await platform.finished(row)
    assert [request for request in platform.requests if request != "claim"] == ["get", "put", "finish"]


async def test_file_addresses_are_rewritten_where_the_store_has_another_name(
    platform: Platform, start_worker: StartWorker
) -> None:
    await start_worker(url_rewrite=("http://store.invalid:9000", platform.url))
    code = platform.put_zip(program("print('fetched')"))
    assert code is not None
    row = await platform.send(Step.PREDICTION, program=program("pass"), queued=False)
    away = {"program": code.model_copy(update={"url": f"http://store.invalid:9000{code.url}"})}
    row.job = row.job.model_copy(update=away)
    await platform.enqueue(row)
    assert (await platform.finished(row)).failure is None
    assert row.output == "fetched\n"


async def test_what_is_logged_holds_no_token_and_no_signature(
    platform: Platform, start_worker: StartWorker, caplog: pytest.LogCaptureFixture
) -> None:
    await start_worker()
    for route in ("beat", "finish", "get", "put"):
        platform.answer_next(route, 500)
    row = await platform.send(Step.PREDICTION, program=program("print('x')"))
    await platform.finished(row)
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name == "podium.worker")
    assert "could not be fetched, trying again" in logged
    for secret in ("queue-token", "attempt-token", "signature"):
        assert secret not in logged

"""Every way in which a job can fail, its cause and its message."""

from __future__ import annotations

import io
import zipfile

import pytest

from podium.protocol import Cause, Fault, JobLimits, Outcome, Step, Stream, fault_of

from .fake_platform import Platform, Tree, zip_of

pytestmark = [pytest.mark.bwrap, pytest.mark.usefixtures("worker")]


def scorer(code: str) -> Tree:
    return {"metadata": "command: python3 score.py", "score.py": code}


def program(code: str) -> Tree:
    return {"metadata": "command: python3 run.py", "run.py": code}


INGESTION = {"metadata": "command: python3 ingest.py", "ingest.py": "import sys; sys.exit('ingestion broke')\n"}


def assert_failed(outcome: Outcome, cause: Cause, *words: str) -> None:
    assert outcome.failure is not None
    assert outcome.failure.cause is cause, outcome.failure
    for word in words:
        assert word in outcome.failure.message, outcome.failure.message
    assert "/files/" not in outcome.failure.message
    assert "signature" not in outcome.failure.message


async def test_a_submission_that_is_no_zip_fails_at_once(platform: Platform) -> None:
    outcome = await platform.finished(await platform.send(Step.PREDICTION, program=b"print('hello')"))
    assert_failed(outcome, Cause.UNPACK, "The submission could not be unpacked", "not a zip")
    assert not outcome.output_uploaded


async def test_a_submission_with_a_parent_path_is_refused(platform: Platform) -> None:
    row = await platform.send(Step.PREDICTION, program={"../evil.py": "x"})
    assert_failed(await platform.finished(row), Cause.UNPACK, "..")


async def test_a_submission_with_a_symlink_is_refused(platform: Platform) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    row = await platform.send(Step.PREDICTION, program=buffer.getvalue())
    assert_failed(await platform.finished(row), Cause.UNPACK, "symbolic link")


async def test_a_bomb_is_refused(platform: Platform) -> None:
    row = await platform.send(Step.PREDICTION, program={"zeros": bytes(200 * 2**20)})
    assert_failed(await platform.finished(row), Cause.UNPACK, "bomb")


async def test_an_organizers_archive_that_is_broken_is_the_organizers_fault(platform: Platform) -> None:
    row = await platform.send(Step.PREDICTION, program={"a": "b"}, ingestion=b"no zip")
    outcome = await platform.finished(row)
    assert_failed(outcome, Cause.UNPACK, "The ingestion program could not be unpacked")
    assert outcome.failure is not None
    assert outcome.failure.fault is Fault.ORGANIZER


async def test_code_without_ingestion_and_without_command_is_bad_layout(platform: Platform) -> None:
    row = await platform.send(Step.PREDICTION, program={"metadata": "description: code", "model.py": ""})
    assert_failed(await platform.finished(row), Cause.BAD_LAYOUT, "neither ingestion program nor command")


async def test_code_sent_as_results_is_bad_layout(platform: Platform) -> None:
    row = await platform.send(
        Step.SCORING,
        program=scorer(""),
        results={"metadata": "description: code", "model.py": ""},
        results_are_submission=True,
    )
    outcome = await platform.finished(row)
    assert_failed(outcome, Cause.BAD_LAYOUT, "neither ingestion program nor command")
    assert outcome.failure is not None
    assert outcome.failure.fault is Fault.PARTICIPANT


async def test_an_ingestion_program_without_metadata_is_told(platform: Platform) -> None:
    code = {"metadata": "description: code", "model.py": ""}
    row = await platform.send(Step.PREDICTION, program=code, ingestion={"ingest.py": ""})
    outcome = await platform.finished(row)
    assert_failed(outcome, Cause.BAD_LAYOUT, "The ingestion program has no metadata file", "command: python3")
    assert outcome.failure is not None
    assert (outcome.failure.program, outcome.failure.fault) == ("ingestion", Fault.ORGANIZER)


async def test_an_ingestion_program_without_metadata_does_not_stop_results(platform: Platform) -> None:
    row = await platform.send(Step.PREDICTION, program={"answer.txt": "7"}, ingestion={"ingest.py": ""})
    outcome = await platform.finished(row)
    assert outcome.failure is None
    assert any("The ingestion program has no metadata file" in note for note in outcome.notes)


async def test_a_scoring_program_without_command_is_told(platform: Platform) -> None:
    row = await platform.send(Step.SCORING, program={"metadata": "description: x"}, results={"a": "b"})
    assert_failed(await platform.finished(row), Cause.BAD_LAYOUT, "The scoring program has no command")


async def test_a_metadata_file_with_a_yaml_fault_names_its_line(platform: Platform) -> None:
    row = await platform.send(Step.PREDICTION, program={"metadata": "command: [unclosed\n"})
    assert_failed(await platform.finished(row), Cause.BAD_LAYOUT, "The submission's metadata file", "line")


async def test_a_command_with_an_open_quote_is_told(platform: Platform) -> None:
    row = await platform.send(Step.PREDICTION, program={"metadata": "command: python3 'run.py"})
    assert_failed(await platform.finished(row), Cause.BAD_LAYOUT, "The submission's program cannot be started")


async def test_a_program_that_exits_non_zero_fails_with_its_log_kept(platform: Platform) -> None:
    row = await platform.send(
        Step.PREDICTION, program=program("open('/app/output/part', 'w').write('x')\nprint('before')\nexit(3)")
    )
    outcome = await platform.finished(row)
    assert_failed(outcome, Cause.EXIT_CODE, "exit code 3")
    assert row.output == "before\n"
    assert outcome.programs[0].exit_code == 3
    assert platform.output_files(row)["part"] == "x"
    assert "exitCode: 3" in platform.output_files(row)["metadata"]


async def test_ingestion_that_fails_on_code_fails_the_step(platform: Platform) -> None:
    row = await platform.send(Step.PREDICTION, program={"metadata": "description: code"}, ingestion=INGESTION)
    outcome = await platform.finished(row)
    assert_failed(outcome, Cause.EXIT_CODE, "The ingestion program", "exit code 1")
    assert outcome.failure is not None
    assert outcome.failure.program == "ingestion"
    assert "ingestion broke" in row.text(Stream.INGESTION_STDERR)


async def test_when_one_program_fails_the_other_is_not_waited_for(platform: Platform) -> None:
    row = await platform.send(
        Step.PREDICTION,
        program=program("import sys; sys.exit(5)"),
        ingestion={"metadata": "command: sleep 1000"},
        limits=JobLimits(wall_seconds=1000),
    )
    outcome = await platform.finished(row)
    assert_failed(outcome, Cause.EXIT_CODE, "The submission's program ended with exit code 5")
    ended = {done.name: done for done in outcome.programs}
    assert ended["ingestion"].cause == "cancelled"
    assert "the submission's program had failed" in ended["ingestion"].detail


async def test_a_command_that_does_not_exist_is_told(platform: Platform) -> None:
    row = await platform.send(Step.PREDICTION, program={"metadata": "command: pyhton3 run.py"})
    assert_failed(await platform.finished(row), Cause.EXIT_CODE, "127", "not found")


async def test_a_program_over_its_time_is_ended_with_limit_and_measure(platform: Platform) -> None:
    row = await platform.send(
        Step.PREDICTION,
        program=program("print('started')\nimport time; time.sleep(1000)"),
        limits=JobLimits(wall_seconds=1),
    )
    outcome = await platform.finished(row)
    assert_failed(outcome, Cause.TIME_LIMIT, "The submission's program", "1 s")
    assert outcome.failure is not None
    assert outcome.failure.limit == "1 s"
    assert outcome.failure.measured is not None
    assert outcome.failure.measured.endswith(" s")
    assert row.output == "started\n"


async def test_a_program_over_its_memory_is_ended_with_the_limit(platform: Platform) -> None:
    row = await platform.send(
        Step.PREDICTION,
        program=program("data = bytearray(2**30)\nprint(len(data))"),
        limits=JobLimits(wall_seconds=60, memory_bytes=100 * 2**20),
    )
    outcome = await platform.finished(row)
    assert_failed(outcome, Cause.MEMORY_LIMIT)
    assert outcome.failure is not None
    assert outcome.failure.limit == "105 MB"


async def test_a_program_that_fills_the_disk_is_ended_with_the_limit(platform: Platform) -> None:
    flood = "file = open('/app/output/big', 'wb')\nwhile True: file.write(bytes(2**20)); file.flush()"
    row = await platform.send(
        Step.PREDICTION, program=program(flood), limits=JobLimits(wall_seconds=60, disk_bytes=20 * 2**20)
    )
    outcome = await platform.finished(row)
    assert_failed(outcome, Cause.DISK_LIMIT)


async def test_a_program_that_prints_without_end_is_ended(platform: Platform) -> None:
    flood = "import os\nwhile True: os.write(1, b'x' * 65536)"
    row = await platform.send(
        Step.PREDICTION, program=program(flood), limits=JobLimits(wall_seconds=60, output_bytes=10_000)
    )
    outcome = await platform.finished(row)
    assert_failed(outcome, Cause.OUTPUT_LIMIT)
    assert row.output.startswith("xxx")
    assert row.output.endswith("\n[output truncated at 10000 bytes]\n")


async def test_a_scoring_program_that_fails_is_scorer_failed(platform: Platform) -> None:
    row = await platform.send(Step.SCORING, program=scorer("import sys; sys.exit(2)"), results={"a": "b"})
    outcome = await platform.finished(row)
    assert_failed(outcome, Cause.SCORER_FAILED, "The scoring program ended with exit code 2")
    assert outcome.scores == {}


async def test_a_limit_hit_by_the_scoring_program_is_the_organizers(platform: Platform) -> None:
    row = await platform.send(
        Step.SCORING, program={"metadata": "command: sleep 1000"}, results={"a": "b"}, limits=JobLimits(wall_seconds=1)
    )
    outcome = await platform.finished(row)
    assert_failed(outcome, Cause.TIME_LIMIT, "The scoring program")
    assert outcome.failure is not None
    assert fault_of(outcome.failure.cause, outcome.failure.step) is Fault.ORGANIZER


async def test_ingestion_that_fails_beside_scoring_is_only_told(platform: Platform) -> None:
    good = scorer("open('/app/output/scores.json', 'w').write('{\"s\": 1}')")
    row = await platform.send(
        Step.SCORING, program=good, ingestion=INGESTION, results={"a": "b"}, ingestion_only_during_scoring=True
    )
    outcome = await platform.finished(row)
    assert outcome.failure is None
    assert outcome.scores["s"].value == 1
    assert any("ingestion program" in note and "exit code 1" in note for note in outcome.notes)


async def test_when_both_fail_beside_each_other_the_message_tells_of_both(platform: Platform) -> None:
    waits_for_nothing = scorer("import time\ntime.sleep(1000)")
    row = await platform.send(
        Step.SCORING,
        program=waits_for_nothing,
        ingestion=INGESTION,
        results={"a": "b"},
        ingestion_only_during_scoring=True,
        limits=JobLimits(wall_seconds=1),
    )
    assert_failed(await platform.finished(row), Cause.TIME_LIMIT, "The scoring program", "exit code 1")


async def test_no_scores_file_is_missing_output(platform: Platform) -> None:
    row = await platform.send(Step.SCORING, program=scorer("print('no scores')"), results={"a": "b"})
    assert_failed(await platform.finished(row), Cause.MISSING_OUTPUT, "scores.json")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('{"accuracy": NaN}', "NaN"),
        ('{"accuracy": Infinity}', "infinite"),
        ('{"accuracy": "good"}', "text"),
        ('{"accuracy": [1]}', "list"),
        ('{"accuracy": ', "JSON"),
        ('{"acuracy": 1}', "accuracy"),
        ("{}", "accuracy"),
    ],
)
async def test_scores_that_cannot_be_used_are_told(platform: Platform, text: str, word: str) -> None:
    code = f"open('/app/output/scores.json', 'w').write({text!r})"
    row = await platform.send(Step.SCORING, program=scorer(code), results={"a": "b"}, columns=["accuracy"])
    outcome = await platform.finished(row)
    assert_failed(outcome, Cause.BAD_SCORES, word)
    assert outcome.scores == {}


async def test_scores_beyond_the_columns_are_ignored_with_a_note(platform: Platform) -> None:
    code = "open('/app/output/scores.txt', 'w').write('accuracy: 0.5\\nextra: 3\\n')"
    row = await platform.send(Step.SCORING, program=scorer(code), results={"a": "b"}, columns=["accuracy", "f1"])
    outcome = await platform.finished(row)
    assert outcome.failure is None
    assert {key: score.text for key, score in outcome.scores.items()} == {"accuracy": "0.5"}
    assert any("extra" in note for note in outcome.notes)
    assert any("f1" in note for note in outcome.notes)


async def test_a_link_in_place_of_scores_or_metadata_is_not_followed(platform: Platform) -> None:
    code = (
        "import os\n"
        "os.symlink('/etc/passwd', '/app/output/detailed_results.html')\n"
        "os.symlink('/etc/hostname', '/app/output/metadata')\n"
        "os.symlink('/app/input/res/a', '/app/output/scores.json')\n"
        "os.mkfifo('/app/output/pipe.html')\n"
    )
    row = await platform.send(Step.SCORING, program=scorer(code), results={"a": '{"s": 1}'}, detailed_results=True)
    outcome = await platform.finished(row)
    assert_failed(outcome, Cause.MISSING_OUTPUT)
    assert not outcome.detailed_results_uploaded
    assert platform.output_files(row) == {}


async def test_a_file_that_the_platform_does_not_have_is_the_platforms_fault(platform: Platform) -> None:
    archive = zip_of(program("pass"))
    ref = platform.put(archive)
    platform.files[ref.sha256 or ""] = b""
    row = await platform.send(Step.SCORING, program=scorer(""), results={"a": "b"}, reference=ref)
    outcome = await platform.finished(row)
    assert_failed(outcome, Cause.PLATFORM, "The reference data could not be fetched")


async def test_an_output_that_the_platform_does_not_want_is_told(platform: Platform) -> None:
    platform.answer_next("put", 413)
    row = await platform.send(Step.PREDICTION, program={"a": "b"}, ingestion=None, ingestion_only_during_scoring=True)
    outcome = await platform.finished(row)
    assert_failed(outcome, Cause.DISK_LIMIT, "The output could not be stored", "413")


async def test_when_ingestion_fails_beside_a_running_submission_the_cause_is_ingestions(platform: Platform) -> None:
    row = await platform.send(
        Step.PREDICTION,
        program={"metadata": "command: sleep 1000"},
        ingestion=INGESTION,
        limits=JobLimits(wall_seconds=1000),
    )
    outcome = await platform.finished(row)
    assert_failed(outcome, Cause.EXIT_CODE, "The ingestion program ended with exit code 1")
    assert {done.name: done.cause for done in outcome.programs} == {"program": "cancelled", "ingestion": "exit_code"}

"""Whole jobs, from claim to outcome, in real sandboxes: one of each kind of submission."""

from __future__ import annotations

import hashlib

import pytest

from podium.protocol import JobLimits, Phase, Step, Stream

from .fake_platform import Platform, zip_of
from .worker_running import Gate

pytestmark = [pytest.mark.bwrap, pytest.mark.usefixtures("worker")]

SCORER = {
    "metadata": "command: python3 score.py\n",
    "score.py": (
        "import json\n"
        "truth = open('/app/input/ref/truth.txt').read()\n"
        "given = open('/app/input/res/answer.txt').read()\n"
        "json.dump({'correct': truth == given}, open('/app/output/scores.json', 'w'))\n"
        "print('scored')\n"
    ),
}
CODE = {"metadata": "description: code\n", "model.py": "def answer(data):\n    return data.upper()\n"}
INGESTION = {
    "metadata": "command: python3 $ingestion_program/ingest.py $input $output $submission_program\n",
    "ingest.py": (
        "import sys\n"
        "data, output, submission = sys.argv[1:]\n"
        "sys.path.insert(0, submission)\n"
        "import model\n"
        "open(f'{output}/answer.txt', 'w').write(model.answer(open(f'{data}/question.txt').read()))\n"
        "print('ingested')\n"
        "print('a warning', file=sys.stderr)\n"
    ),
}
DATA = {"question.txt": "life"}


async def test_a_result_submission_is_scored_in_one_job(platform: Platform) -> None:
    row = await platform.send(
        Step.SCORING,
        program=SCORER,
        reference={"truth.txt": "42"},
        results={"answer.txt": "42"},
        results_are_submission=True,
        columns=["correct"],
    )
    outcome = await platform.finished(row)
    assert outcome.failure is None
    assert outcome.scores["correct"].value == 1
    assert outcome.output_uploaded
    assert row.output == "scored\n"
    assert set(platform.output_files(row)) == {"scores.json", "metadata"}
    assert outcome.sandbox_seconds > 0
    assert [program.name for program in outcome.programs] == ["program"]


async def test_a_code_submission_is_read_by_the_ingestion_program(platform: Platform) -> None:
    row = await platform.send(Step.PREDICTION, program=CODE, ingestion=INGESTION, input_data=DATA)
    outcome = await platform.finished(row)
    assert outcome.failure is None
    files = platform.output_files(row)
    assert files["answer.txt"] == "LIFE"
    assert row.text(Stream.INGESTION_STDOUT) == "ingested\n"
    assert row.text(Stream.INGESTION_STDERR) == "a warning\n"
    assert row.output == row.errors == ""
    assert "ingestionExitCode: 0" in files["metadata"]
    assert "exitCode: null" in files["metadata"]


async def test_the_prediction_output_can_be_scored_with_its_metadata(platform: Platform) -> None:
    first = await platform.send(Step.PREDICTION, program=CODE, ingestion=INGESTION, input_data=DATA)
    await platform.finished(first)
    scorer = {
        "metadata": "command: python3 $program/score.py $input $output",
        "score.py": (
            "import sys\n"
            "lines = open(sys.argv[1] + '/res/metadata').read().splitlines()\n"
            "elapsed = dict(line.split(': ') for line in lines)['elapsedTime']\n"
            "open(sys.argv[2] + '/scores.txt', 'w').write(f'duration:{float(elapsed)}')\n"
        ),
    }
    results = platform.uploads[f"/uploads/{first.job.attempt}/output"]
    row = await platform.send(Step.SCORING, program=scorer, results=results, columns=["duration"])
    outcome = await platform.finished(row)
    assert outcome.failure is None
    assert outcome.scores["duration"].value > 0


async def test_a_submission_with_its_own_command_runs_beside_ingestion(platform: Platform) -> None:
    # Each waits for the other's file in /app/shared, so neither could end if they ran one after the other.
    meet = (
        "import os, sys, time\n"
        "mine, other = sys.argv[1:3]\n"
        "open(f'/app/shared/{mine}', 'w').close()\n"
        "while not os.path.exists(f'/app/shared/{other}'): time.sleep(0.01)\n"
        "print(f'{mine} met {other}', sorted(os.listdir('/app')))\n"
        "open(f'/app/output/{mine}.txt', 'w').write(open(sys.argv[3] + '/question.txt').read())\n"
    )
    row = await platform.send(
        Step.PREDICTION,
        program={"metadata": "command: python3 $program/meet.py sub ing $input", "meet.py": meet},
        ingestion={"metadata": "command: python3 $program/meet.py ing sub $input", "meet.py": meet},
        input_data=DATA,
    )
    outcome = await platform.finished(row)
    assert outcome.failure is None
    assert row.output == "sub met ing ['data', 'input_data', 'output', 'program', 'shared']\n"
    assert row.text(Stream.INGESTION_STDOUT) == (
        "ing met sub ['data', 'ingested_program', 'ingestion_program', 'input_data', 'output', 'program', 'shared']\n"
    )
    files = platform.output_files(row)
    assert files["sub.txt"] == files["ing.txt"] == "life"
    assert {program.name for program in outcome.programs} == {"program", "ingestion"}


async def test_a_submission_with_its_own_command_needs_no_ingestion(platform: Platform) -> None:
    row = await platform.send(
        Step.PREDICTION,
        program={
            "metadata.yaml": "command: python3 run.py",
            "run.py": "open('/app/output/answer.txt', 'w').write('1')",
        },
    )
    assert (await platform.finished(row)).failure is None
    assert platform.output_files(row)["answer.txt"] == "1"


async def test_a_result_submission_is_copied_even_when_ingestion_fails_on_it(platform: Platform) -> None:
    row = await platform.send(Step.PREDICTION, program={"answer.txt": "7"}, ingestion=INGESTION, input_data=DATA)
    outcome = await platform.finished(row)
    assert outcome.failure is None
    assert platform.output_files(row)["answer.txt"] == "7"
    assert "No module named 'model'" in row.text(Stream.INGESTION_STDERR)
    assert any("ingestion program ended with exit code 1" in note for note in outcome.notes)


async def test_a_wrapper_folder_around_results_is_seen_through(platform: Platform) -> None:
    row = await platform.send(
        Step.SCORING,
        program=SCORER,
        reference={"truth.txt": "42"},
        results={"mine/answer.txt": "42", "mine/sub/deep.txt": "x", "__MACOSX/mine/._answer.txt": "rubbish"},
        results_are_submission=True,
    )
    outcome = await platform.finished(row)
    assert outcome.failure is None
    assert outcome.scores["correct"].value == 1
    assert any("mine" in note for note in outcome.notes)


async def test_a_wrapper_folder_around_results_survives_the_prediction_step(platform: Platform) -> None:
    row = await platform.send(
        Step.PREDICTION,
        program={"mine/answer.txt": "7", "mine/sub/deep.txt": "x"},
        ingestion=INGESTION,
        input_data=DATA,
    )
    assert (await platform.finished(row)).failure is None
    assert {"answer.txt", "sub/deep.txt", "mine/answer.txt", "mine/sub/deep.txt"} <= set(platform.output_files(row))


async def test_a_wrapper_folder_around_code_is_seen_through(platform: Platform) -> None:
    wrapped = {f"my-code/{name}": content for name, content in CODE.items()}
    row = await platform.send(Step.PREDICTION, program=wrapped, ingestion=INGESTION, input_data=DATA)
    assert (await platform.finished(row)).failure is None
    assert platform.output_files(row)["answer.txt"] == "LIFE"


INGESTION_BESIDE_SCORING = {
    "metadata": "command: python3 $program/ingest.py",
    "ingest.py": (
        "import os, sys\n"
        "sys.path.insert(0, '/app/ingested_program')\n"
        "import model\n"
        "open('/app/output/scores.json', 'w').write('{\"correct\": 99}')\n"
        "open('/app/ingested_program/answer.txt', 'w').write('forged')\n"
        "print(sorted(os.listdir('/app')), os.path.exists('/app/input/ref'))\n"
        "open('/app/shared/answer.part', 'w').write(model.answer(open('/app/input_data/question.txt').read()))\n"
        "os.replace('/app/shared/answer.part', '/app/shared/answer')\n"
    ),
}
SCORER_BESIDE_INGESTION = {
    "metadata": "command: python3 $program/score.py",
    "score.py": (
        "import os, time\n"
        "while not os.path.exists('/app/shared/answer'): time.sleep(0.01)\n"
        "good = open('/app/shared/answer').read() == open('/app/input/ref/truth.txt').read()\n"
        "open('/app/output/scores.txt', 'w').write(f'correct: {good}')\n"
        "print(sorted(os.listdir('/app/output')), os.path.exists('/app/input/res/answer.txt'))\n"
    ),
}


async def test_ingestion_during_scoring_meets_the_scorer_in_shared_only(platform: Platform) -> None:
    row = await platform.send(
        Step.SCORING,
        program=SCORER_BESIDE_INGESTION,
        ingestion=INGESTION_BESIDE_SCORING,
        input_data=DATA,
        reference={"truth.txt": "LIFE"},
        results=CODE,
        ingestion_only_during_scoring=True,
        columns=["correct"],
    )
    outcome = await platform.finished(row)
    assert outcome.failure is None, outcome.failure
    assert outcome.scores["correct"].value == 1
    seen_by_ingestion = row.text(Stream.INGESTION_STDOUT)
    assert "'input'" not in seen_by_ingestion
    assert seen_by_ingestion.endswith("False\n")
    # What ingestion, which runs the participant's code, wrote to its output and results never reached the scorer.
    assert row.output == "['scores.txt'] False\n"
    assert platform.output_files(row)["ingestion_output/scores.json"] == '{"correct": 99}'


async def test_with_ingestion_during_scoring_the_prediction_step_only_copies(platform: Platform) -> None:
    row = await platform.send(Step.PREDICTION, program=CODE, ingestion_only_during_scoring=True)
    outcome = await platform.finished(row)
    assert outcome.failure is None
    assert outcome.programs == []
    assert platform.output_files(row) == CODE
    assert any("metadata" in note for note in outcome.notes)


async def test_results_and_input_data_may_be_written_and_reference_data_may_not(platform: Platform) -> None:
    scorer = {
        "metadata": "command: python3 score.py",
        "score.py": (
            "open('/app/input/res/lock', 'w').write('x')\n"
            "open('/app/program/cache', 'w').write('x')\n"
            "try:\n"
            "    open('/app/input/ref/truth.txt', 'a').write('x')\n"
            "except OSError as error:\n"
            "    print('refused')\n"
            "open('/app/output/scores.json', 'w').write('{\"s\": 1}')\n"
        ),
    }
    for _ in range(2):  # the second finds the reference data in the cache as it was
        row = await platform.send(Step.SCORING, program=scorer, reference={"truth.txt": "42"}, results={"a": "b"})
        assert (await platform.finished(row)).failure is None
        assert row.output == "refused\n"


async def test_reference_data_is_never_beside_a_participants_program(platform: Platform) -> None:
    row = await platform.send(
        Step.PREDICTION,
        program={"metadata": "command: find / -name truth.txt"},
        reference={"truth.txt": "42"},
        limits=JobLimits(wall_seconds=60),
    )
    await platform.finished(row)
    assert row.output == ""
    assert hashlib.sha256(zip_of({"truth.txt": "42"})).hexdigest() not in platform.downloads


async def test_data_that_is_no_zip_is_found_under_its_own_name(platform: Platform) -> None:
    row = await platform.send(
        Step.PREDICTION,
        program={"metadata": "command: cat /app/input_data/table.csv"},
        input_data=platform.put(b"a,b\n1,2\n", "table.csv"),
    )
    assert (await platform.finished(row)).failure is None
    assert row.output == "a,b\n1,2\n"


async def test_data_may_have_a_name_that_is_long_in_bytes(platform: Platform) -> None:
    row = await platform.send(
        Step.PREDICTION,
        program={"metadata": "command: sh -c 'cat /app/input_data/*.csv'"},
        input_data=platform.put(b"a,b\n", "\N{CJK UNIFIED IDEOGRAPH-6570}" * 200 + ".csv"),
    )
    assert (await platform.finished(row)).failure is None
    assert row.output == "a,b\n"


async def test_detailed_results_are_sent_while_they_change(platform: Platform, gate: Gate) -> None:
    scorer = {
        "metadata": "command: python3 score.py",
        "score.py": (
            "open('/app/output/scores.html', 'w').write('first')\n"
            f"{gate.wait}"
            "open('/app/output/detailed_results.html', 'w').write('last')\n"
            "open('/app/output/scores.json', 'w').write('{\"s\": 1}')\n"
        ),
    }
    row = await platform.send(Step.SCORING, program=scorer, results={"a": "b"}, detailed_results=True)
    history = platform.upload_history[f"/uploads/{row.job.attempt}/detailed"]
    await platform.until(lambda: history)
    gate.open()
    outcome = await platform.finished(row)
    assert outcome.detailed_results_uploaded
    assert history == [b"first", b"last"]


async def test_the_phase_of_a_running_job_is_told_without_any_output(platform: Platform, gate: Gate) -> None:
    program = {"metadata": "command: python3 run.py", "run.py": gate.wait}
    row = await platform.send(Step.PREDICTION, program=program)
    await platform.until(lambda: Phase.RUNNING in row.phases)
    gate.open()
    assert (await platform.finished(row)).failure is None

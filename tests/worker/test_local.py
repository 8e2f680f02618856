"""A task run locally, by the worker's own code and with no platform."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from podium.protocol import Cause, JobLimits, Step, Stream
from podium.sandbox import Sandbox, SandboxConfig, create
from podium.worker.local import LocalTask, run_task

from .fake_platform import Tree, files_of, zip_of

pytestmark = pytest.mark.bwrap

SCORER: Tree = {
    "metadata": "command: python3 score.py",
    "score.py": (
        "good = open('/app/input/res/answer').read() == open('/app/input/ref/truth').read()\n"
        "open('/app/output/scores.json', 'w').write('{\"correct\": %d}' % good)\n"
        "open('/app/output/page.html', 'w').write('<p>seen</p>')\n"
        "print('scored')\n"
    ),
}
INGESTION: Tree = {
    "metadata": "command: python3 ingest.py",
    "ingest.py": (
        "import sys; sys.path.insert(0, '/app/ingested_program')\n"
        "import model; open('/app/output/answer', 'w').write(model.answer(open('/app/input_data/question').read()))\n"
        "print('ingested')\n"
    ),
}
CODE: Tree = {"metadata": "description: code", "model.py": "answer = str.upper"}


def folder_of(root: Path, name: str, tree: Tree) -> Path:
    folder = root / name
    folder.mkdir()
    for file, content in tree.items():
        (folder / file).write_text(str(content))
    return folder


def zip_file(root: Path, name: str, tree: Tree) -> Path:
    path = root / f"{name}.zip"
    path.write_bytes(zip_of(tree))
    return path


def said(printed: list[tuple[Step, Stream, bytes]], step: Step, stream: Stream) -> bytes:
    return b"".join(data for at, on, data in printed if (at, on) == (step, stream))


@pytest.fixture
async def sandbox(work_folder: Path) -> AsyncIterator[Sandbox]:
    made = create("bubblewrap", SandboxConfig(owner="local-tests", state_folder=work_folder / "state"))
    yield made
    await made.aclose()


@pytest.mark.parametrize("make", [folder_of, zip_file])
async def test_code_is_ingested_and_scored_from_folders_and_from_zips(  # type: ignore[no-untyped-def]
    sandbox: Sandbox, tmp_path: Path, work_folder: Path, make
) -> None:
    printed: list[tuple[Step, Stream, bytes]] = []
    result = await run_task(
        LocalTask(
            scoring_program=make(tmp_path, "scoring", SCORER),
            ingestion_program=make(tmp_path, "ingestion", INGESTION),
            input_data=make(tmp_path, "input", {"question": "life"}),
            reference_data=make(tmp_path, "reference", {"truth": "LIFE"}),
            columns=("correct",),
        ),
        make(tmp_path, "submission", CODE),
        sandbox,
        results=tmp_path / "results",
        on_output=lambda step, stream, data: printed.append((step, stream, data)),
        scratch=work_folder,
    )
    assert result.failure is None
    assert result.scores["correct"].value == 1
    assert said(printed, Step.PREDICTION, Stream.INGESTION_STDOUT) == b"ingested\n"
    assert said(printed, Step.SCORING, Stream.STDOUT) == b"scored\n"
    assert result.detailed_results is not None
    assert result.detailed_results.read_text() == "<p>seen</p>"
    assert result.prediction_output is not None
    assert files_of(result.prediction_output.read_bytes())["answer"] == "LIFE"
    assert not list(work_folder.glob("podium-run-*"))


async def test_results_without_ingestion_are_scored_in_one_step(
    sandbox: Sandbox, tmp_path: Path, work_folder: Path
) -> None:
    task = LocalTask(
        scoring_program=folder_of(tmp_path, "scoring", SCORER),
        reference_data=folder_of(tmp_path, "reference", {"truth": "42"}),
    )
    submission = folder_of(tmp_path, "submission", {"answer": "42"})
    result = await run_task(task, submission, sandbox, results=tmp_path / "results", scratch=work_folder)
    assert result.prediction is None
    assert result.scores["correct"].value == 1


async def test_a_failing_prediction_is_not_scored(sandbox: Sandbox, tmp_path: Path, work_folder: Path) -> None:
    results = tmp_path / "results"
    results.mkdir()
    (results / "scoring_output.zip").write_text("of an earlier run")
    task = LocalTask(scoring_program=folder_of(tmp_path, "scoring", SCORER))
    submission = folder_of(tmp_path, "submission", {"metadata": "command: python3 absent.py"})
    result = await run_task(task, submission, sandbox, results=results, scratch=work_folder)
    assert result.failure is not None
    assert result.failure.cause is Cause.EXIT_CODE
    assert result.scoring is None
    assert result.scores == {}
    assert result.scoring_output is None


async def test_ingestion_during_scoring_runs_locally_too(sandbox: Sandbox, tmp_path: Path, work_folder: Path) -> None:
    ingestion = {
        "metadata": "command: python3 ingest.py",
        "ingest.py": "import os; open('/app/shared/.x', 'w').write('7'); os.replace('/app/shared/.x', '/app/shared/x')",
    }
    scorer = {
        "metadata": "command: python3 score.py",
        "score.py": (
            "import os, time\n"
            "while not os.path.exists('/app/shared/x'): time.sleep(0.01)\n"
            "open('/app/output/scores.txt', 'w').write('x: ' + open('/app/shared/x').read())\n"
        ),
    }
    task = LocalTask(
        scoring_program=folder_of(tmp_path, "scoring", scorer),
        ingestion_program=folder_of(tmp_path, "ingestion", ingestion),
        ingestion_only_during_scoring=True,
    )
    submission = folder_of(tmp_path, "submission", CODE)
    result = await run_task(task, submission, sandbox, results=tmp_path / "results", scratch=work_folder)
    assert result.failure is None
    assert result.scores["x"].value == 7


async def test_a_submission_that_is_no_zip_is_told(sandbox: Sandbox, tmp_path: Path, work_folder: Path) -> None:
    broken = tmp_path / "broken.zip"
    broken.write_text("no zip")
    task = LocalTask(scoring_program=folder_of(tmp_path, "scoring", SCORER))
    result = await run_task(task, broken, sandbox, results=tmp_path / "results", scratch=work_folder)
    assert result.failure is not None
    assert result.failure.cause is Cause.UNPACK


async def test_a_missing_file_is_named(sandbox: Sandbox, tmp_path: Path) -> None:
    task = LocalTask(scoring_program=tmp_path / "nowhere.zip")
    with pytest.raises(FileNotFoundError, match=r"nowhere\.zip does not exist"):
        await run_task(task, tmp_path, sandbox, results=tmp_path / "results")


ZEROS: Tree = {
    "metadata": "command: python3 ingest.py",
    "ingest.py": (
        "for name in {names}:\n    with open('/app/output/' + name, 'wb') as file:\n        file.truncate({size})\n"
    ),
}
COUNTER: Tree = {
    "metadata": "command: python3 score.py",
    "score.py": (
        "import os\n"
        "size = os.path.getsize('/app/input/res/answer')\n"
        "open('/app/output/scores.json', 'w').write('{\"bytes\": %d}' % size)\n"
    ),
}


def zeros(tmp_path: Path, size: int, limits: JobLimits, names: tuple[str, ...] = ("answer",)) -> LocalTask:
    ingestion = {**ZEROS, "ingest.py": str(ZEROS["ingest.py"]).format(size=size, names=names)}
    return LocalTask(
        scoring_program=folder_of(tmp_path, "scoring", COUNTER),
        ingestion_program=folder_of(tmp_path, "ingestion", ingestion),
        limits=limits,
        columns=("bytes",),
    )


async def test_predictions_of_zeros_are_no_zip_bomb(sandbox: Sandbox, tmp_path: Path, work_folder: Path) -> None:
    size = 200 * 2**20
    task = zeros(tmp_path, size, JobLimits(wall_seconds=60))
    result = await run_task(
        task, folder_of(tmp_path, "code", CODE), sandbox, results=tmp_path / "results", scratch=work_folder
    )
    assert result.scoring is not None, result.prediction
    assert result.scoring.failure is None
    assert result.scoring.scores["bytes"].value == size


async def test_files_of_holes_count_with_the_size_that_they_claim(
    sandbox: Sandbox, tmp_path: Path, work_folder: Path
) -> None:
    limits = JobLimits(wall_seconds=60, disk_bytes=100 * 2**20)
    task = zeros(tmp_path, 60 * 2**20, limits, names=("one", "two"))
    result = await run_task(
        task, folder_of(tmp_path, "code", CODE), sandbox, results=tmp_path / "results", scratch=work_folder
    )
    assert result.prediction is not None
    assert result.prediction.failure is not None
    assert result.prediction.failure.cause is Cause.DISK_LIMIT

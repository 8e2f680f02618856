"""One whole journey per engine, and what differs between them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from podium.protocol import Cause, JobLimits, Step, Stream
from tests.images.podman import IMAGE, podman_service

from .fake_platform import Platform
from .worker_running import StartWorker


@pytest.fixture(scope="module")
def engine_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with podman_service(tmp_path_factory.mktemp("podman")) as address:
        yield address


@pytest.fixture(
    params=[
        pytest.param("bubblewrap", marks=pytest.mark.bwrap),
        pytest.param("docker", marks=pytest.mark.container),
        "process",
    ]
)
def engine(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The settings of a worker with one of the engines."""
    if request.param == "docker":
        return {"engine": "docker", "container_socket": request.getfixturevalue("engine_socket")}
    return {"engine": request.param, "unsafe": request.param == "process"}


async def test_a_submission_with_a_command_is_predicted_and_scored(
    platform: Platform, start_worker: StartWorker, engine: dict[str, Any]
) -> None:
    await start_worker(**engine)
    first = await platform.send(
        Step.PREDICTION,
        program={
            "metadata": "command: python3 $program/run.py $input $output",
            "run.py": (
                "import sys\n"
                "open(sys.argv[2] + '/answer', 'w').write(open(sys.argv[1] + '/question').read().upper())\n"
                "print('out')\n"
                "print('err', file=sys.stderr)\n"
            ),
        },
        ingestion={"metadata": "command: python3 $ingestion_program/ingest.py", "ingest.py": "print('beside')"},
        input_data={"question": "life"},
        image=IMAGE,
        limits=JobLimits(wall_seconds=60),
    )
    outcome = await platform.finished(first)
    assert outcome.failure is None, (outcome.failure, first.errors)
    assert (first.output, first.errors, first.text(Stream.INGESTION_STDOUT)) == ("out\n", "err\n", "beside\n")
    results = platform.uploads[f"/uploads/{first.job.attempt}/output"]
    second = await platform.send(
        Step.SCORING,
        program={
            "metadata": "command: python3 $program/score.py $input $output",
            "score.py": (
                "import sys\n"
                "good = open(sys.argv[1] + '/res/answer').read() == open(sys.argv[1] + '/ref/truth').read()\n"
                "open(sys.argv[2] + '/scores.txt', 'w').write(f'correct:{good}')\n"
            ),
        },
        reference={"truth": "LIFE"},
        results=results,
        columns=["correct"],
        image=IMAGE,
        limits=JobLimits(wall_seconds=60),
    )
    outcome = await platform.finished(second)
    assert outcome.failure is None, (outcome.failure, second.errors)
    assert outcome.scores["correct"].value == 1
    assert outcome.image_digest


async def test_a_time_limit_ends_the_program_with_its_output_kept(
    platform: Platform, start_worker: StartWorker, engine: dict[str, Any]
) -> None:
    await start_worker(**engine)
    row = await platform.send(
        Step.PREDICTION,
        program={
            "metadata": "command: python3 $program/run.py",
            "run.py": "import time\nprint('up')\ntime.sleep(1000)\n",
        },
        image=IMAGE,
        limits=JobLimits(wall_seconds=2),
    )
    outcome = await platform.finished(row)
    assert outcome.failure is not None
    assert outcome.failure.cause is Cause.TIME_LIMIT
    assert row.output == "up\n"


@pytest.mark.container
async def test_an_image_that_no_registry_has_is_told_apart(
    platform: Platform, start_worker: StartWorker, engine_socket: str
) -> None:
    await start_worker(engine="docker", container_socket=engine_socket)
    row = await platform.send(
        Step.PREDICTION, program={"metadata": "command: true"}, image="127.0.0.1:9/nobody/nothing:1"
    )
    outcome = await platform.finished(row)
    assert outcome.failure is not None
    assert outcome.failure.cause is Cause.IMAGE_PULL
    assert "127.0.0.1:9/nobody/nothing:1" in outcome.failure.message

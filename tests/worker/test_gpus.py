"""GPUs, as the engine is asked for them: a socket that speaks enough of Docker's API writes down what it is asked."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from podium.protocol import Cause, Ceilings, JobLimits, Step
from podium.worker.limits import gpu_names, gpus_for, number_of_gpus
from podium.worker.settings import SettingsError, WorkerSettings

from .fake_platform import Platform
from .worker_running import StartWorker

_ANSWERS: dict[str, Any] = {
    "/version": {"ApiVersion": "1.44", "Version": "26", "Components": [{"Name": "Engine"}]},
    "/info": {"SecurityOptions": []},
    "/containers/json": [],
    "/images/an/image:1/json": {"Id": "sha256:abc", "RepoDigests": []},
}


class Recorder:
    """An engine that knows one image, and refuses to create containers after having written down what was asked."""

    def __init__(self, path: Path) -> None:
        self.created: list[dict[str, Any]] = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self, status: int, body: Any) -> None:
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                path = path if not path.startswith("/v") or path == "/version" else "/" + path.split("/", 2)[2]
                found = _ANSWERS.get(path)
                self._answer(200 if found is not None else 404, found if found is not None else {"message": "no"})

            def do_POST(self) -> None:
                recorder.created.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self._answer(400, {"message": "this engine only writes down"})

            def do_DELETE(self) -> None:
                self._answer(404, {"message": "no such container"})

            def log_message(self, *arguments: object) -> None:
                """Nobody reads it."""

        class Server(socketserver.ThreadingUnixStreamServer):
            def get_request(self) -> tuple[Any, Any]:
                request, _ = super().get_request()
                return request, ("local", 0)

        self.server = Server(str(path), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[tuple[str, Recorder]]:
    recorder = Recorder(tmp_path / "docker.sock")
    yield f"unix://{tmp_path}/docker.sock", recorder
    recorder.close()


@pytest.mark.parametrize(
    "case",
    [
        ("all", None, [{"Driver": "", "Count": -1, "Capabilities": [["gpu"]]}]),
        ("all", 2, [{"Driver": "", "Count": 2, "Capabilities": [["gpu"]]}]),
        ("nvidia.com/gpu=0,nvidia.com/gpu=1", 1, [{"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=0"]}]),
        ("all", 0, None),
        (None, None, None),
    ],
)
async def test_the_engine_is_asked_for_what_the_phase_asks_of_what_the_worker_has(
    platform: Platform,
    start_worker: StartWorker,
    engine: tuple[str, Recorder],
    case: tuple[str | None, int | None, list[Any] | None],
) -> None:
    has, asks, requested = case
    address, recorder = engine
    await start_worker(engine="docker", container_socket=address, gpus=has)
    row = await platform.send(
        Step.PREDICTION,
        program={"metadata": "command: train"},
        image="an/image:1",
        limits=JobLimits(wall_seconds=20, gpus=asks, shm_bytes=2**30),
    )
    outcome = await platform.finished(row)

    assert outcome.failure is not None
    assert "only writes down" in outcome.failure.message
    (created,) = recorder.created
    assert created["HostConfig"].get("DeviceRequests") == requested
    assert created["HostConfig"]["ShmSize"] == 2**30
    assert platform.claims[0].ceilings.gpus == number_of_gpus(has)
    assert platform.claims[0].gpus == gpu_names(has)


async def test_a_job_that_asks_for_more_gpus_than_there_are_is_refused_and_not_run_without(
    platform: Platform, start_worker: StartWorker, engine: tuple[str, Recorder]
) -> None:
    address, recorder = engine
    await start_worker(engine="docker", container_socket=address, gpus="1")
    row = await platform.send(
        Step.PREDICTION,
        program={"metadata": "command: train"},
        image="an/image:1",
        limits=JobLimits(wall_seconds=20, gpus=2),
    )
    outcome = await platform.finished(row)
    assert outcome.failure is not None
    assert outcome.failure.cause is Cause.PLATFORM
    assert "asks for 2 GPUs and this worker has 1" in outcome.failure.message
    assert recorder.created == []


@pytest.mark.bwrap
async def test_a_job_that_asks_for_network_is_refused_where_the_worker_gives_none(
    platform: Platform, start_worker: StartWorker
) -> None:
    await start_worker()
    row = await platform.send(
        Step.PREDICTION, program={"metadata": "command: true"}, limits=JobLimits(wall_seconds=20, network=True)
    )
    outcome = await platform.finished(row)
    assert outcome.failure is not None
    assert outcome.failure.cause is Cause.PLATFORM
    assert "asks for network, which this worker does not give" in outcome.failure.message
    assert platform.claims[0].ceilings.network is False


@pytest.mark.parametrize(
    ("asked", "given", "slot", "got"),
    [
        (None, "all", 0, "all"),
        (0, "all", 0, None),
        (1, None, 0, None),
        (1, "4", 3, "1"),
        (1, "a,b,c,d", 2, "c"),
        (2, "a,b,c,d", 1, "c,d"),
        (2, "a,b,c", 1, "c,a"),
        (2, "nvidia.com/gpu=all", 1, "nvidia.com/gpu=all"),
    ],
)
def test_slots_begin_with_devices_of_their_own(
    asked: int | None, given: str | None, slot: int, got: str | None
) -> None:
    assert gpus_for(asked, given, slot) == got


def test_a_worker_without_a_container_engine_cannot_be_started_with_gpus() -> None:
    for engine in ("auto", "bubblewrap"):
        with pytest.raises(SettingsError, match="no GPU"):
            WorkerSettings(server="http://127.0.0.1", token="t", gpus="all", engine=engine)


def test_ceilings_of_a_claim_without_a_word_of_gpus_and_network_are_none_of_either() -> None:
    assert (Ceilings().gpus, Ceilings().network) == (0, False)


def test_gpus_are_shown_by_their_names() -> None:
    assert gpu_names("GPU-1, GPU-2") == ["GPU-1", "GPU-2"]
    assert gpu_names("all") == ["all"]
    assert gpu_names(None) == []

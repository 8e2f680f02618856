"""What a submission costs beyond the time inside its sandbox, with bubblewrap and with Podman; and the floor, which is
what the engine alone needs to start and remove a sandbox whose program does nothing."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping

from bench.common import (
    Up,
    environment,
    finished,
    platform,
    podman,
    report,
    spread,
    trivial_competition,
    uploaded_answers,
)
from podium.sandbox import Limits, SandboxConfig, Spec, create
from tests.images.podman import IMAGE

SUBMISSIONS, WARM_UP = 30, 3


def overheads(up: Up, image: str) -> list[float]:
    """Seconds from POST to Finished less the seconds inside the sandbox, one submission at a time."""
    client = up.administrator()
    phase = trivial_competition(up, client, image).phases[0].id
    found = []
    for place, key in enumerate(uploaded_answers(client, SUBMISSIONS + WARM_UP)):
        began = time.perf_counter()
        made = client.submit(phase, key)
        for _ in client.watch(made.id, timeout=120):
            pass
        took = time.perf_counter() - began
        finished(client, made.id)
        rows = up.rows("SELECT SUM(sandbox_seconds) FROM evaluation_run WHERE submission_id = ?", made.id)
        if place >= WARM_UP:
            found.append(took - rows[0][0])
    client.close()
    return found


def floor(engine: str, image: str | None, socket: str | None = None) -> list[float]:
    """Seconds that the engine takes around a program that does nothing, less the program's own."""

    async def ask() -> list[float]:
        config = SandboxConfig(
            owner=f"bench-{uuid.uuid4().hex[:8]}", default_environment=environment(), container_socket=socket
        )
        sandbox = create(engine, config)
        found = []
        try:
            for place in range(SUBMISSIONS + WARM_UP):
                name = f"floor-{uuid.uuid4().hex[:12]}"
                limits = Limits(wall_seconds=60, memory_bytes=2**30, processes=256)
                spec = Spec(argv=("true",), name=name, image=image, workdir="/", limits=limits)
                began = time.perf_counter()
                result = await sandbox.run(spec)
                if place >= WARM_UP:
                    found.append(time.perf_counter() - began - result.wall_seconds)
        finally:
            await sandbox.aclose()
        return found

    return asyncio.run(ask())


def _row(name: str, figures: Mapping[str, float], target: str = "") -> tuple[str, str, str]:
    return name, f"{figures['median']:.0f} ms ({figures['min']:.0f} to {figures['max']:.0f})", target


def main() -> None:
    with platform() as up:
        bubblewrap = spread(overheads(up, "codalab/codalab-legacy:py37"), 1000)
    least = spread(floor("bubblewrap", None), 1000)
    with podman() as address:
        with platform(PODIUM_WORKER_ENGINE="docker", PODIUM_WORKER_CONTAINER_SOCKET=address) as up:
            containers = spread(overheads(up, IMAGE), 1000)
        least_podman = spread(floor("docker", IMAGE, address), 1000)
    rows = [
        _row("Overhead of a submission, bubblewrap", bubblewrap, "median < 200 ms"),
        _row("  of it the engine's own start and end", least),
        _row("Overhead of a submission, Podman", containers, "median < 200 ms"),
        _row("  of it the engine's own start and end", least_podman),
    ]
    figures = {
        "bubblewrap_ms": bubblewrap,
        "bubblewrap_floor_ms": least,
        "podman_ms": containers,
        "podman_floor_ms": least_podman,
    }
    report("overhead", rows, figures)


if __name__ == "__main__":
    main()

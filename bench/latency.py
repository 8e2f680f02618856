"""From the POST of a trivial result submission until its event stream says Finished; platform idle, one at a time."""

from __future__ import annotations

import time

from bench.common import (
    Up,
    finished,
    platform,
    podman,
    report,
    spread,
    trivial_competition,
    uploaded_answers,
)
from tests.images.podman import IMAGE

SUBMISSIONS, WARM_UP = 30, 3


def measure(up: Up, image: str) -> dict[str, dict[str, float]]:
    """Submit one after the other; milliseconds as the participant sees them and as spent inside the sandbox."""
    client = up.administrator()
    phase = trivial_competition(up, client, image).phases[0].id
    seen, inside = [], []
    for place, key in enumerate(uploaded_answers(client, SUBMISSIONS + WARM_UP)):
        began = time.perf_counter()
        made = client.submit(phase, key)
        for _ in client.watch(made.id, timeout=120):
            pass
        took = time.perf_counter() - began
        finished(client, made.id)
        if place >= WARM_UP:
            seen.append(took)
            inside += [
                row[0] for row in up.rows("SELECT sandbox_seconds FROM evaluation_run WHERE submission_id = ?", made.id)
            ]
    client.close()
    return {"total_ms": spread(seen, 1000), "sandbox_ms": spread(inside, 1000)}


def _row(name: str, figures: dict[str, float], target: str) -> tuple[str, str, str]:
    return name, f"{figures['median']:.0f} ms ({figures['min']:.0f} to {figures['max']:.0f})", target


def main() -> None:
    with platform() as up:
        embedded = measure(up, "codalab/codalab-legacy:py37")
    with (
        podman() as address,
        platform(PODIUM_WORKER_ENGINE="docker", PODIUM_WORKER_CONTAINER_SOCKET=address) as up,
    ):
        containers = measure(up, IMAGE)
    rows = [
        _row("POST to Finished, bubblewrap", embedded["total_ms"], "median < 300 ms"),
        _row("  of it inside the sandbox", embedded["sandbox_ms"], ""),
        _row("POST to Finished, Podman", containers["total_ms"], "median < 700 ms"),
        _row("  of it inside the sandbox", containers["sandbox_ms"], ""),
    ]
    report("latency", rows, {"embedded": embedded, "podman": containers})


if __name__ == "__main__":
    main()

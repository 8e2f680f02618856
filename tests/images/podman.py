"""Podman's Docker-compatible service on a socket of its own, with the test image, for tests and benches."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

IMAGE = "localhost/podium-test:1"
BUILD = Path(__file__).parent / "build.sh"
# The defaults ask for more open files than a host with low hard limits may give, and crun refuses hosts whose control
# groups are mounted in both versions.
CONTAINERS_CONF = (
    '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n[engine]\nruntime = "runc"\n'
)


@contextlib.contextmanager
def podman_service(folder: Path) -> Iterator[str]:
    """Build the test image and serve the Docker Engine API from `folder` while the context is open; its address."""
    environment = podman_environment(folder)
    subprocess.run([str(BUILD), IMAGE], env=environment, check=True, timeout=600)
    with served(folder, environment) as address:
        yield address


def podman_environment(folder: Path) -> dict[str, str]:
    """The variables under which podman works on small hosts; its configuration is kept in `folder`."""
    (folder / "containers.conf").write_text(CONTAINERS_CONF)
    return {**os.environ, "CONTAINERS_CONF": str(folder / "containers.conf")}


@contextlib.contextmanager
def served(folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """Serve the Docker Engine API from `folder` while the context is open; give its address.

    The service works in `folder`, because its monitor leaves a file named "oom" where it works.
    """
    path = folder / "podman.sock"
    with (folder / "log").open("w") as log:
        service = subprocess.Popen(
            ["podman", "system", "service", "--time=0", f"unix://{path}"],
            env=environment,
            cwd=folder,
            stdout=log,
            stderr=log,
        )
        try:
            _wait_until_it_answers(path, service)
            yield f"unix://{path}"
        finally:
            service.terminate()
            service.wait(timeout=30)


def _wait_until_it_answers(path: Path, service: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as client:
        while time.monotonic() < deadline:
            assert service.poll() is None, f"podman ended: {path.with_name('log').read_text()}"
            with contextlib.suppress(httpx.TransportError):
                if client.get("http://engine/_ping").is_success:
                    return
    raise AssertionError("podman's service did not answer within a minute")

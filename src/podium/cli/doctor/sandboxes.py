"""Whether programs of participants can be run here, in a sandbox, with what they need."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from podium.cli.doctor.findings import Finding, State
from podium.cli.places import environment_of


def examine(data: Path, engine: str) -> Iterator[Finding]:
    """Look at environment and sandbox."""
    yield check_environment(data, engine)
    yield from check_sandbox(data, engine)


def check_environment(data: Path, engine: str) -> Finding:
    """Whether programs find their packages where there is no container engine."""
    if engine == "docker":
        return Finding("environment", "ok", "not needed: programs run in container images")
    from podium.sandbox.make_environment import is_complete  # noqa: PLC0415

    folder = environment_of(data)
    if is_complete(folder):
        return Finding("environment", "ok", str(folder))
    return Finding(
        "environment",
        "warn",
        f"the scientific environment is not made yet ({folder})",
        f"`podium up` makes it at its first start; or: podium environment {folder}",
    )


def check_sandbox(data: Path, engine: str) -> Iterator[Finding]:
    """What the sandbox finds out by running a program."""
    import asyncio  # noqa: PLC0415

    from podium.sandbox import SandboxConfig, SandboxError, create  # noqa: PLC0415
    from podium.sandbox.make_environment import is_complete  # noqa: PLC0415

    folder = environment_of(data)
    socket_address = os.environ.get("PODIUM_WORKER_CONTAINER_SOCKET") or os.environ.get("CONTAINER_SOCKET")
    config = SandboxConfig(
        owner=f"doctor-{os.getpid()}",
        default_environment=folder if is_complete(folder) else None,
        container_socket=socket_address,
    )
    try:
        sandbox = create(engine, config)
    except SandboxError as error:
        yield Finding("sandbox", "fail", str(error), "A compute worker cannot run here until this is mended.")
        return

    async def ask() -> list[Finding]:
        try:
            checks = await sandbox.check()
        finally:
            await sandbox.aclose()
        return [Finding(c.name, _state(c.ok, c.mend), c.detail, c.mend) for c in checks]

    yield from asyncio.run(ask())


def _state(ok: bool, mend: str) -> State:
    """A check that passes and still knows something better is a warning."""
    if not ok:
        return "fail"
    return "warn" if mend else "ok"

"""Makes the sandbox that a setting names."""

from __future__ import annotations

import shutil

from podium.sandbox.config import SandboxConfig
from podium.sandbox.contract import Sandbox, SandboxError

ENGINES = ("auto", "bubblewrap", "docker", "process")


def create(engine: str = "auto", config: SandboxConfig | None = None) -> Sandbox:
    """Makes the sandbox backend called `engine`: "auto", "bubblewrap", "docker" or "process".

    "auto" takes docker when a container socket is configured and bubblewrap otherwise; it never takes "process", which
    isolates nothing and is refused unless `config.unsafe` is set.

    Raises SandboxError when the engine is unknown, is not allowed or cannot be had on this host.
    """
    config = config or SandboxConfig()
    if engine == "auto":
        engine = "docker" if config.container_socket else "bubblewrap"
    # Imported here: a worker on bubblewrap should not pay 15 MB of memory for the container client.
    if engine == "bubblewrap":
        if shutil.which("bwrap") is None:
            raise SandboxError(
                "bubblewrap is not installed (no `bwrap` on PATH). Install the package `bubblewrap`, or point "
                "CONTAINER_SOCKET at a Docker or Podman socket."
            )
        from podium.sandbox.bubblewrap import BubblewrapSandbox  # noqa: PLC0415

        return BubblewrapSandbox(config)
    if engine == "docker":
        from podium.sandbox.docker import DockerSandbox  # noqa: PLC0415

        return DockerSandbox(config)
    if engine == "process":
        if not config.unsafe:
            raise SandboxError(
                "The process engine runs untrusted programs with the worker's own rights. Choose bubblewrap or docker, "
                "or say --unsafe if every program that will run is your own."
            )
        from podium.sandbox.process import ProcessSandbox  # noqa: PLC0415

        return ProcessSandbox(config)
    raise SandboxError(f'Unknown sandbox engine "{engine}". Choose one of: {", ".join(ENGINES)}.')

"""A worker that is killed in the middle of a run: starts what it is told on stdin and waits for its end."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from podium.sandbox import SandboxConfig, Spec, create


async def main() -> None:
    """Runs one command and tells when it has printed something."""
    engine, settings, spec = json.load(sys.stdin)
    config = SandboxConfig(**{**settings, "state_folder": Path(settings["state_folder"])})
    sandbox = create(engine, config)
    await sandbox.run(
        Spec(argv=tuple(spec["argv"]), name=spec["name"], image=spec["image"], workdir="/"),
        lambda stream, data: print("started", flush=True),
    )


asyncio.run(main())

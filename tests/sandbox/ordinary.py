"""Runs sandboxes as whoever starts this script, for tests of a worker that is an ordinary user.

Reads one JSON object from stdin (config, spec, cancel_at_output, reclaim) and writes one to stdout. It is a program of
its own because only then are its rights really those of that user.
"""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any

from podium.sandbox import Limits, Mount, SandboxConfig, Spec, create
from podium.sandbox.contract import Sandbox, Stream


async def execute(sandbox: Sandbox, spec: Spec, *, cancel_at_output: bool = False) -> dict[str, Any]:
    """Runs once: the result's fields, the chunks with their times, and whether it was cancelled and after how long."""
    began = time.monotonic()
    chunks: list[tuple[str, bytes, float]] = []
    first = asyncio.Event()

    def on_output(stream: Stream, data: bytes) -> None:
        chunks.append((stream, data, time.monotonic() - began))
        first.set()

    running = asyncio.create_task(sandbox.run(spec, on_output))
    answer: dict[str, Any] = {"result": None, "cancelled_after": None}
    if cancel_at_output:
        await first.wait()
        asked = time.monotonic()
        running.cancel()
        try:
            await running
        except asyncio.CancelledError:
            answer["cancelled_after"] = time.monotonic() - asked
    else:
        answer["result"] = dataclasses.asdict(await running)
    answer["chunks"] = [(stream, base64.b64encode(data).decode(), when) for stream, data, when in chunks]
    answer["seconds"] = time.monotonic() - began
    return answer


def spec_from(raw: dict[str, Any]) -> Spec:
    """Makes a spec of its JSON form."""
    mounts = tuple(Mount(Path(source), target, writable) for source, target, writable in raw.pop("mounts"))
    return Spec(argv=tuple(raw.pop("argv")), limits=Limits(**raw.pop("limits")), mounts=mounts, **raw)


async def main() -> None:
    """Does what stdin asks."""
    asked = json.load(sys.stdin)
    config = asked["config"]
    sandbox = create("bubblewrap", SandboxConfig(**{**config, "state_folder": Path(config["state_folder"])}))
    spec = spec_from(asked["spec"])
    for mount in spec.mounts:
        if mount.writable:
            sandbox.prepare_folder(mount.source, spec.slot)
    answer = await execute(sandbox, spec, cancel_at_output=asked["cancel_at_output"])
    if asked["reclaim"]:
        for mount in spec.mounts:
            if mount.writable:
                sandbox.reclaim_folder(mount.source)
    await sandbox.aclose()
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())

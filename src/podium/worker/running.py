"""Programs of one step, side by side in their own sandboxes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from podium.protocol import Stream
from podium.sandbox import Cause, OutputCallback, Result, Sandbox, Spec
from podium.sandbox import Stream as SandboxStream

OutputWriter = Callable[[Stream, bytes], None]


@dataclass(frozen=True)
class Program:
    """One program of a step.

    Attributes:
        name: "program" or "ingestion", as the protocol tells them apart.
        title: how a sentence about it begins.
        spec: what the sandbox runs.
        decisive: whether its bad end ends the step, so that the other one need not go on.
    """

    name: str
    title: str
    spec: Spec
    decisive: bool

    @property
    def streams(self) -> Mapping[SandboxStream, Stream]:
        """Where its output belongs."""
        if self.name == "ingestion":
            return {"stdout": Stream.INGESTION_STDOUT, "stderr": Stream.INGESTION_STDERR}
        return {"stdout": Stream.STDOUT, "stderr": Stream.STDERR}


async def run_together(sandbox: Sandbox, programs: Sequence[Program], write: OutputWriter) -> dict[str, Result]:
    """Run programs in parallel, each in its own sandbox, and return how each ended, by name.

    When a decisive program ends badly the others are ended too: the step's verdict is known. Cancelling this call
    ends all of them before it returns.
    """
    began = time.monotonic()
    tasks = {
        asyncio.create_task(sandbox.run(program.spec, _writer(program, write)), name=program.spec.name): program
        for program in programs
    }
    results: dict[str, Result] = {}
    waiting = set(tasks)
    try:
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                results[tasks[task].name] = task.result()
            failed = [tasks[task] for task in done if tasks[task].decisive and not task.result().ok]
            if failed and waiting:
                detail = f"Stopped, because {failed[0].title[0].lower()}{failed[0].title[1:]} had failed."
                await _end(waiting)
                for task in waiting:
                    results[tasks[task].name] = Result(
                        cause=Cause.CANCELLED, wall_seconds=time.monotonic() - began, detail=detail
                    )
                break
    finally:
        await _end(set(tasks))
    return results


async def _end(tasks: set[asyncio.Task[Result]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _writer(program: Program, write: OutputWriter) -> OutputCallback:
    streams = program.streams

    def on_output(stream: SandboxStream, data: bytes) -> None:
        write(streams[stream], data)

    return on_output

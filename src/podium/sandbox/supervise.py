"""Watches one running command: hands on its output, holds its limits, and kills all of it in the end.

What "all of it" means (a process namespace, a control group, a process group) is the backend's; it comes as a `Reins`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from podium.sandbox import folders, wording
from podium.sandbox.contract import OUTPUT_OVERFLOW_FACTOR, Cause, Limits, OutputCallback, Stream

FIRST_TICK_SECONDS = 0.004
LAST_TICK_SECONDS = 0.05
DISK_TICK_SECONDS = 0.1
"""How often the writable folders are measured; with the time of a scan this bounds how far a program overshoots."""

_READ_BYTES = 256 * 1024
_DRAIN_SECONDS = 5.0
_TAIL_BYTES = 2000


@dataclass(frozen=True)
class Verdict:
    """Why a run was ended from outside."""

    cause: Cause
    detail: str


class Reins(Protocol):
    """How a backend drives the processes of one run."""

    def terminate(self) -> None:
        """Asks the program to end."""

    def kill(self) -> None:
        """Ends every process of the run at once; called again it does no harm."""

    async def gone(self) -> None:
        """Returns when no process of the run is left."""

    def overuse(self) -> Verdict | None:
        """Looks at memory and the like, quickly; called every few milliseconds at first, then every 50."""


class OutputMeter:
    """Counts what a program prints and hands on what is within the cap."""

    def __init__(self, limits: Limits, on_output: OutputCallback | None) -> None:
        self.limits = limits
        self.on_output = on_output
        self.total = 0
        self.truncated: dict[Stream, bool] = {"stdout": False, "stderr": False}
        self.tail = b""

    def accept(self, stream: Stream, data: bytes) -> None:
        """Takes one chunk."""
        room = max(0, self.limits.output_bytes - self.total)
        self.total += len(data)
        if len(data) > room:
            self.truncated[stream] = True
            data = data[:room]
        if stream == "stderr" and data:
            self.tail = (self.tail + data)[-_TAIL_BYTES:]
        if data and self.on_output is not None:
            self.on_output(stream, data)

    @property
    def overflowed(self) -> bool:
        """Whether so much was printed that the run should end."""
        return self.total > self.limits.output_bytes * OUTPUT_OVERFLOW_FACTOR


class DiskWatch:
    """Measures what a run adds to its writable folders (files that were there before do not count)."""

    def __init__(self, roots: Sequence[Path], limits: Limits) -> None:
        self.limits = limits
        self.roots = [
            root
            for root in dict.fromkeys(roots)
            if root.is_dir() and not any(other != root and root.is_relative_to(other) for other in roots)
        ]
        self.baseline = 0
        self.extra_fds: list[int] = []

    @property
    def active(self) -> bool:
        """Whether there is anything to measure."""
        return self.limits.disk_bytes is not None and bool(self.roots or self.extra_fds)

    def start(self) -> None:
        """Remembers what is there already."""
        if self.limits.disk_bytes is not None:
            self.baseline = folders.measure(self.roots).bytes

    def check(self) -> Verdict | None:
        """Measures once."""
        limit = self.limits.disk_bytes
        if limit is None:
            return None
        temporary = self.temporary_bytes()
        usage = folders.measure(self.roots, stop_above=self.baseline + max(0, limit - temporary))
        if usage.too_deep:
            return Verdict(Cause.DISK_LIMIT, wording.too_deep(folders.MAX_DEPTH))
        written = usage.bytes - self.baseline + temporary
        return Verdict(Cause.DISK_LIMIT, wording.disk_limit(self.limits, written)) if written > limit else None

    def temporary_bytes(self) -> int:
        """What the run's own in-memory file systems hold; their open descriptors outlive the run's namespace."""
        total = 0
        for fd in self.extra_fds:
            with contextlib.suppress(OSError):
                found = os.fstatvfs(fd)
                total += (found.f_blocks - found.f_bfree) * found.f_frsize
        return total

    def close(self) -> None:
        """Lets go of the in-memory file systems."""
        while self.extra_fds:
            os.close(self.extra_fds.pop())


@dataclass(frozen=True)
class Ending:
    """How a supervised command ended: `verdict` is None when it ended by itself."""

    verdict: Verdict | None
    returncode: int
    wall_seconds: float


class Supervisor:
    """Supervises one started process whose stdout and stderr are pipes; use once."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        reins: Reins,
        *,
        limits: Limits,
        meter: OutputMeter,
        disk: DiskWatch,
    ) -> None:
        self.process = process
        self.reins = reins
        self.limits = limits
        self.meter = meter
        self.disk = disk
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._exited = False
        self._disk_verdict: Verdict | None = None
        self._open: dict[int, Stream] = {}

    async def run(self) -> Ending:
        """Waits for the end of the command, whoever brings it about; when it returns or raises, all processes are
        dead, and all that they printed has been handed on."""
        started = time.monotonic()
        pidfd = os.pidfd_open(self.process.pid)
        self._loop.add_reader(pidfd, self._on_exit)
        self._connect()
        scans = asyncio.create_task(self._watch_disk()) if self.disk.active else None
        try:
            verdict = await self._watch(started)
            wall = time.monotonic() - started
        finally:
            if scans is not None:
                scans.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await scans
            # Whatever happens, cancellation included, nothing of the run outlives this block.
            self.reins.kill()
            await self._finish(pidfd)
        if verdict is None and self.disk.limits.disk_bytes is not None:
            verdict = await asyncio.to_thread(self.disk.check)
        if verdict is None and self.meter.overflowed:
            verdict = Verdict(Cause.OUTPUT_LIMIT, wording.output_limit(self.limits))
        return Ending(verdict or self.reins.overuse(), self.process.returncode, wall)

    def _on_exit(self) -> None:
        self._exited = True
        self._wake.set()

    def _connect(self) -> None:
        streams: tuple[tuple[Stream, IO[bytes] | None], ...] = (
            ("stdout", self.process.stdout),
            ("stderr", self.process.stderr),
        )
        for stream, pipe in streams:
            if pipe is None:
                continue
            os.set_blocking(pipe.fileno(), False)
            self._open[pipe.fileno()] = stream
            self._loop.add_reader(pipe.fileno(), self._on_readable, pipe.fileno())

    def _on_readable(self, fd: int) -> None:
        try:
            data = os.read(fd, _READ_BYTES)
        except BlockingIOError:
            return
        if data:
            self.meter.accept(self._open[fd], data)
            if self.meter.overflowed:
                self._wake.set()
        else:
            self._close(fd)

    def _close(self, fd: int) -> None:
        self._loop.remove_reader(fd)
        del self._open[fd]
        if not self._open:
            self._wake.set()

    async def _watch(self, started: float) -> Verdict | None:
        deadline = started + self.limits.wall_seconds
        tick = FIRST_TICK_SECONDS
        while not self._exited:
            now = time.monotonic()
            if now >= deadline:
                await self._stop_politely()
                return Verdict(Cause.TIME_LIMIT, wording.time_limit(self.limits, time.monotonic() - started))
            verdict = self._disk_verdict or self.reins.overuse()
            if verdict is None and self.meter.overflowed:
                verdict = Verdict(Cause.OUTPUT_LIMIT, wording.output_limit(self.limits))
            if verdict is not None:
                return verdict
            await self._sleep(min(tick, deadline - now))
            tick = min(tick * 2, LAST_TICK_SECONDS)
        return None

    async def _sleep(self, longest: float) -> None:
        self._wake.clear()
        if self._exited:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), longest)

    async def _stop_politely(self) -> None:
        self.reins.terminate()
        until = time.monotonic() + self.limits.grace_seconds
        while not self._exited and (left := until - time.monotonic()) > 0 and not self.meter.overflowed:
            await self._sleep(left)

    async def _watch_disk(self) -> None:
        while True:
            began = time.monotonic()
            self._disk_verdict = await asyncio.to_thread(self.disk.check)
            if self._disk_verdict is not None:
                self._wake.set()
                return
            # A big tree is measured less often, so that measuring never takes more than a fifth of a processor.
            await asyncio.sleep(max(DISK_TICK_SECONDS, 4 * (time.monotonic() - began)))

    async def _finish(self, pidfd: int) -> None:
        """Waits for the dead, and reads what they had printed; cannot be interrupted, but takes only moments."""
        waiting = asyncio.ensure_future(self._finish_now(pidfd))
        interrupted: asyncio.CancelledError | None = None
        while not waiting.done():
            try:
                await asyncio.shield(waiting)
            except asyncio.CancelledError as error:
                interrupted = error
        waiting.result()
        if interrupted is not None:
            raise interrupted

    async def _finish_now(self, pidfd: int) -> None:
        while not self._exited:
            await self._sleep(1.0)
        self._loop.remove_reader(pidfd)
        os.close(pidfd)
        self.process.wait()
        await self.reins.gone()
        until = time.monotonic() + _DRAIN_SECONDS
        while self._open and not self.meter.overflowed and (left := until - time.monotonic()) > 0:
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), left)
        for fd in list(self._open):
            self._close(fd)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()

"""Watches one running command: hands on its output, holds its limits, and kills all of it in the end.

What "all of it" means (a process namespace, a control group, a process group) is the backend's; it comes as a `Reins`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar

from podium.sandbox import folders, wording
from podium.sandbox.contract import OUTPUT_OVERFLOW_FACTOR, Cause, Limits, OutputCallback, Stream

FIRST_TICK_SECONDS = 0.004
LAST_TICK_SECONDS = 0.05
DISK_TICK_SECONDS = 0.1
"""How often the writable folders are measured; with the time of a scan this bounds how far a program overshoots."""

_READ_BYTES = 256 * 1024
_DRAIN_SECONDS = 5.0
_TAIL_BYTES = 2000

T = TypeVar("T")


@dataclass(frozen=True)
class Verdict:
    """Why a run was ended from outside."""

    cause: Cause
    detail: str


class Reins(Protocol):
    """How a backend drives one started run."""

    def connect(self, on_data: Callable[[Stream, bytes], None], on_exit: Callable[[], None]) -> None:
        """Begins to hand on output, and to tell once when the program has ended."""

    async def terminate(self) -> None:
        """Asks the program to end."""

    async def kill(self) -> None:
        """Ends every process of the run at once; called again, or late, it does no harm."""

    async def finish(self) -> None:
        """Returns when no process of the run is left and all that they had printed is handed on."""

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


class TemporaryFiles:
    """Opens a run's in-memory file systems from outside, for a disk watch to measure, during the run and after it.

    `pid` is the host's number of a process inside; 0 until it is known. Where the kernel does not let us look (a worker
    in a container of its own) they are bounded by their size only.
    """

    def __init__(self, disk: DiskWatch) -> None:
        self.pid = 0
        self._disk = disk
        self._known = {target: {_device_of(target)} for target in ("/tmp", "/dev/shm")}  # noqa: S108 - inside

    def find(self) -> None:
        """Opens those that were not seen before.

        It looks again every time: while a namespace is set up, the host's own lie there at first, and then a
        passing one of the tool that sets it up.
        """
        for target, known in self._known.items() if self.pid else ():
            with contextlib.suppress(OSError):
                fd = os.open(f"/proc/{self.pid}/root{target}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                device = os.fstat(fd).st_dev
                if device in known:
                    os.close(fd)
                    continue
                self._disk.extra_fds.append(fd)
                known.add(device)


def _device_of(path: str) -> int | None:
    try:
        return Path(path).stat().st_dev
    except OSError:
        return None


@dataclass(frozen=True)
class Ending:
    """How a supervised command ended: `verdict` is None when it ended by itself."""

    verdict: Verdict | None
    wall_seconds: float


class Supervisor:
    """Supervises one started run; use once."""

    def __init__(self, reins: Reins, *, limits: Limits, meter: OutputMeter, disk: DiskWatch) -> None:
        self.reins = reins
        self.limits = limits
        self.meter = meter
        self.disk = disk
        self._wake = asyncio.Event()
        self._exited = False
        self._disk_verdict: Verdict | None = None

    async def run(self) -> Ending:
        """Waits for the end of the run, whoever brings it about; when it returns or raises, all processes are dead, and
        all that they printed has been handed on."""
        started = time.monotonic()
        self.reins.connect(self._on_data, self._on_exit)
        scans = asyncio.create_task(self._watch_disk()) if self.disk.limits.disk_bytes is not None else None
        try:
            verdict = await self._watch(started)
            wall = time.monotonic() - started
        finally:
            # Whatever happens, cancellation included, nothing of the run outlives this block.
            await uninterrupted(self._finish(scans))
        verdict = verdict or self.reins.overuse()
        if verdict is None and self.meter.overflowed:
            verdict = Verdict(Cause.OUTPUT_LIMIT, wording.output_limit(self.limits))
        if verdict is None and self.disk.active:
            verdict = await asyncio.to_thread(self.disk.check)
        return Ending(verdict, wall)

    def _on_data(self, stream: Stream, data: bytes) -> None:
        self.meter.accept(stream, data)
        if self.meter.overflowed:
            self._wake.set()

    def _on_exit(self) -> None:
        self._exited = True
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
        await self.reins.terminate()
        until = time.monotonic() + self.limits.grace_seconds
        while not self._exited and (left := until - time.monotonic()) > 0 and not self.meter.overflowed:
            await self._sleep(left)

    async def _watch_disk(self) -> None:
        while self._disk_verdict is None:
            began = time.monotonic()
            if self.disk.active:
                self._disk_verdict = await asyncio.to_thread(self.disk.check)
            # A big tree is measured less often, so that measuring never takes more than a third of a processor.
            await asyncio.sleep(max(DISK_TICK_SECONDS, 2 * (time.monotonic() - began)))
        self._wake.set()

    async def _finish(self, scans: asyncio.Task[None] | None) -> None:
        await self.reins.kill()
        if scans is not None:
            scans.cancel()
            await asyncio.wait([scans])
        await self.reins.finish()


async def uninterrupted(work: Coroutine[Any, Any, T]) -> T:
    """Awaits work to its end even when the waiting task is cancelled meanwhile; the cancellation is raised after it."""
    task = asyncio.ensure_future(work)
    interrupted: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            interrupted = error
    result = task.result()
    if interrupted is not None:
        raise interrupted
    return result


class PipedProcess:
    """A local process whose stdout and stderr are pipes, tied to the event loop."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._loop = asyncio.get_running_loop()
        self._pidfd = os.pidfd_open(process.pid)
        self._changed = asyncio.Event()
        self._open: dict[int, Stream] = {}

    def connect(self, on_data: Callable[[Stream, bytes], None], on_exit: Callable[[], None]) -> None:
        """Begins to hand on output, and to tell when the process has ended."""
        self._on_data, self._on_exit = on_data, on_exit
        self._loop.add_reader(self._pidfd, self._ended)
        streams: tuple[tuple[Stream, IO[bytes] | None], ...] = (
            ("stdout", self.process.stdout),
            ("stderr", self.process.stderr),
        )
        for stream, pipe in streams:
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                self._open[pipe.fileno()] = stream
                self._loop.add_reader(pipe.fileno(), self._readable, pipe.fileno())

    def _ended(self) -> None:
        self._loop.remove_reader(self._pidfd)
        self._on_exit()

    def _readable(self, fd: int) -> None:
        try:
            data = os.read(fd, _READ_BYTES)
        except BlockingIOError:
            return
        if data:
            self._on_data(self._open[fd], data)
        else:
            self._loop.remove_reader(fd)
            del self._open[fd]
        self._changed.set()

    async def finish(self) -> None:
        """Collects the process, which must have been killed, and reads what is left in its pipes."""
        await readable(self._pidfd)
        os.close(self._pidfd)
        self.process.wait()
        until = time.monotonic() + _DRAIN_SECONDS
        # What the dead left in the pipes is little; only a pipe that a stranger holds open would take the whole time.
        while self._open and (left := until - time.monotonic()) > 0:
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), left)
        for fd in self._open:
            self._loop.remove_reader(fd)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


async def readable(fd: int) -> None:
    """Waits until a descriptor can be read; a pidfd can be when its process has ended."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(fd, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(fd)

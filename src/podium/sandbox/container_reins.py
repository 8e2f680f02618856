"""Drives one container: its output frames, its end, its memory and its verdict."""

from __future__ import annotations

import asyncio
import contextlib
import socket as sockets
import struct
from collections.abc import Callable
from typing import Any

from podium.sandbox import wording
from podium.sandbox.cgroups import Group
from podium.sandbox.contract import Cause, ImageInfo, Limits, Result, Spec, Stream
from podium.sandbox.engine import Engine
from podium.sandbox.supervise import DiskWatch, Ending, OutputMeter, TemporaryFiles, Verdict

_FRAME_HEADER = struct.Struct(">BxxxL")
_STREAMS: dict[int, Stream] = {1: "stdout", 2: "stderr"}
_READ_BYTES = 256 * 1024
_POLL_SECONDS = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25)
_ENDED = ("exited", "stopped", "dead", "removing")


class FrameReader:
    """Takes the engine's multiplexed stream apart: an 8 byte header (stream, length), then as many bytes of data."""

    def __init__(self, on_data: Callable[[Stream, bytes], None]) -> None:
        self._on_data = on_data
        self._header = b""
        self._left = 0
        self._stream: Stream = "stdout"

    def feed(self, data: bytes) -> None:
        """Takes bytes as they come from the socket, cut anywhere."""
        while data:
            if self._left:
                piece, data = data[: self._left], data[self._left :]
                self._left -= len(piece)
                self._on_data(self._stream, piece)
                continue
            missing = _FRAME_HEADER.size - len(self._header)
            self._header, data = self._header + data[:missing], data[missing:]
            if len(self._header) == _FRAME_HEADER.size:
                number, self._left = _FRAME_HEADER.unpack(self._header)
                self._stream = _STREAMS.get(number, "stderr")
                self._header = b""


class ContainerReins:
    """Drives one created and attached container."""

    def __init__(self, engine: Engine, container: str, stream: sockets.socket, limits: Limits, disk: DiskWatch) -> None:
        self.engine = engine
        self.container = container
        self.stream = stream
        self.limits = limits
        self.state: dict[str, Any] = {}
        self.peak = 0
        self.cpu: float | None = None
        self.group: Group | None = None
        self._temporary = TemporaryFiles(disk)
        self._loop = asyncio.get_running_loop()
        self._drained = asyncio.Event()
        self._ended = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self._on_exit: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Starts the container."""
        self.state = await self.engine.call(self.engine.start, self.container)
        pid = int(self.state.get("Pid") or 0)
        if pid:
            self._temporary.pid = pid
            self.group = Group.of(pid)

    def connect(self, on_data: Callable[[Stream, bytes], None], on_exit: Callable[[], None]) -> None:
        """Begins to hand on output, and to tell when the container has ended."""
        self._frames = FrameReader(on_data)
        self._on_exit = on_exit
        self._loop.add_reader(self.stream.fileno(), self._readable)
        self._watching = self._loop.create_task(self._watch_end())

    def _readable(self) -> None:
        try:
            data = self.stream.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:  # the engine has gone away; its state call will say so
            data = b""
        if data:
            self._frames.feed(data)
        else:
            self._loop.remove_reader(self.stream.fileno())
            self._drained.set()

    async def _watch_end(self) -> None:
        """Asks the engine for the state: soon and often once the output has ended, else every quarter of a second."""
        try:
            turn = 0
            while True:
                patience = _POLL_SECONDS[min(turn, len(_POLL_SECONDS) - 1)] if self._drained.is_set() else 0.25
                if self._drained.is_set():
                    turn += 1
                    await asyncio.sleep(patience)
                else:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._drained.wait(), patience)
                self.state = await self.engine.call(self.engine.state, self.container)
                if self.state["Status"] in _ENDED:
                    return
        finally:
            self._ended.set()
            self._on_exit()

    async def terminate(self) -> None:
        """Asks the program to end."""
        await self.engine.call(self.engine.signal, self.container, "SIGTERM")

    async def kill(self) -> None:
        """Kills the container, which kills every process in it."""
        if self.state.get("Status") not in _ENDED:
            await self.engine.call(self.engine.signal, self.container, "SIGKILL")

    async def finish(self) -> None:
        """Waits until the engine says that the container has ended and its output has been read."""
        if self._watching is not None:
            await self._watching
            await self._drained.wait()

    def overuse(self) -> Verdict | None:
        """Looks at memory; the engine itself ends a container that is over its limit."""
        self._temporary.find()
        if self.group is not None:
            self.peak = max(self.peak, self.group.memory_bytes())
            self.cpu = self.group.cpu_seconds() or self.cpu
            if self.group.out_of_memory_kills():
                return Verdict(Cause.MEMORY_LIMIT, wording.memory_limit(self.limits, None))
        if self.state.get("OOMKilled"):
            return Verdict(Cause.MEMORY_LIMIT, wording.memory_limit(self.limits, None))
        return None

    def close(self) -> None:
        """Closes the output stream."""
        with contextlib.suppress(ValueError, OSError):
            self._loop.remove_reader(self.stream.fileno())
        self.stream.close()


def result_of(spec: Spec, ending: Ending, reins: ContainerReins, meter: OutputMeter, image: ImageInfo) -> Result:
    """Makes the result of a supervised container."""
    exit_code = int(reins.state.get("ExitCode", -1))
    verdict = ending.verdict or Verdict(wording.exit_cause(exit_code), wording.exit_sentence(exit_code, spec.argv[0]))
    return Result(
        cause=verdict.cause,
        exit_code=exit_code,
        signal=wording.signal_of(exit_code),
        wall_seconds=ending.wall_seconds,
        cpu_seconds=reins.cpu,
        peak_memory_bytes=reins.peak or None,
        stdout_truncated=meter.truncated["stdout"],
        stderr_truncated=meter.truncated["stderr"],
        detail=verdict.detail,
        image_digest=image.digest,
    )

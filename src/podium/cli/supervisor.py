"""Keeps a few processes running: starts them, stores what they print, restarts what dies, ends all of them.

One thread, one selector, nothing but the standard library: it is the one process that must never be in the way.
Every child is the leader of its own session, so that a Ctrl-C of the terminal reaches the supervisor alone, and asks
the kernel to be killed when the supervisor dies, so that even `kill -9` leaves nothing behind (on Linux).
"""

from __future__ import annotations

import contextlib
import ctypes
import heapq
import itertools
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

STOP_SECONDS = 3.0
KILL_SECONDS = 1.0
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STEADY_SECONDS = 30.0
LOOP_STARTS = 4
LOG_BYTES = 10 * 1024 * 1024
LOG_KEPT = 3
MAX_CAPTURED = 1024 * 1024
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None

Say = Callable[[str], None]


class LogFile:
    """A file that a process's output goes to, at most 10 MB; the three before it are kept as .1, .2 and .3."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size:
            self._shift()
        self._stream = path.open("ab", buffering=0)
        self._size = 0

    def write(self, data: bytes) -> None:
        """Append output."""
        if self._size + len(data) > LOG_BYTES and self._size:
            self._stream.close()
            self._shift()
            self._stream = self.path.open("ab", buffering=0)
            self._size = 0
        self._stream.write(data)
        self._size += len(data)

    def tail(self, lines: int = 15) -> str:
        """The last lines."""
        with self.path.open("rb") as stream:
            stream.seek(max(0, self.path.stat().st_size - 16384))
            return "\n".join(stream.read().decode(errors="replace").splitlines()[-lines:])

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def _shift(self) -> None:
        names = [self.path, *(self.path.with_name(f"{self.path.name}.{n}") for n in range(1, LOG_KEPT + 1))]
        for newer, older in reversed(list(itertools.pairwise(names))):
            if newer.exists():
                newer.replace(older)


@dataclass(frozen=True)
class Program:
    """A process to run: name, command, environment and log file.

    Without `on_end` it is restarted whenever it ends. With `on_end` it runs once; its standard output is not logged
    but handed to `on_line` line by line and, in the end, with its exit code, to `on_end`. `give_up` is asked with the
    exit code whenever a program without `on_end` has ended; True leaves it ended.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    log: Path
    on_end: Callable[[int, str], None] | None = None
    on_line: Say | None = None
    give_up: Callable[[int], bool] | None = None


@dataclass
class _Child:
    program: Program
    log: LogFile
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    short_lives: int = 0
    captured: bytearray = field(default_factory=bytearray)
    told: int = 0
    pipes: list[int] = field(default_factory=list)


class Supervisor:
    """Runs programs until it is told to stop; `say` prints a line for the operator."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._children: dict[str, _Child] = {}
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._signals = 0
        self._exit_code: int | None = None

    # What the owner does

    def start(self, program: Program) -> None:
        """Start a program now."""
        child = self._children.get(program.name)
        if child is None:
            child = self._children[program.name] = _Child(program, LogFile(program.log))
        self._spawn(child)

    def log_tail(self, name: str) -> str:
        """The last lines that a program printed."""
        return self._children[name].log.tail()

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Call `action` from the loop after some seconds."""
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._numbers), action))

    def watch(self, descriptor: int, events: int, action: Callable[[], None]) -> None:
        """Call `action` from the loop whenever a descriptor is ready."""
        self._selector.register(descriptor, events, action)

    def unwatch(self, descriptor: int) -> None:
        """Stop watching a descriptor."""
        self._selector.unregister(descriptor)

    def stop(self, exit_code: int = 0) -> None:
        """Make `run` end every program and return."""
        self._exit_code = exit_code

    def run(self, begin: Callable[[], None]) -> int:
        """Call `begin`, and run what it starts until stopped or told to by SIGINT, SIGTERM or SIGHUP.

        Returns the exit code; no program is left then.
        """
        with self._listening():
            begin()
            while self._exit_code is None and not self._signals:
                self._turn(None)
            self._end_all()
        return self._exit_code or 0

    # The loop

    @contextlib.contextmanager
    def _listening(self) -> Iterator[None]:
        """Turn signals into wake-ups of the selector, and put everything back afterwards."""
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)

        def stop_asked(_number: int, _frame: object) -> None:
            self._signals += 1

        def child_ended(_number: int, _frame: object) -> None:
            """Only wakes the selector."""

        asked = {signal.SIGINT: stop_asked, signal.SIGTERM: stop_asked, signal.SIGHUP: stop_asked}
        before = {number: signal.signal(number, handler) for number, handler in asked.items()}
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, child_ended)
        old_writer = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        self.watch(reader, selectors.EVENT_READ, lambda: _drain(reader))
        try:
            yield
        finally:
            self.unwatch(reader)
            signal.set_wakeup_fd(old_writer)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(reader)
            os.close(writer)

    def _turn(self, most: float | None) -> None:
        """Wait for the next thing to happen, at most `most` seconds, and deal with it."""
        waits = [w for w in (most, self._timers[0][0] - time.monotonic() if self._timers else None) if w is not None]
        for key, _ in self._selector.select(max(0.0, min(waits)) if waits else None):
            key.data()
        for child in list(self._children.values()):
            if child.process is not None and child.process.poll() is not None:
                self._ended(child, child.process.returncode)
        while self._timers and self._timers[0][0] <= time.monotonic():
            heapq.heappop(self._timers)[2]()

    # Children

    def _spawn(self, child: _Child) -> None:
        program = child.program
        child.captured.clear()
        child.told = 0
        separate = program.on_end is not None
        try:
            process = subprocess.Popen(
                program.argv,
                env=dict(program.env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if separate else subprocess.STDOUT,
                bufsize=0,
                start_new_session=True,
                preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 - this process has one thread
            )
        except OSError as error:
            child.log.write(f"{program.argv[0]} cannot be started: {error}\n".encode())
            child.started = time.monotonic()
            self.later(0, lambda: self._ended(child, 127))
            return
        child.process = process
        child.started = time.monotonic()
        child.log.write(
            f"--- {time.strftime('%Y-%m-%dT%H:%M:%S%z')} {program.name} started, pid {process.pid} ---\n".encode()
        )
        if process.stdout:
            self._attach(child, process.stdout.fileno(), capture=separate)
        if process.stderr:
            self._attach(child, process.stderr.fileno(), capture=False)

    def _attach(self, child: _Child, descriptor: int, *, capture: bool) -> None:
        os.set_blocking(descriptor, False)
        child.pipes.append(descriptor)

        def ready() -> None:
            if self._take(child, descriptor, capture=capture) == 0:
                self._detach(child, descriptor)

        self.watch(descriptor, selectors.EVENT_READ, ready)

    def _take(self, child: _Child, descriptor: int, *, capture: bool) -> int | None:
        """Store a piece of output and return its size: 0 at the end, None when there is nothing at the moment."""
        try:
            data = os.read(descriptor, 65536)
        except BlockingIOError:
            return None
        if capture:
            child.captured += data[: max(0, MAX_CAPTURED - len(child.captured))]
            self._tell_lines(child)
        elif data:
            child.log.write(data)
        return len(data)

    def _tell_lines(self, child: _Child) -> None:
        while child.program.on_line and (end := child.captured.find(b"\n", child.told)) >= 0:
            line = child.captured[child.told : end].decode(errors="replace")
            child.told = end + 1
            child.program.on_line(line)

    def _detach(self, child: _Child, descriptor: int) -> None:
        if descriptor in child.pipes:
            child.pipes.remove(descriptor)
            self.unwatch(descriptor)

    def _ended(self, child: _Child, code: int) -> None:
        """A process is gone: take its last words, end what it left, and restart it or tell its owner."""
        process, child.process = child.process, None
        if process is not None:
            _signal_group(process.pid, signal.SIGKILL)
            for stream, capture in ((process.stdout, child.program.on_end is not None), (process.stderr, False)):
                if stream:
                    self._take_rest(child, stream.fileno(), capture=capture)
                    stream.close()
        if self._exit_code is not None or self._signals:
            return
        if child.program.on_end is not None:
            child.program.on_end(code, child.captured.decode(errors="replace"))
        elif not (child.program.give_up and child.program.give_up(code)):
            self._restart(child, code)

    def _take_rest(self, child: _Child, descriptor: int, *, capture: bool) -> None:
        """Read what is in the pipe; a grandchild that keeps it open is not waited for."""
        while descriptor in child.pipes:
            if not self._take(child, descriptor, capture=capture):
                self._detach(child, descriptor)

    def _restart(self, child: _Child, code: int) -> None:
        name = child.program.name
        lived = time.monotonic() - child.started
        child.short_lives = child.short_lives + 1 if lived < STEADY_SECONDS else 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (child.short_lives - 1))
        if child.short_lives == LOOP_STARTS:
            self._say(f"{name} keeps ending right after its start. The end of {child.log.path}:\n{child.log.tail()}")
        self._say(f"{name} ended ({describe_exit(code)}); it starts again in {pause:g} s.")
        self.later(pause, lambda: self._spawn(child))

    # The end

    def _end_all(self) -> None:
        """SIGTERM, SIGKILL after three seconds (or at a second signal), each to the whole process group."""
        self._timers.clear()
        asked = max(self._signals, 1)
        self._signal_all(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while self._living() and self._signals <= asked and (left := deadline - time.monotonic()) > 0:
            self._turn(left)
        self._signal_all(signal.SIGKILL)
        deadline = time.monotonic() + KILL_SECONDS
        while self._living() and (left := deadline - time.monotonic()) > 0:
            self._turn(left)
        for child in self._children.values():
            for descriptor in list(child.pipes):
                self._detach(child, descriptor)
            child.log.close()

    def _signal_all(self, number: signal.Signals) -> None:
        for child in self._living():
            if child.process is not None:
                _signal_group(child.process.pid, number)

    def _living(self) -> list[_Child]:
        return [child for child in self._children.values() if child.process is not None]


def describe_exit(code: int) -> str:
    """An exit code in words."""
    if code < 0:
        try:
            return f"killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"killed by signal {-code}"
    return f"exit code {code}"


def _die_with(parent: int) -> Callable[[], None] | None:
    """What a child does before it becomes its program: ask to be killed when its parent dies."""
    if _LIBC is None:
        return None
    prctl = _LIBC.prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:  # it died before the question was put
            os._exit(1)

    return ask


def _signal_group(leader: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # gone already is what was wanted
        os.killpg(leader, number)


def _drain(descriptor: int) -> None:
    with contextlib.suppress(BlockingIOError):
        while os.read(descriptor, 4096):
            pass

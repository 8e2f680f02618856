"""`make run`: starts Podium, plays an organizer and a participant once through the public faces, and stays up.

Everything goes the way a stranger's would: accounts by the sign-up page, the rest by the REST API. What exists already
is left alone, so a second start shows the same leaderboard. The accounts made here have random passwords, kept in
`demo-accounts.json` in the data folder, readable by its owner only.

Environment: PODIUM_DATA (data folder, default ./podium-data), HOST (default 127.0.0.1), PORT (default 8000).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parent))
from demo_accounts import Accounts

ROOT = Path(__file__).resolve().parent.parent
READY = "Podium is ready: "
STOP_SECONDS = 4.5
"""How long `podium up` has to end its processes; it takes 3 s at most by itself."""


_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class Stopped(BaseException):
    """Somebody pressed Ctrl-C or asked the process to end."""


class Platform:
    """`podium up` as a child process; its lines are printed, and read for the one that says that it is ready."""

    def __init__(self, host: str, port: int, data: Path, env: dict[str, str]) -> None:
        command = [sys.executable, "-m", "podium.cli", "up", "--host", host, "--port", str(port), "--data", str(data)]
        # A session of its own: a Ctrl-C of the terminal reaches this process alone, which then stops it once.
        self._process = subprocess.Popen(
            command,
            env=env,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            start_new_session=True,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - no thread runs yet
        )
        self._ready: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._greeting: list[str] = []
        self._told = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        for line in self._process.stdout:
            if line.startswith(READY):
                self._ready.put(line.removeprefix(READY).strip())
            if line.startswith((READY, "Log in as ")) and not self._told.is_set():
                self._greeting.append(line)  # printed last, below the leaderboard
            else:
                print(line, end="", flush=True)
        self._ready.put(None)

    def wait_until_ready(self) -> str | None:
        """The address, as soon as the first page answers; None when the platform ended instead."""
        return self._ready.get()

    def greet(self) -> None:
        """Print what was held back: the address. From now on every line is printed as it comes."""
        self._told.set()
        for line in self._greeting:
            if line.startswith(READY):
                print(line, end="", flush=True)

    def wait(self) -> int:
        """Wait for the platform's end and return its exit code."""
        code = self._process.wait()
        self._reader.join(timeout=1)
        return code

    def stop(self) -> int:
        """End it and everything that it started, by force if need be; returns its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)  # its children die with it
        return self.wait()


def main() -> int:
    """Run the demonstration; returns the exit code."""
    host = os.environ.get("HOST") or "127.0.0.1"
    port = int(os.environ.get("PORT") or 8000)
    data = Path(os.environ.get("PODIUM_DATA") or "podium-data").resolve()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    platform: Platform | None = None
    try:
        accounts = Accounts.of(data)
        platform = Platform(host, port, data, {**os.environ, **accounts.environment()})
        return _play(platform, accounts)
    except Stopped:
        # The terminal sends Ctrl-C to make as well; a second one must not interrupt the stopping.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        print("\nStopping ...", flush=True)
        return platform.stop() if platform else 0


def _play(platform: Platform, accounts: Accounts) -> int:
    began = time.monotonic()
    try:
        from demo_story import Story  # noqa: PLC0415 - loaded while the platform starts

        address = platform.wait_until_ready()
        if address is None:
            return platform.wait() or 1
        Story(address, accounts, ROOT / "examples" / "iris").play()
        print(f"\nFrom start to leaderboard: {time.monotonic() - began:.1f} s", flush=True)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is told below
        # The platform is up and of use all the same; the fault is shown, and the exit code tells it in the end.
        print(f"\nError: {_in_words(error)}", file=sys.stderr, flush=True)
        platform.greet()
        platform.wait()
        return 1
    accounts.print_table()
    platform.greet()
    print("Stop with Ctrl-C. The data stays; the next `make run` finds it.", flush=True)
    return platform.wait()


def _in_words(error: Exception) -> str:
    """The text of a fault that the story foresaw; the whole traceback of one that it did not."""
    from demo_story import StoryError  # noqa: PLC0415 - loaded while the platform starts

    if isinstance(error, StoryError):
        return str(error)
    return f"The demonstration failed in an unforeseen way.\n{''.join(traceback.format_exception(error))}"


def _end_with_parent() -> None:
    """In the child: be told to end when this process dies, even by kill -9 (on Linux)."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Stopped


if __name__ == "__main__":
    sys.exit(main())

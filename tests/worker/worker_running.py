"""Workers that serve within the tests' own event loop."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from podium.worker.main import serve
from podium.worker.settings import Retries, WorkerSettings

QUICK = Retries(first_seconds=0.01, longest_seconds=0.05, patience_seconds=5)
# Host users of these tests' sandboxes alone, so that their living processes can be told from anybody else's.
UID_BASE = 30_000 + os.getpid() % 250 * 128
StartWorker = Callable[..., Awaitable["RunningWorker"]]


class RunningWorker:
    """A worker that serves in this process's event loop."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings
        self._stop = asyncio.Event()
        self.task = asyncio.create_task(serve(settings, stop=self._stop))

    async def stop(self) -> None:
        self._stop.set()
        await self.task

    async def until_logged(self, text: str) -> None:
        """Wait until the worker has logged a line that contains `text`."""
        log = logging.getLogger("podium.worker")
        seen = asyncio.Event()

        class Watch(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                if text in record.getMessage():
                    seen.set()

        watch = Watch()
        log.addHandler(watch)
        try:
            async with asyncio.timeout(30):
                await seen.wait()
        finally:
            log.removeHandler(watch)

    def job_folders(self) -> list[Path]:
        return list(self.settings.work.glob("workers/*/jobs/*"))


class Gate:
    """Lets programs in sandboxes wait for the test: they see the worker's data folder, and this file in it."""

    wait = "import os as _os, time as _time\nwhile not _os.path.exists('/app/data/open'): _time.sleep(0.01)\n"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)

    def open(self) -> None:
        """Let every waiting program go on."""
        (self.folder / "open").touch(mode=0o644)


def processes_of_users(first_uid: int, count: int = 64) -> list[int]:
    """Living processes of the sandbox's host users, looked up from outside."""
    uids = {str(first_uid + number) for number in range(count)}
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = status.read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        fields = dict(line.split(":", 1) for line in lines if ":" in line)
        if fields["Uid"].split()[0] in uids and "Z" not in fields["State"]:
            found.append(int(status.parent.name))
    return found

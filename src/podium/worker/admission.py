"""Whether a job may be taken now: not where the disk would fill up while it runs."""

from __future__ import annotations

import asyncio
import logging
import shutil
from pathlib import Path

from podium.sandbox import GIB, Sandbox
from podium.worker.cache import DatasetCache

log = logging.getLogger("podium.worker")


class Admission:
    """Looks before each claim how much disk is free where jobs are done, and makes room where there is too little.

    Args:
        folder: the worker's folder; jobs and cache lie in it.
        min_free_bytes: how much must be free.
        cache: its entries go first, those in use excepted.
        sandbox: then the images that it pulled go.
    """

    def __init__(self, folder: Path, min_free_bytes: int, cache: DatasetCache, sandbox: Sandbox) -> None:
        self._folder = folder
        self._floor = min_free_bytes
        self._cache = cache
        self._sandbox = sandbox
        self._one = asyncio.Lock()
        self._told = ""

    async def reason_against(self) -> str:
        """Why no job may be taken now, or ""; told in the log when it changes."""
        async with self._one:
            free = self._free()
            if free < self._floor:
                free = await self._make_room(free)
            reason = ""
            if free < self._floor:
                reason = (
                    f"{free / GIB:.1f} GiB of disk are free where jobs are done, and {self._floor / GIB:.1f} GiB must "
                    "be (PODIUM_WORKER_MIN_FREE_DISK_GB)."
                )
        if bool(reason) != bool(self._told):
            log.warning("No job is taken: %s", reason) if reason else log.info("There is disk for jobs again")
        self._told = reason
        return reason

    def _free(self) -> int:
        return shutil.disk_usage(self._folder).free

    async def _make_room(self, free: int) -> int:
        missing = self._floor - free
        kept = await asyncio.to_thread(self._cache.evict)
        await asyncio.to_thread(self._cache.evict, max(0, kept - missing))
        if (free := self._free()) < self._floor:
            await self._sandbox.give_back_disk()
            free = self._free()
        return free

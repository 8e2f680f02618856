"""A process that uses the cache and never ends by itself: `cache_user.py ROOT KEY half|whole`; says "made"."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from podium.worker.cache import DatasetCache

BLOCK = 4096


async def main(root: Path, key: str, *, half: bool) -> None:
    async def make(folder: Path) -> None:
        (folder / "data").write_text("x")
        if half:
            print("made", flush=True)
            await asyncio.Event().wait()

    async with DatasetCache(root, BLOCK).borrow(key, make):
        print("made", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], half=sys.argv[3] == "half"))

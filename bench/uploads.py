"""Large files in and out on the same machine: 1 GB in parts with checksums, and 1 GB down, with peak memory."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from bench.common import Up, platform, report
from podium.client import Podium

SIZE = 1_000_000_000
MB = 1_000_000
TARGET = 150


class Peaks:
    """The most resident memory of processes while a block runs, above what they had before."""

    def __init__(self, **pids: int) -> None:
        self._processes = {role: psutil.Process(pid) for role, pid in pids.items()}
        self.grown: dict[str, float] = dict.fromkeys(pids, 0.0)

    def processor_seconds(self) -> dict[str, float]:
        """What each process has used of a processor since it began."""
        return {role: sum(process.cpu_times()[:2]) for role, process in self._processes.items()}

    @contextmanager
    def watching(self) -> Iterator[None]:
        before = {role: process.memory_info().rss for role, process in self._processes.items()}
        stopped = threading.Event()

        def look() -> None:
            while not stopped.wait(0.05):
                for role, process in self._processes.items():
                    self.grown[role] = max(self.grown[role], (process.memory_info().rss - before[role]) / MB)

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()


def web_of(up: Up) -> int:
    """The process of the web server."""
    assert up.process is not None
    for child in psutil.Process(up.process.pid).children(recursive=True):
        if "web" in child.cmdline():
            return child.pid
    raise AssertionError("no web server runs")


def noise(path: Path) -> None:
    """A file that does not compress, made like a zip at its end so that it is sent as it is."""
    import zipfile  # noqa: PLC0415

    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive, archive.open("noise", "w") as out:
        block = os.urandom(MB)
        for _ in range(SIZE // MB):
            out.write(block)


def up_and_down(up: Up, client: Podium, file: Path, target: Path) -> dict[str, dict[str, float]]:
    """Megabytes a second and memory added, for the way in and the way out."""
    size = file.stat().st_size / MB
    figures = {}
    for name in ("up", "down"):
        peaks = Peaks(web=web_of(up), client=os.getpid())
        used = peaks.processor_seconds()
        with peaks.watching():
            began = time.perf_counter()
            if name == "up":
                key = client.upload_dataset(file, "public_data", name=f"noise {time.time()}")
            else:
                client.download(f"{up.url}{_address(up, key)}", target)
            seconds = time.perf_counter() - began
        cost = {f"{role} CPU s": now - used[role] for role, now in peaks.processor_seconds().items()}
        figures[name] = {"rate": size / seconds, **cost, **{f"{role} MB": grown for role, grown in peaks.grown.items()}}
    return figures


def _address(up: Up, key: str) -> str:
    """A signed address of a dataset's file, made with the platform's own key."""
    import subprocess  # noqa: PLC0415
    import sys  # noqa: PLC0415

    code = (
        "from podium.site.resources.models import Dataset; from podium.site.resources import grants;"
        f"d=Dataset.objects.get(key='{key}'); print(grants.download_url(d.data_file, name='noise.zip'))"
    )
    command = [sys.executable, "-m", "podium.cli", "manage", "shell", "--no-imports", "-c", code]
    env = {**os.environ, "PODIUM_DATA": str(up.data)}
    made = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    return made.stdout.strip().splitlines()[-1]


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as work, platform() as up:
        file = Path(work) / "noise.zip"
        noise(file)
        client = up.administrator()
        rounds = [up_and_down(up, client, file, Path(work) / "down.zip") for _ in range(2)]
        client.close()
    best = {name: max((one[name] for one in rounds), key=lambda figure: figure["rate"]) for name in ("up", "down")}
    shown = {"up": "1 GB up in parts, each with its checksum", "down": "1 GB down"}
    for name, words in shown.items():
        figure = best[name]
        memory = f"{figure['web MB']:.0f} MB web, {figure['client MB']:.0f} MB client"
        cost = f"processor {figure['web CPU s']:.1f} s web, {figure['client CPU s']:.1f} s client"
        rows.append((words, f"{figure['rate']:.0f} MB/s; {memory}; {cost}", f"> {TARGET} MB/s; flat memory"))
    report("uploads", rows, {"rounds": rounds})


if __name__ == "__main__":
    main()

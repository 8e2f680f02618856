"""The machine: Python and packages, folders and disks, secrets, clock, open files."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from podium.cli.doctor.findings import Finding
from podium.cli.places import existing, open_folder

GIB = 2**30
LEAST_FREE = 1 * GIB
GOOD_FREE = 5 * GIB
LEAST_INODES = 10_000
CLOCK_SECONDS = 5.0
CONNECT_SECONDS = 3.0
OPEN_FILES = 4096
"""Every waiting worker, live page and download holds one or two."""


def examine(data: Path, server: str | None) -> Iterator[Finding]:
    """Look at everything in turn."""
    yield check_python(sys.version_info[:3])
    yield check_packages()
    yield check_write_access(data)
    yield from check_disks(data)
    yield from check_secrets(data)
    yield check_open_files()
    yield check_clock(server)


def check_python(found: tuple[int, ...]) -> Finding:
    """Whether Python is recent enough."""
    text = ".".join(map(str, found))
    if found < (3, 11):
        return Finding("python", "fail", f"{text} at {sys.executable}", "Podium needs Python 3.11 or later.")
    return Finding("python", "ok", f"{text} at {sys.executable}")


def check_packages() -> Finding:
    """Whether the packages that Podium requires are installed in versions that it takes."""
    from packaging.requirements import Requirement  # noqa: PLC0415 - the other commands do without it

    wrong = []
    for text in requires("podium") or []:
        required = Requirement(text)
        if required.marker is not None and not required.marker.evaluate():
            continue
        try:
            installed = version(required.name)
        except PackageNotFoundError:
            wrong.append(f"{required.name} is missing")
            continue
        if not required.specifier.contains(installed, prereleases=True):
            wrong.append(f"{required.name} is {installed}, not {required.specifier}")
    shown = f"podium {version('podium')}"
    if wrong:
        mend = "Install again as the manual says: make setup, or the image of this version."
        return Finding("packages", "fail", f"{shown}: {'; '.join(wrong[:5])}", mend)
    return Finding("packages", "ok", f"{shown} with Django {version('django')}, all in versions that fit")


def check_write_access(data: Path) -> Finding:
    """Whether the data folder can be written, by writing to it; nothing is left behind."""
    place = existing(data)
    probe = place / f".podium-doctor-{os.getpid()}"
    try:
        probe.write_bytes(b"podium")
    except OSError as error:
        return Finding(
            "data folder", "fail", f"{place} cannot be written: {error.strerror}", "Choose another folder with --data."
        )
    probe.unlink()
    state = "exists" if data.exists() else "will be made"
    return Finding("data folder", "ok", f"{data.resolve()} ({state})")


def check_disks(data: Path) -> Iterator[Finding]:
    """Whether there is room for data, for the jobs of a worker here, and for temporary files."""
    work = os.environ.get("PODIUM_WORKER_FOLDER")
    places = {
        "disk": (existing(data), "the data folder", "Make room, or put the data folder on a larger disk with --data."),
        "worker's disk": (
            existing(Path(work) if work else open_folder(existing(data), "worker")),
            "jobs and cached datasets",
            "Make room, or name a folder on a larger disk in PODIUM_WORKER_FOLDER.",
        ),
        "temporary files": (
            Path(tempfile.gettempdir()),
            "temporary files",
            "Make room, or name a folder on a larger disk in TMPDIR.",
        ),
    }
    for name, (place, what, mend) in places.items():
        yield check_disk(name, place, what, mend)


def check_disk(name: str, place: Path, what: str, mend: str) -> Finding:
    """Whether there is room at one place, in bytes and in files."""
    free, files = shutil.disk_usage(place).free, os.statvfs(place)
    if files.f_files and files.f_favail < LEAST_INODES:
        return Finding(name, "fail", f"room for {files.f_favail} files only where {what} are ({place})", mend)
    detail = f"{free / GIB:.1f} GiB free for {what} ({place})"
    if free < LEAST_FREE:
        return Finding(name, "fail", detail, mend)
    return Finding(name, "warn" if free < GOOD_FREE else "ok", detail, mend if free < GOOD_FREE else "")


def check_secrets(data: Path) -> Iterator[Finding]:
    """Whether keys, tokens and the database are their owner's alone."""
    private = [*sorted((data / "secrets").glob("*")), *sorted(data.glob("podium.sqlite3*"))]
    if not private:
        return
    open_to_others = [file for file in private if stat.S_IMODE(file.stat().st_mode) & 0o077]
    foreign = [file for file in private if file.stat().st_uid != os.geteuid()]
    if open_to_others:
        shown = ", ".join(map(str, open_to_others[:3]))
        mend = f"chmod go= {' '.join(map(str, open_to_others))}; then change what others may have read."
        yield Finding("secrets", "fail", f"others can read or write {shown}", mend)
    elif foreign:
        owner = foreign[0].stat().st_uid
        mend = "Run Podium, and this command, as the user to whom the data folder belongs."
        yield Finding("secrets", "warn", f"{foreign[0]} belongs to user {owner}, and this is {os.geteuid()}", mend)
    else:
        yield Finding("secrets", "ok", f"{len(private)} files, for their owner alone")


def check_open_files() -> Finding:
    """Whether a process may hold as many connections as workers and pages may open."""
    import resource  # noqa: PLC0415 - not on every system

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= OPEN_FILES:
        return Finding("open files", "ok", f"{soft} for each process" if soft >= 0 else "without limit")
    mend = f"Each waiting worker and live page takes one. Raise it: ulimit -n {OPEN_FILES * 4}"
    mend += f" (at most {hard} without root)" if 0 < hard < OPEN_FILES * 4 else ""
    return Finding("open files", "warn", f"{soft} for each process", f"{mend}; for a service: LimitNOFILE=65536.")


def check_clock(server: str | None) -> Finding:
    """Whether the clock is right: never before the installed package was made, and like the server's."""
    mend = "Set the clock, best by NTP: phases open and close by it, and signed addresses run out by it."
    if time.time() < Path(__file__).stat().st_mtime - 86400:
        return Finding(
            "clock", "fail", f"it is {time.strftime('%Y-%m-%d')} here, before this program was installed", mend
        )
    if server is None:
        return Finding("clock", "ok", time.strftime("%Y-%m-%d %H:%M:%S %Z"))
    from email.utils import parsedate_to_datetime  # noqa: PLC0415

    import httpx  # noqa: PLC0415

    from podium.client.rules import clean_server  # noqa: PLC0415

    try:
        stamp = httpx.head(clean_server(server), timeout=CONNECT_SECONDS).headers["Date"]
        apart = abs(time.time() - parsedate_to_datetime(stamp).timestamp())
    except (httpx.HTTPError, KeyError, ValueError) as error:
        return Finding("clock", "warn", f"{server} did not tell the time: {error}", "Check the address of the server.")
    if apart > CLOCK_SECONDS:
        return Finding("clock", "warn", f"{apart:.0f} s apart from {server}", mend)
    return Finding("clock", "ok", f"like {server}'s")

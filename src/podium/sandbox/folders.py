"""Folders that untrusted programs write: handed over, measured while they grow, and taken back.

Everything here works on trees whose contents are hostile: no link is followed, every step is relative to an open folder
(so that swapping a folder for a link leads nowhere), and no depth or name breaks it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from podium.sandbox.contract import SandboxError

MAX_DEPTH = 100
"""Folders nested deeper than this end a run: far more than programs need, few enough for open descriptors."""

ENTRY_BYTES = 4096
"""What any file costs at least, however empty, so that millions of empty files count as what they take."""

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_WRITABLE_FILE = stat.S_IRUSR | stat.S_IWUSR
_SPECIAL_BITS = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX


@dataclass(frozen=True)
class Usage:
    """How much a set of folders holds: bytes (the larger of a file's size and its blocks), and whether it nests deeper
    than `MAX_DEPTH`."""

    bytes: int
    too_deep: bool = False


def measure(roots: Iterable[Path], *, stop_above: int | None = None) -> Usage:
    """Adds up what folders hold, each hard-linked file once; sparse files count with their full size.

    Counting stops early once it is above `stop_above` bytes. Folders that vanish or cannot be opened meanwhile count as
    empty: the program is at work in them.
    """
    total = 0
    seen: set[tuple[int, int]] = set()
    for root in roots:
        for level in _levels(root):
            if level.depth > MAX_DEPTH:
                return Usage(total, too_deep=True)
            for entry in level.entries():
                try:
                    info = entry.stat(follow_symlinks=False)
                except OSError:  # removed by the program between listing and looking
                    continue
                if info.st_nlink > 1 and not stat.S_ISDIR(info.st_mode):
                    if (info.st_dev, info.st_ino) in seen:
                        continue
                    seen.add((info.st_dev, info.st_ino))
                size = info.st_size if stat.S_ISREG(info.st_mode) else 0
                total += max(size, info.st_blocks * 512, ENTRY_BYTES)
                if stop_above is not None and total > stop_above:
                    return Usage(total)
                if stat.S_ISDIR(info.st_mode):
                    level.into(entry.name)
    return Usage(total)


class _Level:
    """One open folder of a walk; `into` asks for a sub-folder to be visited after this one's entries."""

    def __init__(self, fd: int, depth: int) -> None:
        self.fd = fd
        self.depth = depth
        self.pending: list[str] = []

    def entries(self) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(self.fd) as listing:
                yield from listing
        except OSError:  # the folder itself was removed
            return

    def into(self, name: str) -> None:
        self.pending.append(name)


def _levels(root: Path, *, strict: bool = False) -> Iterator[_Level]:
    """Walks depth first with one open descriptor per level.

    A folder that cannot be opened (gone, no longer a folder, closed to us) is passed over, or raises when `strict`.
    """
    stack: list[_Level] = []
    try:
        try:
            stack.append(_Level(os.open(root, _FOLDER_FLAGS), 0))
        except OSError:
            if strict:
                raise
            return
        yield stack[0]
        while stack:
            top = stack[-1]
            if not top.pending:
                os.close(stack.pop().fd)
                continue
            try:
                fd = os.open(top.pending.pop(), _FOLDER_FLAGS, dir_fd=top.fd)
            except OSError:
                if strict:
                    raise
                continue
            stack.append(_Level(fd, top.depth + 1))
            yield stack[-1]
    finally:
        for level in stack:
            os.close(level.fd)


def hand_over(path: Path, uid: int, gid: int) -> None:
    """Makes a folder and all in it belong to a sandbox's user, readable and writable to it.

    As an ordinary user only the modes are set, for that user runs the sandbox. Files with several hard links keep their
    owner: they may be shared with a cache that no program may write.

    Raises SandboxError when the folder is not there or is not ours to give.
    """
    _own(path, uid, gid, keep_linked=True)


def take_back(path: Path) -> None:
    """Makes a folder and all in it belong to the caller again, and harmless to read.

    Closed folders are opened, set-user-id, set-group-id and sticky bits are removed, pipes, sockets and devices (which
    would block a reader) are deleted, and so are folders nested deeper than `MAX_DEPTH`. Links stay what they are and
    are not followed.

    Raises SandboxError when the folder is not there or is not ours to take.
    """
    _own(path, os.geteuid(), os.getegid(), keep_linked=False)


def remove(path: Path) -> None:
    """Deletes a tree that a program has written, however deep; it is no error if there is none."""
    if not os.path.lexists(path):
        return
    if not path.is_dir() or path.is_symlink():
        path.unlink()
        return
    # rm walks with open descriptors and has no limit on depth; shutil.rmtree recurses.
    done = subprocess.run(["rm", "-rf", "--", str(path)], capture_output=True, text=True, check=False)
    if done.returncode and os.geteuid() != 0:
        take_back(path)
        done = subprocess.run(["rm", "-rf", "--", str(path)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SandboxError(f"The folder {path} could not be removed: {done.stderr.strip()[:300]}")


def _own(path: Path, uid: int, gid: int, *, keep_linked: bool) -> None:
    chown = os.geteuid() == 0
    try:
        if path.is_symlink() or not path.is_dir():
            raise SandboxError(f"{path} is not a folder, so no program can be given it to write in.")
        if chown:
            os.chown(path, uid, gid, follow_symlinks=False)
        path.chmod(0o755 if chown else 0o700)
        for level in _levels(path, strict=True):
            _own_entries(level, uid, gid, chown=chown, keep_linked=keep_linked)
    except OSError as error:
        raise SandboxError(f"The folder {path} could not be handed over: {error}.") from error


def _own_entries(level: _Level, uid: int, gid: int, *, chown: bool, keep_linked: bool) -> None:
    fd = level.fd
    with os.scandir(fd) as listing:
        entries = list(listing)
    for entry in entries:
        info = entry.stat(follow_symlinks=False)
        kind = stat.S_IFMT(info.st_mode)
        if kind == stat.S_IFDIR:
            if level.depth >= MAX_DEPTH:
                subprocess.run(["rm", "-rf", "--", f"/proc/self/fd/{fd}/{entry.name}"], pass_fds=(fd,), check=False)
                continue
            level.into(entry.name)
        if kind not in (stat.S_IFDIR, stat.S_IFREG, stat.S_IFLNK):
            os.unlink(entry.name, dir_fd=fd)
            continue
        if keep_linked and kind == stat.S_IFREG and info.st_nlink > 1:
            continue
        if chown and (info.st_uid, info.st_gid) != (uid, gid):
            os.chown(entry.name, uid, gid, dir_fd=fd, follow_symlinks=False)
        if kind == stat.S_IFLNK:
            continue
        wanted = _WRITABLE_FILE if kind == stat.S_IFREG else stat.S_IRWXU
        mode = (stat.S_IMODE(info.st_mode) | wanted) & ~_SPECIAL_BITS
        if mode != stat.S_IMODE(info.st_mode):
            _chmod(fd, entry.name, mode)


def _chmod(folder_fd: int, name: str, mode: int) -> None:
    """Changes the mode of exactly this entry: the system call for it follows links, an open descriptor does not."""
    fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder_fd)
    try:
        Path(f"/proc/self/fd/{fd}").chmod(mode)
    finally:
        os.close(fd)


def unreachable_by(path: Path, uid: int) -> Path | None:
    """The first folder on the way to `path` (or `path` itself) that a host user cannot enter or read, or None.

    Only modes are looked at, for a user in no group of interest: that is what sandbox users are.
    """
    for step in [*reversed(path.parents), path]:
        info = step.stat()
        owned = info.st_uid == uid
        needed = stat.S_IXUSR if owned else stat.S_IXOTH
        if step == path:
            needed = stat.S_IRUSR if owned else stat.S_IROTH
        if not info.st_mode & needed:
            return step
    return None


def free_bytes(path: Path) -> int:
    """The bytes that are free where a folder lies."""
    return shutil.disk_usage(path).free


def link_once(link: Path, target: Path) -> None:
    """Makes a symbolic link; it is no error if another process was quicker."""
    with contextlib.suppress(FileExistsError):
        link.symlink_to(target)

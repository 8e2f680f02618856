"""What watches a run from outside."""

from __future__ import annotations

import subprocess

import pytest

from podium.sandbox import Limits
from podium.sandbox.supervise import DiskWatch, TemporaryFiles

MIB = 2**20


def test_a_file_system_that_is_covered_while_a_namespace_is_set_up_hides_none_that_comes_after_it() -> None:
    """bubblewrap first mounts one of its own at /tmp, and a look at that moment took it for the program's."""
    script = """
        set -e
        mount -t tmpfs passing /tmp && echo passing && read go
        mount -t tmpfs -o size=64m,mode=1777 last /tmp && echo last && read go
        head -c 10485760 /dev/zero >/tmp/file && echo written && read go
    """
    argv = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    disk = DiskWatch([], Limits())
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        temporary = TemporaryFiles(disk)
        temporary.pid = process.pid
        for word in (b"passing\n", b"last\n", b"written\n"):
            assert process.stdout.readline() == word
            temporary.find()
            temporary.find()
            held = disk.temporary_bytes()
            process.stdin.write(b"go\n")
            process.stdin.flush()
    assert held == pytest.approx(10 * MIB, abs=MIB)
    assert len(disk.extra_fds) == 2, "each is held once, and the host's own /dev/shm not at all"
    disk.close()

"""The hostile-program table: what a program tries, and the verdict expected of every backend."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from podium.sandbox import MIB, Cause, Limits

from .bench import LIMITS, Bench, Outcome
from .conftest import BUBBLEWRAP, DOCKER, PROCESS

SHORT = dataclasses.replace(LIMITS, wall_seconds=0.7)
PATIENT = dataclasses.replace(LIMITS, wall_seconds=60)


@dataclass(frozen=True)
class Row:
    """A program, the cause expected, and what else must hold; `process` says that it also holds without isolation."""

    name: str
    program: str
    cause: Cause
    limits: Limits = LIMITS
    check: Callable[[Outcome], object] = lambda outcome: True
    process: bool = False


def said(words: str) -> Callable[[Outcome], object]:
    """The program's last line on stdout is this."""
    return lambda outcome: outcome.stdout.strip().splitlines()[-1] == words


ROWS = [
    Row(
        "exits with a code",
        "raise SystemExit(3)",
        Cause.EXIT_CODE,
        check=lambda o: o.result.exit_code == 3,
        process=True,
    ),
    Row(
        "crashes",
        "import ctypes; ctypes.string_at(0)",
        Cause.EXIT_CODE,
        check=lambda o: o.result.signal == 11 and "SIGSEGV" in o.result.detail,
        process=True,
    ),
    Row(
        "sleeps past the limit",
        "import time; time.sleep(60)",
        Cause.TIME_LIMIT,
        SHORT,
        check=lambda o: o.result.wall_seconds < 30,
        process=True,
    ),
    Row("spins past the limit", "while True: pass", Cause.TIME_LIMIT, SHORT, process=True),
    Row(
        "ignores SIGTERM",
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(1)",
        Cause.TIME_LIMIT,
        SHORT,
        process=True,
    ),
    Row(
        "stops by itself",
        "import os, signal, time\nos.kill(os.getpid(), signal.SIGSTOP)\ntime.sleep(60)",
        Cause.TIME_LIMIT,
        dataclasses.replace(SHORT, wall_seconds=1.5),
    ),
    Row(
        "hogs memory",
        "hoard = []\nwhile True: hoard.append(bytearray(5_000_000))",
        Cause.MEMORY_LIMIT,
        check=lambda o: "256 MiB" in o.result.detail,
        process=True,
    ),
    Row(
        "hogs memory in many processes",
        """
        import os, time
        for _ in range(12):
            if os.fork() == 0:
                hoard = bytearray(b"x" * 40_000_000)
                time.sleep(60)
        time.sleep(60)
        """,
        Cause.MEMORY_LIMIT,
        process=True,
    ),
    Row(
        "shares memory between processes without using more of it",
        """
        import os, time
        hoard = bytearray(b"x" * 100_000_000)
        children = []
        for _ in range(6):
            child = os.fork()
            if child == 0:
                time.sleep(0.5)
                os._exit(0)
            children.append(child)
        for child in children:
            os.waitpid(child, 0)
        """,
        Cause.OK,
        process=True,
    ),
    Row(
        "is a fork bomb",
        """
        import os, time
        made = 0
        try:
            while True:
                if os.fork() == 0:
                    time.sleep(30)
                    os._exit(0)
                made += 1
        except BlockingIOError:
            print("refused" if made <= 40 else f"made {made}")
        """,
        Cause.OK,
        check=said("refused"),
    ),
    Row(
        "fills the disk with one file",
        "with open('/app/output/big', 'wb') as f:\n    while True: f.write(bytes(1_000_000))",
        Cause.DISK_LIMIT,
        check=lambda o: "64 MiB" in o.result.detail,
        process=True,
    ),
    Row(
        "fills the disk with many files",
        "import itertools\nfor i in itertools.count():\n    open(f'/app/output/{i}', 'wb').write(bytes(1_000_000))",
        Cause.DISK_LIMIT,
        process=True,
    ),
    Row(
        "fills the disk with empty files",
        "import itertools\nfor i in itertools.count():\n    open(f'/app/output/{i}', 'wb').close()",
        Cause.DISK_LIMIT,
        dataclasses.replace(LIMITS, disk_bytes=8 * MIB),
        process=True,
    ),
    Row(
        "nests folders without end",
        "import os\nos.chdir('/app/output')\nwhile True:\n    os.mkdir('d')\n    os.chdir('d')",
        Cause.DISK_LIMIT,
        process=True,
    ),
    Row(
        "fills /tmp",
        "with open('/tmp/big', 'wb') as f:\n    while True: f.write(bytes(1_000_000))",
        Cause.DISK_LIMIT,
    ),
    Row(
        "fills /tmp and output half each, and more",
        """
        import time
        open('/tmp/half', 'wb').write(bytes(40_000_000))
        open('/app/output/half', 'wb').write(bytes(40_000_000))
        time.sleep(60)
        """,
        Cause.DISK_LIMIT,
    ),
    Row(
        "fills /dev/shm",
        """
        try:
            with open('/dev/shm/big', 'wb') as f:
                while True: f.write(bytes(1_000_000))
        except OSError:
            print('refused')
        """,
        Cause.OK,
        check=said("refused"),
    ),
    Row(
        "fills the root and the device folder",
        """
        refused = 0
        for place in ('/big', '/dev/big', '/run/big', '/var/tmp/big', '/app/big', '/etc/big', '/usr/big', '/home/big'):
            try:
                open(place, 'wb')
                print(place)
            except OSError:
                refused += 1
        print('refused' if refused == 8 else refused)
        """,
        Cause.OK,
        check=said("refused"),
    ),
    Row(
        "makes one sparse file of a terabyte",
        "open('/app/output/sparse', 'wb').truncate(10**12)",
        Cause.EXIT_CODE,
        check=lambda o: "File too large" in o.stderr,
        process=True,
    ),
    Row(
        "makes many sparse files",
        "import time\nfor i in range(100): open(f'/app/output/{i}', 'wb').truncate(60_000_000)\ntime.sleep(60)",
        Cause.DISK_LIMIT,
        process=True,
    ),
    Row(
        "floods its output",
        "import os\nwhile True: os.write(1, bytes(1_000_000))",
        Cause.OUTPUT_LIMIT,
        PATIENT,
        check=lambda o: o.result.stdout_truncated and len(o.raw) == MIB and "100 MiB" in o.result.detail,
        process=True,
    ),
    Row(
        "prints more than is kept",
        "import os\nfor _ in range(5): os.write(2, bytes(1_000_000))\nprint('lost')",
        Cause.OK,
        check=lambda o: o.result.stderr_truncated and sum(len(data) for _, data, _ in o.chunks) == MIB,
        process=True,
    ),
    Row(
        "closes its output and goes on",
        "import os, time\nos.close(1)\nos.close(2)\ntime.sleep(0.6)\nos._exit(7)",
        Cause.EXIT_CODE,
        check=lambda o: o.result.exit_code == 7 and o.result.wall_seconds > 0.5,
        process=True,
    ),
    Row(
        "writes to what is read-only",
        """
        refused = 0
        for place in ('/app/program/x', '/app/input/ref/x', '/app/input/ref/reference.txt', '/usr/x', '/etc/passwd'):
            try:
                open(place, 'a')
                print(place)
            except OSError:
                refused += 1
        print('refused' if refused == 5 else refused)
        """,
        Cause.OK,
        check=said("refused"),
    ),
    Row(
        "removes and renames what is read-only",
        """
        import os, shutil
        refused = 0
        for attempt in (
            lambda: os.remove('/app/input/ref/reference.txt'),
            lambda: os.rename('/app/program', '/app/output/program'),
            lambda: os.chmod('/app/input/ref', 0o777),
            lambda: os.utime('/app/input/ref/reference.txt'),
        ):
            try:
                attempt()
            except OSError:
                refused += 1
        print('refused' if refused == 4 else refused)
        """,
        Cause.OK,
        check=said("refused"),
    ),
    Row(
        "links to what is read-only",
        """
        import os
        try:
            os.link('/app/input/ref/reference.txt', '/app/output/mine')
            print('linked')
        except OSError:
            print('refused')
        """,
        Cause.OK,
        check=said("refused"),
    ),
    Row(
        "wants to be root",
        """
        import os
        refused = 0
        for attempt in (
            lambda: os.setuid(0),
            lambda: os.setgid(0),
            lambda: os.setgroups([0]),
            lambda: os.chroot('/tmp'),
            lambda: os.chown('/app/output', 0, 0),
            lambda: os.nice(-5),
        ):
            try:
                attempt()
            except OSError:
                refused += 1
        status = open('/proc/self/status').read()
        plain = all(f'Cap{kind}:\\t0000000000000000' in status for kind in ('Inh', 'Prm', 'Eff', 'Bnd', 'Amb'))
        print('refused' if refused == 6 and plain and 'NoNewPrivs:\\t1' in status and os.getuid() != 0 else status)
        """,
        Cause.OK,
        check=said("refused"),
    ),
    Row(
        "opens a door to the kernel",
        """
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        refused = [
            libc.unshare(0x00020000) != 0,  # a mount namespace
            libc.mount(b'none', b'/tmp', b'tmpfs', 0, None) != 0,
            libc.swapon(b'/app/output/x', 0) != 0,
            libc.reboot(0) != 0,
            libc.syscall(321, 0, 0, 0) != 0,  # bpf
            libc.syscall(175, 0, 0, b'') != 0,  # init_module
        ]
        print('refused' if all(refused) else refused)
        """,
        Cause.OK,
        check=said("refused"),
    ),
    Row(
        "makes and opens devices",
        """
        import os, stat
        refused = []
        try:
            os.mknod('/app/output/disk', stat.S_IFBLK | 0o600, os.makedev(8, 0))
            refused.append('mknod')
        except OSError:
            pass
        harmless = {'null', 'zero', 'full', 'random', 'urandom', 'tty', 'ptmx', 'pts', 'shm', 'fd', 'core', 'stdin',
                    'stdout', 'stderr', 'console', 'mqueue'}
        refused += sorted(set(os.listdir('/dev')) - harmless)
        for name in ('/dev/mem', '/dev/kmsg', '/dev/sda', '/dev/vda', '/dev/kvm', '/dev/fuse', '/dev/net/tun'):
            try:
                open(name, 'rb')
                refused.append(name)
            except OSError:
                pass
        print('refused' if not refused else refused)
        """,
        Cause.OK,
        check=said("refused"),
    ),
    Row(
        "changes the kernel's settings",
        """
        import os
        written = []
        for root in ('/proc/sys', '/sys'):
            for folder, _, names in os.walk(root):
                for name in names:
                    path = os.path.join(folder, name)
                    try:
                        os.close(os.open(path, os.O_WRONLY))
                        written.append(path)
                    except OSError:
                        pass
        try:
            open('/proc/sysrq-trigger', 'w').write('h')
            written.append('sysrq')
        except OSError:
            pass
        # The settings of its own namespaces (network, messages, shared memory) harm nobody.
        kernel = ('ns_last_pid', 'pid_max', 'shm', 'msg', 'sem', 'auto_msgmni')
        own = ('/proc/sys/net/', '/proc/sys/user/', '/proc/sys/fs/mqueue/',
               *('/proc/sys/kernel/' + name for name in kernel))
        outside = [path for path in written if not path.startswith(own)]
        print('refused' if not outside else outside)
        """,
        Cause.OK,
        check=said("refused"),
    ),
    Row(
        "kills whatever it can",
        "import os\ntry: os.kill(-1, 9)\nexcept ProcessLookupError: pass\nprint('alone')",
        Cause.OK,
        check=said("alone"),
    ),
    Row(
        "makes zombies",
        """
        import os, time
        for _ in range(20):
            if os.fork() == 0:
                os._exit(0)
        print('made')
        """,
        Cause.OK,
        check=said("made"),
        process=True,
    ),
    Row(
        "waits for input that never comes",
        "import sys\nprint('nothing' if sys.stdin.read() == '' else 'something')",
        Cause.OK,
        check=said("nothing"),
        process=True,
    ),
    Row(
        "sees no process but its own",
        """
        import os
        others = [name for name in os.listdir('/proc') if name.isdigit()]
        print('alone' if len(others) <= 3 else others)
        """,
        Cause.OK,
        check=said("alone"),
    ),
    Row(
        "sees no name of the host",
        "import socket, os\nprint('podium' if socket.gethostname() == 'podium' else os.uname())",
        Cause.OK,
        check=said("podium"),
    ),
]

CASES = [
    pytest.param(engine.values[0], row, marks=engine.marks, id=f"{engine.values[0]}: {row.name}")
    for engine in (*BUBBLEWRAP, *DOCKER, *PROCESS)
    for row in ROWS
    if row.process or engine not in PROCESS
]


@pytest.mark.parametrize(("bench", "row"), CASES, indirect=["bench"])
async def test_a_hostile_program_gets_the_verdict_of_its_row(bench: Bench, row: Row) -> None:
    outcome = await bench.run(row.program, row.limits)

    assert outcome.result.cause == row.cause, (outcome.result, outcome.stderr)
    assert row.check(outcome), (outcome.result, outcome.stdout[-500:], outcome.stderr[-500:])
    assert outcome.result.detail

"""The hostile-program table: what a program tries, and the verdict expected of every backend."""

from __future__ import annotations

import dataclasses
import os
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
    """A program, the cause expected, and what else must hold.

    `process` says that it also holds without isolation; `engine` is False for what an engine's own profile of system
    calls decides, which is not ours.
    """

    name: str
    program: str
    cause: Cause
    limits: Limits = LIMITS
    check: Callable[[Outcome], object] = lambda outcome: True
    process: bool = False
    engine: bool = True


def said(words: str) -> Callable[[Outcome], object]:
    """The program's last line on stdout is this."""
    return lambda outcome: outcome.stdout.strip().splitlines()[-1] == words


SYSTEM_CALLS = {
    "x86_64": {
        "keyctl": 250,
        "add_key": 248,
        "bpf": 321,
        "perf_event_open": 298,
        "userfaultfd": 323,
        "io_uring_setup": 425,
        "ptrace": 101,
        "process_vm_writev": 311,
        "open_by_handle_at": 304,
        "kexec_load": 246,
        "unshare": 272,
        "setns": 308,
        "mount": 165,
        "fsopen": 430,
        "pivot_root": 155,
    },
    "aarch64": {
        "keyctl": 219,
        "add_key": 217,
        "bpf": 280,
        "perf_event_open": 241,
        "userfaultfd": 282,
        "io_uring_setup": 425,
        "ptrace": 117,
        "process_vm_writev": 271,
        "open_by_handle_at": 265,
        "kexec_load": 104,
        "unshare": 97,
        "setns": 268,
        "mount": 40,
        "fsopen": 430,
        "pivot_root": 41,
    },
}[os.uname().machine]
"""Numbers from <asm/unistd.h>, for what the filter must refuse itself, before the kernel looks at the arguments."""

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
        "makes system calls that no evaluation needs",
        f"""
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        passed = []
        for name, number in {SYSTEM_CALLS!r}.items():
            # A bad address or number for every argument: whoever looks at them answers EFAULT, EINVAL or EBADF.
            answer = libc.syscall(number, *[ctypes.c_long(-1)] * 6)
            if (answer, ctypes.get_errno()) != (-1, 1):
                passed.append((name, answer, ctypes.get_errno()))
        print('refused' if not passed else passed)
        """,
        Cause.OK,
        check=said("refused"),
    ),
    Row(
        "makes namespaces of every kind",
        f"""
        import ctypes, errno, os
        libc = ctypes.CDLL(None, use_errno=True)
        clone = {56 if os.uname().machine == "x86_64" else 220}
        made = []
        for flag in (0x20000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000, 0x80):
            if libc.unshare(flag) != -1 or ctypes.get_errno() != errno.EPERM:
                made.append(('unshare', flag, ctypes.get_errno()))
            if flag == 0x80:
                continue
            child = libc.syscall(clone, flag | 17, 0, 0, 0, 0)
            if child == 0:
                os._exit(0)
            if child != -1 or ctypes.get_errno() != errno.EPERM:
                made.append(('clone', flag, ctypes.get_errno()))
        if libc.syscall(435, 0, 0) != -1 or ctypes.get_errno() != errno.ENOSYS:
            made.append('clone3')
        print('refused' if not made else made)
        """,
        Cause.OK,
        check=said("refused"),
    ),
    Row(
        "opens sockets that are in no network namespace",
        """
        import socket
        opened = []
        for family in set(range(46)) - {1, 2, 10, 16}:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET, socket.SOCK_RAW):
                try:
                    socket.socket(family, kind)
                    opened.append((family, kind))
                except OSError as error:
                    if error.errno != 97 and family != 17:
                        opened.append((family, kind, error.errno))
        print('refused' if not opened else opened)
        """,
        Cause.OK,
        check=said("refused"),
        engine=False,
    ),
    Row(
        "looks for a process without limits",
        """
        import glob, re
        bounds = set()
        for path in glob.glob('/proc/[0-9]*/limits'):
            text = open(path).read()
            bounds.add(tuple(re.search(f'{name} +([0-9a-z]+) +([0-9a-z]+)', text).groups()
                             for name in ('Max processes', 'Max file size', 'Max core file size')))
        size = str(65 * 2**20)
        print('all' if bounds == {(('40', '40'), (size, size), ('0', '0'))} else bounds)
        """,
        Cause.OK,
        check=said("all"),
        engine=False,
    ),
    Row(
        "hides memory in files that have no name",
        """
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        hoard = []
        while True:
            try:
                fd = os.memfd_create('hoard')
                os.write(fd, bytes(20_000_000))
                hoard.append(fd)
            except OSError:
                hoard.append(bytearray(20_000_000))
        """,
        Cause.MEMORY_LIMIT,
    ),
    Row(
        "hides memory in segments that nobody maps",
        """
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        libc.shmat.restype = ctypes.c_void_p
        hoard = []
        while True:
            number = libc.shmget(0, 20_000_000, 0o1600)
            if number < 0:
                hoard.append(bytearray(20_000_000))
                continue
            address = libc.shmat(number, None, 0)
            ctypes.memset(address, 1, 20_000_000)
            libc.shmdt(ctypes.c_void_p(address))
        """,
        Cause.MEMORY_LIMIT,
    ),
    Row(
        "runs programs that would make it root",
        """
        import os, stat, subprocess
        status = lambda: open('/proc/self/status').read()
        found = [os.path.join(folder, name) for folder in ('/usr/bin', '/usr/sbin', '/bin', '/sbin')
                 for name in os.listdir(folder)]
        trusted = [path for path in found if os.path.isfile(path) and os.stat(path).st_mode & stat.S_ISUID]
        rooted = []
        for path in ('/usr/bin/su', '/usr/bin/mount', '/usr/bin/passwd', *trusted):
            if os.path.exists(path):
                child = subprocess.Popen(['/bin/sh', '-c', f'exec {path} --help'], stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL)
                if child.wait() not in range(0, 256):
                    rooted.append(path)
        with open('/tmp/sh', 'wb') as copy:
            copy.write(open('/bin/sh', 'rb').read())
        os.chmod('/tmp/sh', 0o6755)
        answer = subprocess.run(['/tmp/sh', '-c', 'id -u'], capture_output=True, text=True).stdout.strip()
        print('refused' if answer == str(os.getuid()) != '0' and 'NoNewPrivs:\t1' in status() else (answer, rooted))
        """,
        Cause.OK,
        check=said("refused"),
    ),
    Row(
        "reads what /proc and /sys tell of the host",
        """
        import os
        told = []
        for path in ('/proc/kcore', '/proc/kmsg', '/proc/kpagecount', '/proc/kpageflags', '/proc/kpagecgroup',
                     '/proc/sysrq-trigger', '/proc/vmallocinfo', '/proc/slabinfo', '/proc/timer_list',
                     '/sys/firmware', '/sys/kernel/debug', '/sys/kernel/security', '/sys/fs/cgroup/cgroup.procs'):
            try:
                os.listdir(path) if os.path.isdir(path) else open(path, 'rb').read(1)
                if os.path.isdir(path) and not os.listdir(path):
                    continue
                if open(path, 'rb').read(1) != b'':
                    told.append(path)
            except OSError:
                pass
        addresses = {line.split()[0].strip('0') for line in open('/proc/kallsyms')} - {''} \
            if os.access('/proc/kallsyms', os.R_OK) else set()
        print('nothing' if not told and not addresses else (told, len(addresses)))
        """,
        Cause.OK,
        check=said("nothing"),
    ),
    Row(
        "points the output's files at reference data",
        """
        import os
        os.symlink('/app/input/ref/reference.txt', '/app/output/scores.json')
        os.symlink('../data/reference.txt', '/app/output/relative')
        for source, name in (('/app/input/ref/reference.txt', 'hard'), ('/app/input/ref', 'folder')):
            try:
                os.link(source, f'/app/output/{name}')
                print('linked', name)
            except OSError:
                pass
        try:
            os.rename('/app/input/ref/reference.txt', '/app/output/moved')
            print('moved')
        except OSError:
            print('refused')
        """,
        Cause.OK,
        check=said("refused"),
    ),
    Row(
        "writes files with names that are no text",
        """
        import os
        for name in (b'line\\nbreak', b'\\xff\\xfe', b'-rf', b' ', b'\\x1b[2J', b'a' * 255):
            open(os.path.join(b'/app/output', name), 'wb').close()
        print('made')
        """,
        Cause.OK,
        check=said("made"),
        process=True,
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
    if (row.process or engine not in PROCESS) and (row.engine or engine not in DOCKER)
]


@pytest.mark.parametrize(("bench", "row"), CASES, indirect=["bench"])
async def test_a_hostile_program_gets_the_verdict_of_its_row(bench: Bench, row: Row) -> None:
    outcome = await bench.run(row.program, row.limits)

    assert outcome.result.cause == row.cause, (outcome.result, outcome.stderr)
    assert row.check(outcome), (outcome.result, outcome.stdout[-500:], outcome.stderr[-500:])
    assert outcome.result.detail

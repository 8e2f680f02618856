"""What every backend promises beyond verdicts: output, cancellation, users, secrets, the network and clean-up."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import socket
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from podium.sandbox import Cause, Limits, Mount, SandboxConfig, SandboxError, create

from .bench import LIMITS, Bench, eventually, host_processes
from .conftest import BUBBLEWRAP, DOCKER, PROCESS

EVERYWHERE = pytest.mark.parametrize("bench", [*BUBBLEWRAP, *DOCKER, *PROCESS], indirect=True)
ISOLATED = pytest.mark.parametrize("bench", [*BUBBLEWRAP, *DOCKER], indirect=True)


@EVERYWHERE
async def test_output_arrives_while_the_program_runs(bench: Bench) -> None:
    outcome = await bench.run("import time\nprint('early')\ntime.sleep(1)\nprint('late')")

    arrived = {word: when for _, data, when in reversed(outcome.chunks) for word in (b"early", b"late") if word in data}
    assert arrived[b"late"] - arrived[b"early"] > 0.5


@EVERYWHERE
async def test_stdout_and_stderr_are_told_apart(bench: Bench) -> None:
    outcome = await bench.run("import sys\nprint('out')\nprint('err', file=sys.stderr)")

    assert (outcome.stdout, outcome.stderr) == ("out\n", "err\n")


@EVERYWHERE
async def test_output_is_handed_on_byte_for_byte(bench: Bench) -> None:
    outcome = await bench.run("import os\nfor _ in range(3): os.write(1, bytes(range(256)) * 1000)\nprint('Grüße 🏆')")

    assert outcome.raw == bytes(range(256)) * 3000 + "Grüße 🏆\n".encode()


@EVERYWHERE
async def test_the_result_tells_times_memory_and_what_it_ran_in(bench: Bench) -> None:
    outcome = await bench.run(
        """
        import time
        hoard = bytearray(b'x' * 60_000_000)
        end = time.monotonic() + 0.5
        while time.monotonic() < end: pass
        """
    )

    result = outcome.result
    assert result.cause == Cause.OK
    assert result.wall_seconds > 0.5
    assert result.cpu_seconds is not None
    assert 0.1 < result.cpu_seconds < 10
    assert result.peak_memory_bytes is not None
    assert 60_000_000 <= result.peak_memory_bytes < 250_000_000
    assert (result.image_digest or "").startswith("sha256:")


@EVERYWHERE
async def test_a_command_that_does_not_exist_is_the_programs_fault(bench: Bench) -> None:
    outcome = await bench.run(("no-such-command", "--help"))

    assert (outcome.result.cause, outcome.result.exit_code) == (Cause.EXIT_CODE, 127)
    assert '"no-such-command"' in outcome.result.detail


@EVERYWHERE
async def test_variables_and_working_directory_are_as_asked(bench: Bench) -> None:
    (bench.folder / "program" / "here").write_text("")
    outcome = await bench.run(
        "import os\nprint(os.path.exists('here'), os.environ['ASKED'], os.environ['PYTHONUNBUFFERED'])",
        env={"ASKED": "a=b 'c'"},
    )

    assert outcome.stdout == "True a=b 'c' 1\n"


@EVERYWHERE
async def test_python_goes_by_both_its_names(bench: Bench) -> None:
    for name in ("python", "python3"):
        outcome = await bench.run((name, "-c", "print('hello')"))
        assert outcome.stdout == "hello\n"


@EVERYWHERE
async def test_what_the_program_writes_is_the_workers_afterwards(bench: Bench) -> None:
    await bench.run(
        """
        import os
        os.makedirs('/app/output/deep/er')
        open('/app/output/deep/er/scores.json', 'w').write('{}')
        open('/app/output/name\\nwith\\tall sorts \\udcff', 'w').close()
        os.mkfifo('/app/output/pipe')
        os.chmod('/app/output/deep/er/scores.json', 0o000)
        os.chmod('/app/output/deep/er', 0o000)
        os.chmod('/app/output/deep', 0o000)
        """
    )

    assert (bench.output / "deep" / "er" / "scores.json").read_text() == "{}"
    assert sorted(path.name for path in bench.output.iterdir()) == ["deep", "name\nwith\tall sorts \udcff"]
    owners = {path.stat().st_uid for path in bench.output.rglob("*")}
    assert owners == {bench.host_uid if bench.ordinary else os.geteuid()}


@EVERYWHERE
async def test_a_set_user_id_bit_does_not_survive_the_run(bench: Bench) -> None:
    await bench.run("import os\nopen('/app/output/tool', 'w').close()\nos.chmod('/app/output/tool', 0o6755)")

    assert (bench.output / "tool").stat().st_mode & 0o7777 == 0o755


@EVERYWHERE
async def test_a_link_out_of_the_output_is_left_a_link_and_not_followed(bench: Bench) -> None:
    secret = bench.folder / "secret"
    before = [_identity(path) for path in (secret, secret / "answers.txt")]
    await bench.run(
        f"""
        import os
        os.symlink({str(secret)!r}, '/app/output/way-out')
        os.symlink({str(secret / "answers.txt")!r}, '/app/output/answers.txt')
        os.symlink('/etc', '/app/output/etc')
        """
    )

    assert [path.is_symlink() for path in bench.output.iterdir()] == [True] * 3
    assert [_identity(path) for path in (secret, secret / "answers.txt")] == before


def _identity(path: Path) -> tuple[int, int, int]:
    """What changes when a file's owner or mode is set, be it to what it was."""
    info = path.stat()
    return info.st_uid, info.st_mode, info.st_ctime_ns


@EVERYWHERE
async def test_cancelling_kills_every_process_at_once(bench: Bench) -> None:
    token = f"token-{uuid.uuid4().hex}"
    outcome = await bench.run(
        f"""
        import os, signal, subprocess, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        subprocess.Popen(['sh', '-c', 'while true; do sleep 1; done', {token!r}], start_new_session=True)
        print('ready')
        while True: time.sleep(1)
        """,
        cancel_at_output=True,
    )

    assert outcome.cancelled_after is not None
    assert outcome.cancelled_after < 5.0
    assert host_processes(token) == []


@EVERYWHERE
async def test_daemons_do_not_outlive_the_program(bench: Bench) -> None:
    token = f"token-{uuid.uuid4().hex}"
    outcome = await bench.run(
        f"""
        import os, subprocess, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.execvp('sh', ['sh', '-c', 'trap "" TERM HUP; while true; do sleep 1; done', {token!r}])
            os._exit(0)
        os.wait()
        time.sleep(0.3)
        print('left a daemon')
        """
    )

    assert outcome.stdout == "left a daemon\n"
    assert host_processes(token) == []


@EVERYWHERE
async def test_a_time_limit_ends_the_whole_tree_and_keeps_the_output_until_then(bench: Bench) -> None:
    token = f"token-{uuid.uuid4().hex}"
    outcome = await bench.run(
        f"""
        import subprocess, time
        subprocess.Popen(['sh', '-c', 'while true; do sleep 1; done', {token!r}], start_new_session=True)
        print('last words')
        time.sleep(60)
        """,
        dataclasses.replace(LIMITS, wall_seconds=1),
    )

    assert outcome.result.cause == Cause.TIME_LIMIT
    assert "1 s" in outcome.result.detail
    assert outcome.stdout == "last words\n"
    assert host_processes(token) == []


@ISOLATED
async def test_programs_run_as_an_unprivileged_host_user(bench: Bench) -> None:
    token = f"token-{uuid.uuid4().hex}"
    seen: list[str] = []

    async def look() -> None:
        pid = (await eventually(lambda: _sleepers(token)))[0]
        status = Path(f"/proc/{pid}/status").read_text()
        seen.extend(next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:])
        seen.append(next(line for line in status.splitlines() if line.startswith("Groups:")).partition(":")[2].strip())

    await bench.run(("sh", "-c", "while sleep 0.1; do :; done", token), _short(2.0), meanwhile=look)

    assert set(seen[:4]) == {str(bench.host_uid)}
    assert bench.host_uid != 0
    assert seen[4] in ("", str(bench.host_uid))


def _sleepers(token: str) -> list[int]:
    """Processes of the program itself: bubblewrap, prlimit and the engine's monitor name the token too."""
    found = []
    for pid in host_processes(token):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sh\0"):
                found.append(pid)
    return found


def _short(seconds: float) -> Limits:
    return dataclasses.replace(LIMITS, wall_seconds=seconds)


@pytest.mark.parametrize("bench", BUBBLEWRAP[:1], indirect=True)
async def test_a_root_worker_runs_its_slots_as_different_host_users(bench: Bench) -> None:
    for slot in (0, 3):
        await bench.run("open('/app/output/mine', 'w').close()", slot=slot, reclaim=False)
        expected = 20000 + slot if os.geteuid() == 0 else os.geteuid()
        assert (bench.output / "mine").stat().st_uid == expected
        bench.sandbox.reclaim_folder(bench.output)
        (bench.output / "mine").unlink()


@ISOLATED
async def test_secrets_of_the_host_cannot_be_read(bench: Bench, monkeypatch: pytest.MonkeyPatch, world: Path) -> None:
    secret = f"secret-{uuid.uuid4().hex}"
    monkeypatch.setenv("PODIUM_TEST_SECRET", secret)
    root_only = bench.folder / "secret" / "answers.txt"
    root_only.write_text(secret)
    outcome = await bench.run(
        f"""
        import glob, os
        found = []
        wanted = {secret[:12]!r} + {secret[12:]!r}
        for pattern in ('/proc/*/environ', '/proc/*/cmdline', '/proc/*/root', '/proc/*/cwd', '/proc/*/mem'):
            for path in glob.glob(pattern):
                try:
                    if wanted in open(path, errors='replace').read():
                        found.append(path)
                except OSError:
                    pass
        for path in ('/etc/shadow', '/root/.ssh', {str(root_only)!r}, {str(root_only.parent)!r}, '/proc/kcore',
                     '/proc/kmsg', '/proc/1/root/etc/shadow', '/var/run/docker.sock', '/run/podman/podman.sock'):
            try:
                os.listdir(path) if os.path.isdir(path) else open(path).read(1)
                found.append(path)
            except OSError:
                pass
        if wanted in str(dict(os.environ)):
            found.append('environ')
        print(found)
        """
    )

    # A program's own command line holds nothing secret: the two halves of the word are apart there.
    assert outcome.stdout == "[]\n"


@ISOLATED
async def test_only_what_is_mounted_can_be_seen(bench: Bench) -> None:
    outcome = await bench.run("import os\nprint(sorted(os.listdir('/app')), sorted(os.listdir('/app/input/ref')))")

    assert outcome.stdout == "['input', 'output', 'program'] ['reference.txt']\n"


@ISOLATED
async def test_a_writable_mount_can_be_shared_by_two_runs_at_once(bench: Bench) -> None:
    if bench.ordinary:
        # The ordinary user's runs are made one by one; what matters here is the same for both.
        os.chown(bench.output, bench.host_uid, bench.host_uid)
    shared = Mount(bench.output, "/app/shared", writable=True)
    waiting = "import os, time\nwhile not os.path.exists('/app/shared/ready'): time.sleep(0.01)\nprint('met')"
    first = asyncio.create_task(bench.run(("python3", "-c", waiting), mounts=(shared,), reclaim=False))
    second = await bench.run(
        ("python3", "-c", "open('/app/shared/ready', 'w').close()"), mounts=(shared,), reclaim=False
    )

    assert second.result.cause == Cause.OK
    assert (await first).stdout == "met\n"


class Listeners:
    """Services of the host that a program may try to reach; each remembers that it was."""

    def __init__(self) -> None:
        self.reached: list[str] = []
        self.abstract = f"\0podium-{uuid.uuid4().hex}"
        self.sockets = {
            "tcp": self._listen(socket.AF_INET, ("127.0.0.1", 0)),
            "tcp6": self._listen(socket.AF_INET6, ("::1", 0)),
            "abstract": self._listen(socket.AF_UNIX, self.abstract),
        }
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.udp.settimeout(0.05)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._accept, args=item) for item in self.sockets.items()]
        self._threads.append(threading.Thread(target=self._receive))
        for thread in self._threads:
            thread.start()

    @staticmethod
    def _listen(family: int, address: object) -> socket.socket:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.bind(address)  # type: ignore[arg-type]
        listener.listen()
        listener.settimeout(0.05)
        return listener

    def _accept(self, name: str, listener: socket.socket) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                listener.accept()[0].close()
                self.reached.append(name)

    def _receive(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                self.udp.recvfrom(10)
                self.reached.append("udp")

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for each in (*self.sockets.values(), self.udp):
            each.close()

    def caller(self) -> str:
        """A program that tries all of them and the ways out of the machine, and prints what answered."""
        return f"""
        import socket
        answered = []
        def attempt(name, family, kind, address):
            try:
                with socket.socket(family, kind) as s:
                    s.settimeout(2)
                    s.connect(address)
                    s.send(b'hello')
                    if kind == socket.SOCK_STREAM or not str(address[0]).startswith('127.'):
                        answered.append(name)
            except OSError:
                pass
        attempt('tcp', socket.AF_INET, socket.SOCK_STREAM, ('127.0.0.1', {self.sockets["tcp"].getsockname()[1]}))
        attempt('tcp6', socket.AF_INET6, socket.SOCK_STREAM, ('::1', {self.sockets["tcp6"].getsockname()[1]}))
        attempt('abstract', socket.AF_UNIX, socket.SOCK_STREAM, {self.abstract!r})
        attempt('udp', socket.AF_INET, socket.SOCK_DGRAM, ('127.0.0.1', {self.udp.getsockname()[1]}))
        attempt('metadata', socket.AF_INET, socket.SOCK_STREAM, ('169.254.169.254', 80))
        attempt('nameserver', socket.AF_INET, socket.SOCK_DGRAM, ('192.0.2.1', 53))
        attempt('outside', socket.AF_INET6, socket.SOCK_DGRAM, ('2001:db8::1', 53))
        try:
            socket.getaddrinfo('example.org', 80)
            answered.append('dns')
        except OSError:
            pass
        print(answered)
        """


@pytest.fixture
def listeners() -> Iterator[Listeners]:
    """Services on the host's loopback and an abstract socket."""
    made = Listeners()
    yield made
    made.close()


@ISOLATED
async def test_no_network_of_any_kind_can_be_reached(bench: Bench, listeners: Listeners) -> None:
    outcome = await bench.run(listeners.caller())

    assert outcome.stdout == "[]\n"
    assert listeners.reached == []


@pytest.mark.parametrize("bench", PROCESS, indirect=True)
async def test_the_same_calls_do_reach_the_host_where_nothing_isolates(bench: Bench, listeners: Listeners) -> None:
    await bench.run(listeners.caller())

    await eventually(lambda: set(listeners.reached) == {"tcp", "tcp6", "udp", "abstract"})


@pytest.mark.parametrize("bench", BUBBLEWRAP, indirect=True)
async def test_bubblewrap_refuses_to_share_the_hosts_network_unasked(bench: Bench) -> None:
    outcome = await bench.run("print('ran')", network=True)

    assert outcome.result.cause == Cause.PLATFORM
    assert "network" in outcome.result.detail
    assert outcome.stdout == ""


@pytest.mark.parametrize("bench", BUBBLEWRAP, indirect=True)
async def test_a_program_in_bubblewrap_can_make_no_namespace_of_its_own(bench: Bench) -> None:
    outcome = await bench.run("import ctypes\nprint(ctypes.CDLL(None).unshare(0x10000000))")

    assert outcome.stdout == "-1\n"


@pytest.mark.parametrize("bench", BUBBLEWRAP, indirect=True)
async def test_a_mount_whose_source_is_missing_is_the_platforms_fault(bench: Bench) -> None:
    outcome = await bench.run("print('ran')", mounts=(Mount(bench.folder / "nowhere", "/app/nowhere"),))

    assert outcome.result.cause == Cause.PLATFORM
    assert "nowhere" in outcome.result.detail


@pytest.mark.parametrize("bench", [case for case in BUBBLEWRAP if "ordinary" not in str(case.values[0])], indirect=True)
async def test_a_worker_whose_data_lies_in_a_closed_folder_runs_programs_all_the_same(bench: Bench) -> None:
    bench.folder.parent.chmod(0o700)
    outcome = await bench.run("print(open('/app/input/ref/reference.txt').read())\nopen('/app/output/x', 'w').close()")

    assert outcome.stdout == "the truth\n"
    assert (bench.output / "x").exists()


@pytest.mark.parametrize("bench", [*BUBBLEWRAP[:1], *DOCKER, *PROCESS], indirect=True)
async def test_what_a_killed_worker_left_is_swept_and_a_live_run_is_not(bench: Bench, world: Path) -> None:
    token = f"token-{uuid.uuid4().hex}"
    engine = bench.name.split("-")[0]
    config = bench.sandbox.config  # type: ignore[attr-defined]
    settings = {
        name: getattr(config, name) for name in ("owner", "container_socket", "default_image", "unsafe", "cgroups")
    }
    settings["state_folder"] = str(config.state_folder)
    argv = ("sh", "-c", "echo up; trap '' TERM; while sleep 0.1; do :; done", token)
    abandoned = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("abandoned.py")),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert abandoned.stdin is not None
    assert abandoned.stdout is not None
    spec = {"argv": argv, "name": f"left-{uuid.uuid4().hex}", "image": bench.image}
    abandoned.stdin.write(json.dumps([engine, settings, spec]).encode())
    abandoned.stdin.close()
    assert await abandoned.stdout.readline() == b"started\n"
    abandoned.kill()
    await abandoned.wait()
    alive = f"alive-{uuid.uuid4().hex}"
    living = asyncio.create_task(bench.run(("sh", "-c", "echo up; while sleep 0.1; do :; done", alive), _short(4)))
    await eventually(lambda: _sleepers(alive))

    swept = await bench.sandbox.sweep()

    assert swept >= 1
    await eventually(lambda: not host_processes(token))
    assert _sleepers(alive)
    assert (await living).result.cause == Cause.TIME_LIMIT
    assert await bench.sandbox.sweep() == 0


@EVERYWHERE
async def test_the_doctor_tries_the_backend_and_says_what_it_found(bench: Bench) -> None:
    found = await bench.sandbox.check()

    assert all(check.detail for check in found)
    assert all(check.ok for check in found) is bench.isolates
    assert all(check.mend for check in found if not check.ok)


def test_the_process_engine_must_be_asked_for_by_name() -> None:
    with pytest.raises(SandboxError, match="--unsafe"):
        create("process", SandboxConfig())


def test_an_unknown_engine_is_refused_by_name() -> None:
    with pytest.raises(SandboxError, match=r'Unknown sandbox engine "chroot"\. Choose one of: auto, bubblewrap'):
        create("chroot", SandboxConfig())

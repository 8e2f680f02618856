"""The bubblewrap backend: Linux namespaces, no daemon, no image registry, started in a few milliseconds.

Never as host root: a worker that is root drops to an unprivileged host user first, one per slot. bubblewrap alone would
map the sandbox's user to host root (it could read files of mode 0600 and fork past its limit).

The states of a start, in their order: bubblewrap tells the host pid of the sandbox's first process; that process is
moved into its control group and given its limits while it waits; then it is let go. So no instruction of the program
runs without limits, and no process of the sandbox is without them.
Everything ends with that first process: the kernel kills a process namespace with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import resource
import select
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from podium.sandbox import folders, procfs, wording
from podium.sandbox.bwrap_args import MARKER_VARIABLE, CommandLine, Descriptors, drop, rlimits
from podium.sandbox.cgroups import Cgroups, Group
from podium.sandbox.config import SandboxConfig
from podium.sandbox.contract import (
    Cause,
    Check,
    ImageError,
    ImageInfo,
    Limits,
    OutputCallback,
    Result,
    SandboxError,
    Spec,
)
from podium.sandbox.doctor import check_bubblewrap
from podium.sandbox.environments import Environment, Environments
from podium.sandbox.seccomp import open_filter
from podium.sandbox.supervise import (
    DiskWatch,
    Ending,
    OutputMeter,
    PipedProcess,
    Supervisor,
    TemporaryFiles,
    Verdict,
    readable,
    uninterrupted,
)

logger = logging.getLogger(__name__)

SETUP_SECONDS = 30.0
_STATUS_BYTES = 65536


class BubblewrapSandbox:
    """Runs commands with bubblewrap; limits by control groups where they can be made, else by rlimits and a watchdog.

    Raises SandboxError when bubblewrap is not installed.
    """

    name = "bubblewrap"

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        self._environments = Environments(config)
        self._command_line = CommandLine(config)
        self._running: set[str] = set()
        self._cgroups: Cgroups | None = None
        self._cgroup_note = "control groups are switched off by the configuration"
        if config.cgroups == "auto":
            self._cgroups, self._cgroup_note = Cgroups.find(config.owner, config.cgroup_parent)

    def host_uid(self, slot: int) -> int:
        """The host user that programs of a slot run as."""
        return self.config.uid_base + slot if os.geteuid() == 0 else os.geteuid()

    async def prepare(self, image: str | None) -> ImageInfo:
        """Resolves an image's name to a local environment; see the contract."""
        return self._environments.resolve(image).info(image)

    async def run(self, spec: Spec, on_output: OutputCallback | None = None) -> Result:
        """Runs a command to its end; see the contract."""
        try:
            environment = self._environments.resolve(spec.image)
        except ImageError as error:
            return Result(Cause.IMAGE_PULL, detail=str(error))
        try:
            return await self._run(spec, environment, on_output)
        except (OSError, SandboxError) as error:
            logger.exception("sandbox %s could not be run", spec.name)
            return Result(Cause.PLATFORM, detail=str(error), image_digest=environment.digest)

    async def _run(self, spec: Spec, environment: Environment, on_output: OutputCallback | None) -> Result:
        if spec.network and not self.config.host_network:
            raise SandboxError(
                "The program asks for a network, and bubblewrap could only share the whole host's, its own services "
                "included. Use the docker engine for it, or allow host_network if that is acceptable."
            )
        if spec.gpus is not None:
            raise SandboxError("The program asks for a GPU, which bubblewrap does not provide. Use the docker engine.")
        meter = OutputMeter(spec.limits, on_output)
        disk = DiskWatch([mount.source for mount in spec.mounts if mount.writable], spec.limits)
        if disk.active:
            await asyncio.to_thread(disk.start)
        with contextlib.ExitStack() as cleanup:
            cleanup.callback(disk.close)
            group = self._make_group(spec, cleanup)
            self._running.add(spec.name)
            cleanup.callback(self._running.discard, spec.name)
            started = self._start(spec, environment, cleanup, limited=group is not None)
            reins = _NamespaceReins(started, group=group, limits=spec.limits, disk=disk, uid=self.host_uid(spec.slot))
            cleanup.callback(reins.close)
            try:
                await reins.take(started)
            except BaseException:
                await uninterrupted(reins.give_up())
                raise
            ending = await Supervisor(reins, limits=spec.limits, meter=meter, disk=disk).run()
            return _result(
                spec=spec,
                ending=ending,
                reins=reins,
                meter=meter,
                environment=environment,
                exit_code=started.read_exit_code(),
            )

    def _make_group(self, spec: Spec, cleanup: contextlib.ExitStack) -> Group | None:
        if self._cgroups is None:
            return None
        group = self._cgroups.create(spec.name, spec.limits)
        cleanup.callback(group.remove)
        return group

    def _start(self, spec: Spec, environment: Environment, cleanup: contextlib.ExitStack, *, limited: bool) -> _Started:
        uid = self.host_uid(spec.slot)
        seccomp = open_filter(limited=limited)
        status_read, status_write = os.pipe2(os.O_CLOEXEC)
        block_read, block_write = os.pipe2(os.O_CLOEXEC)
        for fd in (status_read, block_write):
            cleanup.callback(os.close, fd)
        theirs = Descriptors(status_write, block_read, seccomp)
        try:
            argv = self._command_line.build(spec, environment, uid=uid, descriptors=theirs, limited=limited)
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                pass_fds=theirs,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", MARKER_VARIABLE: f"{self.config.owner}:{spec.name}"},
                cwd="/",
                umask=0o022,
            )
        finally:
            for fd in theirs:
                os.close(fd)
        return _Started(process, status_read, block_write)

    def prepare_folder(self, path: Path, slot: int) -> None:
        """Hands a folder to the programs of a slot; see the contract."""
        uid = self.host_uid(slot)
        folders.hand_over(path, uid, uid)

    def reclaim_folder(self, path: Path) -> None:
        """Takes a folder back; see the contract."""
        folders.take_back(path)

    async def give_back_disk(self) -> int:
        """Nothing is kept between runs; see the contract."""
        return 0

    async def sweep(self) -> int:
        """Removes processes and control groups that an earlier worker of this owner left; see the contract."""
        return await asyncio.to_thread(self._sweep)

    def _sweep(self) -> int:
        swept = 0
        for pid in procfs.all_pids():
            owner, _, name = procfs.environment(pid).get(MARKER_VARIABLE, "").rpartition(":")
            if owner == self.config.owner and name not in self._running and pid != os.getpid():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    swept += 1
        for name, group in self._cgroups.leftovers().items() if self._cgroups else ():
            if name not in self._running:
                group.kill()
                group.remove()
                swept += 1
        return swept

    async def check(self) -> list[Check]:
        """Tries bubblewrap for real and says how limits are held; see the contract."""
        return await check_bubblewrap(self, limited=self._cgroups is not None, note=self._cgroup_note)

    async def aclose(self) -> None:
        """Nothing is held between runs."""


@dataclass
class _Started:
    """bubblewrap, started and waiting: its process, what it reports on, and what it waits for."""

    process: subprocess.Popen[bytes]
    status_fd: int
    block_fd: int
    status: bytes = b""

    async def first_pid(self) -> int:
        """The host pid of the sandbox's first process. Raises SandboxError with bubblewrap's own words if it fails."""
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        os.set_blocking(self.status_fd, False)
        loop.add_reader(self.status_fd, ready.set)
        try:
            async with asyncio.timeout(SETUP_SECONDS):
                while b"\n" not in self.status:
                    await ready.wait()
                    ready.clear()
                    if not self._read():
                        break
        except TimeoutError:
            raise SandboxError(f"bubblewrap did not start within {SETUP_SECONDS:.0f} s.") from None
        finally:
            loop.remove_reader(self.status_fd)
        if b"\n" not in self.status:
            raise SandboxError(f"bubblewrap could not set up the sandbox: {self._complaint()}")
        return int(json.loads(self.status.split(b"\n")[0])["child-pid"])

    def _read(self) -> bool:
        try:
            data = os.read(self.status_fd, _STATUS_BYTES)
        except BlockingIOError:
            return True
        self.status += data
        return bool(data)

    def _complaint(self) -> str:
        self.process.kill()
        words = self.process.stderr.read() if self.process.stderr else b""
        return words.decode("utf-8", "replace").strip()[-500:] or "it gave no reason."

    def let_go(self) -> None:
        """Lets the program begin."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self.block_fd, b"1")

    def read_exit_code(self) -> int | None:
        """The program's exit code, or None if it never came to run or did not end by itself."""
        while self._read() and select.select([self.status_fd], [], [], 0)[0]:
            pass
        for line in self.status.splitlines():
            with contextlib.suppress(ValueError):
                document = json.loads(line)
                if "exit-code" in document:
                    return int(document["exit-code"])
        return None


class _NamespaceReins:
    """Drives a sandbox by the first process of its namespace, with which everything in it ends."""

    def __init__(self, started: _Started, *, group: Group | None, limits: Limits, disk: DiskWatch, uid: int) -> None:
        self.monitor = started.process
        self.pipes = PipedProcess(started.process)
        self.connect = self.pipes.connect
        self.group = group
        self.limits = limits
        self.disk = disk
        self.uid = uid
        self.pid = 0
        self.pidfd = -1
        self.peak = 0
        self.cpu: float | None = None
        self._temporary = TemporaryFiles(disk)

    async def take(self, started: _Started) -> None:
        """Learns the first process, puts it under limits and lets it go."""
        self.pid = await started.first_pid()
        try:
            self.pidfd = os.pidfd_open(self.pid)
            self._temporary.pid = self.pid
            self._limit()
            if self.group is not None:
                self.group.add(self.pid)
            elif self.limits.cpus is not None:
                self._share_processors(self.limits.cpus)
        except ProcessLookupError:
            # It has died in its set-up; the supervisor will see its exit and bubblewrap's words on stderr.
            return
        started.let_go()

    def _limit(self) -> None:
        """Sets the limits of the first process, which all others inherit.

        The program's own would not be enough: it runs as the same user, may write into the first process's memory, and
        would find there a process without limits.
        """
        held = rlimits(self.limits, limited=self.group is not None)
        try:
            for name, value in held.items():
                resource.prlimit(self.pid, getattr(resource, f"RLIMIT_{name.upper()}"), (value, value))
        except PermissionError:
            # Root in a container may lack the capability to limit others. The sandbox's own user may limit its own.
            pairs = [f"--{name}={value}" for name, value in held.items()]
            argv = [*drop(self.uid), "prlimit", f"--pid={self.pid}", *pairs]
            done = subprocess.run(argv, capture_output=True, check=False)
            if done.returncode and Path(f"/proc/{self.pid}").exists():
                words = done.stderr.decode("utf-8", "replace").strip()
                raise SandboxError(f"The limits of the sandbox could not be set: {words}") from None

    def _share_processors(self, cpus: float) -> None:
        allowed = sorted(os.sched_getaffinity(0))
        count = max(1, min(len(allowed), round(cpus + 0.499)))
        start = self.pid % len(allowed)
        with contextlib.suppress(OSError):
            os.sched_setaffinity(self.pid, {allowed[(start + i) % len(allowed)] for i in range(count)})

    async def terminate(self) -> None:
        """Asks every process of the sandbox to end, but not the first one, which could not hear it."""
        if self.pid:
            for pid in procfs.descendants(self.pid)[1:]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)

    async def kill(self) -> None:
        """Kills the first process, and so the namespace, and bubblewrap itself."""
        if self.pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        if self.monitor.poll() is None:
            self.monitor.kill()

    async def finish(self) -> None:
        """Waits for the first process, which the kernel lets end only when all others of the namespace have."""
        if self.pidfd >= 0:
            await readable(self.pidfd)
        await self.pipes.finish()

    async def give_up(self) -> None:
        """Ends a sandbox whose program never began."""
        await self.kill()
        await self.finish()

    def overuse(self) -> Verdict | None:
        """Looks at memory; the in-memory file systems are found on the way."""
        self._temporary.find()
        if self.group is not None:
            self.peak = max(self.peak, self.group.memory_bytes())
            self.cpu = self.group.cpu_seconds()
            if self.group.out_of_memory_kills():
                return Verdict(Cause.MEMORY_LIMIT, wording.memory_limit(self.limits, None))
            return None
        if not self.pid:
            return None
        return self._overuse_of_tree()

    def _overuse_of_tree(self) -> Verdict | None:
        pids = procfs.descendants(self.pid)
        temporary = self.disk.temporary_bytes()
        used = procfs.resident_bytes(pids) + temporary
        self.cpu = max(self.cpu or 0.0, procfs.cpu_seconds(pids))
        limit = self.limits.memory_bytes
        if limit is not None and used > limit:
            # Shared pages were counted for every process that has them; only now is the exact figure worth its price.
            used = procfs.proportional_bytes(pids) + temporary
        self.peak = max(self.peak, used)
        if limit is not None and used > limit:
            return Verdict(Cause.MEMORY_LIMIT, wording.memory_limit(self.limits, used))
        return None

    def close(self) -> None:
        """Lets go of the first process's descriptor."""
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1


def _result(
    *,
    spec: Spec,
    ending: Ending,
    reins: _NamespaceReins,
    meter: OutputMeter,
    environment: Environment,
    exit_code: int | None,
) -> Result:
    verdict = ending.verdict
    if verdict is None:
        if exit_code is None:
            words = meter.tail.decode("utf-8", "replace").strip()[-500:] or "it gave no reason."
            verdict = Verdict(Cause.PLATFORM, f"bubblewrap could not set up the sandbox: {words}")
        else:
            verdict = Verdict(wording.exit_cause(exit_code), wording.exit_sentence(exit_code, spec.argv[0]))
    if reins.group is not None:
        reins.cpu = reins.group.cpu_seconds()
    return Result(
        cause=verdict.cause,
        exit_code=exit_code,
        signal=wording.signal_of(exit_code) if exit_code else None,
        wall_seconds=ending.wall_seconds,
        cpu_seconds=reins.cpu,
        peak_memory_bytes=reins.peak or None,
        stdout_truncated=meter.truncated["stdout"],
        stderr_truncated=meter.truncated["stderr"],
        detail=verdict.detail,
        image_digest=environment.digest,
    )

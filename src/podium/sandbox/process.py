"""The process backend: an ordinary process, with no isolation whatever. For one's own programs only.

It keeps the contract as far as it can. Mounts do not exist: their targets are replaced by host paths in the command,
the working directory and the variables. Read-only mounts can be written, the network and /tmp are the host's, and the
limits on processes and processors do not hold. A run is recognised by a variable that its processes inherit, so daemons
are found too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from podium.sandbox import folders, procfs, wording
from podium.sandbox.bwrap_args import MARKER_VARIABLE, OPEN_FILES
from podium.sandbox.config import SandboxConfig
from podium.sandbox.contract import MIB, Cause, Check, ImageError, ImageInfo, Limits, OutputCallback, Result, Spec
from podium.sandbox.environments import Environment, Environments
from podium.sandbox.supervise import DiskWatch, Ending, OutputMeter, PipedProcess, Supervisor, Verdict

logger = logging.getLogger(__name__)


class ProcessSandbox:
    """Runs commands as ordinary processes of the worker's own user."""

    name = "process"

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        self._environments = Environments(config)
        self._running: set[str] = set()

    async def prepare(self, image: str | None) -> ImageInfo:
        """Resolves an image's name to a local environment; see the contract."""
        return self._environments.resolve(image).info(image)

    async def run(self, spec: Spec, on_output: OutputCallback | None = None) -> Result:
        """Runs a command to its end; see the contract."""
        try:
            environment = self._environments.resolve(spec.image)
        except ImageError as error:
            return Result(Cause.IMAGE_PULL, detail=str(error))
        temporary = Path(tempfile.mkdtemp(prefix=f"podium-{spec.name}-"))
        self._running.add(spec.name)
        try:
            return await self._run(spec, environment, temporary, on_output)
        except (OSError, ValueError) as error:
            logger.exception("process %s could not be run", spec.name)
            return Result(Cause.PLATFORM, detail=f"The program could not be started: {error}")
        finally:
            self._running.discard(spec.name)
            folders.remove(temporary)

    async def _run(
        self, spec: Spec, environment: Environment, temporary: Path, on_output: OutputCallback | None
    ) -> Result:
        paths = _Paths(spec)
        writable = [mount.source for mount in spec.mounts if mount.writable]
        disk = DiskWatch([*writable, temporary], spec.limits)
        await asyncio.to_thread(disk.start)
        meter = OutputMeter(spec.limits, on_output)
        marker = f"{self.config.owner}:{spec.name}"
        process = subprocess.Popen(
            [*_rlimits(spec.limits), *(paths.on_host(word) for word in spec.argv)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env={
                "PATH": f"{environment.folder}/bin:/usr/local/bin:/usr/bin:/bin",
                "HOME": str(temporary),
                "TMPDIR": str(temporary),
                "LANG": "C.UTF-8",
                "PYTHONUNBUFFERED": "1",
                **paths.all_on_host(spec.env),
                MARKER_VARIABLE: marker,
            },
            cwd=paths.workdir(temporary),
            start_new_session=True,
        )
        reins = _GroupReins(process, marker, spec.limits)
        ending = await Supervisor(reins, limits=spec.limits, meter=meter, disk=disk).run()
        return _result(spec, ending, reins, meter, environment)

    def prepare_folder(self, path: Path, slot: int) -> None:
        """Makes a folder writable to the worker's own user; see the contract."""
        folders.hand_over(path, os.geteuid(), os.getegid())

    def reclaim_folder(self, path: Path) -> None:
        """Takes a folder back; see the contract."""
        folders.take_back(path)

    async def give_back_disk(self) -> int:
        """Nothing is kept between runs; see the contract."""
        return 0

    async def sweep(self) -> int:
        """Kills processes that an earlier worker of this owner left; see the contract."""
        swept = 0
        for pid in procfs.all_pids():
            owner, _, name = procfs.environment(pid).get(MARKER_VARIABLE, "").rpartition(":")
            if owner == self.config.owner and name not in self._running and pid != os.getpid():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    swept += 1
        return swept

    async def check(self) -> list[Check]:
        """Says what this engine is; see the contract."""
        return [
            Check(
                "isolation",
                False,
                "the process engine isolates nothing: programs run with the worker's own rights",
                "Use bubblewrap or docker for programs that are not your own.",
            )
        ]

    async def aclose(self) -> None:
        """Nothing is held between runs."""


class _Paths:
    """Replaces paths inside the sandbox by paths of the host, the longest mount first."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        targets = sorted(((mount.target.rstrip("/"), str(mount.source)) for mount in spec.mounts), reverse=True)
        self._host = dict(sorted(targets, key=lambda pair: len(pair[0]), reverse=True))
        alternatives = "|".join(re.escape(target) for target in self._host)
        # "/app/input" in "/app/input_data" or in "/opt/app/input" is another path.
        self._pattern = re.compile(rf"(?<![\w./-])(?:{alternatives})(?![\w.-])") if alternatives else None

    def on_host(self, text: str) -> str:
        return self._pattern.sub(lambda match: self._host[match.group()], text) if self._pattern else text

    def all_on_host(self, variables: Mapping[str, str]) -> dict[str, str]:
        return {name: self.on_host(value) for name, value in variables.items()}

    def workdir(self, otherwise: Path) -> str:
        found = self.on_host(self._spec.workdir)
        return found if Path(found).is_dir() else str(otherwise)


class _GroupReins:
    """Drives a run by its process group and by the variable that all of its processes inherited."""

    def __init__(self, process: subprocess.Popen[bytes], marker: str, limits: Limits) -> None:
        self.process = process
        self.pipes = PipedProcess(process)
        self.connect = self.pipes.connect
        self.marker = marker
        self.limits = limits
        self.peak = 0
        self.cpu = 0.0

    async def terminate(self) -> None:
        """Asks the process group to end."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)

    async def kill(self) -> None:
        """Kills the group and whoever left it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        for pid in self._marked():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _marked(self) -> list[int]:
        return [pid for pid in procfs.all_pids() if procfs.environment(pid).get(MARKER_VARIABLE) == self.marker]

    async def finish(self) -> None:
        """Kills until nothing with the run's mark is left: a fork may have slipped through."""
        while self._marked():
            await self.kill()
            await asyncio.sleep(0.005)
        await self.pipes.finish()

    def overuse(self) -> Verdict | None:
        """Looks at the memory of the process and its descendants."""
        pids = procfs.descendants(self.process.pid)
        used = procfs.resident_bytes(pids)
        limit = self.limits.memory_bytes
        if limit is not None and used > limit:
            used = procfs.proportional_bytes(pids)
        self.peak = max(self.peak, used)
        self.cpu = max(self.cpu, procfs.cpu_seconds(pids))
        if limit is not None and used > limit:
            return Verdict(Cause.MEMORY_LIMIT, wording.memory_limit(self.limits, used))
        return None


def _rlimits(limits: Limits) -> list[str]:
    argv = ["prlimit", f"--nofile={OPEN_FILES}", "--core=0"]
    if limits.disk_bytes is not None:
        argv.append(f"--fsize={limits.disk_bytes + MIB}")
    if limits.memory_bytes is not None:
        argv.append(f"--data={limits.memory_bytes * 2}")
    return [*argv, "--"]


def _result(spec: Spec, ending: Ending, reins: _GroupReins, meter: OutputMeter, environment: Environment) -> Result:
    # A negative code is a signal's number; the other backends speak the shells' language.
    exit_code = reins.process.returncode if reins.process.returncode >= 0 else 128 - reins.process.returncode
    verdict = ending.verdict or Verdict(wording.exit_cause(exit_code), wording.exit_sentence(exit_code, spec.argv[0]))
    return Result(
        cause=verdict.cause,
        exit_code=exit_code,
        signal=wording.signal_of(exit_code),
        wall_seconds=ending.wall_seconds,
        cpu_seconds=reins.cpu,
        peak_memory_bytes=reins.peak or None,
        stdout_truncated=meter.truncated["stdout"],
        stderr_truncated=meter.truncated["stderr"],
        detail=verdict.detail,
        image_digest=environment.digest,
    )

"""The contract of a sandbox: what one untrusted command is given, what it may use, and what became of it.

A sandbox knows a program, mounts, limits and outputs, and nothing of what they are for. Every backend keeps this
contract; `tests/sandbox` holds the conformance suite that all of them pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

OUTPUT_OVERFLOW_FACTOR = 100
"""A program that writes this many times the output it may keep is ended; below that its surplus is only dropped."""

Stream = Literal["stdout", "stderr"]

OutputCallback = Callable[[Stream, bytes], None]
"""Called from the event loop with each chunk as it arrives, the stream told apart, until the output cap is reached."""


class Cause(StrEnum):
    """Why a run ended as it did; the process limit is no end of its own, since fork merely fails inside."""

    OK = "ok"
    EXIT_CODE = "exit_code"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    DISK_LIMIT = "disk_limit"
    OUTPUT_LIMIT = "output_limit"
    IMAGE_PULL = "image_pull"
    CANCELLED = "cancelled"
    PLATFORM = "platform"


class SandboxError(Exception):
    """The platform's own fault: a setting, a missing tool or a folder that the sandbox cannot use."""


class ImageError(SandboxError):
    """An image or environment could not be had; its text says which and why."""

    cause = Cause.IMAGE_PULL


@dataclass(frozen=True)
class Mount:
    """One file or folder of the host shown inside the sandbox.

    `source` is an absolute path of the host, `target` an absolute path inside ("/app/..."). A mount inside another
    mount needs its mount point to exist in the outer source.
    """

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True)
class Limits:
    """What a program may use; None means no limit.

    `wall_seconds` and `grace_seconds` (between the polite and the final kill) are seconds, `cpus` is a number of
    processors (1.5 is one and a half), everything that ends in `_bytes` is bytes. `disk_bytes` is what may be written
    to the writable mounts and /tmp together. `output_bytes` is how much of stdout and stderr together is handed on;
    what is beyond it is dropped, and the run is ended at `OUTPUT_OVERFLOW_FACTOR` times that.
    """

    wall_seconds: float = 600.0
    cpus: float | None = None
    memory_bytes: int | None = 4 * GIB
    processes: int = 256
    disk_bytes: int | None = 10 * GIB
    output_bytes: int = 10 * MIB
    shm_bytes: int = 64 * MIB
    grace_seconds: float = 2.0


@dataclass(frozen=True)
class ImageInfo:
    """What an image's name stands for at this moment: `digest` changes whenever its contents do."""

    name: str
    digest: str
    pulled: bool = False


@dataclass(frozen=True)
class Spec:
    """One run: an argument vector (no shell), where it runs, and what it sees.

    `name` is unique on the host and is what clean-up goes by; letters, digits, `_`, `.` and `-`. `slot` is the worker's
    slot (0, 1, ...): runs of different slots never share a host user. `gpus` is None, "all", a number of devices or
    comma-separated device names. `prepared` is what `prepare` said of the image, so that the runs of one step are in
    the same one and the engine is not asked again.
    """

    argv: tuple[str, ...]
    name: str
    image: str | None = None
    prepared: ImageInfo | None = None
    mounts: tuple[Mount, ...] = ()
    workdir: str = "/app/program"
    env: Mapping[str, str] = field(default_factory=dict)
    network: bool = False
    limits: Limits = field(default_factory=Limits)
    gpus: str | None = None
    slot: int = 0


@dataclass(frozen=True)
class Result:
    """What became of a run.

    `exit_code` is None when the program never ran or was ended by the platform before it gave one; `signal` is the
    number of the signal that ended it. Times are seconds. `detail` is one sentence for people: the limit and what was
    measured. `image_digest` names what the program ran in, for the record.
    """

    cause: Cause
    exit_code: int | None = None
    signal: int | None = None
    wall_seconds: float = 0.0
    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None
    stdout_truncated: bool = False
    stderr_truncated: bool = False
    detail: str = ""
    image_digest: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the program ran to its end and said that all is well."""
        return self.cause is Cause.OK


@dataclass(frozen=True)
class Check:
    """One finding about the host: what was looked at, whether it is well, and how to mend it if not."""

    name: str
    ok: bool
    detail: str
    mend: str = ""


class Sandbox(Protocol):
    """Runs one untrusted command at a time per call; calls may overlap."""

    name: str

    async def run(self, spec: Spec, on_output: OutputCallback | None = None) -> Result:
        """Runs a command to its end, and leaves no process of it behind.

        Whatever goes wrong is told by the result's cause; nothing is raised but `asyncio.CancelledError`, before which
        every process of the run has been killed.
        """

    async def prepare(self, image: str | None) -> ImageInfo:
        """Fetches or resolves an image before it is needed; None is the default one.

        Raises ImageError when it cannot be had.
        """

    async def give_back_disk(self) -> int:
        """Removes what was kept to save time only and is not in use, and says how many bytes that were."""

    async def sweep(self) -> int:
        """Removes what an earlier, killed worker of the same owner left behind, and says how many things it were."""

    async def check(self) -> list[Check]:
        """Looks whether this host can run sandboxes of this kind, for `podium doctor`."""

    def prepare_folder(self, path: Path, slot: int) -> None:
        """Hands a folder and all that is in it to the programs of a slot, so that a writable mount can be written.

        Call it after the folder's contents are in place and before the run. Raises SandboxError when it cannot.
        """

    def reclaim_folder(self, path: Path) -> None:
        """Takes a folder back after the run, whatever a program made of its owners and modes.

        Links are not followed and set-user-id bits are removed. Raises SandboxError when it cannot.
        """

    async def aclose(self) -> None:
        """Gives back what the sandbox holds itself (connections, threads); runs must have ended."""

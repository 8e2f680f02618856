"""The effective limits of a step: what the phase asks for, within what this worker gives."""

from __future__ import annotations

from dataclasses import dataclass

from podium.protocol import JobLimits
from podium.sandbox import Limits
from podium.worker.settings import WorkerSettings


@dataclass(frozen=True, kw_only=True)
class Ceilings:
    """The most that this worker gives a program: seconds, bytes; None is no ceiling."""

    wall_seconds: float | None = None
    memory_bytes: int | None = None
    disk_bytes: int | None = None
    network: bool = True

    @classmethod
    def of(cls, settings: WorkerSettings) -> Ceilings:
        """Take the ceilings from the settings."""
        return cls(
            wall_seconds=settings.max_wall_seconds,
            memory_bytes=settings.max_memory_bytes,
            disk_bytes=settings.max_disk_bytes,
            network=not settings.network_disabled,
        )


def effective(asked: JobLimits, ceilings: Ceilings) -> Limits:
    """Return the smaller of each; what neither names keeps the sandbox's default."""
    defaults = Limits()
    return Limits(
        wall_seconds=min(asked.wall_seconds, ceilings.wall_seconds or asked.wall_seconds),
        cpus=asked.cpus,
        memory_bytes=_smaller(asked.memory_bytes, ceilings.memory_bytes, defaults.memory_bytes),
        processes=asked.processes,
        disk_bytes=_smaller(asked.disk_bytes, ceilings.disk_bytes, defaults.disk_bytes),
        output_bytes=asked.output_bytes,
    )


def _smaller(asked: int | None, ceiling: int | None, default: int | None) -> int | None:
    given = [value for value in (asked, ceiling) if value is not None]
    return min(given) if given else default

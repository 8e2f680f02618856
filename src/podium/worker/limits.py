"""What this worker gives at most, and what one job gets of it."""

from __future__ import annotations

import os

from podium.protocol import Ceilings, JobLimits, lower
from podium.sandbox import Limits
from podium.worker.settings import WorkerSettings


def ceilings_of(settings: WorkerSettings, engine: str) -> Ceilings:
    """The ceilings that a worker reports with each claim, and holds itself.

    Where the operator names none, memory and processors of the machine are what there is: more could be asked of a
    sandbox, but not had.

    settings: what the operator says.
    engine: the sandbox engine in use; bubblewrap has no network but the host's.
    """
    network = not settings.network_disabled and (engine != "bubblewrap" or settings.host_network)
    return Ceilings(
        wall_seconds=settings.max_wall_seconds,
        memory_bytes=settings.max_memory_bytes or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        disk_bytes=settings.max_disk_bytes,
        shm_bytes=settings.max_shm_bytes,
        cpus=settings.max_cpus or len(os.sched_getaffinity(0)),
        processes=settings.max_processes,
        gpus=number_of_gpus(settings.gpus),
        network=network,
    )


def sandbox_limits(asked: JobLimits, ceilings: Ceilings) -> Limits:
    """What the sandbox is told: the job's limits below this worker's ceilings; what neither names is the default."""
    held, defaults = lower(asked, ceilings), Limits()
    return Limits(
        wall_seconds=held.wall_seconds,
        cpus=held.cpus,
        memory_bytes=held.memory_bytes or defaults.memory_bytes,
        processes=held.processes,
        disk_bytes=held.disk_bytes or defaults.disk_bytes,
        output_bytes=held.output_bytes,
        shm_bytes=held.shm_bytes,
    )


def refusal(asked: JobLimits, ceilings: Ceilings) -> str:
    """Why this worker may not run a job at all, or ""; the platform does not give it such a job knowingly."""
    if asked.network and not ceilings.network:
        return (
            "The phase asks for network, which this worker does not give to programs. Its operator allows it with "
            "PODIUM_WORKER_HOST_NETWORK (bubblewrap) or by removing PODIUM_WORKER_NETWORK_DISABLED (containers)."
        )
    if ceilings.gpus is not None and (asked.gpus or 0) > ceilings.gpus:
        return f"The phase asks for {asked.gpus} GPUs and this worker has {ceilings.gpus} (PODIUM_WORKER_GPUS)."
    return ""


def number_of_gpus(given: str | None) -> int | None:
    """How many GPUs a setting stands for: "all" is None, for nobody has counted them."""
    if given is None:
        return 0
    if given == "all" or given.endswith("=all"):
        return None
    return int(given) if given.isdigit() else len(_names(given))


def gpu_names(given: str | None) -> list[str]:
    """The GPUs of a setting as they are shown to people; a worker that has all of its machine's says "all"."""
    if given is None:
        return []
    return [name[:100] for name in _names(given)][:64]


def gpus_for(asked: int | None, given: str | None, slot: int) -> str | None:
    """The GPUs of one program, as the sandbox takes them.

    A phase that does not ask gets what the worker has (Codabench's rule), one that asks for 0 gets none. Of named
    devices each slot begins with its own, so that slots share none as long as there are enough.
    """
    if given is None or asked == 0:
        return None
    if asked is None:
        return given
    if given.endswith("=all"):
        return given  # a name for all of them cannot be divided
    if given == "all" or given.isdigit():
        return str(asked)
    names = _names(given)
    return ",".join(names[(slot * asked + number) % len(names)] for number in range(asked))


def _names(given: str) -> list[str]:
    return [name.strip() for name in given.split(",") if name.strip()]

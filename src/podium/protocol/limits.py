"""The limits of one step: what a phase asks for, what site and workers give at most, and what is in effect.

The effective limits are computed here and nowhere else, by pure functions, so that page, API, claim and worker cannot
disagree. What a phase asks is never raised and never lowered in silence: `promise` says what is lowered, by whom, and
`complete` fills in what the phase does not ask for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

KIB = 1024

QUANTITIES = (
    "wall_seconds",
    "memory_bytes",
    "disk_bytes",
    "shm_bytes",
    "cpus",
    "processes",
    "output_bytes",
    "gpus",
)
"""The limits that are amounts; the network is either there or not."""

REQUIRED = ("gpus", "network")
"""What a program cannot do without where asked for: it is had in full, or the run waits for a worker that has it."""

By = Literal["site", "workers"]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class AskedLimits(_Message):
    """What a phase asks for, each step by itself; None asks for nothing: the site's default, or less on small workers.

    Seconds, bytes and numbers; `cpus` may be a fraction; `shm_bytes` is the size of /dev/shm; `output_bytes` is how
    much of what a program prints is kept.
    """

    wall_seconds: float = Field(gt=0)
    memory_bytes: int | None = Field(default=None, gt=0)
    disk_bytes: int | None = Field(default=None, gt=0)
    shm_bytes: int | None = Field(default=None, gt=0)
    cpus: float | None = Field(default=None, gt=0)
    processes: int | None = Field(default=None, gt=0)
    output_bytes: int | None = Field(default=None, gt=0)
    gpus: int | None = Field(default=None, ge=0)
    network: bool = False


class Ceilings(_Message):
    """The most that a worker, or the site, gives one step; None is no ceiling."""

    wall_seconds: float | None = Field(default=None, gt=0)
    memory_bytes: int | None = Field(default=None, gt=0)
    disk_bytes: int | None = Field(default=None, gt=0)
    shm_bytes: int | None = Field(default=None, gt=0)
    cpus: float | None = Field(default=None, gt=0)
    processes: int | None = Field(default=None, gt=0)
    output_bytes: int | None = Field(default=None, gt=0)
    gpus: int | None = Field(default=0, ge=0)
    network: bool = False


class JobLimits(_Message):
    """Limits of one step as a worker is told them: seconds, bytes, counts; `gpus` None leaves it to the worker."""

    wall_seconds: float = Field(gt=0)
    memory_bytes: int | None = None
    cpus: float | None = None
    processes: int = 256
    disk_bytes: int | None = None
    output_bytes: int = 10 * KIB * KIB
    shm_bytes: int = 64 * KIB * KIB
    gpus: int | None = None
    network: bool = False


@dataclass(frozen=True)
class Lowering:
    """One limit that is in effect lower than asked: its name, both amounts, and whose ceiling it is."""

    name: str
    asked: float
    given: float
    by: By


@dataclass(frozen=True)
class Promise:
    """What every run of a phase gets, as far as the phase asks: `lowered` says what is less than asked.

    `lacking` names what no worker gives; while there is any, the runs wait.
    """

    limits: AskedLimits
    lowered: tuple[Lowering, ...] = ()
    lacking: tuple[str, ...] = ()


def shortfalls(ceilings: Ceilings, limits: AskedLimits) -> tuple[str, ...]:
    """The names of the limits that these ceilings cannot give in full."""
    short = [name for name in QUANTITIES if _amount(limits, name) > _most(ceilings, name)]
    return tuple(short + ["network"] * (limits.network and not ceilings.network))


def promise(asked: AskedLimits, site: Ceilings, workers: Sequence[Ceilings]) -> Promise:
    """What a phase can be promised on a site with these workers.

    The site's ceilings come first. If some worker gives what is left in full, that is it, and weaker workers have no
    part in this phase. Else it is what the worker gives that comes nearest; but nothing of `REQUIRED` is lowered.
    Without any worker the site's word stands, and nothing is known to be lacking.
    """
    wanted = _within(asked, site)
    lowered = _lowerings(asked, wanted, "site")
    lacking = tuple(name for name in shortfalls(site, wanted) if name in REQUIRED)
    if lacking or not workers or any(not shortfalls(worker, wanted) for worker in workers):
        return Promise(wanted, lowered, lacking)
    able = [worker for worker in workers if not set(shortfalls(worker, wanted)) & set(REQUIRED)]
    if not able:
        short = [set(shortfalls(worker, wanted)) & set(REQUIRED) for worker in workers]
        fewest = min(short, key=len)
        return Promise(wanted, lowered, tuple(sorted(fewest)))
    given = _within(wanted, max(able, key=lambda worker: _nearness(worker, wanted)))
    return Promise(given, _merged(lowered, _lowerings(wanted, given, "workers")))


def complete(promised: AskedLimits, defaults: JobLimits, ceilings: Iterable[Ceilings]) -> JobLimits:
    """The limits of a job: what is promised, the defaults where nothing was asked, all below every ceiling.

    defaults: what a phase gets that does not ask.
    ceilings: the site's and those of the worker that does the job.
    """
    given = {name: value for name in QUANTITIES if (value := getattr(promised, name)) is not None}
    full = defaults.model_copy(update={**given, "network": promised.network})
    for each in ceilings:
        full = lower(full, each)
    return full


def lower(limits: JobLimits, ceilings: Ceilings) -> JobLimits:
    """The same limits, none above its ceiling, and what was unlimited at it; what is required stays as it is."""
    changed: dict[str, object] = {}
    for name in QUANTITIES:
        value, most = getattr(limits, name), getattr(ceilings, name)
        if name not in REQUIRED and most is not None and (value is None or value > most):
            changed[name] = most
    return limits.model_copy(update=changed)


def _amount(limits: AskedLimits, name: str) -> float:
    return float(getattr(limits, name) or 0)


def _most(ceilings: Ceilings, name: str) -> float:
    most = getattr(ceilings, name)
    return math.inf if most is None else float(most)


def _within(asked: AskedLimits, ceilings: Ceilings) -> AskedLimits:
    """What is asked, lowered to the ceilings; what is required is left as it is."""
    names = [name for name in shortfalls(ceilings, asked) if name not in REQUIRED]
    return asked.model_copy(update={name: getattr(ceilings, name) for name in names})


def _lowerings(asked: AskedLimits, given: AskedLimits, by: By) -> tuple[Lowering, ...]:
    return tuple(
        Lowering(name, _amount(asked, name), _amount(given, name), by)
        for name in QUANTITIES
        if _amount(given, name) < _amount(asked, name)
    )


def _merged(first: tuple[Lowering, ...], second: tuple[Lowering, ...]) -> tuple[Lowering, ...]:
    """Both; where a limit was lowered twice, the last ceiling is the one that holds."""
    before = {each.name: each for each in first}
    again = [Lowering(each.name, before.get(each.name, each).asked, each.given, each.by) for each in second]
    return tuple({**before, **{each.name: each for each in again}}.values())


def _nearness(worker: Ceilings, wanted: AskedLimits) -> float:
    """How much of what is wanted a worker gives: the product of the shares, at most 1."""
    shares = [_most(worker, name) / _amount(wanted, name) for name in shortfalls(worker, wanted) if name != "network"]
    return math.prod(shares)

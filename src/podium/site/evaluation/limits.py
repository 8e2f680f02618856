"""What a phase asks for, what its runs get, and why that is less: the platform's side of `podium.protocol.limits`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy, pgettext
from pydantic import ValidationError

from podium.protocol import AskedLimits, Ceilings, JobLimits, Promise, complete, promise, shortfalls
from podium.site.competitions.models import Competition, Phase
from podium.site.evaluation.models import Run
from podium.site.pages.times import seconds_text
from podium.site.queues.models import WORKER_SEEN, Worker
from podium.site.resources.services import human_size

_COLUMNS = {
    "wall_seconds": "execution_time_limit",
    "memory_bytes": "memory_limit",
    "disk_bytes": "disk_limit",
    "shm_bytes": "shared_memory_limit",
    "cpus": "cpu_limit",
    "processes": "process_limit",
    "output_bytes": "output_limit",
    "gpus": "gpus",
    "network": "network",
}
"""Limit -> column of a phase and key in a bundle."""

LABELS = {
    "wall_seconds": gettext_lazy("Time"),
    "memory_bytes": gettext_lazy("Memory"),
    "disk_bytes": gettext_lazy("Disk"),
    "shm_bytes": gettext_lazy("Shared memory"),
    "cpus": gettext_lazy("Processors"),
    "processes": gettext_lazy("Processes"),
    "output_bytes": gettext_lazy("Kept output"),
    "gpus": gettext_lazy("GPUs"),
    "network": gettext_lazy("Network"),
}

_COUNTED = {
    "cpus": ngettext_lazy("%(amount)s processor", "%(amount)s processors", "count"),
    "processes": ngettext_lazy("%(amount)s process", "%(amount)s processes", "count"),
    "gpus": ngettext_lazy("%(amount)s GPU", "%(amount)s GPUs", "count"),
}

_SETTINGS = {
    "wall_seconds": "max_execution_seconds",
    "memory_bytes": "max_memory_bytes",
    "disk_bytes": "max_disk_bytes",
    "shm_bytes": "max_shared_memory_bytes",
    "cpus": "max_cpus",
    "processes": "max_processes",
    "output_bytes": "max_log_bytes",
    "gpus": "max_gpus",
    "network": "allow_network",
}
"""Limit -> the operator's setting that is its ceiling on this site."""

_DEFAULT_SECONDS = 600
_YEAR = 365 * 86400


def asked_of(phase: Phase) -> AskedLimits:
    """What the organizer asked for, as asked."""
    values = {name: getattr(phase, column) for name, column in _COLUMNS.items()}
    # 0 asks for nothing, but for GPUs, where it asks for none.
    asked = {name: value or None for name, value in values.items() if name not in {"gpus", "network"}}
    asked["wall_seconds"] = asked["wall_seconds"] or _DEFAULT_SECONDS
    return AskedLimits(gpus=phase.gpus, network=phase.network, **asked)


def site_ceilings() -> Ceilings:
    """The most that this site gives one step, by its configuration."""
    return Ceilings(**{name: getattr(settings.CONFIG, setting) for name, setting in _SETTINGS.items()})


def ceilings_by_key() -> dict[str, float]:
    """The site's ceilings by the keys of a bundle's phase, those that there are; no network is 0."""
    held = {column: getattr(settings.CONFIG, _SETTINGS[name]) for name, column in _COLUMNS.items()}
    return {column: float(value) for column, value in held.items() if value is not None}


def defaults() -> JobLimits:
    """What a step gets where the phase does not ask."""
    config = settings.CONFIG
    return JobLimits(
        wall_seconds=_DEFAULT_SECONDS,
        memory_bytes=config.default_memory_bytes,
        disk_bytes=config.default_disk_bytes,
        output_bytes=config.max_log_bytes,
    )


def ceilings_of(worker: Worker) -> Ceilings:
    """What a worker reported with its last claim; nothing it said is believed to be well formed."""
    try:
        return Ceilings.model_validate(worker.ceilings)
    except ValidationError:
        return Ceilings()


def live_ceilings(queue_id: int | None, *, but: str = "") -> list[Ceilings]:
    """The ceilings of the workers of a queue (None: the default one) seen lately, the one called `but` left out."""
    serving = Worker.objects.filter(queue=queue_id) if queue_id else Worker.objects.filter(queue__is_default=True)
    return [ceilings_of(each) for each in serving.filter(last_seen__gte=timezone.now() - WORKER_SEEN).exclude(name=but)]


def live_ceilings_of(competition: Competition) -> list[Ceilings]:
    """The ceilings of the workers that serve a competition now."""
    return live_ceilings(competition.queue_id)


def agreed_of(phase: Phase) -> AskedLimits | None:
    """What was settled with the phase's first run, None before it."""
    return AskedLimits.model_validate(phase.agreed_limits) if phase.agreed_limits else None


@dataclass(frozen=True)
class Standing:
    """How the limits of a phase stand: what was asked, what its runs get, and why runs cannot start now.

    `settled` says that the phase has begun to run with these limits. `lacking` names what the site or every worker
    falls short of; `workers` is how many were seen lately.
    """

    asked: AskedLimits
    promise: Promise
    settled: bool
    lacking: tuple[str, ...]
    site_lacks: bool
    workers: int


def standing(phase: Phase, workers: Sequence[Ceilings]) -> Standing:
    """How the limits of a phase stand with the workers that its queue has."""
    asked, site, agreed = asked_of(phase), site_ceilings(), agreed_of(phase)
    found = promise(asked, site, workers)
    if agreed is None:
        site_lacks = bool(set(shortfalls(site, found.limits)))
        return Standing(asked, found, False, found.lacking, site_lacks, len(workers))
    if short := shortfalls(site, agreed):
        return Standing(asked, _settled(asked, agreed, site), True, short, True, len(workers))
    missing = [shortfalls(worker, agreed) for worker in workers]
    lacking = min(missing, key=len, default=())
    return Standing(asked, _settled(asked, agreed, site), True, lacking, False, len(workers))


def _settled(asked: AskedLimits, agreed: AskedLimits, site: Ceilings) -> Promise:
    """Tell what is lower than asked: by the site where its ceiling explains it, else by the workers."""
    as_ceilings = Ceilings(**{**agreed.model_dump(), "gpus": agreed.gpus})
    return Promise(agreed, promise(asked, site, [as_ceilings]).lowered)


def job_limits(promised: AskedLimits, worker: Ceilings) -> JobLimits:
    """The limits of a job for a worker, in full; see `podium.protocol.complete`."""
    return complete(promised, defaults(), [site_ceilings(), worker])


def run_limits(run: Run, worker: Ceilings | None = None) -> JobLimits:
    """The limits that were settled for a run with its last attempt; before that, those that it would have now."""
    if run.limits:
        return JobLimits.model_validate(run.limits)
    phase = run.submission.phase
    due = agreed_of(phase) or promise(asked_of(phase), site_ceilings(), []).limits
    return complete(due, defaults(), [site_ceilings(), *([worker] if worker else [])])


def size_text(value: int) -> str:
    """A size as it was most likely meant: "4 GiB" for powers of two, "8 GB" for the others."""
    for unit, text in ((2**30, _("{number} GiB")), (2**20, _("{number} MiB"))):
        if value >= unit and not value % unit:
            return text.format(number=number_format(value // unit, 0, force_grouping=True))
    return human_size(value)


def amount_text(name: str, value: float | bool | None) -> str:
    """A limit as people read it."""
    if name == "network":
        return pgettext("network", "on") if value else pgettext("network", "off")
    if value is None:
        return _("as the worker has them") if name == "gpus" else _("no limit")
    if name == "wall_seconds":
        # Who asks for years asks for no limit, in the largest number that came to mind.
        return seconds_text(float(value)) if value < _YEAR else f"{number_format(value, 0, force_grouping=True)} s"
    return size_text(int(value)) if name.endswith("_bytes") else number_format(f"{value:g}")


@dataclass(frozen=True)
class LimitRow:
    """One limit for a page: what is in effect, and, when it is less than asked, what was asked and why."""

    name: str
    label: str
    text: str
    asked: str = ""
    why: str = ""


def rows_of(found: Standing) -> list[LimitRow]:
    """The limits of a phase for its page: what it asks for in any case, and what decides about programs."""
    shown = complete(found.promise.limits, defaults(), [site_ceilings()])
    lowered = {each.name: each for each in found.promise.lowered}
    rows = []
    for name, label in LABELS.items():
        if getattr(found.asked, name) is None and name not in {"memory_bytes", "disk_bytes"}:
            continue
        text = amount_text(name, getattr(shown, name))
        if (less := lowered.get(name)) is not None:
            site_does = less.by == "site"
            whose = _("this site gives no more") if site_does else _("the workers of its queue give no more")
            rows.append(LimitRow(name, str(label), text, amount_text(name, less.asked), whose))
        else:
            rows.append(LimitRow(name, str(label), text))
    return rows


def reason_unserved(found: Standing) -> str:
    """Why runs of a phase wait although there may be workers; "" when they do not."""
    if not found.lacking:
        return ""
    wanted = _joined(_wanted(name, found.promise.limits) for name in found.lacking)
    if found.site_lacks:
        names = _joined(f"PODIUM_{_SETTINGS[name].upper()}" for name in found.lacking)
        words = _("This phase needs %(wanted)s, which this site does not give any more (its operator sets %(names)s).")
        return words % {"wanted": wanted, "names": names}
    words = _("This phase needs %(wanted)s, and no worker of its queue gives that now. Its submissions wait for one.")
    return words % {"wanted": wanted}


def _joined(parts: Iterable[str]) -> str:
    return reduce(lambda first, second: _("%(first)s and %(second)s") % {"first": first, "second": second}, parts)


def _wanted(name: str, limits: AskedLimits) -> str:
    amount = amount_text(name, getattr(limits, name))
    if name == "network":
        return pgettext("what a phase needs", "network")
    if name in _COUNTED:
        return str(_COUNTED[name] % {"amount": amount, "count": 1 if amount == "1" else 2})
    return _("%(amount)s of %(what)s") % {"amount": amount, "what": str(LABELS[name]).lower()}


def as_dict(found: Standing) -> dict[str, Any]:
    """The same for the API."""
    return {
        "settled": found.settled,
        "limits": complete(found.promise.limits, defaults(), [site_ceilings()]).model_dump(),
        "lowered": {_COLUMNS[each.name]: each.by for each in found.promise.lowered},
        "waits_because": reason_unserved(found),
    }

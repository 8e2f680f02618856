"""What an entry is about, told of a row: its kind, number and name, and the competition that it belongs to.

Rows are known by the labels of their models, so that this app needs none of those that record in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from django.db.models import Model

from podium.site.audit.actions import Kind

_KINDS: Final[dict[str, Kind]] = {
    "accounts.user": Kind.USER,
    "accounts.apitoken": Kind.TOKEN,
    "accounts.organization": Kind.ORGANIZATION,
    "accounts.membership": Kind.MEMBER,
    "competitions.competition": Kind.COMPETITION,
    "competitions.phase": Kind.PHASE,
    "competitions.participant": Kind.PARTICIPANT,
    "evaluation.submission": Kind.SUBMISSION,
    "forums.thread": Kind.THREAD,
    "leaderboards.leaderboard": Kind.LEADERBOARD,
    "mails.message": Kind.MESSAGE,
    "queues.queue": Kind.QUEUE,
    "queues.queuetoken": Kind.QUEUE_TOKEN,
    "queues.worker": Kind.WORKER,
    "resources.dataset": Kind.DATASET,
    "resources.task": Kind.TASK,
    "webhooks.webhook": Kind.WEBHOOK,
}

_NAMES: Final[dict[Kind, Callable[[Any], str]]] = {
    Kind.TOKEN: lambda token: str(token.name),
    Kind.MEMBER: lambda member: str(member.user.username),
    Kind.PARTICIPANT: lambda participant: str(participant.user.username),
    Kind.SUBMISSION: lambda submission: f"Submission {submission.pk}",
    Kind.MESSAGE: lambda message: str(message.subject),
    Kind.QUEUE_TOKEN: lambda token: str(token.name),
    Kind.WORKER: lambda worker: str(worker.name),
    Kind.WEBHOOK: lambda webhook: urlsplit(webhook.url).hostname or "",  # the path may be a secret
}
"""How rows are named that do not name themselves in a word."""

_COMPETITIONS: Final[dict[Kind, Callable[[Any], Any]]] = {
    Kind.COMPETITION: lambda competition: competition,
    Kind.PHASE: lambda phase: phase.competition,
    Kind.PARTICIPANT: lambda participant: participant.competition,
    Kind.SUBMISSION: lambda submission: submission.phase.competition,
    Kind.LEADERBOARD: lambda board: board.competition,
    Kind.MESSAGE: lambda message: message.competition,
    Kind.THREAD: lambda thread: thread.forum.competition,
    Kind.WEBHOOK: lambda webhook: webhook.competition,
}


@dataclass(frozen=True)
class Target:
    """What an entry is about."""

    kind: Kind
    pk: int | None
    name: str
    competition: Any = None


def target_of(row: Model) -> Target:
    """The target that a row is; of a kind that is not listed here it has the name of its model."""
    kind = _KINDS.get(row._meta.label_lower, Kind.OTHER)
    pk = row.pk if isinstance(row.pk, int) else None
    if kind == Kind.OTHER:
        return Target(kind, pk, str(row._meta.verbose_name))  # how it names itself may be a secret
    name = _NAMES.get(kind, str)(row)
    return Target(kind, pk, name[:256], _COMPETITIONS.get(kind, lambda _: None)(row))

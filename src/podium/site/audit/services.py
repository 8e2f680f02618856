"""Writing the history, and removing what is older than the operator keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Model
from django.utils import timezone

from podium.site.audit.actions import Action, Kind
from podium.site.audit.models import AuditEntry
from podium.site.audit.origin import here
from podium.site.audit.targets import target_of
from podium.site.audit.values import differences

if TYPE_CHECKING:
    from podium.site.accounts.models import User
    from podium.site.competitions.models import Competition

PIECE = 5000
"""Entries that are removed in one transaction."""


def record(
    action: Action,
    *,
    by: User | None,
    on: Model,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    about: User | None = None,
    competition: Competition | None = None,
) -> None:
    """Write down a change, in its transaction, so that neither is there without the other.

    by: who made it; None where it was nobody with an account. By which way they came the context tells (`origin`).
    on: the row that was changed. before, after: fields and their values; what is the same in both is left out, and
    where both are given and nothing differs, nothing was changed and nothing is written. about: whom it concerns.
    competition: where the row does not tell it. Raises RuntimeError outside of a transaction.
    """
    old, new = differences(before or {}, after or {})
    if before is not None and after is not None and not old and not new:
        return
    _write([on], competition, action=action, before=old, after=new, about=about, **_doer(by))


def record_many(
    action: Action,
    *,
    by: User | None,
    on: Iterable[Model],
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    about: User | None = None,
    competition: Competition | None = None,
) -> None:
    """Write down one change of several rows, an entry for each, as `record`; nothing where there is no row."""
    old, new = differences(before or {}, after or {})
    _write(on, competition, action=action, before=old, after=new, about=about, **_doer(by))


def _doer(by: User | None) -> dict[str, Any]:
    """Who it was, and by which way they came."""
    way, name = here(), by.username if by is not None else ""
    return {"actor": by, "actor_name": name, "via": way.via, "token_name": way.token[:100], "address": way.address}


def _write(rows: Iterable[Model], competition: Competition | None, **facts: Any) -> None:
    if not connection.in_atomic_block:
        raise RuntimeError("A change is recorded in the transaction in which it is made.")
    entries = []
    for row in rows:
        target = target_of(row)
        where = competition if competition is not None else target.competition
        entries.append(
            AuditEntry(
                competition=where.pk if where is not None else None,
                competition_title=where.title[:256] if where is not None else "",
                kind=target.kind,
                object_id=target.pk,
                object_name=target.name,
                **facts,
            )
        )
    AuditEntry.objects.bulk_create(entries)


_PERSONS = (Kind.USER, Kind.PARTICIPANT, Kind.MEMBER)


def forget_person(*, user: User) -> None:
    """Take the name and the data of a person whose account is deleted out of the history, in the caller's transaction.

    What they did and what was done to them stays, under the name that the account has from then on; from where they
    came and what their tokens were called does not.
    """
    AuditEntry.objects.filter(actor=user).update(actor_name=user.username, address=None, token_name="")
    AuditEntry.objects.filter(about=user, kind__in=_PERSONS).update(object_name=user.username)
    AuditEntry.objects.filter(about=user, kind=Kind.USER).update(before={}, after={})


def forget_old() -> int:
    """Remove the entries that are older than `PODIUM_AUDIT_DAYS`, and say so in the history; returns how many."""
    days = settings.CONFIG.audit_days
    if not days:
        return 0
    until = timezone.now() - timedelta(days=days)
    gone = 0
    while True:
        with transaction.atomic():
            keys = list(AuditEntry.objects.filter(when__lt=until).order_by("pk").values_list("pk", flat=True)[:PIECE])
            if not keys:
                return gone
            AuditEntry.objects.filter(pk__in=keys).delete()
            gone += len(keys)
            facts = {"entries": len(keys), "older than": until, "days kept": days}
            AuditEntry.objects.create(
                action=Action.HISTORY_REMOVED, kind=Kind.HISTORY, object_name="History", after=differences({}, facts)[1]
            )

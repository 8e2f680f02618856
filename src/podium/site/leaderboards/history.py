"""Boards of the past: who stood on a board from when to when, and what it showed at a moment.

`follow` is called by every service that changes entries, in its transaction; it compares the entries with the standings
that are open and closes and opens what differs. So the record is what happened, and nothing is guessed from dates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from podium.ranking import keys
from podium.ranking.columns import Sorting
from podium.ranking.rules import SubmissionRule, allows_several
from podium.site.competitions import policies as competitions
from podium.site.competitions.models import Participant, ParticipantStatus, Phase
from podium.site.leaderboards import cells, queries
from podium.site.leaderboards.cells import Cell
from podium.site.leaderboards.models import Block, Entry, Standing
from podium.site.leaderboards.queries import Row
from podium.site.pages import times
from podium.site.webhooks import outbox

RECORDER = ("leaderboards", "0003_standings_and_intervals")
"""The migration with which the record began."""


class NoSuchMoment(Exception):
    """The board of that moment cannot be shown; the message says why."""


def follow(*, phase: Phase, owner_id: int, submission_id: int | None = None) -> None:
    """Bring a person's standings in a phase up to date with their entries, in the transaction that changed those.

    phase: with its leaderboard. submission_id: the only one that may have come or gone where a person may have any
    number of entries, so that the cost does not grow with them; None for all.
    """
    board = phase.leaderboard
    entries = Entry.objects.filter(phase=phase, owner=owner_id)
    standings = Standing.objects.filter(phase=phase, owner=owner_id, until=None)
    if submission_id is not None and board is not None and allows_several(SubmissionRule(board.submission_rule)):
        entries, standings = entries.filter(submission=submission_id), standings.filter(submission=submission_id)
    now_there = {entry.submission_id: entry for entry in entries}
    recorded = {standing.submission_id: standing for standing in standings}
    moment = timezone.now()
    over = [
        standing.pk
        for pk, standing in recorded.items()
        if pk is None or pk not in now_there or now_there[pk].sort_key != standing.sort_key
    ]
    Standing.objects.filter(pk__in=over).update(until=moment)
    come = [entry for pk, entry in now_there.items() if pk not in recorded or recorded[pk].sort_key != entry.sort_key]
    primary = None if board is None else board.columns.filter(index=board.primary_index).first()
    Standing.objects.bulk_create(
        Standing(
            phase=phase,
            submission_id=entry.submission_id,
            owner_id=entry.owner_id,
            column=primary,
            value=None if primary is None else _leading(entry.sort_key, primary.sorting),
            sort_key=entry.sort_key,
            since=moment,
        )
        for entry in come
    )
    if over or come:
        mark_changed(phase.pk)
        outbox.leaderboard_changed(phase=phase)


def mark_changed(phase_id: int) -> None:
    """Note that the board of a phase has changed, in the caller's turn (`services.places.take_turn`)."""
    Block.objects.filter(phase=phase_id, first_key="").update(changed_when=timezone.now())


def _leading(sort_key: str, sorting: str) -> float | None:
    """The primary column's value, which is the first field of every key."""
    return keys.decode(bytes.fromhex(sort_key[: 2 * keys.FIELD_BYTES]), Sorting(sorting))


def read_moment(text: str) -> datetime:
    """The moment that an address names: ISO 8601, a date alone is its first moment, without a zone it is UTC.

    Raises NoSuchMoment.
    """
    written = text.strip()
    try:
        # A plus sign that was not quoted reaches us as a blank.
        moment = parse_datetime(written.replace(" ", "+", 1) if "T" in written else written)
        if moment is not None:
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise NoSuchMoment(_("This is not a moment. Write it as 2026-01-31T12:00Z or 2026-01-31T12:00+01:00."))


def began(phase: Phase) -> datetime | None:
    """When the record of a phase's board began, where the phase had begun before; what left earlier is not known."""
    recorder = MigrationRecorder(connection)
    applied = recorder.migration_qs.filter(app=RECORDER[0], name=RECORDER[1]) if recorder.has_table() else []
    first = next((row.applied for row in applied), None)
    return first if first is not None and phase.start < first else None


@dataclass(frozen=True, kw_only=True)
class PastBoard(queries.Board):
    """A page of a board as it was at `moment`; `incomplete_before` is set where the record began only later."""

    moment: datetime
    incomplete_before: datetime | None


def board_at(phase: Phase, user: Any, moment: datetime, page: int = 1, per_page: int = 50) -> PastBoard | None:
    """One page of the board as it was, as `user` may see it now; None when there is no board for them.

    Order and places are those of the moment; what is hidden now is hidden. Whose submission was deleted, or who was
    banned, deleted or turned away since, keeps the place and loses name and scores, except before organizers.
    Raises NoSuchMoment for the future and for what was before the phase.
    """
    leaderboard = queries.visible_board(user, phase)
    if leaderboard is None:
        return None
    if moment > timezone.now():
        raise NoSuchMoment(_("%(moment)s is in the future.") % {"moment": times.utc_text(moment)})
    if moment < phase.start:
        raise NoSuchMoment(
            _("%(moment)s is before the phase began, which was on %(start)s.")
            % {"moment": times.utc_text(moment), "start": times.utc_text(phase.start)}
        )
    administers = competitions.can_administer(user, phase.competition)
    columns = [column for column in leaderboard.columns.all() if administers or not column.hidden]
    groups = cells.groups_of([link.task for link in phase.phase_tasks.all()], columns)
    found = standing_at(phase, moment)
    count = found.count()
    pages = max(1, math.ceil(count / per_page))
    page = min(max(1, page), pages)
    start = (page - 1) * per_page
    shown = list(found.select_related("submission__organization", "owner")[start : start + per_page])
    gone = _turned_away(phase, shown)
    open_ones = [one for one in shown if _may_be_shown(one, gone, administers=administers)]
    scores = cells.cells_of([one.submission_id for one in open_ones if one.submission_id is not None], groups)
    facts = queries.fact_keys(phase)
    rows = []
    for place, one in enumerate(shown, start=start + 1):
        told = one in open_ones
        submission = one.submission if told else None
        answers = (submission.fact_sheet_answers or {}) if submission else {}
        rows.append(
            Row(
                rank=place,
                entry=one,  # type: ignore[arg-type]  # a standing has what is asked of an entry
                owner_name=one.owner.shown_name if told else "",
                organization=submission.organization if submission else None,
                submission_id=one.submission_id or 0,
                created_when=submission.submitted_when if submission else one.since,
                cells=scores[submission.pk] if submission else _empty(groups),
                facts=queries.facts_shown(facts, answers),
                is_mine=told and one.owner_id == getattr(user, "pk", None),
                detailed=[],
            )
        )
    return PastBoard(
        leaderboard=leaderboard,
        phase=phase,
        groups=groups,
        columns=columns,
        fact_keys=facts,
        rows=rows,
        total=count,
        count=count,
        page=page,
        pages=pages,
        may_administer=administers,
        moment=moment,
        incomplete_before=_incomplete(phase, moment),
    )


def standing_at(phase: Phase, moment: datetime) -> QuerySet[Standing]:
    """What stood on the board at a moment, in its order."""
    still = Q(until=None) | Q(until__gt=moment)
    return Standing.objects.filter(still, phase=phase, since__lte=moment).order_by("sort_key", "pk")


def _incomplete(phase: Phase, moment: datetime) -> datetime | None:
    first = began(phase)
    return first if first is not None and moment < first else None


def _turned_away(phase: Phase, shown: list[Standing]) -> set[int]:
    """Of the owners those whom the organizers let in no more."""
    denied = Participant.objects.filter(
        competition=phase.competition_id, user__in={one.owner_id for one in shown}, status=ParticipantStatus.DENIED
    )
    return set(denied.values_list("user", flat=True))


def _may_be_shown(one: Standing, gone: set[int], *, administers: bool) -> bool:
    if one.submission is None:
        return False
    away = one.owner.is_banned or one.owner.is_deleted or one.submission.is_soft_deleted or one.owner_id in gone
    return administers or not away


def _empty(groups: list[cells.Group]) -> list[Cell]:
    return [Cell(column, group.task, None, "") for group in groups for column in group.columns]

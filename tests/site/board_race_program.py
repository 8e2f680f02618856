"""Many change one board at once; `race_program.py` loads it.

Forks a process for every kind of change, lets all go at once, and tells what is wrong in the end. Blocks hold few
entries here, so that they are split, emptied and deleted all the time.
"""

from __future__ import annotations

import multiprocessing
import random
import tempfile
import traceback
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from typing import IO, Any

from django.db import connection, transaction
from django.utils import timezone

from podium.protocol import Score
from podium.site.accounts.models import User
from podium.site.accounts.services import changed
from podium.site.competitions.models import Participant, ParticipantStatus, Phase
from podium.site.competitions.services.participation import set_participant_status
from podium.site.errors import Forbidden, Refused
from podium.site.evaluation.models import Submission
from podium.site.evaluation.services import deletion
from podium.site.leaderboards import services
from podium.site.leaderboards.models import Block, Entry, Leaderboard, Standing
from podium.site.leaderboards.positions import Positions
from podium.site.leaderboards.services import places
from tests.factories import CompetitionFactory, ParticipantFactory, phase_with_board

PEOPLE, STEPS = 10, 15


class Race:
    """One phase that everybody changes; each process has its own chances, the same in every run."""

    def __init__(self, phase_id: int, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - the same every time
        self.phase_id = phase_id
        related = ("leaderboard", "competition__created_by")
        self.phase = Phase.objects.select_related(*related).get(pk=phase_id)
        self.people = list(User.objects.filter(participations__competition=self.phase.competition_id).order_by("pk"))

    def some(self) -> Submission | None:
        """Any submission that there is."""
        rows = Submission.objects.filter(phase=self.phase_id).select_related("phase__competition", "phase__leaderboard")
        found = list(rows.order_by("pk"))
        return self.random.choice(found) if found else None

    def verdict(self) -> None:
        """A submission is scored, and its place found.

        It is there for everybody before its verdict, as on the site: whoever shuts its owner out meanwhile finds it.
        """
        submission = Submission.objects.create(
            owner=self.random.choice(self.people), phase=self.phase, kind="result", status="Scoring"
        )
        with transaction.atomic():
            places.take_turn(self.phase_id)  # before the row that others want as well
            submission.status, submission.finished_when = "Finished", timezone.now()
            submission.save(update_fields=["status", "finished_when"])
            value = float(self.random.randrange(8))
            services.record_scores(submission=submission, scores={"score_0": Score(value=value, text=repr(value))})
            services.on_verdict(submission=submission)

    def by_hand(self) -> None:
        """An organizer puts a submission on the board, takes it away, or deletes it."""
        if (one := self.some()) is None:
            return
        act = self.random.choice([services.add_by_hand, services.add_by_hand, services.remove_by_hand, deletion.delete])
        try:
            if act is deletion.delete:
                deletion.delete(submission=one, by=self.phase.competition.created_by)
            else:
                act(submission=one, by=self.phase.competition.created_by, privileged=True)
        except (Forbidden, Refused, Submission.DoesNotExist):
            pass  # another was quicker

    def turn_away(self) -> None:
        """Somebody is denied, or let in again."""
        participant = Participant.objects.select_related("competition__created_by", "user").get(
            competition=self.phase.competition_id, user=self.random.choice(self.people)
        )
        denied = participant.status == ParticipantStatus.DENIED
        status = ParticipantStatus.APPROVED if denied else ParticipantStatus.DENIED
        set_participant_status(participant=participant, by=self.phase.competition.created_by, status=status)

    def ban(self) -> None:
        """Somebody is banned from the site, or let in again."""
        with transaction.atomic():
            user = User.objects.get(pk=self.random.choice(self.people).pk)
            User.objects.filter(pk=user.pk).update(is_banned=not user.is_banned)
            changed(user=user, fields=["is_banned"])


RACERS: list[Callable[[Race], None]] = [Race.verdict, Race.verdict, Race.by_hand, Race.turn_away, Race.ban]


def run(number: int, phase_id: int, start: Barrier, told: IO[str]) -> None:
    """One process: the same kind of change again and again."""
    one = Race(phase_id, number)
    start.wait(60)
    try:
        for _ in range(STEPS):
            RACERS[number](one)
    except Exception:
        traceback.print_exc(file=told)
        told.flush()
        raise


def wrong(phase: Phase) -> list[str]:
    """What of the board is not as it should be."""
    keys = list(Entry.objects.filter(phase=phase).order_by("sort_key").values_list("sort_key", flat=True))
    blocks = list(Block.objects.filter(phase=phase).order_by("first_key"))
    firsts = [block.first_key for block in blocks]
    found = []
    for block, end in zip(blocks, [*firsts[1:], "g"], strict=True):
        if (real := sum(block.first_key <= key < end for key in keys)) != block.count:
            found.append(f"a block counts {block.count}, there are {real}")
        if block.count > places.SIZE:
            found.append(f"a block of {block.count}")
    if firsts[:1] != [""]:
        found.append("no first block")
    if [entry.sort_key for entry in Positions(phase.pk).entries(0, len(keys) + 1)] != keys:
        found.append("the page is not the board")
    away = User.objects.filter(is_banned=True) | User.objects.filter(
        participations__competition=phase.competition_id, participations__status=ParticipantStatus.DENIED
    )
    if Entry.objects.filter(phase=phase, owner__in=away).exists():
        found.append("somebody who was shut out stands")
    stands = set(Entry.objects.filter(phase=phase).values_list("submission", "sort_key"))
    if stands != set(Standing.objects.filter(phase=phase, until=None).values_list("submission", "sort_key")):
        found.append("the record is not the board")
    return found


def race() -> dict[str, Any]:
    """Make the board, let all processes change it, and look at it."""
    places.SIZE = 4
    names = [f"racer{number}" for number in range(PEOPLE + 1)]  # without passwords, whose hashes take their time
    olivia, *people = [User.objects.create(username=name, email=f"{name}@example.org") for name in names]
    phase = phase_with_board(CompetitionFactory.create(created_by=olivia))
    Leaderboard.objects.filter(pk=phase.leaderboard_id).update(submission_rule="Force_Latest_Multiple")
    for person in people:
        ParticipantFactory.create(competition=phase.competition, user=person)
    connection.close()
    if connection.vendor == "postgresql":
        connection.close_pool()  # type: ignore[attr-defined]
    processes = multiprocessing.get_context("fork")
    start = processes.Barrier(len(RACERS))
    with tempfile.TemporaryFile("w+") as told:
        racers = [processes.Process(target=run, args=(number, phase.pk, start, told)) for number in range(len(RACERS))]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join(100)
        told.seek(0)
        return {
            "ended": [racer.exitcode for racer in racers],
            "wrong": wrong(phase),
            "blocks": Block.objects.filter(phase=phase).count(),
            "told": told.read()[-4000:],
        }

"""What its owner and the organizers are offered to do with a submission, beside starting and cancelling it.

The services that do it ask again; here follows from their rules what is worth offering.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import pgettext_lazy

from podium.ranking import rules
from podium.site.competitions import policies as competitions
from podium.site.errors import Refused
from podium.site.evaluation.models import Submission
from podium.site.evaluation.services import deletion, reruns
from podium.site.evaluation.states import SubmissionStatus
from podium.site.leaderboards.models import Entry, Score
from podium.site.words import Words


@dataclass(frozen=True)
class Offer:
    """Something that can be done. asks: where, on a page of its own, more is said or asked first."""

    name: str
    label: Words
    icon: str
    asks: str = ""


ADD = Offer("add", pgettext_lazy("of a submission", "Put on the leaderboard"), "flag")
REMOVE = Offer("remove", pgettext_lazy("of a submission", "Take off the leaderboard"), "flag")
SHOW = Offer("show", pgettext_lazy("of a submission", "Make public"), "eye")
HIDE = Offer("hide", pgettext_lazy("of a submission", "Make private"), "lock")
RERUN = Offer("rerun", pgettext_lazy("of a submission", "Run again"), "play")
SCORES = Offer("scores", pgettext_lazy("of a submission", "Set scores"), "pencil", asks="evaluation:scores")
DELETE = Offer("delete", pgettext_lazy("of a submission", "Delete"), "cross", asks="evaluation:delete")


def offered(user: Any, submission: Submission) -> list[Offer]:
    """What `user`, who sees the submission, may do with it now."""
    organizes = competitions.can_administer(user, submission.phase.competition)
    if not user.is_authenticated or not (organizes or submission.owner_id == user.pk):
        return []
    found = [*_of_board(user, submission), *_of_showing(user, submission)] if submission.parent_id is None else []
    ended = submission.is_terminal and submission.parent_id is None and submission.data_id is not None
    if ended and reruns.may_rerun(user, submission.phase.competition):
        found.append(RERUN)
    if organizes and settable(submission):
        found.append(SCORES)
    if _granted(deletion.refuse_delete, submission=submission, by=user):
        found.append(DELETE)
    return found


def settable(submission: Submission) -> list[Score]:
    """The scores that an organizer may set: those that the scoring program gave, in the order of their columns."""
    rows = Score.objects.filter(submission=submission, column__computation="").select_related("column")
    return list(rows.order_by("column__index"))


def _of_board(user: Any, submission: Submission) -> list[Offer]:
    board = submission.phase.leaderboard
    if board is None or submission.status != SubmissionStatus.FINISHED or submission.is_specific_task_re_run:
        return []
    rule = rules.SubmissionRule(board.submission_rule)
    if Entry.objects.filter(submission=submission).exists():
        return [REMOVE] if user.is_superuser or rules.may_remove(rule) else []
    return [ADD] if user.is_superuser or rules.may_edit(rule) else []


def _of_showing(user: Any, submission: Submission) -> list[Offer]:
    if submission.is_public:
        return [HIDE]
    shown = submission.data_id is not None and _granted(
        deletion.refuse_public, submission=submission, by=user, public=True
    )
    return [SHOW] if shown else []


def _granted(rule: Any, **asked: Any) -> bool:
    try:
        rule(**asked)
    except Refused:
        return False
    return True

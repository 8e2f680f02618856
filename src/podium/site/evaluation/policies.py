"""Who may see submissions, and what of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, Final

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from podium.protocol import Cause, Step
from podium.site.competitions import policies as competitions
from podium.site.competitions.models import Competition, Participant, ParticipantStatus, Phase
from podium.site.evaluation.models import Submission


def _bots_share(user: Any) -> Q:
    """Bots read the submissions of competitions that they see and that let them in, but what was deleted."""
    return Q(phase__competition__in=competitions.robots_see(user), is_soft_deleted=False)


def _made_public() -> Q:
    """Submissions that were made public, by people who were neither banned nor denied since."""
    denied = Participant.objects.filter(
        competition=OuterRef("phase__competition"), user=OuterRef("owner"), status=ParticipantStatus.DENIED
    )
    return Q(is_public=True, owner__is_banned=False) & Q(~Exists(denied))


def visible_to(user: Any, *, deleted: bool = False) -> QuerySet[Submission]:
    """The submissions that `user` may see.

    One's own and those of competitions one runs; to whoever sees the competition also those that stand on a visible
    board or were made public. deleted: with those that their owner has deleted, for the owner and the organizers.
    """
    return _there(deleted=deleted).filter(reduce(or_, (reason.rule for reason in _reasons(user))))


def ways_to_see(user: Any, *, deleted: bool = False) -> list[QuerySet[Submission]]:
    """The submissions of `visible_to` by why they are seen, some more than once; each way has an index of its own.

    All reasons in one query leave a planner no way but to look at every submission for as long as few are seen.
    """
    rows, found = _there(deleted=deleted), [(reason.rule, reason.found_by()) for reason in _reasons(user)]
    return [rows.filter(rule & narrow) for rule, narrow in found if narrow is not None]


def _there(*, deleted: bool) -> QuerySet[Submission]:
    rows = Submission.objects.filter(phase__competition__deleted_when__isnull=True)
    return rows if deleted else rows.filter(is_soft_deleted=False)


@dataclass(frozen=True)
class _Reason:
    """Why somebody sees a submission: `rule`. `found_by` follows from it, for an index; None: there is no such one."""

    rule: Q
    found_by: Callable[[], Q | None] = Q


MANY_PHASES: Final = 500


def _run_by(user: Any) -> _Reason:
    run = competitions.administered_by(user)

    def found_by() -> Q | None:
        phases = list(
            Phase.objects.filter(competition__in=run).order_by().values_list("pk", flat=True)[: MANY_PHASES + 1]
        )
        return None if not phases else Q(phase__in=phases) if len(phases) <= MANY_PHASES else Q()

    return _Reason(Q(phase__competition__in=run), found_by)


def _reasons(user: Any) -> list[_Reason]:
    """Any of these is enough."""
    if user.is_authenticated and user.is_superuser:
        return [_Reason(Q())]
    open_to_all = Q(is_soft_deleted=False, phase__competition__in=competitions.visible_to(user))
    on_board = open_to_all & Q(phase__leaderboard__hidden=False)
    public = Submission.objects.filter(is_public=True).order_by().values("pk")
    parts = Submission.objects.filter(parent__isnull=False, parent__entry__isnull=False).order_by().values("pk")
    reasons = [
        _Reason(open_to_all & _made_public(), lambda: Q(pk__in=public)),
        _Reason(on_board & Q(entry__isnull=False)),
        _Reason(on_board & Q(parent__entry__isnull=False), lambda: Q(pk__in=parts)),
    ]
    if not user.is_authenticated:
        return reasons
    if user.is_bot:
        reasons.append(_Reason(_bots_share(user)))
    return [_Reason(Q(owner=user)), _run_by(user), *reasons]


def seen_by_organizers(competition: Competition, *, deleted: bool = False) -> QuerySet[Submission]:
    """The submissions of a competition that whoever runs it sees: of that competition the same as `visible_to`.

    Asked by the ids of its phases, for which there is an index. Nobody else may be given them. deleted: with those
    that their owner has deleted.
    """
    if competition.deleted_when is not None:
        return Submission.objects.none()
    phases = [phase.pk for phase in competition.phases.all()]
    rows = Submission.objects.filter(phase__in=phases)
    return rows if deleted else rows.filter(is_soft_deleted=False)


_QUOTING: Final = frozenset((Cause.EXIT_CODE, Cause.SCORER_FAILED, Cause.BAD_SCORES))
"""Causes whose reason may quote what a program wrote, such as names of files and of scores, and hidden columns."""
WITHHELD: Final = gettext_noop("The organizers are told more: the output of this step is hidden in this phase.")


def note_of(step: str, text: str) -> str:
    """A worker's note on a step as a submission keeps it."""
    return f"{step.capitalize()}: {text}"


@dataclass(frozen=True)
class OutputRights:
    """What of a submission a person may see, besides its status and its scores."""

    details: bool
    logs: bool
    prediction_output: bool
    score_output: bool
    private_output: bool
    detailed_results: bool
    submission_file: bool

    def logs_of(self, step: str) -> bool:
        """Whether the output of the programs of `step` may be seen."""
        return self.logs and (step == Step.PREDICTION or self.score_output)

    def reason(self, submission: Submission) -> str:
        """Why a submission failed, for somebody who is told all of it but what they may not read of its programs."""
        hidden = submission.cause in _QUOTING and not self.logs_of(submission.failed_step)
        return _(WITHHELD) if hidden else submission.status_details

    def remarks(self, submission: Submission) -> list[str]:
        """The notes on a submission, for somebody as of `reason`; a worker's quote what its step has printed."""
        hidden = tuple(note_of(step, "") for step in Step if not self.logs_of(step))
        return [note for note in submission.notes if not note.startswith(hidden)]


def output_rights(user: Any, submission: Submission) -> OutputRights:
    """What `user`, who may see `submission`, may see of its output.

    Organizers see everything. The owner sees what the phase does not hide: hide_output hides all of it, live streams
    included; hide_prediction_output and hide_score_output hide the outputs of their steps. What a scoring program has
    written to output/private is for organizers alone. Others see a public
    submission's file, nothing else, and detailed results where the competition shows them on a board that is shown.
    """
    phase, competition = submission.phase, submission.phase.competition
    if competitions.can_administer(user, competition):
        return OutputRights(True, True, True, True, True, True, True)
    owner = user.is_authenticated and submission.owner_id == user.pk
    hidden = phase.hide_output
    board_shown = phase.leaderboard is None or not phase.leaderboard.hidden
    on_board = board_shown and competition.show_detailed_results_in_leaderboard and competition.enable_detailed_results
    in_panel = competition.show_detailed_results_in_submission_panel and competition.enable_detailed_results
    return OutputRights(
        details=(owner or submission.is_public) and not hidden,
        logs=owner and not hidden,
        prediction_output=owner and not hidden and not phase.hide_prediction_output,
        score_output=owner and not hidden and not phase.hide_score_output,
        private_output=False,
        detailed_results=not hidden and not phase.hide_score_output and ((owner and in_panel) or on_board),
        submission_file=owner or submission.is_public,
    )


def file_told_to(user: Any) -> Q:
    """The submissions of which `user`, who sees them, is told the file's name: those whose file they may have.

    As `OutputRights.submission_file`: what somebody calls their file tells of their method.
    """
    public = Q(is_public=True)
    if not user.is_authenticated:
        return public
    if user.is_superuser:
        return Q(pk__isnull=False)
    return public | Q(owner=user) | Q(phase__competition__in=competitions.administered_by(user))


def is_told_all(user: Any, submission: Submission) -> bool:
    """Whether `user` may read what the owner was told about the submission: reasons, limits, remarks.

    The owner and the organizers; others who see the submission see its state, nothing of this. What of reasons and
    remarks quotes programs is told by the rights to output.
    """
    owner = user.is_authenticated and submission.owner_id == user.pk
    return owner or competitions.can_administer(user, submission.phase.competition)


def sees_scores(user: Any, submission: Submission) -> bool:
    """Whether `user`, who sees the submission, sees its scores: where the board is hidden, only its own people do."""
    board = submission.phase.leaderboard
    return board is None or not board.hidden or is_told_all(user, submission)

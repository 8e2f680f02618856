"""The page that sets two submissions of a phase side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from podium.site.competitions.shell import Shell, shell
from podium.site.evaluation import policies, side_by_side
from podium.site.evaluation.models import Submission
from podium.site.evaluation.parts import Part
from podium.site.evaluation.views import context_of

CHOOSE_TWO = gettext_lazy("Choose exactly two submissions: tick them in the list, then press Compare two.")


@require_safe
def compare(request: HttpRequest, pk: int) -> HttpResponse:
    """Two submissions of a phase: scores, states, times, what they took, fact sheets and what was printed.

    Each side shows what the page of that submission shows to the viewer, and nothing else.
    """
    viewed = shell(request, pk)
    back = "competitions:all_submissions" if viewed.can_administer else "competitions:submissions"
    chosen = request.GET.getlist("submission")[:3]
    keys = list(dict.fromkeys(int(key) for key in chosen if key.isascii() and key.isdecimal() and len(key) < 19))
    if request.GET.get("older") == "left":  # lists are newest first, and people ask what the newer one changed
        keys.sort()
    if len(chosen) != 2 or len(keys) != 2:
        return _refused(request, viewed, viewed.url(back), str(CHOOSE_TWO))
    left, right = (_visible(request, viewed, key) for key in keys)
    if left.phase_id != right.phase_id:
        return _refused(request, viewed, viewed.url(back), _("The two submissions are of different phases."))
    context = viewed.context(
        "all_submissions" if viewed.can_administer else "submissions",
        phase=left.phase,
        back=viewed.url(back, phase=left.phase_id),
        turned=address_of(viewed, [right.pk, left.pk]),
        **_compared(request, viewed, left, right),
    )
    return render(request, "evaluation/compare.html", context)


def address_of(viewed: Shell, chosen: Sequence[int | str], **more: str) -> str:
    """The address at which these submissions are compared; more: further parameters."""
    base = viewed.url("competitions:compare", **more)
    return f"{base}{'&' if '?' in base else '?'}{urlencode([('submission', each) for each in chosen])}"


def _refused(request: HttpRequest, viewed: Shell, back: str, problem: str) -> HttpResponse:
    context = viewed.context("submissions", problem=problem, back=back)
    return render(request, "evaluation/compare.html", context, status=400)


def _visible(request: HttpRequest, viewed: Shell, key: int) -> Submission:
    rows = policies.visible_to(request.user).filter(phase__competition=viewed.competition, pk=key)
    found = rows.select_related(
        "phase__competition__created_by", "phase__leaderboard", "owner", "data__data_file", "task", "parent", "queue"
    ).first()
    if found is None:
        raise Http404(_("There is no submission %(key)s here, or you may not see it.") % {"key": key})
    return found


def _compared(request: HttpRequest, viewed: Shell, left: Submission, right: Submission) -> dict[str, Any]:
    one, other = context_of(request, left), context_of(request, right)
    return {
        "sides": (one, other),
        "scores": side_by_side.scores(one["scores"], other["scores"])
        + _of_tasks(one["parts"].rows, other["parts"].rows),
        "tasks": [(name, address_of(viewed, keys)) for name, keys in _pairs(one["parts"].rows, other["parts"].rows)],
        "took": side_by_side.duration(_seconds(left), _seconds(right))
        + side_by_side.programs(one["programs"], other["programs"]),
        "answers": side_by_side.answers(one["facts"], other["facts"]),
        "logs": side_by_side.logs(one["panes"], other["panes"]),
        "sees_logs": one["details"].rights.logs and other["details"].rights.logs,
    }


def _seconds(submission: Submission) -> float | None:
    if submission.started_when is None or submission.finished_when is None:
        return None
    return (submission.finished_when - submission.started_when).total_seconds()


def _by_task(rows: list[Part]) -> dict[int, Part]:
    return {part.submission.task_id: part for part in rows if part.submission.task_id is not None}


def _name(part: Part) -> str:
    return str(part.submission.task.name) if part.submission.task else ""


def _of_tasks(left: list[Part], right: list[Part]) -> list[side_by_side.Line]:
    ours, theirs = _by_task(left), _by_task(right)
    lines: list[side_by_side.Line] = []
    for task in dict.fromkeys([*ours, *theirs]):
        one, other = ours.get(task), theirs.get(task)
        name = _name(one or theirs[task])
        lines += side_by_side.scores(one.scores if one else [], other.scores if other else [], name)
    return lines


def _pairs(left: list[Part], right: list[Part]) -> list[tuple[str, tuple[int, int]]]:
    """The tasks that both were run on, with the submission of each side to one of them."""
    ours, theirs = _by_task(left), _by_task(right)
    return [
        (_name(ours[task]), (ours[task].submission.pk, theirs[task].submission.pk)) for task in ours if task in theirs
    ]

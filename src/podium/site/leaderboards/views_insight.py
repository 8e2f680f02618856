"""Pages beside the board: as it was, over time, and why a row stands where it stands."""

from __future__ import annotations

import re

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from podium.site.competitions.models import Phase
from podium.site.competitions.shell import Shell, shell
from podium.site.leaderboards import history
from podium.site.leaderboards.explanation import explain
from podium.site.leaderboards.models import Entry
from podium.site.leaderboards.printing import printed
from podium.site.leaderboards.progress import HEIGHT, WIDTH, progress
from podium.site.leaderboards.queries import visible_board

_MINUTE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
LISTED = 50
"""Steps in the table beside the plot."""


def past(request: HttpRequest, viewed: Shell, phase: Phase, *, page: int, per_page: int) -> HttpResponse:
    """The board of a phase as it was at the moment that the address names."""
    asked = request.GET.get("as_of", "")
    board, problem = None, ""
    try:
        moment = history.read_moment(asked)
        board = history.board_at(phase, request.user, moment, page, per_page)
    except history.NoSuchMoment as error:
        problem = str(error)
    context = viewed.context("results", phase=phase, board=board, problem=problem, asked=asked, secret=viewed.secret)
    if problem:  # what is no moment would be refused by the field, too
        context["asked"] = asked if _MINUTE.fullmatch(asked) else ""
    context["present_url"] = viewed.url("competitions:results", phase=phase.pk)
    context["progress_url"] = viewed.url("competitions:progress", phase=phase.pk)
    then = {"phase": phase.pk, "as_of": asked}
    whole = {"rows": "all"} if request.GET.get("rows") == "all" else {}
    if board is not None:
        context |= {
            "before": viewed.url("competitions:results", **then, **whole, page=board.page - 1),
            "after": viewed.url("competitions:results", **then, **whole, page=board.page + 1),
            "whole": bool(whole),
            "first": (board.page - 1) * per_page + 1,
            "last": (board.page - 1) * per_page + len(board.rows),
            "whole_url": viewed.url("competitions:results", **then, rows="all"),
            "paged_url": viewed.url("competitions:results", **then),
            "primary": board.leaderboard.primary_index,
            "printed": printed(request, phase, page=board.page, as_of=f"{board.moment:%Y-%m-%dT%H:%M:%S.%fZ}", **whole),
            "asked": f"{board.moment:%Y-%m-%dT%H:%M}",
        }
    return render(request, "leaderboards/past.html", context, status=400 if problem else 200)


@require_safe
def over_time(request: HttpRequest, pk: int) -> HttpResponse:
    """The best score of a phase's board over time, and the way to boards of the past."""
    viewed = shell(request, pk)
    phases = viewed.board_phases()
    phase = viewed.chosen_phase(request.GET.get("phase"))
    if phase not in phases:
        phase = phases[-1] if phases else None
    if phase is None:
        raise Http404(_("There is no leaderboard here."))
    found = progress(phase, request.user)
    context = viewed.context(
        "results",
        phase=phase,
        phases=[(each, viewed.url("competitions:progress", phase=each.pk)) for each in phases],
        progress=found,
        steps=list(reversed(found.best))[:LISTED] if found else [],
        width=WIDTH,
        height=HEIGHT,
        secret=viewed.secret,
        over_tasks=phase.phase_tasks.count(),
        asked=f"{timezone.now():%Y-%m-%dT%H:%M}",
        past_url=viewed.url("competitions:results"),
        present_url=viewed.url("competitions:results", phase=phase.pk),
    )
    return render(request, "leaderboards/progress.html", context)


@login_required
@require_safe
def place(request: HttpRequest, pk: int, submission_id: int) -> HttpResponse:
    """Why an entry stands where it stands; for its owner and the organizers."""
    viewed = shell(request, pk)
    related = ("phase__competition", "leaderboard", "submission__phase", "owner")
    entry = get_object_or_404(
        Entry.objects.select_related(*related), submission=submission_id, phase__competition=viewed.competition
    )
    if visible_board(request.user, entry.phase) is None:
        raise Http404(_("There is no such leaderboard, or you may not see it."))
    if entry.owner_id != request.user.pk and not viewed.can_administer:
        raise PermissionDenied(_("Why a row stands where it stands is told to its owner and to the organizers."))
    context = viewed.context(
        "results",
        why=explain(entry, request.user),
        is_mine=entry.owner_id == request.user.pk,
        present_url=viewed.url("competitions:results", phase=entry.phase_id),
    )
    return render(request, "leaderboards/place.html", context)

"""The results of a competition."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from podium.site.competitions.models import Phase
from podium.site.competitions.shell import Shell, shell
from podium.site.evaluation.models import PhaseWork, WorkKind
from podium.site.leaderboards import views_insight
from podium.site.leaderboards.cells import groups_of
from podium.site.leaderboards.models import BY_HAND, Entry
from podium.site.leaderboards.noise import within_noise
from podium.site.leaderboards.positions import PER_PAGE, Positions, page_of
from podium.site.leaderboards.printing import printed
from podium.site.leaderboards.queries import board
from podium.site.leaderboards.tools import Links, headings, wish_of

WHOLE = 1000
"""Rows of a page that is asked for to be printed."""
NARROW = 5
"""Boards with so few columns fit a wide window, and scroll with the page there; wider ones scroll in their frame."""
MAX_PAGE = 10**9


def _page_number(text: str | None) -> int:
    """The page asked for; anything that is no number is the first."""
    return min(int(text), MAX_PAGE) if text and text.isascii() and text.isdecimal() and len(text) < 12 else 1


@require_safe
def results(request: HttpRequest, pk: int) -> HttpResponse:
    """The board of a phase, a page at a time, with the viewer's own rows marked; `rows=all` is a page to be printed."""
    viewed = shell(request, pk)
    phases = viewed.board_phases()
    phase = viewed.chosen_phase(request.GET.get("phase"))
    if phase not in phases:
        phase = phases[-1] if phases else None
    number = _page_number(request.GET.get("page"))
    whole = request.GET.get("rows") == "all"
    per_page = WHOLE if whole else PER_PAGE
    if phase and request.GET.get("as_of"):
        return views_insight.past(request, viewed, phase, page=number, per_page=per_page)
    wish, links = wish_of(request), Links(request)
    shown = board(phase, request.user, page=number, per_page=per_page, wish=wish) if phase else None
    context = viewed.context(
        "results",
        phases=[(each, viewed.url("competitions:results", phase=each.pk)) for each in phases],
        phase=phase,
        board=shown,
    )
    if phase and shown:
        context |= {
            "before": links.to(phase=phase.pk, page=shown.page - 1),
            "after": links.to(phase=phase.pk, page=shown.page + 1),
            "wish": wish,
            "chosen_by_hand": phase.leaderboard is not None and phase.leaderboard.submission_rule in BY_HAND,
            "sorted_by": (order := wish.order(groups_of(shown.tasks, shown.columns))),
            "heads": headings(shown, wish, order, links),
            "unsorted": links.to(sort=None, page=None),
            "unsearched": links.to(search=None, page=None),
            "kept": links.kept(phase=phase.pk),
            "whole": whole,
            "first": (shown.page - 1) * per_page + 1,
            "last": (shown.page - 1) * per_page + len(shown.rows),
            "whole_url": links.to(phase=phase.pk, rows="all", page=None),
            "paged_url": links.to(phase=phase.pk, rows=None, page=None),
            "rebuilding": PhaseWork.objects.filter(
                phase=phase, kind=WorkKind.REBUILD, state__in=PhaseWork.OPEN
            ).exists(),
            "submit_url": viewed.url("competitions:submissions", phase=phase.pk),
            "narrow": sum(len(group.columns) for group in shown.groups) + len(shown.fact_keys) <= NARROW,
            "primary": shown.leaderboard.primary_index,
            "noise": within_noise(shown),
            "asked": f"{timezone.now():%Y-%m-%dT%H:%M}",
            "secret": viewed.secret,
            "progress_url": viewed.url("competitions:progress", phase=phase.pk),
            "groups_shown": len(shown.groups) > 1 or bool(shown.fact_keys),
            "places": reverse("competitions:place", args=[pk, 0]).removesuffix("0/"),
            "downloads": f"/api/competitions/{pk}/results",
            "my_place": _my_place(phase, request.user, viewed, {row.submission_id for row in shown.rows}),
            "shown_columns": sum(column.key in wish.columns for column in shown.columns),
            "printed": printed(
                request,
                phase,
                page=shown.page,
                search=wish.search,
                sort=request.GET.get("sort", "")[:100],
                rows="all" if whole else "",
            ),
            "detailed": [row.submission_id for row in shown.rows if row.detailed],
        }
    return render(request, "leaderboards/results.html", context)


def _my_place(phase: Phase, user: Any, viewed: Shell, shown: set[int]) -> dict[str, Any] | None:
    """Where the viewer's best entry stands, and the address of its row; shown: the submissions of this page."""
    own = (
        Entry.objects.filter(phase=phase, owner=user.pk).order_by("sort_key").first() if user.is_authenticated else None
    )
    if own is None:
        return None
    rank = Positions(phase.pk).ranks([own.submission_id])[own.submission_id]
    page = "" if own.submission_id in shown else viewed.url("competitions:results", phase=phase.pk, page=page_of(rank))
    return {"rank": rank, "url": f"{page}#entry-{own.submission_id}"}

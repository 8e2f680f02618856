"""The pages of numbers: of the site for administrators, of a competition for its organizers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import wraps
from itertools import accumulate
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from podium.site.accounts.models import User
from podium.site.analytics import plots, policies, queries
from podium.site.analytics.competition import LARGE, shown_span, statistics
from podium.site.analytics.forms import SearchForm, SpanForm
from podium.site.analytics.models import CompetitionUsage, UserUsage
from podium.site.analytics.periods import Unit, first_of, today
from podium.site.analytics.services import orphans
from podium.site.competitions.shell import shell
from podium.site.competitions.views import overview_menu
from podium.site.errors import Refused
from podium.site.leaderboards.progress import HEIGHT, WIDTH, progress
from podium.site.pages.listing import Column, Listing, by_amount, by_time
from podium.site.searching import matching, search_words

View = Callable[..., HttpResponse]
SHOWN_ORPHANS = 50
_PAGES = (
    (gettext_lazy("Overview"), "analytics:overview"),
    (gettext_lazy("Storage"), "analytics:storage"),
    (gettext_lazy("By competition"), "analytics:competitions"),
    (gettext_lazy("By person"), "analytics:people"),
)


def _for_administrators(view: View) -> View:
    """The page for administrators; others are told that it is for those."""

    @login_required
    @never_cache
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not policies.may_read_all(request.user):
            raise PermissionDenied(_("Only administrators read the statistics of the whole site."))
        return view(request, *args, **kwargs)

    return guarded


def _context(name: str, **more: Any) -> dict[str, Any]:
    menu = [(label, reverse(page), page == name) for label, page in _PAGES]
    return {"menu": menu, "title": next(label for label, page in _PAGES if page == name), **more}


@_for_administrators
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """What came to be in a span of days."""
    form = SpanForm(request.GET if request.GET else None)
    span, unit = form.read()
    if not form.is_bound or not form.errors:
        form = SpanForm({"start_date": span.first, "end_date": span.last, "time_unit": unit})
    made = queries.made(span, unit)
    asked = {"start_date": span.first, "end_date": span.last, "time_unit": unit}
    drawn = [
        (title, name, plots.bars(span, unit, made.by_period(name)))
        for title, name in (
            (_("Submissions"), "submissions"),
            (_("People"), "users"),
            (_("Competitions"), "competitions"),
        )
    ]
    more = {
        "form": form,
        "unit": unit,
        "drawn": drawn,
        "published": made.published,
        "table": f"{reverse('api-analytics')}?{urlencode({**asked, 'format': 'csv'})}",
        "shortcuts": _shortcuts(),
        "year": today().year,
    }
    status = 400 if form.is_bound and form.errors else 200
    return render(request, "analytics/overview.html", _context("analytics:overview", **more), status=status)


def _shortcuts() -> list[tuple[str, str]]:
    """Spans that are asked for often, with their addresses."""
    now = today()
    spans = (
        (_("Four weeks"), now - timedelta(weeks=4), Unit.DAY),
        (_("Half a year"), now - timedelta(days=182), Unit.WEEK),
        (_("A year"), now - timedelta(days=365), Unit.MONTH),
        (_("Five years"), now - timedelta(days=5 * 365), Unit.MONTH),
    )
    return [
        (label, "?" + urlencode({"start_date": first, "end_date": now, "time_unit": unit.value}))
        for label, first, unit in spans
    ]


@_for_administrators
@require_http_methods(["GET", "HEAD", "POST"])
def storage(request: HttpRequest) -> HttpResponse:
    """What the site stores over time, and the files that nothing refers to."""
    if request.method == "POST":
        orphans.look_soon(by=cast("User", request.user))
        messages.success(request, _("The site-worker looks for orphan files now. Load this page again in a moment."))
        return redirect("analytics:storage")
    form = SpanForm(request.GET if request.GET else None)
    span, unit = form.read()
    if not form.is_bound or not form.errors:
        form = SpanForm({"start_date": span.first, "end_date": span.last, "time_unit": unit})
    days = queries.usage_days(span, unit)
    series = {name: [getattr(day, name) for day in days] for name in ("total", "users", "competitions", "site") if days}
    check = orphans.newest_check()
    more = {
        "form": form,
        "days": list(reversed(days)),
        "plot": plots.lines([day.day for day in days], series) if days else None,
        "last": queries.last_taken(),
        "check": check,
        "found": check.found.order_by("pk")[:SHOWN_ORPHANS] if check else [],
        "deletion": orphans.newest_deletion(),
        "shortcuts": _shortcuts(),
    }
    status = 400 if form.is_bound and form.errors else 200
    return render(request, "analytics/storage.html", _context("analytics:storage", **more), status=status)


@_for_administrators
@require_http_methods(["GET", "HEAD", "POST"])
def delete_orphans(request: HttpRequest) -> HttpResponse:
    """Ask before the files that nothing refers to are removed."""
    if request.method == "POST":
        try:
            orphans.start_deletion(by=cast("User", request.user))
        except Refused as refused:
            messages.error(request, refused.message)
        else:
            messages.success(request, _("The site-worker removes the orphan files now."))
        return redirect("analytics:storage")
    return render(request, "analytics/delete_orphans.html", {"check": orphans.newest_check()})


_SIZES = {
    "datasets": by_amount(gettext_lazy("Uploaded"), "datasets"),
    "results": by_amount(gettext_lazy("Results"), "results"),
    "total": by_amount(gettext_lazy("In all"), "total"),
}


@_for_administrators
@require_safe
def by_competition(request: HttpRequest) -> HttpResponse:
    """What each competition takes."""
    day = queries.last_taken()
    columns = {
        "title": Column(_("Competition"), "competition__title"),
        "organizer": Column(_("Organizer"), "competition__created_by__username"),
        "created": by_time(_("Created"), "competition__created_when"),
        **_SIZES,
    }
    rows = queries.competitions_by_usage(day) if day else CompetitionUsage.objects.none()
    return _listed(request, "competitions", rows, columns, ("competition__title", "competition__created_by__username"))


@_for_administrators
@require_safe
def by_person(request: HttpRequest) -> HttpResponse:
    """What each person takes, as the quota counts it."""
    day = queries.last_taken()
    columns = {
        "name": Column(_("Person"), "user__username"),
        "joined": by_time(_("Joined"), "user__date_joined"),
        **_SIZES,
        "quota": by_amount(_("Quota"), "user__quota"),
    }
    rows = queries.users_by_usage(day) if day else UserUsage.objects.none()
    return _listed(request, "people", rows, columns, ("user__username", "user__email"))


def _listed(
    request: HttpRequest, kind: str, rows: Any, columns: Mapping[str, Column], searched: tuple[str, ...]
) -> HttpResponse:
    form = SearchForm(request.GET)
    search = form.cleaned_data["search"] if form.is_valid() else ""
    rows = matching(rows, search_words(search), *searched)
    listing = Listing(request, rows, columns=columns, default="-total", kept={"search": search})
    more = {"form": form, "listing": listing, "last": queries.last_taken()}
    return render(request, f"analytics/{kind}.html", _context(f"analytics:{kind}", **more))


@login_required
@never_cache
@require_safe
def of_competition(request: HttpRequest, pk: int) -> HttpResponse:
    """The numbers of a competition, of all phases or of one."""
    viewed = shell(request, pk)
    if not viewed.can_administer:
        raise PermissionDenied(_("Only the organizers read the statistics of a competition."))
    phase = next((each for each in viewed.phases if str(each.pk) == request.GET.get("phase")), None)
    found = statistics(viewed.competition, phase)
    span, unit = shown_span(found, viewed.phases)
    joined = _grouped(found.joined, unit)
    board_phase = phase or viewed.chosen_phase(None)
    # Of the board what its own page shows, which asks its own rules.
    line = progress(board_phase, request.user) if board_phase else None
    periods = list(span.periods(unit))
    here = "competitions:statistics"
    context = viewed.context(
        "detail",
        menu=overview_menu(viewed),
        current="statistics",
        found=found,
        phase=phase,
        phases=[(_("All phases"), viewed.url(here), phase is None)]
        + [(each.name, viewed.url(here, phase=each.pk), each == phase) for each in viewed.phases],
        unit=unit,
        submitted=plots.bars(span, unit, _grouped(found.per_day, unit)),
        people=plots.lines(periods, {"people": list(accumulate(joined.get(each, 0) for each in periods))}),
        people_table=[(label, found.participants[status]) for status, label in _STATES if status in found.participants],
        board_phase=board_phase,
        progress=line,
        progress_url=viewed.url("competitions:progress", phase=board_phase.pk) if board_phase else "",
        steps=[line.best[-1]] if line and line.best else [],
        width=WIDTH,
        height=HEIGHT,
        table=reverse("api-competition-statistics-csv", args=[pk]) + (f"?phase={phase.pk}" if phase else ""),
        large=found.submissions > LARGE,
    )
    return render(request, "analytics/competition.html", context)


_STATES = (
    ("approved", gettext_lazy("Approved")),
    ("pending", gettext_lazy("Waiting")),
    ("denied", gettext_lazy("Denied")),
    ("unknown", gettext_lazy("Withdrawn")),
)


def _grouped(numbers: Mapping[date, int], unit: str) -> dict[date, int]:
    """Numbers of days as those of weeks or months."""
    found: dict[date, int] = {}
    for day, number in numbers.items():
        first = first_of(unit, day)
        found[first] = found.get(first, 0) + number
    return found

"""The resources pages of one's own submissions, and of space."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from podium.site.accounts.models import User
from podium.site.competitions import policies as competitions
from podium.site.errors import Refused
from podium.site.evaluation import downloads, own, policies
from podium.site.evaluation.downloads import Part
from podium.site.evaluation.forms import OwnFilterForm
from podium.site.evaluation.models import Submission
from podium.site.evaluation.services import deletion, tidying
from podium.site.pages.listing import Column, Listing, by_amount, by_time
from podium.site.resources import queries
from podium.site.resources.services import human_size, usage
from podium.site.resources.shell import context, numbers
from podium.site.streamed_zip import zipped
from podium.site.words import Words

COLUMNS = {
    "submission": by_time(gettext_lazy("Submission"), "pk"),
    "status": Column(gettext_lazy("Status"), "status"),
    "file": Column(gettext_lazy("File"), "data__file_name"),
    "size": by_amount(gettext_lazy("Size"), "data__data_file__size"),
    "competition": Column(gettext_lazy("Competition"), "phase__competition__title"),
    "submitted": by_time(gettext_lazy("Submitted"), "created_when"),
}
FILE_COLUMNS = {
    "name": Column(gettext_lazy("Name"), "name"),
    "size": by_amount(gettext_lazy("Size"), "data_file__size"),
    "added": by_time(gettext_lazy("Added"), "created_when"),
}


def _me(request: HttpRequest) -> User:
    return cast("User", request.user)


@login_required
@require_safe
def submissions(request: HttpRequest) -> HttpResponse:
    """One's own submissions over all competitions, or the files that were uploaded and never submitted."""
    if request.GET.get("show") == "files":
        return _files(request)
    form = OwnFilterForm(request.GET, competitions=own.competitions(_me(request)))
    chosen = {name: value for name, value in (form.cleaned_data if form.is_valid() else {}).items() if value}
    listing = Listing(
        request,
        own.submissions(_me(request), **chosen),
        columns=COLUMNS,
        default="-submitted",
        kept={name: str(value) for name, value in chosen.items()},
    )
    more = {"form": form, "listing": listing, "stored": own.stored(list(listing.page))}
    return render(request, "resources/submissions.html", context("submissions", **more))


def _files(request: HttpRequest) -> HttpResponse:
    search = request.GET.get("search", "")[:200]
    visible = competitions.visible_to(request.user)
    types = queries.FAMILIES["submission"]
    rows = queries.listed_datasets(request.user, visible, types=types, public=False, search=search)
    listing = Listing(
        request,
        rows.filter(submissions__isnull=True).select_related("data_file"),
        columns=FILE_COLUMNS,
        default="-added",
        kept={"show": "files", "search": search},
    )
    return render(request, "resources/submitted_files.html", context("submissions", listing=listing, search=search))


@dataclass(frozen=True)
class Action:
    """Something that is done to chosen submissions: its words, who stays out and why, and the doing."""

    title: Words
    text: Words
    button: Words
    icon: str
    faults: Callable[[list[Submission], User], dict[int, str]]
    do: Callable[[list[Submission], User], str]


def _deleted(found: list[Submission], by: User) -> str:
    deletion.delete_many(found=found, by=by)
    return _("Deleted: %(count)s.") % {"count": len(found)}


def _faults_of_showing(public: bool) -> Callable[[list[Submission], User], dict[int, str]]:
    def faults(found: list[Submission], by: User) -> dict[int, str]:
        said: dict[int, str] = {}
        for one in found:
            if one.is_public is public:
                said[one.pk] = _("It is already.") if public else _("It is not public.")
                continue
            try:
                deletion.refuse_public(submission=one, by=by, public=public)
            except Refused as refused:
                said[one.pk] = refused.message
        return said

    return faults


def _shown(public: bool) -> Callable[[list[Submission], User], str]:
    def show(found: list[Submission], by: User) -> str:
        count = deletion.show_many(found=found, by=by, public=public)
        return (_("Public now: %(count)s.") if public else _("Private now: %(count)s.")) % {"count": count}

    return show


ACTIONS = {
    "delete": Action(
        gettext_lazy("Delete"),
        gettext_lazy("Their files, results, logs and scores are removed for good. Tries that they cost stay used."),
        gettext_lazy("Delete for good"),
        "cross",
        deletion.faults_of_deletion,
        _deleted,
    ),
    "publish": Action(
        gettext_lazy("Make public"),
        gettext_lazy("Whoever sees the competition sees them then and downloads what you submitted."),
        gettext_lazy("Make public"),
        "users",
        _faults_of_showing(public=True),
        _shown(public=True),
    ),
    "hide": Action(
        gettext_lazy("Make private"),
        gettext_lazy("Only you and the organizers see them and their files then; those on a board stay there."),
        gettext_lazy("Make private"),
        "lock",
        _faults_of_showing(public=False),
        _shown(public=False),
    ),
}
PARTS = {"download": {Part.SUBMISSION}, "download_all": set(Part)}


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def selected(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Download chosen submissions, or ask about them and then do what was asked."""
    asked = request.POST if request.method == "POST" else request.GET
    do = asked.get("do", "")
    rows = own.submissions(_me(request)).filter(pk__in=numbers(asked.getlist("submission")))
    if do in PARTS and request.method != "POST" and rows.exists():
        return _zip(request, rows, PARTS[do])
    action = ACTIONS.get(do)
    if action is None and do not in PARTS:
        raise Http404(_("There is no such action."))
    found = list(rows.prefetch_related("phase__competition__collaborators"))
    if not found or action is None:
        messages.info(request, _("Choose submissions first."))
        return redirect("resources:submissions")
    if request.method == "POST":
        try:
            messages.success(request, action.do(found, _me(request)))
        except Refused as refused:
            messages.error(request, _("%(reason)s Nothing was changed.") % {"reason": refused.message})
        return redirect("resources:submissions")
    faults, sizes = action.faults(found, _me(request)), own.stored(found)
    going = [one for one in found if one.pk not in faults]
    more = {
        "action": action,
        "do": do,
        "going": going,
        "staying": [(one, faults[one.pk]) for one in found if one.pk in faults],
        "size": sum(sizes[one.pk] for one in going) if do == "delete" else None,
    }
    return render(request, "resources/selected.html", context("submissions", **more))


def _zip(request: HttpRequest, rows: QuerySet[Submission], parts: set[Part]) -> StreamingHttpResponse:
    chosen = policies.visible_to(request.user).filter(pk__in=list(rows.values_list("pk", flat=True)))
    return downloads.attached(
        zipped(downloads.members(chosen, request.user, parts)), "application/zip", "submissions.zip"
    )


@dataclass(frozen=True)
class Kind:
    """A kind of clean-up in words."""

    title: Words
    text: Words
    empty: Words


KINDS = {
    "failed_submissions": Kind(
        gettext_lazy("Failed submissions"),
        gettext_lazy(
            "Submissions of yours that failed, with their files and logs. What stands on a board is none of them. "
            "Tries that they cost stay used."
        ),
        gettext_lazy("No submission of yours has failed."),
    ),
    "unused_submissions": Kind(
        gettext_lazy("Files never submitted"),
        gettext_lazy("Files uploaded as submissions that were never submitted, or whose submissions are gone."),
        gettext_lazy("Every uploaded file was submitted."),
    ),
    "unused_datasets_programs": Kind(
        gettext_lazy("Unused datasets and programs"),
        gettext_lazy("Those that no task, solution or phase has. Public ones serve others and stay."),
        gettext_lazy("Everything is used or public."),
    ),
    "unused_tasks": Kind(
        gettext_lazy("Unused tasks"),
        gettext_lazy(
            "Tasks in no phase, on which no submission ran. They take no space; their programs and data are unused "
            "then."
        ),
        gettext_lazy("Every task of yours is used."),
    ),
}
MOST_NAMED = 50


@login_required
@never_cache
@require_safe
def space(request: HttpRequest) -> HttpResponse:
    """What one's files take by kind, what there may be, and what a clean-up would free."""
    found = usage(_me(request))
    more = {
        "usage": found,
        "kinds": [
            (_("Submissions"), found.submissions, "resources:submissions"),
            (_("Results of submissions"), found.results, ""),
            (_("Logs of submissions"), found.logs, ""),
            (_("Datasets and programs"), found.datasets_programs, "resources:datasets"),
            (_("Competition bundles"), found.competition_bundles, "resources:bundles"),
            (_("Pictures in pages of competitions"), found.pictures, ""),
            (_("Held for uploads under way"), found.reserved, ""),
        ],
        "cleanups": [(name, kind, tidying.would_free(_me(request), name)) for name, kind in KINDS.items()],
    }
    return render(request, "resources/space.html", context("space", **more))


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def clean_up(request: HttpRequest, kind: str) -> HttpResponse:
    """Ask before one's things of a kind are deleted, naming them and what that frees; then do it."""
    if kind not in KINDS:
        raise Http404(_("There is no such clean-up."))
    user = _me(request)
    if request.method == "POST":
        before = usage(user).used
        try:
            deleted, left = tidying.clean_up(user=user, kind=kind)
        except Refused as refused:
            messages.error(request, refused.message)
            return redirect("resources:space")
        messages.success(
            request,
            _("Deleted: %(count)s. That freed %(size)s.")
            % {"count": deleted, "size": human_size(before - usage(user).used)},
        )
        if left:
            messages.info(request, _("%(left)s more are there: go on below.") % {"left": left})
            return redirect("resources:clean_up", kind)
        return redirect("resources:space")
    freed = tidying.would_free(user, kind)
    if not freed.count:
        messages.info(request, KINDS[kind].empty)
        return redirect("resources:space")
    rows = tidying.CLEANUPS[kind].rows(user)
    if kind == "failed_submissions":
        rows = rows.select_related("phase__competition", "data")
    named: list[Any] = list(rows[:MOST_NAMED])
    more = {"kind": kind, "words": KINDS[kind], "freed": freed, "named": named, "others": freed.count - len(named)}
    return render(request, "resources/clean_up.html", context("space", **more))

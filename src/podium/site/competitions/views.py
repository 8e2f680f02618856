"""The pages of competitions: the lists, a competition's own pages, creation from a bundle."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from podium.site.accounts.models import User
from podium.site.competitions import policies, services
from podium.site.competitions.counts import Counted
from podium.site.competitions.forms import RegisterForm, Role, SearchForm
from podium.site.competitions.models import (
    Competition,
    CreationState,
    CreationStatus,
    DumpKind,
    ParticipantStatus,
    Phase,
    PhaseStatus,
)
from podium.site.competitions.queries import files_for, public_competitions
from podium.site.competitions.services import deleting, dumping, queueing
from podium.site.competitions.shell import Shell, shell
from podium.site.errors import Refused
from podium.site.evaluation import limits
from podium.site.evaluation.models import Run
from podium.site.evaluation.services import limits as settling
from podium.site.evaluation.status import loads
from podium.site.pages.markdown import begins_with_heading
from podium.site.queues import policies as queues
from podium.site.queues.forms import ChooseQueueForm
from podium.site.queues.services import default_queue
from podium.site.resources.forms import UploadForm
from podium.site.resources.grants import download_url
from podium.site.resources.models import DatasetType
from podium.site.resources.receiving import received_file

PER_PAGE = 24


@require_safe
def public(request: HttpRequest) -> HttpResponse:
    """Published competitions and benchmarks, with search, filters and order."""
    form = SearchForm(request.GET)
    chosen = form.chosen()
    role = chosen.get("role")
    if role and not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    found = public_competitions(
        search=chosen.get("search", ""),
        ordering=chosen.get("ordering", "recent"),
        type=chosen.get("type", ""),
        organizer=chosen.get("organizer", ""),
        openness=chosen.get("state", ""),
        has_reward="has_reward" in chosen,
        user=request.user,
        participating_in=role == Role.TAKING_PART,
        organizing=role == Role.ORGANIZING,
    )
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "section": "public",
        "form": form,
        "search": chosen.get("search", ""),
        "filtered": bool(chosen.keys() - {"ordering"}),
        "page": page,
        "before": "?" + urlencode([*chosen.items(), ("page", page.number - 1)]),
        "after": "?" + urlencode([*chosen.items(), ("page", page.number + 1)]),
    }
    is_part = bool(cast("Any", request).htmx) and not cast("Any", request).htmx.history_restore_request
    return render(request, "competitions/_found.html" if is_part else "competitions/public.html", context)


@login_required
@require_safe
def mine(request: HttpRequest) -> HttpResponse:
    """The competitions that a person runs, and those in which they take part, each list page by page."""
    rows = Competition.objects.select_related("created_by", "logo", "logo_icon")
    rows = rows.prefetch_related("phases").order_by("-created_when", "-pk")
    organizing = policies.organized_by(request.user)
    lists = {
        "organized": rows.filter(organizing),
        "joined": rows.filter(policies.taking_part(request.user)).exclude(organizing),
    }
    pages = {name: Paginator(Counted(found), PER_PAGE).get_page(request.GET.get(name)) for name, found in lists.items()}
    turned = {name: page.number for name, page in pages.items() if page.number > 1}
    context = {
        "section": "mine",
        **{name: _Turned(page, name, turned) for name, page in pages.items()},
        "deleted": deleting.restorable(cast("User", request.user)),
        "days": deleting.KEPT.days,
    }
    return render(request, "competitions/mine.html", context)


class _Turned:
    """A page of one of the lists on a page; where it is turned, the other lists stay as they are."""

    def __init__(self, page: Page[Competition], name: str, turned: dict[str, int]) -> None:
        self.page = page
        self.before, self.after = (f"?{urlencode({**turned, name: page.number + step})}#{name}" for step in (-1, 1))


@require_safe
def detail(request: HttpRequest, pk: int, page_id: int | None = None) -> HttpResponse:
    """A competition's written pages; the first one unless the address names another."""
    viewed = shell(request, pk)
    pages = viewed.pages
    if page_id is None:
        chosen = pages[0] if pages else None
    else:
        chosen = next((page for page in pages if page.pk == page_id), None)
        if chosen is None:
            raise Http404(_("This competition has no such page."))
    own_heading = chosen is not None and begins_with_heading(chosen.content)
    return _overview(request, viewed, current=chosen.pk if chosen else "", page=chosen, own_heading=own_heading)


@require_safe
def terms(request: HttpRequest, pk: int) -> HttpResponse:
    """The terms of a competition."""
    viewed = shell(request, pk)
    text = viewed.competition.terms
    return _overview(request, viewed, current="terms", terms=text, own_heading=begins_with_heading(text))


@require_safe
def files(request: HttpRequest, pk: int) -> HttpResponse:
    """The files of a competition that the viewer has a right to."""
    viewed = shell(request, pk, files=True)
    rows: dict[tuple[int, str], dict[str, Any]] = {}
    links = [link for phase in viewed.phases for link in phase.phase_tasks.all()]
    solutions = {each.data_id: each.name for link in links for each in link.task.solutions.all()}
    for row in files_for(request.user, viewed.competition):
        dataset = row.dataset
        if dataset.data_file is None:
            continue
        name = dataset.file_name or f"{dataset.name}.zip"
        # Phases share tasks as a rule: one line for each file, which names the phases.
        line = rows.setdefault(
            (dataset.pk, row.kind),
            {"row": row, "name": name, "url": download_url(dataset.data_file, name=name), "phases": []},
        )
        if row.type == DatasetType.SOLUTION:
            line["solution"] = solutions.get(dataset.pk, "")
        if row.phase not in line["phases"]:
            line["phases"].append(row.phase)
    dumps = _dumps(viewed) if policies.can_administer(request.user, viewed.competition) else []
    return _overview(
        request,
        viewed,
        current="files",
        files=list(rows.values()),
        dumps=dumps,
        dumps_under_way=any(each["row"].finished_when is None for each in dumps),
        shell_submissions_url=viewed.url("competitions:submissions"),
    )


def _dumps(viewed: Shell) -> list[dict[str, Any]]:
    """The newest dumps of a competition with their addresses; for organizers."""
    bundles = viewed.competition.dumps.filter(kind=DumpKind.BUNDLE)
    rows = bundles.select_related("dataset__data_file")[:20]
    return [
        {
            "row": row,
            "file": row.dataset.data_file if row.dataset else None,
            "url": download_url(row.dataset.data_file, name=row.dataset.file_name)
            if row.dataset and row.dataset.data_file
            else "",
        }
        for row in rows
    ]


@login_required
@require_POST
def dump(request: HttpRequest, pk: int) -> HttpResponse:
    """Start a dump of the competition."""
    viewed = shell(request, pk)
    by_keys = request.POST.get("keys_instead_of_files") == "on"
    try:
        dumping.start_dump(competition=viewed.competition, by=cast("User", request.user), keys_instead_of_files=by_keys)
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, _("The dump is being written. It comes below as soon as it is there."))
    return redirect(viewed.url("competitions:files"))


def overview_menu(viewed: Shell) -> list[tuple[str, str, object]]:
    """What the overview consists of: the words, address and key of each page."""
    return [
        *((page.title, viewed.url("competitions:page", page.pk), page.pk) for page in viewed.pages),
        *([(_("Terms"), viewed.url("competitions:terms"), "terms")] if viewed.competition.terms else []),
        (_("Files"), viewed.url("competitions:files"), "files"),
        *([(_("Archive"), viewed.url("competitions:archives"), "archives")] if viewed.can_administer else []),
        *([(_("Webhooks"), viewed.url("competitions:webhooks"), "webhooks")] if viewed.can_administer else []),
        *([(_("Access"), viewed.url("competitions:access"), "access")] if viewed.can_administer else []),
        *([(_("Statistics"), viewed.url("competitions:statistics"), "statistics")] if viewed.can_administer else []),
        *([(_("History"), viewed.url("competitions:history"), "history")] if viewed.can_administer else []),
    ]


def _overview(request: HttpRequest, viewed: Shell, *, current: object, **more: Any) -> HttpResponse:
    context = viewed.context("detail", menu=overview_menu(viewed), current=current, **more)
    return render(request, "competitions/overview.html", context)


@require_safe
def phases(request: HttpRequest, pk: int) -> HttpResponse:
    """The phases of a competition in time, with their limits."""
    viewed = shell(request, pk, files=True)
    kits = {
        row.dataset.pk: {"url": download_url(row.dataset.data_file, name=name), "name": name}
        for row in files_for(request.user, viewed.competition)
        if row.type == DatasetType.STARTING_KIT and row.dataset.data_file is not None
        for name in [row.dataset.file_name or f"{row.dataset.name}.zip"]
    }
    workers = limits.live_ceilings_of(viewed.competition)
    context = viewed.context(
        "phases",
        rows=[
            (
                phase,
                kits.get(phase.starting_kit_id or 0),
                limits.rows_of(found),
                limits.reason_unserved(found),
                _links(viewed, phase),
            )
            for phase in viewed.phases
            for found in [limits.standing(phase, workers)]
        ],
        files_url=viewed.url("competitions:files"),
        runs_in=_image_last_used(viewed.competition),
    )
    return render(request, "competitions/phases.html", context)


def _links(viewed: Shell, phase: Phase) -> dict[str, str]:
    """Where one goes on from a phase that has begun: to one's submissions, to its board."""
    begun = phase.status != PhaseStatus.NEXT
    board = begun and phase in viewed.board_phases()
    return {
        "submit": viewed.url("competitions:submissions", phase=phase.pk) if begun and viewed.approved else "",
        "results": viewed.url("competitions:results", phase=phase.pk) if board else "",
    }


@login_required
@require_POST
def settle_limits(request: HttpRequest, pk: int, phase: int) -> HttpResponse:
    """Let the limits of a phase be settled anew, at what the workers give now."""
    viewed = shell(request, pk)
    found = get_object_or_404(viewed.competition.phases, pk=phase)
    try:
        settling.settle_anew(phase=found, by=cast("User", request.user))
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, _("The limits of %(name)s are settled with its next run.") % {"name": found.name})
    return redirect(viewed.url("competitions:phases"))


def _image_last_used(competition: Competition) -> str:
    """The digest of the image in which the newest run with the competition's present image really ran, or ""."""
    runs = Run.objects.filter(submission__phase__competition=competition, image=competition.docker_image)
    return runs.exclude(image_digest="").order_by("-pk").values_list("image_digest", flat=True).first() or ""


@login_required
@require_POST
def register(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask to take part."""
    viewed = shell(request, pk)
    back = viewed.url("competitions:submissions")
    form = RegisterForm(request.POST, has_terms=bool(viewed.competition.terms))
    if not form.is_valid():
        messages.error(request, _("Taking part needs your agreement to the terms: tick the box below them."))
        return redirect(back)
    try:
        participant = services.register(competition=viewed.competition, user=cast("User", request.user))
    except Refused as refused:
        messages.error(request, refused.message)
        return redirect(back)
    if participant.status == ParticipantStatus.APPROVED:
        messages.success(request, _("You take part in %(competition)s.") % {"competition": viewed.competition.title})
    else:
        messages.info(request, _("The organizers have been asked. You can submit as soon as one of them approves you."))
    return redirect(back)


@login_required
@require_POST
def publish(request: HttpRequest, pk: int) -> HttpResponse:
    """Publish a competition, or take it back."""
    viewed = shell(request, pk)
    published = request.POST.get("published") == "yes"
    try:
        services.set_published(competition=viewed.competition, published=published, by=cast("User", request.user))
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        public, hidden = (
            _("%(competition)s is published: everybody can see it."),
            _("%(competition)s is no longer public."),
        )
        messages.success(request, (public if published else hidden) % {"competition": viewed.competition.title})
    return redirect("competitions:detail", pk)


@login_required
@require_safe
def unpublish(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask before a competition is taken back; the form goes to `publish`."""
    viewed = shell(request, pk)
    if not viewed.can_administer:
        raise PermissionDenied(_("Only the organizers may take a competition back."))
    return render(request, "competitions/unpublish.html", {"competition": viewed.competition})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def queue(request: HttpRequest, pk: int) -> HttpResponse:
    """Which queue the competition uses, for its organizers to choose."""
    viewed = shell(request, pk)
    if not viewed.can_administer:
        raise PermissionDenied(_("Only the organizers choose the queue."))
    present = viewed.competition.queue
    sent = request.POST if request.method == "POST" else None
    form = ChooseQueueForm(sent, user=cast("User", request.user), present=present)
    if sent is not None and form.is_valid():
        try:
            chosen = form.cleaned_data["queue"]
            moved = queueing.choose_queue(competition=viewed.competition, queue=chosen, by=cast("User", request.user))
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, _told_queue(viewed.competition, str(chosen or _("the default queue")), moved))
            return redirect(viewed.url("competitions:queue"))
    used = present or default_queue()
    sees_queue = used.is_default or queues.visible_to(request.user).filter(pk=used.pk).exists()
    context = viewed.context("queue", form=form, used=used, load=loads([used.pk])[used.pk], sees_queue=sees_queue)
    return render(request, "competitions/queue.html", context, status=400 if form.errors else 200)


def _told_queue(competition: Competition, queue: str, moved: int) -> str:
    words = _("%(competition)s uses %(queue)s now.")
    if moved:
        words = ngettext(
            "%(competition)s uses %(queue)s now. %(count)d waiting run went with it.",
            "%(competition)s uses %(queue)s now. %(count)d waiting runs went with it.",
            moved,
        )
    return words % {"competition": competition.title, "queue": queue, "count": moved}


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """Take a competition bundle and start making the competition."""
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    if request.method == "POST" and form.is_valid():
        try:
            bundle = received_file(cast("User", request.user), form, type=DatasetType.COMPETITION_BUNDLE)
            status = services.start_creation(dataset=bundle, user=cast("User", request.user))
        except Refused as refused:
            form.refuse(refused)
        else:
            return redirect("competitions:creation", status.pk)
    recent = CreationStatus.objects.filter(created_by=cast("User", request.user)).select_related("dataset")[:5]
    context = {"section": "upload", "form": form, "recent": recent}
    return render(request, "competitions/upload.html", context, status=400 if form.errors else 200)


@login_required
@require_safe
def creation(request: HttpRequest, pk: int) -> HttpResponse:
    """How far the making of a competition has come, and the checker's report."""
    found = CreationStatus.objects.select_related("dataset", "resulting_competition")
    status = get_object_or_404(found, pk=pk)
    if status.created_by_id != request.user.pk and not cast("User", request.user).is_superuser:
        raise Http404(_("There is no such upload."))
    faults = sorted(status.faults, key=lambda fault: fault.get("severity") != "error")
    context = {
        "section": "upload",
        "creation": status,
        "errors": [fault for fault in faults if fault.get("severity") == "error"],
        "warnings": [fault for fault in faults if fault.get("severity") != "error"],
        "under_way": status.status == CreationState.STARTING,
    }
    part = bool(cast("Any", request).htmx)
    return render(request, "competitions/_creation.html" if part else "competitions/creation.html", context)


@login_required
@require_safe
def bundle(request: HttpRequest, pk: int) -> HttpResponse:
    """Download the bundle that a competition was made of; for its organizers."""
    viewed = shell(request, pk)
    if not viewed.can_administer:
        raise PermissionDenied(_("Only the organizers may download the bundle."))
    dataset = viewed.competition.bundle
    if dataset is None or dataset.data_file is None:
        raise Http404(_("The bundle is no longer there."))
    return redirect(download_url(dataset.data_file, name=dataset.file_name or "bundle.zip"))

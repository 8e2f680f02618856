"""The pages of tasks."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from podium.formats.faults import Fault
from podium.site.accounts.models import User
from podium.site.competitions import policies as competitions
from podium.site.errors import Refused
from podium.site.pages.listing import Column, Listing, by_time
from podium.site.resources import policies, queries, services
from podium.site.resources.forms_tasks import ShareForm, TaskArchiveForm, TaskForm
from podium.site.resources.models import Task, TaskVersion
from podium.site.resources.shell import context, numbers
from podium.site.resources.task_archives import create_task_from_archive

_READ_OR_SEND = ["GET", "HEAD", "POST"]
COLUMNS = {
    "name": Column(gettext_lazy("Name"), "name"),
    "by": Column(gettext_lazy("By"), "created_by__username"),
    "added": by_time(gettext_lazy("Made"), "created_when"),
}
PART_LABELS = {
    "scoring_program": gettext_lazy("Scoring program"),
    "ingestion_program": gettext_lazy("Ingestion program"),
    "input_data": gettext_lazy("Input data"),
    "reference_data": gettext_lazy("Reference data"),
}


def _me(request: HttpRequest) -> User:
    return cast("User", request.user)


def described(request: HttpRequest, rows: list[Task]) -> list[dict[str, Any]]:
    """Tasks for a list: each with its newest version, the competitions with it, and whether a solution proved it."""
    used = queries.competitions_with(rows, competitions.visible_to(request.user))
    proved, versions = queries.validated(rows), queries.current_versions(task.pk for task in rows)
    return [
        {"task": task, "version": versions[task.pk], "competitions": used[task.pk], "validated": task.pk in proved}
        for task in rows
    ]


@login_required
@require_safe
def tasks(request: HttpRequest) -> HttpResponse:
    """The tasks that one made, is shared, and on demand everybody's public ones."""
    search = request.GET.get("search", "")[:200]
    public = request.GET.get("show") == "public"
    listing = Listing(
        request,
        queries.listed_tasks(request.user, public=public, search=search).select_related("created_by"),
        columns=COLUMNS,
        default="-added",
        kept={"search": search, "show": "public" if public else ""},
    )
    page = list(listing.page)
    shares = queries.shares_of(task for task in page if task.created_by_id == request.user.pk)
    rows = [{**row, "shares": shares.get(row["task"].pk, 0)} for row in described(request, page)]
    more = {"listing": listing, "rows": rows, "search": search, "public": public}
    return render(request, "resources/tasks.html", context("tasks", **more))


def _visible(request: HttpRequest, pk: int) -> Task:
    """A task that the viewer may see. Raises Http404."""
    rows = policies.tasks_visible_to(request.user).select_related("created_by")
    return get_object_or_404(queries.with_versions(rows), pk=pk)


def _changed(request: HttpRequest, pk: int) -> Task:
    """A task that the viewer may change. Raises Http404, and PermissionDenied for somebody else's."""
    found = _visible(request, pk)
    if not policies.may_change_task(request.user, found):
        raise PermissionDenied(_("Only whoever made a task may change it."))
    return found


@require_safe
def task(request: HttpRequest, pk: int) -> HttpResponse:
    """One task: what it consists of, who uses it, its versions; for everybody where it is public."""
    found = _visible(request, pk)
    version = queries.current_version(found)
    solutions = list(found.solutions.select_related("data"))
    parts = {name: getattr(version, name) for name in TaskVersion.PARTS}
    shown = [part.pk for part in parts.values() if part] + [solution.data_id for solution in solutions]
    may_change = policies.may_change_task(request.user, found)
    more = {
        "task": found,
        "version": version,
        "versions": sorted(found.versions.all(), key=lambda one: -one.number)[:20],
        "parts": [(PART_LABELS[name], parts[name]) for name in PART_LABELS],
        "solutions": solutions,
        "opened": set(policies.datasets_visible_to(request.user).filter(pk__in=shown).values_list("pk", flat=True)),
        "competitions": queries.competitions_with([found], competitions.visible_to(request.user))[pk],
        "validated": pk in queries.validated([found]),
        "may_change": may_change,
        "is_mine": found.created_by_id == request.user.pk,
        "people": list(found.shared_with.order_by("username")) if may_change else [],
    }
    return render(request, "resources/task.html", context("tasks", **more))


def _is_sound(form: TaskForm) -> bool:
    """Whether nothing is wrong; files that came are kept all the same, since no form brings them twice."""
    form.is_valid()
    return form.take_files()


@login_required
@require_http_methods(_READ_OR_SEND)
def create(request: HttpRequest) -> HttpResponse:
    """Make a task of one's own datasets."""
    sent = (request.POST, request.FILES) if request.method == "POST" else ()
    form = TaskForm(*sent, user=_me(request))
    for_competition = request.GET.get("for") == "competition"
    if request.method == "POST" and _is_sound(form):
        try:
            parts = {name: part for name, part in form.parts().items() if part is not None}
            only = form.cleaned_data["ingestion_only_during_scoring"]
            with transaction.atomic():
                made = services.create_checked_task(
                    user=_me(request), parts=parts, ingestion_only_during_scoring=only, **form.facts()
                )
                _add_solution(request, made, form)
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(
                request, _("%(name)s is there. Use it in a phase of a competition, or share it.") % {"name": made.name}
            )
            new = f"{reverse('competitions:new')}?task={made.pk}"
            return redirect(new) if for_competition else redirect("resources:task", made.pk)
    more = {"form": form, "for_competition": for_competition}
    return render(request, "resources/task_edit.html", context("tasks", **more), status=400 if form.errors else 200)


def _add_solution(request: HttpRequest, task: Task, form: TaskForm) -> None:
    if (data := form.cleaned_data["solution"]) is not None:
        services.add_solution(task=task, data=data, by=_me(request))


def _take_out(request: HttpRequest, task: Task) -> HttpResponse:
    """One solution less; what else was written in the form is not sent with it."""
    solution = get_object_or_404(task.solutions, pk__in=numbers(request.POST.getlist("take_out")))
    services.take_out_solution(task=task, solution=solution, by=_me(request))
    messages.success(request, _("%(name)s is given with the task no more.") % {"name": solution.name})
    return redirect("resources:edit_task", task.pk)


@login_required
@require_http_methods(_READ_OR_SEND)
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a task; other programs or data make a new version of it."""
    found = _changed(request, pk)
    if request.method == "POST" and "take_out" in request.POST:
        return _take_out(request, found)
    version = queries.current_version(found)
    sent = (request.POST, request.FILES) if request.method == "POST" else ()
    form = TaskForm(*sent, user=_me(request), version=version)
    if request.method == "POST" and _is_sound(form):
        changes = {**form.parts(), "ingestion_only_during_scoring": form.cleaned_data["ingestion_only_during_scoring"]}
        try:
            with transaction.atomic():
                services.update_task(task=found, by=_me(request), facts=form.facts(), changes=changes)
                _add_solution(request, found, form)
        except Refused as refused:
            form.refuse(refused)
        else:
            number = queries.current_versions([pk])[pk].number
            words = _("Saved. It is at version %(number)d now.") if number != version.number else _("Saved.")
            messages.success(request, words % {"number": number})
            return redirect("resources:task", pk)
    used = queries.competitions_with([found], competitions.visible_to(request.user))[pk]
    more = {"form": form, "task": found, "version": version, "competitions": used, "solutions": found.solutions.all()}
    return render(request, "resources/task_edit.html", context("tasks", **more), status=400 if form.errors else 200)


@login_required
@require_http_methods(_READ_OR_SEND)
def share(request: HttpRequest, pk: int) -> HttpResponse:
    """Let other people use a task: some by name, or everybody."""
    found = _changed(request, pk)
    sent = request.POST if request.method == "POST" else None
    form = ShareForm(sent, initial=ShareForm.values_of(found))
    if sent is not None and form.is_valid():
        facts = {"shared_with": form.cleaned_data["people"], "is_public": form.cleaned_data["is_public"]}
        services.update_task(task=found, by=_me(request), facts=facts, changes={})
        messages.success(request, _("Saved."))
        return redirect("resources:task", pk)
    more = {"form": form, "task": found}
    return render(request, "resources/task_share.html", context("tasks", **more), status=400 if form.errors else 200)


@login_required
@require_http_methods(_READ_OR_SEND)
def upload(request: HttpRequest) -> HttpResponse:
    """Make a task of an uploaded zip, with the checker's report where it has a fault."""
    remarks: list[Fault] = []
    form = TaskArchiveForm()
    if request.method == "POST":
        form = TaskArchiveForm(request.POST, request.FILES)
        if form.is_valid():
            try:
                made = create_task_from_archive(
                    user=_me(request), archive=form.cleaned_data["file"].file, remarks=remarks
                )
            except Refused as refused:
                told = any(fault.severity == "error" for fault in remarks)
                form.add_error("file", _("It has faults; nothing was made of it.") if told else refused.message)
            else:
                messages.success(request, _("%(name)s is there.") % {"name": made.name})
                for fault in remarks[:10]:
                    messages.warning(request, f"{fault.message} {fault.hint}")
                return redirect("resources:task", made.pk)
    more = {"form": form, "faults": sorted(remarks, key=lambda fault: fault.severity != "error")}
    return render(request, "resources/task_upload.html", context("tasks", **more), status=400 if form.errors else 200)


@login_required
@require_http_methods(_READ_OR_SEND)
def delete(request: HttpRequest) -> HttpResponse:
    """Ask before tasks are deleted, saying which stay since something needs them; then do it."""
    asked = request.POST if request.method == "POST" else request.GET
    rows = policies.tasks_visible_to(request.user).filter(
        pk__in=numbers(asked.getlist("task")), created_by=_me(request)
    )
    found = list(rows.order_by("name", "pk"))
    if not found:
        messages.info(request, _("Choose some of your own first."))
        return redirect("resources:tasks")
    if request.method == "POST":
        try:
            services.delete_tasks(found=found, by=_me(request))
        except Refused as refused:
            for name, fault in refused.faults.items():
                messages.error(request, _("%(name)s: %(fault)s. Nothing was deleted.") % {"name": name, "fault": fault})
        else:
            messages.success(request, _("Deleted: %(names)s.") % {"names": ", ".join(one.name for one in found)})
        return redirect("resources:tasks")
    faults = services.faults_of_task_deletion(found, _me(request))
    used = queries.competitions_with(found, competitions.visible_to(request.user))
    more = {
        "going": [one for one in found if one.pk not in faults],
        "staying": [(one, used[one.pk], faults[one.pk]) for one in found if one.pk in faults],
    }
    return render(request, "resources/delete_tasks.html", context("tasks", **more))

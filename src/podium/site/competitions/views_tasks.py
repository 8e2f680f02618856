"""The organizers' pages of a competition's tasks: what each consists of, and giving it other programs or data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from podium.site.accounts.models import User
from podium.site.competitions import policies
from podium.site.competitions.forms import TaskForm
from podium.site.competitions.models import Phase
from podium.site.competitions.services import migration
from podium.site.competitions.services import tasks as services
from podium.site.competitions.shell import Shell, shell
from podium.site.errors import Refused
from podium.site.resources import policies as resource_policies
from podium.site.resources import queries
from podium.site.resources.models import Dataset, DatasetType, Task, TaskVersion
from podium.site.resources.services import delete_dataset, store_upload
from podium.site.words import Words


@dataclass(frozen=True)
class Shown:
    """A task as its page lists it."""

    task: Task
    version: TaskVersion
    parts: Sequence[tuple[Words, Dataset | None]]
    may_replace: bool
    is_seen: bool = False


def _organizers_shell(request: HttpRequest, pk: int) -> Shell:
    viewed = shell(request, pk)
    if not viewed.can_administer:
        raise PermissionDenied(_("Only the organizers see the tasks."))
    return viewed


def _shown(viewed: Shell, task: Task, *, is_seen: bool = False) -> Shown:
    version = queries.current_version(task)
    parts = [(DatasetType(name).label, getattr(version, name)) for name in TaskVersion.PARTS]
    return Shown(task, version, parts, policies.may_replace_task(viewed.user, viewed.competition, task), is_seen)


@login_required
@require_safe
def tasks(request: HttpRequest, pk: int) -> HttpResponse:
    """The tasks of each phase with their programs and data."""
    viewed = _organizers_shell(request, pk)
    phases = Phase.objects.filter(competition=viewed.competition).order_by("index")
    used = queries.with_versions(Task.objects.filter(phase_tasks__phase__in=phases).distinct())
    seen = set(
        resource_policies.tasks_visible_to(viewed.user)
        .filter(pk__in=[task.pk for task in used])
        .values_list("pk", flat=True)
    )
    shown = {task.pk: _shown(viewed, task, is_seen=task.pk in seen) for task in used}
    listed = [
        (phase, [shown[link.task_id] for link in phase.phase_tasks.all() if link.task_id in shown])
        for phase in phases.prefetch_related("phase_tasks")
    ]
    return render(request, "competitions/tasks.html", viewed.context("tasks", listed=listed))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def replace(request: HttpRequest, pk: int, task_id: int) -> HttpResponse:
    """Give a task other programs or data."""
    viewed = _organizers_shell(request, pk)
    used = Task.objects.filter(phase_tasks__phase__competition=viewed.competition).distinct()
    shown = _shown(viewed, get_object_or_404(queries.with_versions(used), pk=task_id))
    if not shown.may_replace:
        raise Http404(_("Only whoever made this task can change it."))
    form = TaskForm(request.POST, request.FILES) if request.method == "POST" else TaskForm()
    if request.method == "POST" and form.is_valid() and _replaced(request, form, viewed, shown.task):
        return redirect("competitions:tasks", pk)
    phases = Phase.objects.filter(competition=viewed.competition, phase_tasks__task=shown.task)
    context = viewed.context("tasks", form=form, shown=shown, phases_of_task=phases.order_by("index"))
    return render(request, "competitions/task.html", context, status=400 if form.errors else 200)


def _replaced(request: HttpRequest, form: TaskForm, viewed: Shell, task: Task) -> bool:
    """Store what the form brings and make the version; a refusal is put beside its field and leaves no file behind."""
    user = cast("User", request.user)
    parts: dict[str, Dataset] = {}
    try:
        for name, file in form.files_given().items():
            parts[name] = store_upload(user=user, type=name, file=file, file_name=file.name, size=file.size)
        version = services.replace_parts(competition=viewed.competition, task=task, by=user, parts=parts)
    except Refused as refused:
        field = (
            refused.field
            if refused.field in form.fields
            else next((n for n in form.files_given() if n not in parts), None)
        )
        form.add_error(field, refused.message)
        for dataset in parts.values():
            delete_dataset(dataset=dataset)
        return False
    messages.success(
        request,
        _("%(task)s is now version %(number)s. Scores stay as they are until you run the phase again.")
        % {"task": task.name, "number": version.number},
    )
    return True


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def migrate(request: HttpRequest, pk: int, phase_id: int) -> HttpResponse:
    """Submit what stands on the board of a phase to the next one, after asking."""
    viewed = _organizers_shell(request, pk)
    phase = get_object_or_404(Phase.objects.select_related("competition"), pk=phase_id, competition=pk)
    if request.method == "POST":
        try:
            begun = migration.migrate_by_hand(phase=phase, by=cast("User", request.user))
        except Refused as refused:
            messages.error(request, refused.message)
            return redirect(viewed.url("competitions:tasks"))
        messages.success(request, _("Taken over in the background: %(count)s.") % {"count": begun})
        return redirect(viewed.url("competitions:all_submissions"))
    following = migration.next_phase(phase)
    context = viewed.context("tasks", phase=phase, following=following, count=migration.to_copy(phase).count())
    return render(request, "competitions/migrate.html", context)

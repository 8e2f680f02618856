"""The pages of the editor for phases and leaderboards."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from podium.site.accounts.models import User
from podium.site.competitions.editor.forms import LIMITS, SIZES, BoardForm, ColumnFormSet, PhaseForm, TaskFormSet
from podium.site.competitions.editor.saving import edited, facts_of, mark, save, shown
from podium.site.competitions.shell import Shell
from podium.site.resources.choosing import FILES

_READ_OR_SEND = ["GET", "HEAD", "POST"]
_UNITS = (("GiB", 2**30), ("GB", 10**9), ("MiB", 2**20), ("MB", 10**6))


def _sent(request: HttpRequest) -> Any:
    return request.POST if request.method == "POST" else None


def _size_text(size: int | None) -> str:
    """A size as it may have been written: in the largest unit that it is a whole number of."""
    if size is None:
        return ""
    return next((f"{size // of} {unit}" for unit, of in _UNITS if size % of == 0), str(size))


def _minute(text: str | None) -> datetime | None:
    """A moment as a field shows it, without seconds."""
    return datetime.fromisoformat(text).replace(second=0, microsecond=0) if text else None


@login_required
@require_safe
def phases(request: HttpRequest, pk: int) -> HttpResponse:
    """The list of the phases."""
    viewed = edited(request, pk)
    return shown(request, viewed, "phases", "edit-phases", phases=viewed.phases)


@login_required
@never_cache
@require_http_methods(_READ_OR_SEND)
def phase(request: HttpRequest, pk: int, phase_id: int | None = None) -> HttpResponse:
    """Change a phase, add one, or delete one that has no submissions."""
    viewed = edited(request, pk)
    now = facts_of(viewed.competition)
    there = now["phases"]
    part = next((one for one in there if one["id"] == phase_id), None)
    if phase_id is not None and part is None:
        raise Http404(_("This competition has no such phase."))
    form, rows = _phase_forms(request, viewed, now, part)
    if request.method == "POST" and form.is_valid() and rows.is_valid():
        back = redirect(viewed.url("competitions:edit-phases"))
        ids = [{"id": one["id"]} for one in there]
        if "delete" in request.POST:
            if save(request, viewed, form, {"phases": [one for one in ids if one["id"] != phase_id]}, part=part):
                return back
        else:
            others = [one for one in ids if one["id"] != phase_id]
            place = _place(form.cleaned_data["index"], len(others))
            own = {**form.given(), "id": phase_id, "tasks": _tasks(form, rows)}
            given = {"phases": [{**one, "index": n} for n, one in enumerate([*others[:place], own, *others[place:]])]}
            if save(request, viewed, form, given, part=part, prefix=("phases", place)):
                return back
    names = {str(link.task.key): link.task.name for one in viewed.phases for link in one.phase_tasks.all()}
    listed = [(names.get(str(row["key"].value()), row["key"].value()), row) for row in rows]
    more = {"phase": part, "form": form, "rows": rows, "listed": listed, "advanced": _asks_for_limits(part, form)}
    return shown(request, viewed, "phase", "edit-phases", **more)


def _asks_for_limits(part: dict[str, Any] | None, form: PhaseForm) -> bool:
    """Whether the limits of steps are shown at once: some are set, or wrong."""
    asked = part is not None and any(part[name] for name in LIMITS if name != "execution_time_limit")
    return asked or any(name in form.errors for name in LIMITS)


def _phase_forms(
    request: HttpRequest, viewed: Shell, now: dict[str, Any], part: dict[str, Any] | None
) -> tuple[PhaseForm, Any]:
    user = cast("User", request.user)
    held = {task["task"] for task in part["tasks"]} if part else set()
    present = next((one for one in viewed.phases if part is not None and one.pk == part["id"]), None)
    initial: dict[str, Any] = {"seen": mark(part), "execution_time_limit": 600, "max_submissions_per_day": 5}
    initial |= {"max_submissions_per_person": 100, "index": len(now["phases"])}
    if part is not None:
        initial |= {name: value for name, value in part.items() if name in PhaseForm.base_fields}
        initial |= {name: _size_text(part[name]) for name in SIZES}
        initial |= {name: _minute(part[name]) for name in ("start", "end")}
        initial["index"] = next(place for place, one in enumerate(now["phases"]) if one["id"] == part["id"])
    form = PhaseForm(
        _sent(request),
        initial=initial,
        boards=[(str(board["id"]), board["title"]) for board in now["leaderboards"]],
        user=user,
        held=held,
        files={name: getattr(present, name, None) for name in FILES},
    )
    tasks = [{"key": task["task"], "order_index": task["order_index"]} for task in (part["tasks"] if part else [])]
    return form, TaskFormSet(_sent(request), initial=tasks, prefix="tasks")


def _tasks(form: PhaseForm, rows: Any) -> list[dict[str, Any]]:
    kept = [row for row in rows.cleaned_data if not row["remove"]]
    ordered = sorted(kept, key=lambda row: row["order_index"] if row["order_index"] is not None else len(kept))
    keys = [str(row["key"]) for row in ordered]
    added = form.cleaned_data["add_task"]
    return [
        {"task": key, "order_index": place} for place, key in enumerate([*keys, *([str(added.key)] if added else [])])
    ]


@login_required
@require_safe
def boards(request: HttpRequest, pk: int) -> HttpResponse:
    """The list of the leaderboards."""
    viewed = edited(request, pk)
    return shown(request, viewed, "boards", "edit-boards", boards=facts_of(viewed.competition)["leaderboards"])


@login_required
@never_cache
@require_http_methods(_READ_OR_SEND)
def board(request: HttpRequest, pk: int, board_id: int | None = None) -> HttpResponse:
    """Change a leaderboard with its columns, or add one."""
    viewed = edited(request, pk)
    there = facts_of(viewed.competition)["leaderboards"]
    part = next((one for one in there if one["id"] == board_id), None)
    if board_id is not None and part is None:
        raise Http404(_("This competition has no such leaderboard."))
    columns = part["columns"] if part else []
    keys = {column["index"]: column["key"] for column in columns}
    initial = {name: part[name] for name in ("title", "key", "submission_rule", "hidden")} if part else {}
    primary = next((n for n, column in enumerate(columns) if part and column["index"] == part["primary_index"]), 0)
    initial |= {"primary": primary, "seen": mark(part)}
    form = BoardForm(_sent(request), initial=initial)
    named = [
        {**column, "of": " ".join(keys.get(each, "") for each in column["computation_indexes"] or [])}
        for column in columns
    ]
    rows = ColumnFormSet(_sent(request), initial=named, prefix="columns")
    if request.method == "POST" and form.is_valid() and rows.is_valid():
        own = _board(form, rows, board_id)
        place = next((n for n, one in enumerate(there) if one["id"] == board_id), len(there))
        ids = [{"id": one["id"]} for one in there]
        given = {"leaderboards": [*ids[:place], own, *ids[place + 1 :]]} if own is not None else {}
        if own is not None and save(request, viewed, form, given, part=part, prefix=("leaderboards", place)):
            return redirect(viewed.url("competitions:edit-boards"))
    return shown(request, viewed, "board", "edit-boards", form=form, rows=rows, board=part)


def _place(index: int | None, last: int) -> int:
    return last if index is None else min(index, last)


def _board(form: BoardForm, rows: Any, board_id: int | None) -> dict[str, Any] | None:
    """The leaderboard as the service takes it; None where a key names no column, which the form then says."""
    kept = [each for each in rows if each.cleaned_data.get("key", "").strip() and not each.cleaned_data["remove"]]
    form.columns = sorted(kept, key=lambda each: _place(each.cleaned_data["index"], len(kept)))
    ordered = [each.cleaned_data for each in form.columns]
    places = {row["key"].strip(): place for place, row in enumerate(ordered)}
    columns = []
    wrong = False
    for place, row in enumerate(ordered):
        of = row["of"].split()
        if row["computation"] and (strange := [key for key in of if key not in places]):
            form.columns[place].add_error("of", _('"%(strange)s" is no key of a column.') % {"strange": strange[0]})
            wrong = True
        columns.append(
            {
                **{name: row[name] for name in ("id", "title", "key", "sorting", "hidden", "group")},
                "index": place,
                "precision": row["precision"] if row["precision"] is not None else 2,
                "computation": row["computation"] or None,
                "computation_indexes": [places[key] for key in of if key in places] if row["computation"] else None,
            }
        )
    facts = form.given()
    chosen = facts.pop("primary")
    primary = next((place for place, row in enumerate(form.columns) if row.prefix == f"columns-{chosen}"), 0)
    if wrong:
        return None
    return {**facts, "id": board_id, "primary_index": primary, "columns": columns}

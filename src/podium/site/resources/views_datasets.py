"""The pages of datasets and programs, and of competition bundles."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from podium.site.accounts.models import User
from podium.site.competitions import policies as competitions
from podium.site.competitions.models import Dump
from podium.site.errors import Refused
from podium.site.pages.listing import Column, Listing, by_amount, by_time
from podium.site.resources import policies, queries, services
from podium.site.resources.forms import LICENSES, DatasetForm, DatasetUploadForm, FilterForm
from podium.site.resources.models import Dataset, DatasetType
from podium.site.resources.receiving import received_file
from podium.site.resources.shell import context, numbers

_READ_OR_SEND = ["GET", "HEAD", "POST"]
COLUMNS = {
    "name": Column(gettext_lazy("Name"), "name"),
    "type": Column(gettext_lazy("Type"), "type"),
    "size": by_amount(gettext_lazy("Size"), "data_file__size"),
    "added": by_time(gettext_lazy("Added"), "created_when"),
}


def _me(request: HttpRequest) -> User:
    return cast("User", request.user)


def _used(request: HttpRequest, rows: list[Dataset]) -> dict[int, dict[str, Any]]:
    """Of each dataset the competitions and tasks with it that the viewer sees."""
    uses = queries.uses(rows, competitions.visible_to(request.user))
    tasks = queries.tasks_with(rows, policies.tasks_visible_to(request.user))
    return {
        one.pk: {
            "competitions": [(pk, uses.titles[pk]) for pk in uses.competitions_of(one)],
            "tasks": list(tasks[one.pk].items()),
        }
        for one in rows
    }


@login_required
@require_safe
def datasets(request: HttpRequest) -> HttpResponse:
    """One's own datasets and programs, and on demand everybody's public ones."""
    form = FilterForm(request.GET)
    chosen = form.cleaned_data if form.is_valid() else {}
    search, type, made = (chosen.get(name, "") for name in ("search", "type", "made"))
    public = request.GET.get("show") == "public"
    rows = queries.listed_datasets(
        request.user,
        competitions.visible_to(request.user),
        types=[type] if type else queries.FAMILIES["dataset"],
        public=public,
        search=search,
    )
    if made:
        rows = rows.filter(was_created_by_competition=made == "bundles")
    kept = {"search": search, "type": type, "made": made}
    listing = Listing(
        request,
        rows.select_related("created_by", "data_file"),
        columns=COLUMNS,
        default="-added",
        kept={**kept, "show": "public" if public else ""},
    )
    more = {
        "form": form,
        "listing": listing,
        "used": _used(request, list(listing.page)),
        "public": public,
        "filtered": any(kept.values()),
        "asked": urlencode({name: value for name, value in kept.items() if value}),
    }
    return render(request, "resources/datasets.html", context("datasets", **more))


@login_required
@require_http_methods(_READ_OR_SEND)
def upload(request: HttpRequest) -> HttpResponse:
    """Upload a dataset or a program."""
    wanted = request.GET.get("type", "")
    form = DatasetUploadForm(initial={"type": wanted})
    if request.method == "POST":
        form = DatasetUploadForm(request.POST, request.FILES)
        if form.is_valid():
            try:
                facts = form.facts()
                made = received_file(_me(request), form, type=facts.pop("type"), facts=facts)
            except Refused as refused:
                form.refuse(refused)
            else:
                messages.success(request, _("%(name)s is there.") % {"name": made.name})
                return redirect("resources:dataset", made.pk)
    more = {"form": form, "licenses": LICENSES}
    tab = "submissions" if wanted == DatasetType.SUBMISSION else "datasets"
    return render(request, "resources/upload.html", context(tab, **more), status=400 if form.errors else 200)


def _visible(request: HttpRequest, pk: int) -> Dataset:
    """A dataset that the viewer may see. Raises Http404."""
    rows = policies.datasets_visible_to(request.user).select_related("created_by", "data_file")
    return get_object_or_404(rows, pk=pk)


def _changed(request: HttpRequest, pk: int) -> Dataset:
    """A dataset that the viewer may change. Raises Http404, and PermissionDenied for somebody else's."""
    found = _visible(request, pk)
    if not policies.may_change_dataset(request.user, found):
        raise PermissionDenied(_("Only its owner may change a dataset."))
    return found


def _tab(dataset: Dataset) -> str:
    """In which list a dataset is."""
    special = {DatasetType.SUBMISSION.value: "submissions", DatasetType.COMPETITION_BUNDLE.value: "bundles"}
    return special.get(dataset.type, "datasets")


@require_safe
def dataset(request: HttpRequest, pk: int) -> HttpResponse:
    """One dataset: what is said of it, who uses it, its download; for everybody where it is public."""
    found = _visible(request, pk)
    more = {
        "dataset": found,
        "used": _used(request, [found])[pk],
        "may_change": policies.may_change_dataset(request.user, found),
        "is_mine": found.created_by_id == request.user.pk,
        "address": request.build_absolute_uri(reverse("resources:dataset", args=[pk])),
        "tab": _tab(found),
        "may_share": found.type != DatasetType.SUBMISSION,
    }
    return render(request, "resources/dataset.html", context(_tab(found), **more))


@login_required
@require_http_methods(_READ_OR_SEND)
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change what is said of a dataset; its file never changes."""
    found = _changed(request, pk)
    form = DatasetForm(request.POST, dataset=found) if request.method == "POST" else DatasetForm(dataset=found)
    if request.method == "POST" and form.is_valid():
        try:
            services.update_dataset(dataset=found, by=_me(request), facts=form.facts())
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, _("Saved."))
            return redirect("resources:dataset", pk)
    more = {"form": form, "dataset": found, "licenses": LICENSES}
    return render(
        request, "resources/dataset_edit.html", context(_tab(found), **more), status=400 if form.errors else 200
    )


@login_required
@require_POST
def publish(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a dataset to everybody, or to nobody else any more."""
    found = _changed(request, pk)
    public = request.POST.get("public") == "yes"
    try:
        services.update_dataset(dataset=found, by=_me(request), facts={"is_public": public})
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        words = _("%(name)s is public now.") if public else _("%(name)s is private now.")
        messages.success(request, words % {"name": found.name})
    return redirect("resources:dataset", pk)


@login_required
@require_http_methods(_READ_OR_SEND)
def delete(request: HttpRequest) -> HttpResponse:
    """Ask before datasets are deleted, saying who uses them and which stay for that; then do it."""
    asked = request.POST if request.method == "POST" else request.GET
    own = policies.datasets_usable_by(request.user).filter(pk__in=numbers(asked.getlist("dataset")))
    found = list(queries.with_use(own).select_related("data_file").order_by("name", "pk"))
    tab = _tab(found[0]) if found else asked.get("from", "")
    back = reverse(f"resources:{tab if tab in {'datasets', 'bundles', 'submissions'} else 'datasets'}")
    if not found:
        messages.info(request, _("Choose some of your own first."))
        return redirect(back)
    if request.method == "POST":
        try:
            services.delete_own_datasets(found=found, by=_me(request))
        except Refused as refused:
            for name, fault in refused.faults.items():
                messages.error(request, _("%(name)s: %(fault)s. Nothing was deleted.") % {"name": name, "fault": fault})
        else:
            messages.success(request, _told_deleted([one.name for one in found]))
        return redirect(back)
    faults, used = services.faults_of_deletion(found, _me(request)), _used(request, found)
    more = {
        "going": [(one, used[one.pk]) for one in found if one.pk not in faults],
        "staying": [(one, used[one.pk], faults[one.pk]) for one in found if one.pk in faults],
        "size": sum(one.data_file.size for one in found if one.pk not in faults and one.data_file),
        "back": back,
    }
    return render(request, "resources/delete_datasets.html", context(tab, **more))


def _told_deleted(names: list[str]) -> str:
    shown, more = ", ".join(names[:3]), len(names) - 3
    if more > 0:
        return _("Deleted: %(names)s and %(count)d more.") % {"names": shown, "count": more}
    return _("Deleted: %(names)s.") % {"names": shown}


@login_required
@require_safe
def bundles(request: HttpRequest) -> HttpResponse:
    """One's own competition bundles, uploaded and dumped."""
    search = request.GET.get("search", "")[:200]
    visible = competitions.visible_to(request.user)
    rows = queries.listed_datasets(request.user, visible, types=queries.FAMILIES["bundle"], public=False, search=search)
    dumped = Dump.objects.filter(dataset=OuterRef("pk"), competition__in=visible).order_by("-pk")
    rows = rows.annotate(
        dump_of=Subquery(dumped.values("competition")[:1]), dump_title=Subquery(dumped.values("competition__title")[:1])
    )
    listing = Listing(
        request,
        rows.select_related("data_file"),
        columns={name: COLUMNS[name] for name in ("name", "size", "added")},
        default="-added",
        kept={"search": search},
    )
    more = {"listing": listing, "search": search, "used": _used(request, list(listing.page))}
    return render(request, "resources/bundles.html", context("bundles", **more))

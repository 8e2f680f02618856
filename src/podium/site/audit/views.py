"""The pages that show the history."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from podium.site.audit import policies, queries
from podium.site.audit.forms import HistoryForm
from podium.site.audit.models import AuditEntry
from podium.site.competitions.shell import shell
from podium.site.competitions.views import overview_menu
from podium.site.fetching import KeysPaginator

PER_PAGE = 50


def _context(request: HttpRequest, rows: QuerySet[AuditEntry], *, here: str, table: str) -> dict[str, Any]:
    """What both pages show: filters, a page of entries, and where the others are."""
    form = HistoryForm(request.GET)
    # What cannot be read filters nothing away unseen: the page says so and shows nothing.
    asked = form.cleaned_data if form.is_valid() else {}
    found = queries.chosen(rows, **asked) if form.is_valid() else rows.none()
    page = KeysPaginator(found, PER_PAGE).get_page(request.GET.get("page"))
    query = {name: request.GET[name] for name in form.fields if request.GET.get(name)}

    def link(number: int) -> str:
        return f"{here}?{urlencode({**query, 'page': number})}"

    return {
        "form": form,
        "filtered": bool(query),
        "page": page,
        "here": here,
        "table": f"{table}?{urlencode(query)}" if query else table,
        "before": link(page.number - 1),
        "after": link(page.number + 1),
        "addresses": policies.may_read_all(request.user),
        "kept_days": settings.CONFIG.audit_days,
    }


@login_required
@never_cache
@require_safe
def history(request: HttpRequest, pk: int) -> HttpResponse:
    """What the organizers of a competition, and administrators, have changed in it."""
    viewed = shell(request, pk)
    if not viewed.can_administer:
        raise PermissionDenied(_("Only the organizers read the history of a competition."))
    rows = policies.of_competition(request.user, pk)
    here, table = viewed.url("competitions:history"), reverse("api-competition-audit-csv", args=[pk])
    context = viewed.context("detail", menu=overview_menu(viewed), current="history")
    context |= _context(request, rows, here=here, table=table)
    return render(request, "audit/history.html", context)


@login_required
@never_cache
@require_safe
def everything(request: HttpRequest) -> HttpResponse:
    """The history of the whole site, for administrators."""
    if not policies.may_read_all(request.user):
        raise PermissionDenied(_("Only administrators read the history of the whole site."))
    table = reverse("api-audit-csv")
    context = _context(request, policies.visible_to(request.user), here=reverse("audit:everything"), table=table)
    return render(request, "audit/everything.html", {**context, "whole_site": True})

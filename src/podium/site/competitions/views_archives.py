"""The page on which organizers archive their competition, with everything that happened in it."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from podium.site.accounts.models import User
from podium.site.competitions.models import DumpKind
from podium.site.competitions.queries import archives_with_addresses
from podium.site.competitions.services import dumping
from podium.site.competitions.shell import shell
from podium.site.competitions.views import overview_menu


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def archives(request: HttpRequest, pk: int) -> HttpResponse:
    """The archives of a competition, how far the one under way is, and the wish for another."""
    viewed = shell(request, pk)
    if not viewed.can_administer:
        raise PermissionDenied(_("Only the organizers archive a competition."))
    here = viewed.url("competitions:archives")
    if request.method == "POST":
        dumping.start_dump(competition=viewed.competition, by=cast("User", request.user), kind=DumpKind.ARCHIVE)
        messages.success(request, _("The archive is being written. You may leave this page meanwhile."))
        return redirect(here)
    rows = archives_with_addresses(viewed.competition)
    context = viewed.context(
        "detail",
        menu=overview_menu(viewed),
        current="archives",
        here=here,
        archives=rows,
        under_way=any(row["row"].finished_when is None for row in rows),
        kept_days=dumping.KEPT.days,
    )
    part = bool(cast("Any", request).htmx)
    return render(request, "competitions/_archives.html" if part else "competitions/archives.html", context)

"""What organizers do to keep order: pin, close, announce, delete, restore, settle reports."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from podium.site.competitions.shell import Shell
from podium.site.errors import Refused
from podium.site.forums.services import moderating, telling
from podium.site.forums.views import READ_OR_SEND, address_of, me, read_by, shown, thread_of
from podium.site.forums.views_posts import post_of


def _organized(request: HttpRequest, pk: int) -> Shell:
    viewed = read_by(request, pk)
    if not viewed.can_administer:
        raise PermissionDenied(_("Only the organizers keep order in the forum."))
    return viewed


def _unknown() -> None:
    raise Refused(_("This page has no such button."), code="unknown_wish")


@login_required
@require_POST
def moderate(request: HttpRequest, pk: int, thread_id: int) -> HttpResponse:
    """Pin, close or restore a thread, or take that back."""
    viewed = _organized(request, pk)
    found = thread_of(request, viewed, thread_id)
    given: dict[str, Any] = {"thread": found, "by": me(request)}
    wishes = {
        "pin": (partial(moderating.set_pinned, **given, pinned=True), _("The thread stands above the others.")),
        "unpin": (partial(moderating.set_pinned, **given, pinned=False), _("The thread stands among the others.")),
        "close": (partial(moderating.set_closed, **given, closed=True), _("Only organizers can answer here now.")),
        "reopen": (partial(moderating.set_closed, **given, closed=False), _("Everybody can answer here again.")),
        "unmark": (partial(moderating.unmark_announcement, **given), _("The thread is no announcement any more.")),
        "restore": (partial(moderating.restore_thread, **given), _("The thread is back.")),
    }
    done, words = wishes.get(request.POST.get("wish", ""), (_unknown, ""))
    try:
        done()
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, words)
    return redirect(viewed.url("forums:thread", found.pk))


@login_required
@never_cache
@require_http_methods(READ_OR_SEND)
def announce(request: HttpRequest, pk: int, thread_id: int) -> HttpResponse:
    """Ask before participants are mailed, and announce."""
    viewed = _organized(request, pk)
    found = thread_of(request, viewed, thread_id)
    if request.method == "POST":
        try:
            moderating.announce(thread=found, by=me(request))
        except Refused as refused:
            messages.error(request, refused.message)
        else:
            messages.success(request, _("The thread is announced; the mails are on their way."))
        return redirect(viewed.url("forums:thread", found.pk))
    reached = telling.reached_by_announcement(viewed.competition, me(request)).count()
    back = viewed.url("forums:thread", found.pk)
    return shown(request, viewed, "announce", thread=found, reached=reached, back=back)


@login_required
@never_cache
@require_http_methods(READ_OR_SEND)
def delete_thread(request: HttpRequest, pk: int, thread_id: int) -> HttpResponse:
    """Ask before a thread is deleted, and delete it."""
    viewed = _organized(request, pk)
    found = thread_of(request, viewed, thread_id)
    if request.method == "POST":
        moderating.delete_thread(thread=found, by=me(request))
        messages.success(
            request, _("The thread is deleted. You can restore it for %(kept)s days.") % {"kept": moderating.KEPT.days}
        )
        return redirect(viewed.url("forums:thread", found.pk))
    back = viewed.url("forums:thread", found.pk)
    return shown(request, viewed, "delete_thread", thread=found, days=moderating.KEPT.days, back=back)


@login_required
@require_POST
def moderate_post(request: HttpRequest, pk: int, post_id: int) -> HttpResponse:
    """Restore a post, or settle what was reported of it."""
    viewed = _organized(request, pk)
    post = post_of(request, viewed, post_id)
    wish = request.POST.get("wish", "")
    try:
        if wish == "restore":
            moderating.restore_post(post=post, by=me(request))
            messages.success(request, _("The post is back."))
        elif wish == "settle":
            moderating.settle_reports(post=post, by=me(request))
            messages.success(request, _("The reports are settled."))
        else:
            _unknown()
    except Refused as refused:
        messages.error(request, refused.message)
    return redirect(address_of(viewed, post))

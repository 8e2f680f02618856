"""What is done with one post: changing it, deleting it, reporting it."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from podium.site.competitions.shell import Shell
from podium.site.errors import Refused
from podium.site.forums import policies, queries
from podium.site.forums.forms import PostForm, ReportForm, ThreadForm
from podium.site.forums.models import Post
from podium.site.forums.services import posting
from podium.site.forums.views import READ_OR_SEND, address_of, me, read_by, sent, shown, written


def post_of(request: HttpRequest, viewed: Shell, pk: int) -> Post:
    """A post of the competition. Raises Http404, also for one of another competition, and one whose thread is gone."""
    found = queries.post_for_page(request.user, viewed.competition, pk)
    if found is None or (found.deleted_date is not None and not viewed.can_administer):
        raise Http404(_("There is no such post in this forum."))
    return found


@login_required
@never_cache
@require_http_methods(READ_OR_SEND)
def edit(request: HttpRequest, pk: int, post_id: int) -> HttpResponse:
    """Change a post of one's own, and with the first one the title of its thread."""
    viewed = read_by(request, pk)
    post = post_of(request, viewed, post_id)
    if not policies.may_edit(request.user, post, organizer=viewed.can_administer):
        raise PermissionDenied(_("You can change a post of your own, for an hour and while its thread is open."))
    kind = ThreadForm if queries.first_post(post.thread).pk == post.pk else PostForm
    present = {"title": post.thread.title, "content": post.content}
    form = kind(sent(request), initial=present, preview_url=viewed.url("forums:preview"))
    status = 200
    if request.method == "POST" and "preview" not in request.POST and form.is_valid():
        try:
            posting.edit(post=post, by=me(request), **form.cleaned_data)
        except Refused as refused:
            form.refuse(refused)
            status = refused.status
        else:
            messages.success(request, _("Your post is changed."))
            return redirect(address_of(viewed, post))
    return written(request, viewed, "edit", form, status=status, post=post, back=address_of(viewed, post))


@login_required
@never_cache
@require_http_methods(READ_OR_SEND)
def delete(request: HttpRequest, pk: int, post_id: int) -> HttpResponse:
    """Ask before a post is deleted, and delete it."""
    viewed = read_by(request, pk)
    post = post_of(request, viewed, post_id)
    if not policies.may_delete(request.user, post, organizer=viewed.can_administer):
        raise PermissionDenied(_("You can delete your own posts only."))
    if request.method == "POST":
        try:
            thread_is_gone = posting.delete_post(post=post, by=me(request))
        except Refused as refused:
            messages.error(request, refused.message)
            return redirect(viewed.url("forums:thread", post.thread_id))
        messages.success(request, _("The thread is deleted.") if thread_is_gone else _("The post is deleted."))
        if thread_is_gone and not viewed.can_administer:
            return redirect(viewed.url("forums:forum"))
        return redirect(address_of(viewed, post))
    alone = post.thread.posts_count == 1
    return shown(request, viewed, "delete", post=post, alone=alone, back=address_of(viewed, post))


@login_required
@never_cache
@require_http_methods(READ_OR_SEND)
def report(request: HttpRequest, pk: int, post_id: int) -> HttpResponse:
    """Tell the organizers of a post that is out of place."""
    viewed = read_by(request, pk)
    post = post_of(request, viewed, post_id)
    form = ReportForm(sent(request))
    status = 200
    if request.method == "POST":
        try:
            if form.is_valid():
                posting.report(post=post, by=me(request), reason=form.cleaned_data["reason"])
                messages.success(request, _("The organizers are told. Thank you."))
                return redirect(address_of(viewed, post))
            status = 400
        except Refused as refused:
            form.refuse(refused)
            status = refused.status
    return shown(request, viewed, "report", status=status, form=form, post=post, back=address_of(viewed, post))

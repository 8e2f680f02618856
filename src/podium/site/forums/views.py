"""The pages of a forum: its threads, a thread, beginning one and answering, following."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from podium.site.accounts.models import User
from podium.site.competitions import policies as competitions
from podium.site.competitions.models import ParticipantStatus
from podium.site.competitions.shell import Shell, shell
from podium.site.errors import Refused
from podium.site.fetching import KeysPaginator
from podium.site.forums import policies, queries
from podium.site.forums.forms import AnnouncedThreadForm, PostForm, SearchForm, ThreadForm
from podium.site.forums.models import Post, Thread
from podium.site.forums.services import following, posting, telling

READ_OR_SEND = ["GET", "HEAD", "POST"]


def me(request: HttpRequest) -> User:
    """Who asks; somebody who is logged in."""
    return cast("User", request.user)


def sent(request: HttpRequest) -> QueryDict | None:
    """What was sent with a form, None where none was sent."""
    return request.POST if request.method == "POST" else None


def read_by(request: HttpRequest, pk: int) -> Shell:
    """A competition whose forum is open and read by whoever asks.

    Raises Http404 where they do not see the competition or it has no forum, PermissionDenied where they do not read it.
    """
    viewed = shell(request, pk, files=False)
    if not viewed.competition.forum_enabled:
        raise Http404(_("This competition has no forum."))
    if not policies.can_read(request.user, viewed.competition):
        raise PermissionDenied(_("Only those who take part and the organizers read and write in the forum."))
    return viewed


def thread_of(request: HttpRequest, viewed: Shell, pk: int) -> Thread:
    """A thread of the competition. Raises Http404, also for one of another competition."""
    found = queries.thread_for_page(request.user, viewed.competition, pk)
    if found is None:
        raise Http404(_("There is no such thread in this forum."))
    return found


def address_of(viewed: Shell, post: Post) -> str:
    """The address of a post."""
    return f"{viewed.url('forums:thread', post.thread_id, post=post.pk)}#post-{post.pk}"


def shown(request: HttpRequest, viewed: Shell, template: str, *, status: int = 200, **more: Any) -> HttpResponse:
    """A page of the forum."""
    context = viewed.context("forum", forum_url=viewed.url("forums:forum"), **more)
    return render(request, f"forums/{template}.html", context, status=status)


@never_cache
@require_safe
def forum(request: HttpRequest, pk: int) -> HttpResponse:
    """The threads of a competition, for those who read them; others learn who does."""
    viewed = shell(request, pk, files=False)
    competition, organizer = viewed.competition, viewed.can_administer
    if not competition.forum_enabled:
        messages.info(request, _("%(competition)s has no forum.") % {"competition": competition.title})
        return redirect(viewed.url("competitions:detail"))
    if not policies.can_read(request.user, competition):
        pending = viewed.participant is not None and viewed.participant.status == ParticipantStatus.PENDING
        here = request.get_full_path()
        return shown(request, viewed, "closed", pending=pending, log_in=f"{reverse('account_login')}?next={here}")
    form = SearchForm(request.GET)
    search = form.cleaned_data.get("search", "") if form.is_valid() else ""
    deleted = organizer and request.GET.get("show") == "deleted"
    rows = queries.threads_of(request.user, competition, search=search, deleted=deleted)
    page = KeysPaginator(rows, queries.PER_PAGE, search=search).get_page(request.GET.get("page"))
    given = {**({"search": search} if search else {}), **({"show": "deleted"} if deleted else {})}
    return shown(
        request,
        viewed,
        "forum",
        form=form,
        search=search,
        show_deleted=deleted,
        deleted_url=viewed.url("forums:forum", show="deleted"),
        counted=queries.counted(competition) if organizer else {},
        page=page,
        before=viewed.url("forums:forum", **given, page=page.number - 1),
        after=viewed.url("forums:forum", **given, page=page.number + 1),
        new_url=viewed.url("forums:new_thread"),
    )


@login_required
@require_http_methods(READ_OR_SEND)
def new_thread(request: HttpRequest, pk: int) -> HttpResponse:
    """Begin a thread; the button *Preview* shows it first."""
    viewed = read_by(request, pk)
    kind = AnnouncedThreadForm if viewed.can_administer else ThreadForm
    form = kind(sent(request), preview_url=viewed.url("forums:preview"))
    status = 200
    if request.method == "POST" and "preview" not in request.POST and form.is_valid():
        try:
            post = posting.start_thread(competition=viewed.competition, by=me(request), **form.cleaned_data)
        except Refused as refused:
            form.refuse(refused)
            status = refused.status
        else:
            messages.success(request, _("Your thread is in the forum."))
            return redirect(address_of(viewed, post))
    reached = 0
    if viewed.can_administer:
        reached = telling.reached_by_announcement(viewed.competition, me(request)).count()
    return written(request, viewed, "new_thread", form, status=status, reached=reached)


def written(
    request: HttpRequest, viewed: Shell, template: str, form: PostForm, *, status: int = 200, **more: Any
) -> HttpResponse:
    """A page with a form in which a post is written, with what the post would look like if that was asked for."""
    wants_preview = request.method == "POST" and "preview" in request.POST
    text = request.POST.get("content", "") if wants_preview else ""
    if wants_preview:
        form.errors.clear()
    elif status == 200 and form.errors:
        status = 400
    return shown(request, viewed, template, status=status, form=form, preview=text[: posting.MAX_CONTENT], **more)


@login_required
@require_POST
def preview(request: HttpRequest, pk: int) -> HttpResponse:
    """What a post will look like, for the page on which it is written."""
    read_by(request, pk)
    text = request.POST.get("content", "").strip()
    context = {"preview": text[: posting.MAX_CONTENT], "too_long": len(text) > posting.MAX_CONTENT}
    return render(request, "forums/_preview.html", context)


@login_required
@never_cache
@require_http_methods(READ_OR_SEND)
def thread(request: HttpRequest, pk: int, thread_id: int) -> HttpResponse:
    """A thread with its posts; POST answers."""
    viewed = read_by(request, pk)
    found = thread_of(request, viewed, thread_id)
    form = PostForm(sent(request), preview_url=viewed.url("forums:preview"), label=_("Your answer"))
    status = 200
    if request.method == "POST" and "preview" not in request.POST and form.is_valid():
        try:
            post = posting.answer(thread=found, by=me(request), **form.cleaned_data)
        except Refused as refused:
            form.refuse(refused)
            status = refused.status
        else:
            return redirect(address_of(viewed, post))
    return _thread_page(request, viewed, found, form, status)


def _thread_page(request: HttpRequest, viewed: Shell, found: Thread, form: PostForm, status: int) -> HttpResponse:
    organizer, asked = viewed.can_administer, request.GET.get("post", "")
    number: str | int = request.GET.get("page") or ("last" if request.method == "POST" else 1)
    if asked.isascii() and asked.isdecimal() and len(asked) < 19:
        number = queries.page_of(found, organizer=organizer, post=int(asked))
    elif number == "last":
        number = queries.page_of(found, organizer=organizer, post=2**62)
    page, rows = queries.posts_page(request.user, found, organizer=organizer, page=number)
    if rows and request.method != "POST":
        following.mark_read(thread=found, user=me(request), until=rows[-1].post.date_created)
    return written(
        request,
        viewed,
        "thread",
        form,
        status=status,
        thread=found,
        page=page,
        rows=rows,
        may_answer=found.deleted_date is None and (organizer or found.closed_date is None),
        before=viewed.url("forums:thread", found.pk, page=page.number - 1),
        after=viewed.url("forums:thread", found.pk, page=page.number + 1),
    )


@login_required
@require_POST
def follow(request: HttpRequest, pk: int, thread_id: int) -> HttpResponse:
    """Follow a thread, or not any more."""
    viewed = read_by(request, pk)
    found = thread_of(request, viewed, thread_id)
    active = request.POST.get("follow") == "yes"
    following.set_following(thread=found, user=me(request), active=active)
    if not active:
        messages.success(request, _("You are not mailed any more what is answered here."))
    elif me(request).allow_forum_notifications:
        messages.success(request, _("You are mailed what is answered here."))
    else:
        messages.warning(request, _("You follow this thread, but your settings say that you want no mails of forums."))
    return redirect(viewed.url("forums:thread", found.pk))


@csrf_exempt
@never_cache
@require_http_methods(READ_OR_SEND)
def unfollow(request: HttpRequest, token: str) -> HttpResponse:
    """Stop following a thread by the link in a mail, without logging in.

    Only a form does it: mail programs and virus scanners open links. The link itself says who asks, and what is asked
    can do no harm, so the form needs no other proof (RFC 8058 has mail programs send it by themselves).
    """
    meant = following.thread_of_link(token)
    if meant is None:
        return render(request, "forums/unfollow.html", {"expired": True}, status=410)
    user, found = meant
    if request.method == "POST":
        following.set_following(thread=found, user=user, active=False)
    reads = policies.visible_to(user).filter(pk=found.pk).exists()
    context = {"title": found.title if reads else "", "done": request.method == "POST"}
    return render(request, "forums/unfollow.html", context)


@require_safe
def moved(request: HttpRequest, forum_id: int, thread_id: int | None = None) -> HttpResponse:
    """Codabench's address of a forum or a thread: lead to ours."""
    competition = get_object_or_404(competitions.visible_to(request.user), forum=forum_id)
    if thread_id is None:
        return redirect("forums:forum", competition.pk)
    return redirect("forums:thread", competition.pk, thread_id)

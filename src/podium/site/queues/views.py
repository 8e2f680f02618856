"""The pages of queues and of workers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from podium.site.accounts.models import User
from podium.site.errors import Refused
from podium.site.evaluation import status
from podium.site.fetching import KeysPaginator
from podium.site.queues import policies, queries, services
from podium.site.queues.broker import broker_url
from podium.site.queues.forms import QueueForm, TokenForm
from podium.site.queues.models import Queue, QueueToken
from podium.site.queues.services import lifecycle

PER_PAGE = 25
LISTED = timedelta(seconds=5)
"""How soon after its first claim a worker is on the list for sure."""
MOST_DIGITS = 19
"""A number of more is none that a database has."""
_READ_OR_SEND = ["GET", "HEAD", "POST"]


def _me(request: HttpRequest) -> User:
    return cast("User", request.user)


def _visible(request: HttpRequest, pk: int) -> Queue:
    """A queue that the viewer may see. Raises Http404."""
    return get_object_or_404(queries.with_people(policies.visible_to(request.user), request.user), pk=pk)


def _operated(request: HttpRequest, pk: int) -> Queue:
    """A queue that the viewer operates. Raises Http404, and PermissionDenied for a public one of others."""
    queue = _visible(request, pk)
    if not policies.can_operate(request.user, queue):
        raise PermissionDenied(_("Only the queue's owner and organizers may do this."))
    return queue


def _changed(request: HttpRequest, pk: int) -> Queue:
    """A queue that the viewer may change. Raises Http404, and PermissionDenied for somebody else's."""
    queue = _visible(request, pk)
    if not policies.can_change(request.user, queue):
        raise PermissionDenied(_("Only its owner may change a queue."))
    return queue


@login_required
@require_safe
def queues(request: HttpRequest) -> HttpResponse:
    """One's own queues, those one organizes, and below them everybody's."""
    search = request.GET.get("search", "").replace("\0", "")[:200]
    public = request.GET.get("show") == "public"
    rows = queries.listed(request.user, public=public, search=search)
    page = KeysPaginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    asked = {"search": search, **({"show": "public"} if public else {})}
    context = {
        "section": "queues",
        "page": page,
        "loads": status.loads(queue.pk for queue in page),
        "search": search,
        "public": public,
        "limit": None if _me(request).is_superuser else _me(request).queue_limit,
        **_pages(reverse("queues:list"), page.number, **asked),
    }
    return render(request, "queues/list.html", context)


def _pages(path: str, number: int, **asked: str) -> dict[str, str]:
    """The addresses of the pages before and after."""
    kept = {name: value for name, value in asked.items() if value}
    return {
        name: f"{path}?{urlencode({**kept, 'page': number + step})}" for name, step in (("before", -1), ("after", 1))
    }


@login_required
@require_http_methods(_READ_OR_SEND)
def create(request: HttpRequest) -> HttpResponse:
    """Make a queue."""
    form = QueueForm(request.POST) if request.method == "POST" else QueueForm()
    if request.method == "POST" and form.is_valid():
        try:
            queue = lifecycle.create_queue(user=_me(request), **form.cleaned_data)
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(
                request, _("%(queue)s is there. Make a token, and start a worker with it.") % {"queue": queue.name}
            )
            return redirect("queues:queue", queue.pk)
    context = {"section": "queues", "form": form}
    return render(request, "queues/edit.html", context, status=400 if form.errors else 200)


@login_required
@require_http_methods(_READ_OR_SEND)
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Rename a queue, share it, change who operates it."""
    queue = _changed(request, pk)
    sent = request.POST if request.method == "POST" else None
    form = QueueForm(sent, initial=QueueForm.values_of(queue))
    if sent is not None and form.is_valid():
        try:
            lifecycle.update_queue(queue=queue, by=_me(request), **form.cleaned_data)
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, _("Saved."))
            return redirect("queues:queue", queue.pk)
    context = {"section": "queues", "form": form, "queue": queue, "used": queue.competitions.count()}
    return render(request, "queues/edit.html", context, status=400 if form.errors else 200)


@login_required
@require_http_methods(_READ_OR_SEND)
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask before a queue is deleted, saying what happens to those who use it; then do it."""
    queue = _changed(request, pk)
    if request.method == "POST":
        try:
            lifecycle.delete_queue(queue=queue, by=_me(request))
        except Refused as refused:
            messages.error(request, refused.message)
            return redirect("queues:queue", pk)
        messages.success(
            request, _("%(queue)s is deleted. What used it uses the default queue now.") % {"queue": queue.name}
        )
        return redirect("queues:list")
    context = {
        "section": "queues",
        "queue": queue,
        "used": queue.competitions.count(),
        "load": status.loads([queue.pk])[queue.pk],
    }
    return render(request, "queues/delete.html", context)


@login_required
@never_cache
@require_http_methods(_READ_OR_SEND)
def queue(request: HttpRequest, pk: int) -> HttpResponse:
    """One queue: who uses it, what waits, its tokens and workers; POST makes a token, which is shown this once."""
    found = _operated(request, pk) if request.method == "POST" else _visible(request, pk)
    form = TokenForm(request.POST) if request.method == "POST" else TokenForm()
    made: tuple[QueueToken, str] | None = None
    if request.method == "POST" and form.is_valid():
        try:
            made = services.create_token(queue=found, by=_me(request), name=form.cleaned_data["name"])
            form = TokenForm()
        except Refused as refused:
            form.refuse(refused)
    return _shown(request, found, form, made)


def _shown(request: HttpRequest, queue: Queue, form: TokenForm, made: tuple[QueueToken, str] | None) -> HttpResponse:
    operates = policies.can_operate(request.user, queue)
    page = KeysPaginator(queries.listed_workers(request.user, queue), PER_PAGE).get_page(request.GET.get("page"))
    context: dict[str, Any] = {
        "section": "queues",
        "queue": queue,
        "load": status.loads([queue.pk])[queue.pk],
        "operates": operates,
        "may_change": policies.can_change(request.user, queue),
        "form": form,
        "made": made,
        "awaited": _awaited(request, queue, made) if operates else None,
        "server": settings.CONFIG.public_url,
        "broker_url": broker_url(queue) if operates else None,
        "tokens": queries.tokens(queue) if operates else [],
        "page": page,
        "workers": queries.with_jobs(page),
        "here": reverse("queues:queue", args=[queue.pk]),
        **_pages(reverse("queues:queue", args=[queue.pk]), page.number),
    }
    return render(request, "queues/queue.html", context, status=400 if form.errors else 200)


def _awaited(request: HttpRequest, queue: Queue, made: tuple[QueueToken, str] | None) -> QueueToken | None:
    """The token with which a worker is about to be started: the page looks for it until it has come and is listed."""
    if made is not None:
        return made[0]
    wanted = request.GET.get("awaits", "")
    row = queries.tokens(queue).filter(pk=wanted).first() if wanted.isdecimal() and len(wanted) < MOST_DIGITS else None
    if row is None or (row.last_used_when and row.last_used_when < timezone.now() - LISTED):
        return None
    return row


@login_required
@never_cache
@require_http_methods(_READ_OR_SEND)
def token(request: HttpRequest, pk: int, token_id: int, wish: str) -> HttpResponse:
    """Ask before a token is rotated or revoked; then do it."""
    found = _operated(request, pk)
    row = get_object_or_404(found.tokens, pk=token_id)
    if wish not in {"rotate", "revoke"}:
        raise Http404
    if request.method != "POST":
        return render(request, "queues/token.html", {"section": "queues", "queue": found, "token": row, "wish": wish})
    try:
        if wish == "rotate":
            return _shown(request, found, TokenForm(), services.rotate_token(token=row, by=_me(request)))
        services.revoke_token(token=row, by=_me(request))
        messages.success(request, _("The token “%(name)s” is revoked.") % {"name": row.name})
    except Refused as refused:
        messages.error(request, refused.message)
    return redirect("queues:queue", pk)


@login_required
@require_POST
def worker(request: HttpRequest, pk: int, worker_id: int, wish: str) -> HttpResponse:
    """Drain a worker, or give it jobs again."""
    row = get_object_or_404(_operated(request, pk).workers, pk=worker_id)
    if wish not in {"drain", "undrain"}:
        raise Http404
    if wish == "drain":
        services.drain(worker=row, by=_me(request))
        messages.success(request, _("%(name)s gets no new job; what it has it finishes.") % {"name": row.name})
    else:
        services.undrain(worker=row, by=_me(request))
        messages.success(request, _("%(name)s gets jobs again.") % {"name": row.name})
    back = request.POST.get("next", "")
    return redirect("queues:workers" if back == reverse("queues:workers") else reverse("queues:queue", args=[pk]))


@login_required
@require_safe
def workers(request: HttpRequest) -> HttpResponse:
    """The workers of all queues that the viewer operates; of every queue for administrators."""
    page = KeysPaginator(queries.listed_workers(request.user), PER_PAGE).get_page(request.GET.get("page"))
    here = reverse("queues:workers")
    context = {
        "section": "queues",
        "page": page,
        "workers": queries.with_jobs(page),
        "here": here,
        **_pages(here, page.number),
    }
    return render(request, "queues/workers.html", context)

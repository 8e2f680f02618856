"""The pages on which organizers set up webhooks and see what was sent."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from podium.site.accounts.models import User
from podium.site.competitions.shell import Shell, shell
from podium.site.competitions.views import overview_menu
from podium.site.errors import Refused
from podium.site.fetching import KeysPaginator
from podium.site.webhooks import policies, services
from podium.site.webhooks.forms import WebhookForm
from podium.site.webhooks.models import Webhook, WebhookEvent

PER_PAGE = 25
_READ_OR_SEND = ["GET", "HEAD", "POST"]


def _me(request: HttpRequest) -> User:
    return cast("User", request.user)


def _organized(request: HttpRequest, pk: int) -> Shell:
    viewed = shell(request, pk)
    if not viewed.can_administer:
        raise PermissionDenied(_("Only the organizers see and change webhooks."))
    return viewed


def _shown(request: HttpRequest, viewed: Shell, template: str, status: int = 200, **more: Any) -> HttpResponse:
    context = viewed.context(
        "detail",
        menu=overview_menu(viewed),
        current="webhooks",
        here=viewed.url("competitions:webhooks"),
        labels=dict(WebhookEvent.choices),
        **more,
    )
    return render(request, template, context, status=status)


@login_required
@never_cache
@require_http_methods(_READ_OR_SEND)
def webhooks(request: HttpRequest, pk: int) -> HttpResponse:
    """The webhooks of a competition; POST registers one and shows its secret, this once."""
    viewed = _organized(request, pk)
    form = WebhookForm(request.POST) if request.method == "POST" else WebhookForm()
    made: Webhook | None = None
    if request.method == "POST" and form.is_valid():
        try:
            made = services.create_webhook(competition=viewed.competition, by=_me(request), **form.cleaned_data)
            form = WebhookForm()
        except Refused as refused:
            form.refuse(refused)
    rows = policies.visible_to(request.user).filter(competition=viewed.competition)
    return _shown(request, viewed, "webhooks/list.html", 400 if form.errors else 200, hooks=rows, form=form, made=made)


@login_required
@never_cache
@require_http_methods(_READ_OR_SEND)
def webhook(request: HttpRequest, pk: int, webhook_id: int) -> HttpResponse:
    """One webhook: what it is told, what was sent, and what can be done with it."""
    viewed = _organized(request, pk)
    rows = policies.visible_to(request.user).select_related("competition")
    hook = get_object_or_404(rows, pk=webhook_id, competition=viewed.competition)
    rotated = False
    if request.method == "POST":
        wish = request.POST.get("wish", "")
        try:
            rotated = _done(request, hook, wish)
        except Refused as refused:
            messages.error(request, refused.message)
        if wish == "delete" and hook.pk is None:
            return redirect(viewed.url("competitions:webhooks"))
        if not rotated:
            return redirect(viewed.url("competitions:webhook", webhook_id))
    page = KeysPaginator(hook.deliveries.order_by("-pk"), PER_PAGE).get_page(request.GET.get("page"))
    here = viewed.url("competitions:webhook", webhook_id)
    return _shown(
        request,
        viewed,
        "webhooks/webhook.html",
        hook=hook,
        page=page,
        made=hook if rotated else None,
        this=here,
        before=f"{here}?page={page.number - 1}",
        after=f"{here}?page={page.number + 1}",
    )


def _done(request: HttpRequest, hook: Webhook, wish: str) -> bool:
    """Do what a button asks for; returns whether there is a new secret to show. Raises Refused."""
    by = _me(request)
    if wish == "ping":
        services.ping(webhook=hook, by=by)
        messages.success(request, _("A test message is on its way. Reload this page in a moment."))
    elif wish == "rotate":
        services.rotate_secret(webhook=hook, by=by)
        return True
    elif wish in {"enable", "disable"}:
        services.update_webhook(webhook=hook, by=by, changes={"active": wish == "enable"})
        messages.success(
            request, _("It is told again what happens.") if wish == "enable" else _("It is told nothing more.")
        )
    elif wish == "delete":
        services.delete_webhook(webhook=hook, by=by)
        messages.success(request, _("The webhook is deleted."))
    elif wish.startswith("redeliver-") and wish[10:].isdecimal():
        delivery = get_object_or_404(hook.deliveries.select_related("webhook__competition"), pk=int(wish[10:28]))
        services.redeliver(delivery=delivery, by=by)
        messages.success(request, _("The message is sent once more."))
    else:
        raise Refused(_("This page has no such button."), code="unknown_wish")
    return False

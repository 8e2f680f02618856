"""Changes of webhooks, and the sending of what waits."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q, Window
from django.db.models.functions import RowNumber
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from podium.site.accounts import mails
from podium.site.accounts.models import User
from podium.site.audit.actions import Action
from podium.site.audit.services import record
from podium.site.competitions import policies as competitions
from podium.site.competitions.models import Competition, Phase
from podium.site.errors import Forbidden, Refused
from podium.site.resources.grants import absolute_url
from podium.site.webhooks import addresses, outbox, signatures
from podium.site.webhooks.models import (
    PING,
    DeliveryState,
    PhaseTurn,
    Webhook,
    WebhookDelivery,
    WebhookEvent,
    new_secret,
)

log = structlog.get_logger(__name__)

MOST = 10
"""How many webhooks a competition may have."""
PAUSES = tuple(timedelta(seconds=s) for s in (10, 60, 300, 1800, 7200, 21600, 43200))
"""How long after each failed attempt the next one is made; after the last of them the delivery has failed."""
PER_PERSON = 8
"""How many messages of the webhooks that one person has made are sent before it is asked again what is due."""
LEASE = timedelta(seconds=120)
OLD_SECRET_KEPT = timedelta(hours=24)
GIVEN_UP_AFTER = timedelta(days=3)
"""A webhook to which nothing could be delivered for so long is disabled."""
LOG_KEPT = timedelta(days=30)
TURNS_TOLD = timedelta(days=1)
"""How late a phase's start or end is still told, after the site was down."""


def _may(user: User, competition: Competition) -> None:
    if not competitions.can_administer(user, competition):
        raise Forbidden(_("Only the organizers see and change webhooks."))


def _events(events: Iterable[str]) -> list[str]:
    wanted = set(events)
    if unknown := wanted - set(WebhookEvent.values):
        raise Refused(
            _('"%(unknown)s" is not an event.') % {"unknown": min(unknown)}, field="events", code="invalid_choice"
        )
    if not wanted:
        raise Refused(_("Choose at least one event."), field="events", code="required")
    return [event for event in WebhookEvent.values if event in wanted]


@transaction.atomic
def create_webhook(*, competition: Competition, by: User, url: str, events: Iterable[str]) -> Webhook:
    """Register a webhook; its secret is shown to whoever makes it, once.

    Raises Forbidden, and Refused for an address or event that the site does not send to, and for one too many.
    """
    _may(by, competition)
    url, wanted = addresses.check_url(url), _events(events)
    Competition.objects.select_for_update(of=("self",)).get(pk=competition.pk)
    if competition.webhooks.count() >= MOST:
        raise Refused(
            _("A competition has at most %(most)s webhooks; delete one first.") % {"most": MOST}, code="too_many"
        )
    made = Webhook.objects.create(competition=competition, created_by=by, url=url, events=wanted)
    record(Action.WEBHOOK_CREATED, by=by, on=made, after=_told(made))
    return made


def _told(webhook: Webhook) -> dict[str, Any]:
    """What the history tells of a webhook; the path of its address may be a secret, so of that only the host."""
    return {"host": urlsplit(webhook.url).hostname, "events": list(webhook.events), "active": webhook.active}


@transaction.atomic
def update_webhook(*, webhook: Webhook, by: User, changes: Mapping[str, Any]) -> Webhook:
    """Change `url`, `events` or `active` of a webhook; what is enabled again starts with a clean slate.

    Raises Forbidden and Refused as `create_webhook` does.
    """
    _may(by, webhook.competition)
    values: dict[str, Any] = {}
    if "url" in changes:
        values["url"] = addresses.check_url(changes["url"])
    if "events" in changes:
        values["events"] = _events(changes["events"])
    if "active" in changes:
        values |= {"active": bool(changes["active"]), "failing_since": None, "disabled_reason": ""}
    if values:
        before, url = _told(webhook), webhook.url
        Webhook.objects.filter(pk=webhook.pk).update(**values)
        webhook.refresh_from_db()
        moved = {"address": "changed"} if webhook.url != url else {}
        record(Action.WEBHOOK_EDITED, by=by, on=webhook, before=before, after=_told(webhook) | moved)
    return webhook


@transaction.atomic
def rotate_secret(*, webhook: Webhook, by: User) -> Webhook:
    """Give a webhook a new secret; for a day messages are signed with the old one as well. Raises Forbidden."""
    _may(by, webhook.competition)
    Webhook.objects.filter(pk=webhook.pk).update(
        previous_secret=F("secret"), secret=new_secret(), previous_until=timezone.now() + OLD_SECRET_KEPT
    )
    webhook.refresh_from_db()
    record(Action.WEBHOOK_SECRET, by=by, on=webhook, after={"secret": webhook.secret})
    return webhook


@transaction.atomic
def delete_webhook(*, webhook: Webhook, by: User) -> None:
    """Delete a webhook and its log. Raises Forbidden."""
    _may(by, webhook.competition)
    record(Action.WEBHOOK_DELETED, by=by, on=webhook, before=_told(webhook))
    webhook.delete()


@transaction.atomic
def ping(*, webhook: Webhook, by: User) -> WebhookDelivery:
    """Send a test message, whatever events are chosen. Raises Forbidden."""
    _may(by, webhook.competition)
    sent = outbox.message(webhook, PING, {"competition": webhook.competition_id})
    sent.save()
    record(Action.WEBHOOK_PINGED, by=by, on=webhook)
    return sent


@transaction.atomic
def redeliver(*, delivery: WebhookDelivery, by: User) -> WebhookDelivery:
    """Send a message once more, with its id, so that a receiver that has it already can tell.

    Raises Forbidden, and Refused for one that waits anyway.
    """
    _may(by, delivery.webhook.competition)
    again = WebhookDelivery.objects.filter(pk=delivery.pk).exclude(state=DeliveryState.WAITING)
    if not again.update(state=DeliveryState.WAITING, attempts=0, due_when=timezone.now(), error=""):
        raise Refused(_("This message waits to be sent already."), code="waiting")
    delivery.refresh_from_db()
    record(Action.WEBHOOK_REDELIVERED, by=by, on=delivery.webhook, after={"event": delivery.event})
    return delivery


# Sending


def due(limit: int) -> list[int]:
    """Messages whose time has come, oldest first; everybody's first before anybody's second.

    Of what one person's webhooks wait for some at a time, or a receiver that never answers would hold up all others.
    """
    now = timezone.now()
    rows = WebhookDelivery.objects.filter(state=DeliveryState.WAITING, due_when__lte=now)
    # A message on request goes out even where the webhook is disabled: that is how one finds out whether it works.
    rows = rows.filter(Q(webhook__active=True) | Q(event=PING))
    turn = Window(RowNumber(), partition_by=F("webhook__created_by"), order_by=("due_when", "pk"))
    first = rows.annotate(turn=turn).filter(turn__lte=PER_PERSON)
    return list(first.order_by("turn", "due_when", "pk").values_list("pk", flat=True)[:limit])


def send(*, delivery_id: int) -> DeliveryState | None:
    """Send a message that is due and note the outcome; None where somebody else has it."""
    now = timezone.now()
    seen = WebhookDelivery.objects.select_related("webhook__competition").filter(pk=delivery_id).first()
    if seen is None or seen.state != DeliveryState.WAITING or seen.due_when > now:
        return None
    if not seen.webhook.active and seen.event != PING:
        return None
    mine = WebhookDelivery.objects.filter(pk=seen.pk, state=DeliveryState.WAITING, attempts=seen.attempts)
    if not mine.update(attempts=seen.attempts + 1, due_when=now + LEASE, sent_when=now):
        return None
    hook, body = seen.webhook, seen.body.encode()
    secrets = [hook.secret]
    if hook.previous_secret and hook.previous_until and hook.previous_until > now:
        secrets.append(hook.previous_secret)
    headers: dict[bytes | str, bytes | str] = {
        "Content-Type": "application/json",
        "User-Agent": "Podium-Webhooks",
    }
    headers.update(signatures.signed_headers(secrets, key=str(seen.key), body=body, now=int(time.time())).items())
    try:
        answer = addresses.post(hook.url, headers, body)
    except addresses.Undeliverable as error:
        return _note(seen, error=str(error))
    head = answer.head.decode(errors="replace").replace("\0", "")
    if 200 <= answer.status < 300:
        return _note(seen, status_code=answer.status, response=head)
    why = "Redirects are not followed." if 300 <= answer.status < 400 else ""
    return _note(seen, status_code=answer.status, response=head, error=why or f"The answer was {answer.status}.")


@transaction.atomic
def _note(
    delivery: WebhookDelivery, *, error: str = "", status_code: int | None = None, response: str = ""
) -> DeliveryState:
    """Write down how an attempt went, for the message and for its webhook."""
    attempts = delivery.attempts + 1
    hook = delivery.webhook
    facts: dict[str, Any] = {"error": error[:300], "status_code": status_code, "response": response[:1000]}
    state = DeliveryState.DELIVERED
    if error:
        state = DeliveryState.FAILED if attempts > len(PAUSES) else DeliveryState.WAITING
    if state == DeliveryState.WAITING:
        facts["due_when"] = timezone.now() + PAUSES[attempts - 1]
    mine = WebhookDelivery.objects.filter(pk=delivery.pk, attempts=attempts, state=DeliveryState.WAITING)
    mine.update(state=state, **facts)
    if error:
        Webhook.objects.filter(pk=hook.pk, failing_since__isnull=True).update(failing_since=timezone.now())
        _disable_if_hopeless(hook)
    else:
        Webhook.objects.filter(pk=hook.pk).update(failing_since=None)
    return state


@transaction.atomic
def _disable_if_hopeless(hook: Webhook) -> None:
    reason = f"Nothing could be delivered for {GIVEN_UP_AFTER.days} days."
    limit = timezone.now() - GIVEN_UP_AFTER
    hopeless = Webhook.objects.filter(pk=hook.pk, active=True, failing_since__lte=limit)
    if not hopeless.update(active=False, disabled_reason=reason):
        return
    log.warning("webhook disabled", webhook=hook.pk, competition=hook.competition_id)
    waiting = WebhookDelivery.objects.filter(webhook=hook, state=DeliveryState.WAITING)
    waiting.update(state=DeliveryState.FAILED, error="The webhook was disabled.")
    person = hook.created_by or hook.competition.created_by
    if person is None:
        return
    facts = {
        "days": GIVEN_UP_AFTER.days,
        "webhook": hook.url,
        "competition": hook.competition.title,
        "page": absolute_url(f"/competitions/{hook.competition_id}/webhooks/{hook.pk}/"),
    }
    mails.send(
        to=person,
        template="webhook_disabled",
        subject=gettext_lazy("A webhook of %(competition)s is disabled"),
        context=facts,
    )


def tell_turns() -> int:
    """Tell the webhooks of competitions which phases have started or ended since; returns how many that were."""
    now = timezone.now()
    told = 0
    for event, field in ((WebhookEvent.PHASE_STARTED, "start"), (WebhookEvent.PHASE_ENDED, "end")):
        lately = {f"{field}__lte": now, f"{field}__gt": now - TURNS_TOLD}
        hooks = Webhook.objects.filter(
            competition=OuterRef("competition"), active=True, created_when__lte=OuterRef(field)
        )
        known = PhaseTurn.objects.filter(phase=OuterRef("pk"), event=event, moment=OuterRef(field))
        for phase in Phase.objects.filter(Exists(hooks), ~Exists(known), **lately)[:1000]:
            told += _tell_turn(phase, event, getattr(phase, field))
    return told


def _tell_turn(phase: Phase, event: WebhookEvent, moment: Any) -> bool:
    try:
        with transaction.atomic():
            PhaseTurn.objects.create(phase=phase, event=event, moment=moment)
            url = absolute_url(f"/competitions/{phase.competition_id}/phases/")
            facts = {"phase": phase.pk, "moment": moment.isoformat(), "url": url}
            outbox.announce(event, competition_id=phase.competition_id, data=facts)
    except IntegrityError:
        return False  # another site-worker was quicker
    return True


def forget_old() -> int:
    """Remove what was sent long ago from the log; returns how many messages went."""
    limit = timezone.now() - LOG_KEPT
    PhaseTurn.objects.filter(moment__lte=limit).delete()
    old = WebhookDelivery.objects.filter(created_when__lte=limit).exclude(state=DeliveryState.WAITING)
    removed, _rows = old.delete()
    return removed

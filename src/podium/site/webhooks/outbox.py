"""What happens in a competition, told in the transaction in which it happens: to its webhooks and to those who watch.

A message holds ids, states and addresses, nothing private: whoever receives it asks the API for more, with their own
rights. When the transaction fails, nothing was told.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.utils import timezone

from podium.site.competitions.models import Competition, Participant, Phase
from podium.site.evaluation import wakeups
from podium.site.resources.grants import absolute_url
from podium.site.webhooks.models import DeliveryState, Webhook, WebhookDelivery, WebhookEvent


def announce(event: WebhookEvent, *, competition_id: int, data: dict[str, Any]) -> None:
    """Write a message to every webhook that listens, and wake who watches the competition; in the caller's transaction.

    data: what the message says beside event, time and competition.
    """
    wakeups.notify(wakeups.competition_topic(competition_id))
    hooks = Webhook.objects.filter(competition=competition_id, active=True).exclude(created_by__is_banned=True)
    hooks = hooks.only("pk", "events")
    listening = [hook for hook in hooks if event in hook.events]
    if not listening:
        return
    facts = {"competition": competition_id, **data}
    if event == WebhookEvent.LEADERBOARD_CHANGED:
        listening = [hook for hook in listening if not _is_told(hook, event, facts)]
    WebhookDelivery.objects.bulk_create(message(hook, event, facts) for hook in listening)


def _is_told(hook: Webhook, event: str, facts: dict[str, Any]) -> bool:
    """Whether a message that says the same waits already, not tried yet."""
    waiting = hook.deliveries.filter(event=event, state=DeliveryState.WAITING, attempts=0)
    return any(json.loads(body)["data"] == facts for body in waiting.values_list("body", flat=True)[:20])


def message(hook: Webhook, event: str, facts: dict[str, Any]) -> WebhookDelivery:
    """A message that waits to be sent, not saved yet."""
    key, now = uuid.uuid4(), timezone.now()
    body = json.dumps({"id": str(key), "type": event, "timestamp": now.isoformat(), "data": facts})
    return WebhookDelivery(webhook=hook, key=key, event=event, body=body, created_when=now, due_when=now)


def submission_ended(*, submission_id: int, status: str, phase: Phase) -> None:
    """Tell that a submission has ended."""
    event = {
        "Finished": WebhookEvent.SUBMISSION_FINISHED,
        "Failed": WebhookEvent.SUBMISSION_FAILED,
        "Cancelled": WebhookEvent.SUBMISSION_CANCELLED,
    }[status]
    facts = {
        "submission": submission_id,
        "phase": phase.pk,
        "status": status,
        "url": absolute_url(f"/submissions/{submission_id}/"),
    }
    announce(event, competition_id=phase.competition_id, data=facts)


def leaderboard_changed(*, phase: Phase) -> None:
    """Tell that what stands on a phase's board has changed; said once while a message that says so waits."""
    facts = {"phase": phase.pk, "url": absolute_url(f"/competitions/{phase.competition_id}/results/?phase={phase.pk}")}
    announce(WebhookEvent.LEADERBOARD_CHANGED, competition_id=phase.competition_id, data=facts)


_DECISIONS = {
    "pending": WebhookEvent.PARTICIPANT_REQUESTED,
    "approved": WebhookEvent.PARTICIPANT_APPROVED,
    "denied": WebhookEvent.PARTICIPANT_DENIED,
}


def participant_changed(participant: Participant) -> None:
    """Tell that somebody asks to take part, or was approved or denied."""
    pk = participant.competition_id
    wakeups.notify(wakeups.access_topic(pk))
    event = _DECISIONS.get(participant.status)
    if event is None:
        return
    facts = {"participant": participant.pk, "status": participant.status}
    announce(event, competition_id=pk, data={**facts, "url": absolute_url(f"/competitions/{pk}/participants/")})


def published_changed(competition: Competition) -> None:
    """Tell that a competition was published or hidden."""
    wakeups.notify(wakeups.access_topic(competition.pk))
    event = WebhookEvent.COMPETITION_PUBLISHED if competition.published else WebhookEvent.COMPETITION_UNPUBLISHED
    url = absolute_url(f"/competitions/{competition.pk}/")
    announce(event, competition_id=competition.pk, data={"url": url})


def forum_posted(*, post_id: int, thread_id: int, competition_id: int, begins: bool) -> None:
    """Tell that somebody has written in the forum."""
    event = WebhookEvent.THREAD_STARTED if begins else WebhookEvent.THREAD_ANSWERED
    url = absolute_url(f"/competitions/{competition_id}/forum/{thread_id}/?post={post_id}")
    announce(event, competition_id=competition_id, data={"thread": thread_id, "post": post_id, "url": url})

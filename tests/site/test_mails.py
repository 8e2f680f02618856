"""Who is mailed what about a competition: one mail each, with the change that is its reason, recorded and repeated."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client as Browser
from django.utils import timezone
from rest_framework.test import APIClient

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, Participant
from podium.site.mails import services
from podium.site.mails.models import Delivery, Message
from tests.factories import ParticipantFactory, UserFactory
from tests.site.acting import background
from tests.web.conftest import BACKEND

pytestmark = pytest.mark.django_db(transaction=True)
Client = Callable[[User | None], APIClient]


def sent() -> list[tuple[str, str]]:
    """Whom each mail that has gone out since went to, and its subject."""
    background()
    found = [(to, each.subject) for each in mail.outbox for to in each.recipients()]
    mail.outbox.clear()
    return sorted(found)


def test_people_hear_of_being_asked_and_of_being_answered(
    competition: Competition, sam: User, olivia: User, client_of: Client
) -> None:
    competition.collaborators.add(colin := UserFactory(username="colin"))
    assert client_of(sam).post(f"/api/competitions/{competition.pk}/register/").json() == {
        "participant_status": "pending"
    }
    applied = [(f"{who}@example.org", "sam applied to your competition") for who in ("colin", "olivia")]
    assert sent() == [*applied, ("sam@example.org", "Application sent to Sums")]
    row, client = Participant.objects.get(user=sam), client_of(olivia)
    assert client.patch(f"/api/participants/{row.pk}/", {"status": "banished"}).status_code == 400
    assert sent() == [], "nothing is said of what was refused"
    for status, words in (("approved", "was accepted in to"), ("denied", "was denied from")):
        assert client.patch(f"/api/participants/{row.pk}/", {"status": status}).status_code == 200
        told = [(f"{who}@example.org", f"sam {words} your competition") for who in ("colin", "olivia")]
        assert sent() == [*told, ("sam@example.org", "Participation status update for Sums")]
        again = client.patch(f"/api/participants/{row.pk}/", {"status": status})
        assert again.json()["error"] == [f"Status is already set to `{status}`"]
    assert client.patch(f"/api/participants/{row.pk}/", {"status": "pending"}).status_code == 200
    assert sent() == []
    Participant.objects.filter(user=colin).delete()
    assert client_of(colin).post(f"/api/competitions/{competition.pk}/register/").status_code == 201
    assert sent() == [], "an organizer is approved without a mail"


def test_organizers_write_to_everybody_and_nobody_sees_another(
    competition: Competition, olivia: User, sam: User, pat: User, client_of: Client
) -> None:
    Competition.objects.filter(pk=competition.pk).update(contact_email="desk@example.org")
    for name, status, facts in (
        ("penny", "pending", {}),
        ("dora", "denied", {}),
        ("quiet", "approved", {"organizer_direct_message_updates": False}),
        ("gone", "approved", {"is_deleted": True, "is_active": False}),
        ("mute", "approved", {"email": None}),
    ):
        person = UserFactory(username=name, **facts)
        ParticipantFactory(competition=competition, user=person, status=status)
    path = f"/api/competitions/{competition.pk}/email_all_participants/"
    for user, status in ((None, 403), (sam, 403), (pat, 403)):
        assert client_of(user).post(path, {"message": "x"}).status_code == status
    empty = client_of(olivia).post(path, {})
    assert (empty.status_code, "A message is required to send an email" in str(empty.json())) == (400, True)
    text = "# News\n<script>alert(1)</script>\n\n**Tomorrow** [here](javascript:alert(1))"
    answer = client_of(olivia).post(path, {"message": text}, format="json")
    assert (answer.status_code, answer.json()) == (200, {})
    background()
    assert sorted(each.recipients()[0] for each in mail.outbox) == [
        f"{who}@example.org" for who in ("olivia", "pat", "penny")
    ]
    for each in mail.outbox:
        assert (each.subject, len(each.recipients()), each.bcc) == ("A message from the admins of Sums", 1, [])
        assert each.reply_to == ["desk@example.org"]
        (html, kind) = each.alternatives[0]
        assert kind == "text/html" and "<strong>Tomorrow</strong>" in html
        assert "<script" not in html and 'href="javascript' not in html
    assert list(Delivery.objects.values_list("state", flat=True)) == ["sent"] * 3


def test_organizers_write_to_one(competition: Competition, olivia: User, pat: User, client_of: Client) -> None:
    row = Participant.objects.get(user=pat)
    path = f"/api/participants/{row.pk}/send_email/"
    assert client_of(pat).post(path, {"message": "x"}).status_code == 404
    assert client_of(olivia).post(path).status_code == 400
    assert client_of(olivia).post(path, {"message": "x"}).json() == {}
    assert sent() == [("pat@example.org", "A message from the admins of Sums")]
    User.objects.filter(pk=pat.pk).update(organizer_direct_message_updates=False)
    assert client_of(olivia).post(path, {"message": "x"}).status_code == 400
    assert sent() == []


def test_a_mail_server_that_fails_is_asked_again_and_the_others_get_theirs(
    competition: Competition, olivia: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = {"pat@example.org"}

    def send(self: Any, messages: Any) -> int:
        if broken & set(messages[0].recipients()):
            raise OSError("mailbox of pat@example.org unavailable")
        return int(original(self, messages))

    original = EmailBackend.send_messages
    monkeypatch.setattr(EmailBackend, "send_messages", send)
    people = list(User.objects.filter(username__in=["olivia", "pat"]).values_list("pk", flat=True))
    services.post(words=lambda: services.Words(subject="Two\nlines", text="x", why="y"), to=people)
    assert sent() == [("olivia@example.org", "Two lines")]
    failed = Delivery.objects.get(user__username="pat")
    assert (failed.state, failed.attempts, failed.error) == ("waiting", 1, "OSError")
    assert services.recover() == 0, "not yet"
    Delivery.objects.filter(pk=failed.pk).update(due_when=timezone.now())
    Message.objects.update(queued_when=timezone.now() - timedelta(minutes=5))
    broken.clear()
    assert services.recover() == 1
    assert sent() == [("pat@example.org", "Two lines")]
    # Whoever was sending when its process died is sent to again.
    dead = {"state": "sending", "alive_until": timezone.now() - timedelta(seconds=1)}
    Delivery.objects.filter(pk=failed.pk).update(**dead)
    Message.objects.update(queued_when=timezone.now() - timedelta(minutes=5))
    assert services.recover() == 1 and sent() == [("pat@example.org", "Two lines")]
    # But not for ever: what it sent may be what ended it.
    Delivery.objects.filter(pk=failed.pk).update(**dead, attempts=len(services.BACKOFF) + 1)
    Message.objects.update(queued_when=timezone.now() - timedelta(minutes=5))
    assert services.recover() == 0 and sent() == []
    assert Delivery.objects.get(pk=failed.pk).state == "failed"
    broken.add("pat@example.org")
    Delivery.objects.filter(pk=failed.pk).update(state="waiting", attempts=len(services.BACKOFF))
    services.deliver(Message.objects.get().pk)
    assert Delivery.objects.get(pk=failed.pk).state == "failed"


def test_what_is_taken_back_is_not_mailed(competition: Competition, pat: User) -> None:
    from django.db import transaction  # noqa: PLC0415 - used here alone

    with pytest.raises(RuntimeError), transaction.atomic():
        services.post(words=lambda: services.Words(subject="x", text="x", why="x"), to=[pat.pk])
        raise RuntimeError
    assert sent() == [] and not Message.objects.exists()


def test_organizers_write_on_a_page_and_read_what_became_of_it(
    competition: Competition, olivia: User, pat: User, client: Browser
) -> None:
    client.force_login(olivia, backend=BACKEND)
    path = f"/competitions/{competition.pk}/message/"
    assert client.get(path).status_code == 200
    assert client.post(path, {"message": " "}).status_code == 400
    row = Participant.objects.get(user=pat)
    assert "Write to pat" in client.get(f"{path}?to={row.pk}").content.decode()
    shown = client.post(path, {"message": "*Hello*", "to": row.pk})
    assert shown.status_code == 200 and sent() == []
    page = shown.content.decode()
    assert "<em>Hello</em>" in page and "Goes to 1 person: pat." in page and "Send to 1 person" in page
    assert client.post(path, {"message": "Hello", "to": row.pk, "send": "yes"}).status_code == 302
    assert sent() == [("pat@example.org", "A message from the admins of Sums")]
    page = client.post(path, {"message": "To all <script>alert(1)</script>"}).content.decode()
    assert "Goes to 2 people: olivia, pat." in page and "<script>alert" not in page
    assert client.post(path, {"message": "To all", "send": "yes"}).status_code == 302
    assert len(sent()) == 2
    page = client.get(path).content.decode()
    assert "1 of 1" in page and "2 of 2" in page
    assert client.get(f"{path}?to=x").status_code == 404

"""Webhooks: told in the transaction of what happens, signed, sent again, never to where organizers must not reach."""

# ruff: noqa: PLR0917 - pytest passes fixtures by name

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.core import mail
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from podium.protocol import Cause, Failure, Step
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, Phase
from podium.site.competitions.services import participation
from podium.site.errors import Refused
from podium.site.queues.models import Queue
from podium.site.webhooks import addresses, outbox, services
from podium.site.webhooks.models import DeliveryState, Webhook, WebhookDelivery, WebhookEvent
from podium.site.webhooks.sender import Sender
from tests.site.acting import WorkerDouble, background, scores, submit

Client = Callable[[User | None], APIClient]


class Receiver(BaseHTTPRequestHandler):
    """A server that takes webhooks, or answers as a test wants."""

    answer: tuple[int, dict[str, str], bytes] = (200, {}, b"thanks")
    drip = False
    got: list[tuple[dict[str, str], bytes]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        status, headers, content = type(self).answer
        if type(self).drip:
            for _ in range(100):
                self.wfile.write(b"H")
                self.wfile.flush()
                time.sleep(0.05)
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        return


@pytest.fixture
def receiver() -> Iterator[type[Receiver]]:
    class Fresh(Receiver):
        got: list[tuple[dict[str, str], bytes]] = []

    server = ThreadingHTTPServer(("127.0.0.1", 0), Fresh)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    Fresh.url = f"http://127.0.0.1:{server.server_port}/hook"  # type: ignore[attr-defined]
    yield Fresh
    server.shutdown()
    server.server_close()


@pytest.fixture
def allowed(settings: Any) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"webhook_http": True, "webhook_private_addresses": True})


@pytest.fixture
def hook(competition: Competition, olivia: User, receiver: Any, allowed: None) -> Webhook:
    return services.create_webhook(
        competition=competition, by=olivia, url=receiver.url, events=list(WebhookEvent.values)
    )


def deliver() -> list[DeliveryState | None]:
    """Send what is due, as the site-worker does."""
    return [services.send(delivery_id=pk) for pk in services.due(100)]


def sent(receiver: Any) -> list[str]:
    return [json.loads(body)["type"] for _, body in receiver.got]


def right(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Whether a signature is the one of standardwebhooks.com, worked out anew."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.split("_", 1)[1])
    wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return wanted in headers["webhook-signature"].split(" ")


def test_what_happens_in_a_competition_is_told_signed_and_without_anything_private(
    hook: Webhook, competition: Competition, receiver: Any, olivia: User, pat: User, sam: User, queue: Queue
) -> None:
    participant = participation.register(competition=competition, user=sam)
    participation.set_participant_status(participant=participant, by=olivia, status="approved")
    participation.set_participant_status(participant=participant, by=olivia, status="denied")
    worker = WorkerDouble(queue)
    good, bad = submit(pat, competition), submit(pat, competition)
    worker.finish(worker.job(), scores(accuracy=1.0))
    failure = Failure(cause=Cause.EXIT_CODE, step=Step.SCORING, message="secret words")
    worker.finish(worker.job(), failure=failure, output=False)
    participation.set_published(competition=competition, by=olivia, published=False)
    assert deliver() == [DeliveryState.DELIVERED] * 7
    assert sent(receiver) == [
        "participant.requested",
        "participant.approved",
        "participant.denied",
        "leaderboard.changed",
        "submission.finished",
        "submission.failed",
        "competition.unpublished",
    ]
    bodies = [json.loads(body) for _, body in receiver.got]
    assert bodies[4]["data"] == {
        "competition": competition.pk,
        "submission": good.pk,
        "phase": good.phase_id,
        "status": "Finished",
        "url": f"http://127.0.0.1:8000/submissions/{good.pk}/",
    }
    assert bodies[5]["data"]["submission"] == bad.pk
    everything = b"".join(body for _, body in receiver.got).decode()
    for private in ("secret words", "sam", "pat", "@", hook.secret, str(competition.secret_key)):
        assert private not in everything
    for headers, body in receiver.got:
        assert right(hook.secret, headers, body)
        assert not right(hook.secret, headers, body + b" ")
        assert json.loads(body)["id"] == headers["webhook-id"]
        assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    assert deliver() == [], "nothing is sent twice"


def test_what_was_undone_is_not_told_and_a_board_is_told_once_while_nobody_has_listened(
    hook: Webhook, competition: Competition
) -> None:
    phase = Phase.objects.get(competition=competition)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        outbox.leaderboard_changed(phase=phase)
        raise ZeroDivisionError
    assert not WebhookDelivery.objects.exists()
    for _ in range(3):
        outbox.leaderboard_changed(phase=phase)
    assert WebhookDelivery.objects.count() == 1
    deliver()
    outbox.leaderboard_changed(phase=phase)
    assert WebhookDelivery.objects.count() == 2
    Webhook.objects.update(active=False)
    Webhook.objects.create(competition=competition, url="https://x.org", events=["phase.ended"])
    with CaptureQueriesContext(connection) as asked:
        outbox.leaderboard_changed(phase=phase)
    assert WebhookDelivery.objects.count() == 2, "neither what is disabled nor what did not ask for it"
    assert len(asked) == 1


def test_what_is_not_taken_is_sent_again_with_growing_pauses_and_at_last_given_up(
    hook: Webhook, olivia: User, receiver: Any, competition: Competition, client_of: Client
) -> None:
    receiver.answer = (500, {}, b"x" * 5000)
    first = services.ping(webhook=hook, by=olivia)
    pauses = []
    for _ in range(len(services.PAUSES)):
        assert deliver() == [DeliveryState.WAITING]
        first.refresh_from_db()
        pauses.append((first.due_when - timezone.now()).total_seconds())
        assert deliver() == [], "not before its time"
        WebhookDelivery.objects.update(due_when=timezone.now())
    assert pauses == sorted(pauses)
    assert pauses[0] < 11
    assert deliver() == [DeliveryState.FAILED]
    first.refresh_from_db()
    assert (first.attempts, first.status_code, len(first.response)) == (8, 500, 1000)
    assert first.error == "The answer was 500."
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1, "a receiver can tell it has it already"
    receiver.answer = (204, {}, b"")
    api, path = client_of(olivia), f"/api/competitions/{competition.pk}/webhooks/{hook.pk}/deliveries/"
    assert api.post(f"{path}{first.pk}/redeliver/").json()["state"] == "Waiting"
    assert api.post(f"{path}{first.pk}/redeliver/").status_code == 400
    assert deliver() == [DeliveryState.DELIVERED]
    (told,) = api.get(path).json()["results"]
    assert (told["state"], told["status_code"], told["error"]) == ("Delivered", 204, "")


def test_two_site_workers_send_a_message_once_and_one_that_dies_delays_it(hook: Webhook, olivia: User) -> None:
    waiting = services.ping(webhook=hook, by=olivia)
    WebhookDelivery.objects.update(attempts=1, due_when=timezone.now() + services.LEASE)  # another has it
    assert services.send(delivery_id=waiting.pk) is None
    WebhookDelivery.objects.update(due_when=timezone.now())  # and has died
    assert services.send(delivery_id=waiting.pk) == DeliveryState.DELIVERED
    assert services.send(delivery_id=waiting.pk) is None


def test_a_webhook_that_takes_nothing_for_days_is_disabled_with_a_notice(
    hook: Webhook, olivia: User, receiver: Any, competition: Competition,
    client_of: Client,
) -> None:  # fmt: skip
    receiver.answer = (500, {}, b"")
    User.objects.filter(pk=olivia.pk).update(email="olivia@example.org")
    Competition.objects.filter(pk=competition.pk).update(title="A\nBcc: b@c.d")
    services.ping(webhook=hook, by=olivia)
    deliver()
    Webhook.objects.update(failing_since=timezone.now() - timedelta(days=3, minutes=1))
    outbox.published_changed(competition)
    deliver()
    background()
    hook.refresh_from_db()
    assert not hook.active
    assert not WebhookDelivery.objects.filter(state=DeliveryState.WAITING).exists()
    (letter,) = mail.outbox
    assert letter.to == ["olivia@example.org"]
    assert f"/webhooks/{hook.pk}/" in letter.body
    outbox.published_changed(competition)
    assert services.due(10) == []
    page = client_of(olivia).get(f"/competitions/{competition.pk}/webhooks/{hook.pk}/").content.decode()
    assert "Nothing could be delivered for 3 days." in page
    client_of(olivia).post(f"/competitions/{competition.pk}/webhooks/{hook.pk}/", {"wish": "enable"}, "multipart")
    hook.refresh_from_db()
    assert (hook.active, hook.failing_since, hook.disabled_reason) == (True, None, "")


ADDRESSES = [
    ("https://example.org/hook?a=1", True),
    ("https://1.1.1.1/", True),
    ("https://[2606:4700::1111]/", True),
    ("http://example.org/", False),
    ("ftp://example.org/", False),
    ("https://user:secret@example.org/", False),
    ("https:///x", False),
    ("https://localhost/", False),
    ("https://LOCALHOST./", False),
    ("https://127.0.0.1/", False),
    ("https://10.1.2.3/", False),
    ("https://169.254.169.254/latest", False),
    ("https://[::1]/", False),
    ("https://[::ffff:10.0.0.1]/", False),
    ("https://[fd00::1]/", False),
    ("https://[64:ff9b::7f00:1]/", False),
    ("https://[2002:7f00:1::]/", False),
    ("https://0.0.0.0/", False),
    ("https://224.0.0.1/", False),
    ("https://a b/", False),
    ("https://exa\nmple.org/", False),
    ("https://example.org:99999/", False),
    ("https://[/", False),
    ("https://example.org/#x", False),
    ("nonsense", False),
]


@pytest.mark.parametrize(("url", "taken"), ADDRESSES)
def test_only_public_addresses_are_taken(url: str, taken: bool) -> None:
    if taken:
        assert addresses.check_url(url) == url
    else:
        with pytest.raises(Refused) as refused:
            addresses.check_url(url)
        assert refused.value.field == "url"


@pytest.mark.parametrize(
    "found",
    [["127.0.0.1"], ["10.0.0.8"], ["::1"], ["169.254.169.254"], ["1.1.1.1", "192.168.0.1"], ["::ffff:127.0.0.1"], []],
)
def test_a_name_that_leads_inside_is_not_connected_to(
    found: list[str], receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(receiver.url.rsplit(":", 1)[1].split("/")[0])
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: answers)
    with pytest.raises(addresses.Undeliverable):
        addresses.post(f"http://innocent.example.org:{port}/", {}, b"{}")
    assert receiver.got == []


def test_a_name_is_resolved_once_and_the_connection_goes_to_what_was_checked(
    receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(receiver.url.rsplit(":", 1)[1].split("/")[0])
    real, asked, checked = socket.getaddrinfo, [], []

    def rebinding(host: str, *args: Any, **kwargs: Any) -> Any:
        if host != "rebinding.example.org":
            return real(host, *args, **kwargs)
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "10.255.255.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    monkeypatch.setattr(addresses, "is_allowed", lambda address: checked.append(address) or True)
    answer = addresses.post(f"http://rebinding.example.org:{port}/hook", {}, b"{}")
    assert (answer.status, asked, checked) == (200, ["rebinding.example.org"], ["127.0.0.1"])
    assert receiver.got[0][0]["host"] == f"rebinding.example.org:{port}"


def test_redirects_are_not_followed_and_no_receiver_holds_the_site_up(
    hook: Webhook, olivia: User, receiver: Any
) -> None:
    receiver.answer = (302, {"Location": receiver.url}, b"")
    one = services.ping(webhook=hook, by=olivia)
    assert deliver() == [DeliveryState.WAITING]
    one.refresh_from_db()
    assert (one.status_code, one.error, len(receiver.got)) == (302, "Redirects are not followed.", 1)
    receiver.drip = True
    began = time.monotonic()
    with pytest.raises(addresses.Undeliverable, match="No answer within"):
        addresses.post(receiver.url, {}, b"{}", seconds=0.4)
    assert time.monotonic() - began < 2


def test_phases_that_start_and_end_are_told_once(hook: Webhook, competition: Competition) -> None:
    now = timezone.now()
    Webhook.objects.update(created_when=now - timedelta(days=2))
    Phase.objects.update(start=now - timedelta(minutes=5), end=now - timedelta(minutes=1))
    assert (services.tell_turns(), services.tell_turns()) == (2, 0)
    assert set(WebhookDelivery.objects.values_list("event", flat=True)) == {"phase.started", "phase.ended"}
    Phase.objects.update(end=now - timedelta(seconds=30))
    assert services.tell_turns() == 1, "an end that was moved is told anew"
    Phase.objects.update(start=now - timedelta(days=3), end=now - timedelta(days=2))
    assert services.tell_turns() == 0, "nothing that is long over"
    WebhookDelivery.objects.update(created_when=now - timedelta(days=31), state="Delivered")
    assert services.forget_old() == 3


def test_organizers_register_change_and_rotate_by_the_api_and_see_the_secret_once(
    competition: Competition, olivia: User, receiver: Any, client_of: Client, allowed: None
) -> None:
    api, path = client_of(olivia), f"/api/competitions/{competition.pk}/webhooks/"
    made = api.post(path, {"url": receiver.url, "events": ["submission.failed"]})
    assert made.status_code == 201, made.content
    secret, one = made.json()["secret"], f"{path}{made.json()['id']}/"
    assert secret.startswith("whsec_")
    assert "secret" not in api.get(one).json()
    assert secret not in api.get(path).content.decode()
    assert secret not in api.get(f"/competitions/{competition.pk}/webhooks/").content.decode()
    bad = [{"events": ["nonsense"]}, {"events": []}, {"url": "gopher://x"}, {"url": 5, "events": "x"}]
    assert [api.patch(one, change).status_code for change in bad] == [400] * 4
    assert api.patch(one, {"events": ["phase.ended", "phase.started"]}).json()["events"] == [
        "phase.started",
        "phase.ended",
    ]
    newer = api.post(f"{one}rotate_secret/").json()["secret"]
    assert api.post(f"{one}ping/").status_code == 201
    deliver()
    headers, body = receiver.got[0]
    assert right(secret, headers, body)
    assert right(newer, headers, body)
    Webhook.objects.update(previous_until=timezone.now())
    api.post(f"{one}ping/")
    deliver()
    assert not right(secret, *receiver.got[1])
    for _ in range(services.MOST - 1):
        api.post(path, {"url": receiver.url, "events": ["submission.failed"]})
    assert api.post(path, {"url": receiver.url, "events": ["submission.failed"]}).json()["code"] == "too_many"
    assert api.delete(one).status_code == 204


def test_organizers_do_the_same_on_a_page(
    competition: Competition, olivia: User, receiver: Any, client_of: Client, allowed: None
) -> None:
    web, path = client_of(olivia), f"/competitions/{competition.pk}/webhooks/"
    assert web.post(path, {"url": "nonsense", "events": ["submission.failed"]}, "multipart").status_code == 400
    page = web.post(path, {"url": receiver.url, "events": ["submission.failed"]}, "multipart").content.decode()
    hook = Webhook.objects.get()
    assert hook.secret in page
    one = f"{path}{hook.pk}/"
    assert web.post(one, {"wish": "ping"}, "multipart").status_code == 302
    deliver()
    page = web.get(one).content.decode()
    assert "thanks" in page
    assert hook.secret not in page
    ping = WebhookDelivery.objects.get()
    web.post(one, {"wish": f"redeliver-{ping.pk}"}, "multipart")
    ping.refresh_from_db()
    assert ping.state == DeliveryState.WAITING
    rotated = web.post(one, {"wish": "rotate"}, "multipart").content.decode()
    hook.refresh_from_db()
    assert hook.secret in rotated
    for wish in ("disable", "nonsense", "redeliver-x"):
        assert web.post(one, {"wish": wish}, "multipart").status_code == 302
    hook.refresh_from_db()
    assert not hook.active
    assert web.post(one, {"wish": "delete"}, "multipart").headers["Location"] == path
    assert not Webhook.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_site_worker_sends_what_waits(hook: Webhook, olivia: User, receiver: Any) -> None:
    sender = Sender()
    services.ping(webhook=hook, by=olivia)
    thread = threading.Thread(target=sender.run, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not receiver.got and time.monotonic() < until:
        time.sleep(0.05)
    sender.stop()
    thread.join(20)
    assert sent(receiver) == ["ping"]
    assert WebhookDelivery.objects.get().state == DeliveryState.DELIVERED

"""Vhosts, users and messages on a real RabbitMQ: what is made, what is published, and what happens when it is away."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from amqp.exceptions import AccessRefused, AMQPError, NotAllowed
from django.utils import timezone
from kombu.connection import Connection
from kombu.pidbox import Mailbox
from pydantic import SecretStr

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.evaluation import services
from podium.site.evaluation.codabench_worker import bridge as bridges
from podium.site.evaluation.codabench_worker import services as deliveries
from podium.site.evaluation.codabench_worker.bridge import Bridge
from podium.site.evaluation.models import Attempt, Delivery
from podium.site.queues import broker
from podium.site.queues.models import WORKER_SEEN, BrokerAccess, Queue, Worker
from podium.site.queues.queries import served, slots_of
from tests.factories import CODE, RESULT
from tests.site.acting import fresh, submit

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.service]
HOST = os.environ.get("PODIUM_TEST_RABBITMQ", "127.0.0.1")
CROWD = 40
UNLIMITED = {"max_submissions_per_day": 0, "max_submissions": 0}
MANAGEMENT = f"http://{HOST}:15672"


def url_of(queue: Queue) -> str | None:
    """The queue's address as the database has it now."""
    return broker.broker_url(Queue.objects.select_related("broker_access").get(pk=queue.pk))


def manage(method: str, path: str) -> httpx.Response:
    return httpx.request(method, f"{MANAGEMENT}{path}", auth=("guest", "guest"), timeout=30)


@pytest.fixture(autouse=True)
def rabbitmq(settings: Any, monkeypatch: pytest.MonkeyPatch, db: None) -> Iterator[None]:
    """The machine's RabbitMQ; what a test has made there is removed."""
    monkeypatch.setattr(settings.CONFIG, "broker_url", SecretStr(f"amqp://guest:guest@{HOST}:5672"))
    yield
    for access in BrokerAccess.objects.all():
        manage("DELETE", f"/api/vhosts/{quote(access.vhost, safe='')}")
        manage("DELETE", f"/api/users/{access.username}")


@pytest.fixture
def access(queue: Queue) -> BrokerAccess:
    """The default queue's vhost, made."""
    assert broker.provision() == 1
    return BrokerAccess.objects.get(queue=queue)


@pytest.fixture
def bridge() -> Iterator[Bridge]:
    made = Bridge()
    yield made
    made.close()


@contextmanager
def consuming(queue: Queue, count: int) -> Iterator[Connection]:
    """As many consumers as workers would be; none of them takes anything yet."""
    with Connection(url_of(queue)) as connection:
        channel = connection.channel()
        arguments = {"x-max-priority": 10}
        channel.queue_declare(queue="compute-worker", durable=True, auto_delete=False, arguments=arguments)
        channel.basic_qos(0, 1, False)
        for _ in range(count):
            channel.basic_consume("compute-worker", callback=lambda message: None)
        yield connection


def published(queue: Queue) -> list[Any]:
    """Every message that lies in a queue's vhost, taken out."""
    found = []
    with Connection(url_of(queue)) as connection:
        channel = connection.channel()
        while (message := channel.basic_get("compute-worker", no_ack=True)) is not None:
            found.append(message)
    return found


# Vhosts and users


def test_a_queue_gets_a_vhost_and_a_user_that_opens_nothing_else(access: BrokerAccess, queue: Queue) -> None:
    permissions = manage("GET", f"/api/users/{access.username}/permissions").json()
    assert [(one["vhost"], one["configure"], one["write"], one["read"]) for one in permissions] == [
        (str(queue.vhost), ".*", ".*", ".*")
    ]
    url = url_of(queue)
    assert url is not None
    with Connection(url) as connection:
        connection.connect()
    with pytest.raises(NotAllowed), Connection(url.rpartition("/")[0] + "/%2F") as connection:
        connection.connect()


def test_the_password_is_in_no_column(access: BrokerAccess) -> None:
    password = broker.password_of(access)
    row = BrokerAccess.objects.filter(pk=access.pk).values().get()
    assert password not in {str(value) for value in row.values()}


def test_a_queue_that_is_deleted_takes_vhost_and_user_with_it(access: BrokerAccess, queue: Queue) -> None:
    other = Queue.objects.create(name="other")
    broker.provision()
    made = BrokerAccess.objects.get(queue=other)
    Queue.objects.filter(pk=other.pk).update(deleted_when=timezone.now())
    assert broker.provision() == 1
    assert manage("GET", f"/api/vhosts/{made.vhost}").status_code == 404
    assert manage("GET", f"/api/users/{made.username}").status_code == 404
    assert list(BrokerAccess.objects.all()) == [access], "the other queue's is still there"


def test_a_broker_that_is_away_is_asked_again_later(
    queue: Queue, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(settings.CONFIG, "broker_management_url", SecretStr("http://127.0.0.1:9"))
        assert broker.provision() == 0
    waiting = BrokerAccess.objects.get()
    assert (waiting.state, waiting.tries) == ("wanted", 1)
    assert "/api/vhosts/" in waiting.trouble
    assert broker.password_of(waiting) not in waiting.trouble
    assert waiting.next_try > timezone.now()
    assert url_of(queue) is None
    BrokerAccess.objects.update(next_try=timezone.now())
    assert broker.provision() == 1
    assert url_of(queue)


def test_another_password_shuts_the_old_one_out(access: BrokerAccess, queue: Queue) -> None:
    old = url_of(queue)
    broker.renew(queue)
    assert url_of(queue) is None, "until it is made"
    broker.provision()
    with pytest.raises(AccessRefused), Connection(old) as connection:
        connection.connect()
    with Connection(url_of(queue)) as connection:
        connection.connect()


def test_another_password_ends_the_connections_of_the_old_one(
    access: BrokerAccess, bridge: Bridge, competition: Competition, pat: User, queue: Queue
) -> None:
    """Who was taken out of a queue and still listens would get its jobs, with the reference data."""
    with Connection(url_of(queue)) as connection:
        connection.connect()
        broker.renew(queue)
        broker.provision()
        with pytest.raises((OSError, AMQPError)) as ended:
            connection.drain_events(timeout=20)
        assert not isinstance(ended.value, TimeoutError)


def test_a_vhost_takes_no_more_than_its_bounds(access: BrokerAccess, queue: Queue) -> None:
    with Connection(url_of(queue)) as connection:
        channel = connection.channel()
        channel.queue_declare(queue="junk", durable=True, auto_delete=False)
        for _ in range(8):
            channel.basic_publish_confirm(channel.prepare_message(b"x" * 2**20, properties={}), "", "junk")
        assert channel.queue_declare(queue="junk", passive=True).message_count <= broker.MOST_BYTES // 2**20
    (limits,) = manage("GET", f"/api/vhost-limits/{access.vhost}").json()
    assert limits["value"] == {"max-connections": broker.MOST_CONNECTIONS, "max-queues": broker.MOST_QUEUES}


# The bridge


@pytest.mark.parametrize(
    "trouble", [{"x-overflow": "reject-publish", "x-max-length": 0}, None], ids=["takes nothing", "of another kind"]
)
def test_whoever_operates_a_queue_keeps_no_other_waiting(  # noqa: PLR0917 - fixtures
    trouble: dict[str, Any] | None,
    access: BrokerAccess,
    bridge: Bridge,
    make_competition: Callable[..., Competition],
    pat: User,
    queue: Queue,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = Queue.objects.create(name="other")
    broker.provision()
    submit(pat, make_competition(), RESULT)
    made = make_competition()
    Competition.objects.filter(pk=made.pk).update(queue=other)
    made.refresh_from_db()
    lonely = submit(pat, made, RESULT)
    with Connection(url_of(queue)) as connection:
        arguments = {"x-max-priority": 10, **(trouble or {})}
        connection.channel().queue_declare(queue="compute-worker", durable=True, auto_delete=False, arguments=arguments)
        if trouble is None:
            serve = Bridge._serve

            def breaks(self: Bridge, at: BrokerAccess, served: Queue) -> None:
                if served.pk == queue.pk:
                    raise ValueError("an answer that nobody has thought of")
                serve(self, at, served)

            monkeypatch.setattr(Bridge, "_serve", breaks)
        order = list(BrokerAccess.objects.values_list("queue", flat=True))
        for _ in range(2):
            bridge.tend()
    assert order.index(queue.pk) < order.index(other.pk), "the one in trouble comes first"
    assert Attempt.objects.get().run.submission_id == lonely.pk
    assert len(published(other)) == 1


def test_the_message_on_the_wire_is_that_of_the_protocol(  # noqa: PLR0917 - fixtures
    access: BrokerAccess,
    bridge: Bridge,
    make_competition: Callable[..., Competition],
    pat: User,
    queue: Queue,
    settings: Any,
) -> None:
    made = submit(pat, make_competition(ingestion=True), CODE)
    bridge.tend()
    (message,) = published(queue)
    args, kwargs, embed = json.loads(message.body)
    assert (kwargs, embed) == ({}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None})
    (run_args,) = args
    assert run_args["id"] == made.pk
    assert set(run_args["secret"]) == {"__type__", "__value__"}
    assert run_args["secret"]["__type__"] == "uuid"
    assert len(run_args["secret"]["__value__"]["hex"]) == 32
    assert message.properties["content_type"] == "application/json"
    assert message.properties["delivery_mode"] == 2
    assert int(message.properties["expiration"]) == 1000 * settings.CONFIG.broker_start_seconds
    assert message.properties.get("priority", 0) == 0
    assert message.properties["application_headers"]["task"] == "compute_worker_run"
    assert message.delivery_info["routing_key"] == "compute-worker"
    assert message.delivery_info["exchange"] == ""
    delivery = Delivery.objects.get()
    assert str(delivery.message_id) == message.properties["correlation_id"]
    assert delivery.published_when is not None


def test_no_more_is_published_than_the_consumers_can_start(
    access: BrokerAccess, bridge: Bridge, competition: Competition, pat: User, queue: Queue
) -> None:
    for _ in range(5):
        submit(pat, competition, RESULT)
    bridge.tend()
    bridge.tend()
    assert Attempt.objects.count() == 1, "one, where nobody listens"
    with consuming(queue, 3):
        bridge.tend()
        bridge.tend()
        assert Attempt.objects.count() == 3


def test_who_listens_is_counted_though_nothing_waits(access: BrokerAccess, bridge: Bridge, queue: Queue) -> None:
    """A worker of the broker says nothing before it has a job; its queue is served all the same."""
    bridge.tend()
    assert served([queue.pk]) == set()
    with consuming(queue, 3):
        bridge.tend()
        assert served([queue.pk]) == set(), "counted not long ago"
        BrokerAccess.objects.update(counted_when=timezone.now() - 2 * broker.COUNTED)
        bridge.tend()
        assert slots_of([queue.pk]) == {queue.pk: 3}
        Worker.objects.create(queue=queue, name="one of them", slots=2)
        assert slots_of([queue.pk]) == {queue.pk: 3}, "it is not counted twice"
    BrokerAccess.objects.update(counted_when=timezone.now() - 2 * WORKER_SEEN)
    Worker.objects.all().delete()
    assert served([queue.pk]) == set(), "a count from long ago says nothing"


def test_a_queue_that_only_asks_by_https_is_offered_nothing(
    access: BrokerAccess, bridge: Bridge, competition: Competition, pat: User, queue: Queue
) -> None:
    submit(pat, competition, RESULT)
    bridge.tend()
    assert Attempt.objects.count() == 1
    Worker.objects.create(queue=queue, name="by https", engine="bubblewrap")
    bridge.tend()
    assert not Attempt.objects.exists(), "what was offered and not begun is taken back"
    with consuming(queue, 1):
        bridge.tend()
        assert Attempt.objects.count() == 1, "where both kinds serve, both are served"


def test_a_claim_whose_message_is_not_confirmed_is_taken_back(  # noqa: PLR0917 - fixtures
    access: BrokerAccess,
    bridge: Bridge,
    competition: Competition,
    pat: User,
    queue: Queue,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = submit(pat, competition, RESULT)

    def away(*_: object, **__: object) -> None:
        raise OSError("the broker went away")

    with monkeypatch.context() as patch:
        patch.setattr(bridges.Producer, "publish", away)
        bridge.tend()
    assert not Attempt.objects.exists()
    assert fresh(made).status == "Submitted"
    bridge.tend()
    assert Attempt.objects.count() == 1


def test_a_submission_while_the_broker_is_away_is_published_when_it_is_back(  # noqa: PLR0917 - fixtures
    access: BrokerAccess,
    bridge: Bridge,
    competition: Competition,
    pat: User,
    queue: Queue,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(settings.CONFIG, "broker_url", SecretStr("amqp://guest:guest@127.0.0.1:9"))
        made = submit(pat, competition, RESULT)
        bridge.tend()
        assert fresh(made).status == "Submitted"
        assert not Attempt.objects.exists()
    bridge.tend()
    assert len(published(queue)) == 1


def test_a_vhost_that_is_gone_is_made_again_and_filled(
    access: BrokerAccess, bridge: Bridge, competition: Competition, pat: User, queue: Queue
) -> None:
    submit(pat, competition, RESULT)
    bridge.tend()
    first = Delivery.objects.get().message_id
    manage("DELETE", f"/api/vhosts/{access.vhost}")
    for _ in range(3):  # notices, makes, fills
        bridge.tend()
    (message,) = published(queue)
    assert message.properties["correlation_id"] != str(first), "the old offer was taken back"
    assert Attempt.objects.count() == 1


def test_workers_are_told_to_drop_a_cancelled_job(
    access: BrokerAccess, bridge: Bridge, competition: Competition, pat: User, queue: Queue
) -> None:
    made = submit(pat, competition, RESULT)
    bridge.tend()
    told: list[Any] = []
    with Connection(url_of(queue)) as connection:
        node = Mailbox("celery", type="fanout", accept=["json"])(connection).Node("worker@test")
        node.listen(channel=connection.channel(), callback=lambda body, message: told.append(body))
        services.cancel(submission=fresh(made), by=pat)
        bridge.tend()
        bridge.tend()
        connection.drain_events(timeout=10)
    (order,) = told
    assert order["method"] == "revoke"
    assert order["arguments"]["terminate"] is True
    assert order["arguments"]["task_id"] == [str(Delivery.objects.get().message_id)]


# Fairness


def test_a_crowd_of_one_competition_delays_another_s_by_one_job_per_consumer(
    access: BrokerAccess, make_competition: Callable[..., Competition], pat: User, sam: User, queue: Queue
) -> None:
    """What is decided early is what the consumers have: after that the order is the queue's."""
    crowded = make_competition(phase=UNLIMITED)
    for _ in range(CROWD):
        submit(pat, crowded, RESULT)
    consumers = 4
    while deliveries.offer_run(queue=queue, most=consumers) is not None:
        pass
    quiet = make_competition(participants=(sam,))
    lonely = submit(sam, quiet, RESULT)
    taken = Delivery.objects.order_by("pk").first()
    assert taken is not None
    Attempt.objects.filter(pk=taken.attempt_id).update(state="lost")  # one consumer is free again
    offer = deliveries.offer_run(queue=queue, most=consumers)
    assert offer is not None
    assert offer.delivery.attempt.run.submission_id == lonely.pk


def test_two_bridges_publish_no_more_than_one(
    access: BrokerAccess, make_competition: Callable[..., Competition], pat: User, queue: Queue
) -> None:
    competition = make_competition(phase=UNLIMITED)
    for _ in range(6):
        submit(pat, competition, RESULT)
    offers: list[Any] = []

    def offer() -> None:
        from django.db import connection  # noqa: PLC0415 - the thread's own

        try:
            offers.extend(deliveries.offer_run(queue=queue, most=2) for _ in range(3))
        finally:
            connection.close()

    threads = [threading.Thread(target=offer) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([one for one in offers if one is not None]) == 2

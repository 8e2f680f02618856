"""Takes runs out of the queues and puts them into RabbitMQ, no more than the workers there can start.

Part of the site-worker; of several, each may do it: what may be offered is decided under the queue's lock. The broker
is kept shallow, so the order stays that of the platform: there are at most as many messages and running jobs as
consumers, or one where there is none, so that whoever watches the broker sees that something waits. A queue whose only
workers ask by HTTPS is offered nothing here.

The claim comes first, then the message. When the broker does not confirm it, the claim is taken back; when this
process dies in between, the sweeper does so. When the broker has lost its queue with the messages in it, all offers
are taken back and made again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import structlog
from amqp.exceptions import AccessRefused, MessageNacked, NotAllowed, NotFound
from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone
from kombu import pidbox
from kombu.connection import Connection
from kombu.entity import Exchange
from kombu.entity import Queue as BrokerQueue
from kombu.exceptions import OperationalError
from kombu.messaging import Producer

from podium.site.evaluation.codabench_worker import messages, services
from podium.site.evaluation.models import CompetitionLane, Delivery
from podium.site.evaluation.services.attempts import abandon
from podium.site.evaluation.states import AttemptState
from podium.site.queues import broker
from podium.site.queues.models import BrokerAccess, BrokerState, Queue, Worker

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.5
_SOCKET_SECONDS = 10
_ASKS_BY_HTTPS = timedelta(seconds=90)
"""A worker that asks by HTTPS does so at least once a minute."""


_TRANSPORT = Connection("amqp://")
BROKEN: tuple[type[Exception], ...] = (
    OSError,
    OperationalError,
    MessageNacked,  # of no kind of the library's: whoever operates a queue may declare it so that it takes nothing
    *_TRANSPORT.connection_errors,
    *_TRANSPORT.channel_errors,
)
"""What is raised when a connection or a channel breaks, and when a message is not taken."""


class Bridge:
    """Tends every vhost until stopped; trouble with one is logged once and does not keep the others."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._connections: dict[str, Connection] = {}
        self._troubled: set[str] = set()

    def run(self) -> None:
        """Tend, again and again, until `stop`."""
        while not self._stopped.wait(POLL_SECONDS):
            close_old_connections()
            try:
                self.tend()
            except Exception:
                log.exception("bridge failed")
            finally:
                close_old_connections()
        self.close()

    def close(self) -> None:
        """Let go of every connection."""
        for connection in self._connections.values():
            connection.release()
        self._connections.clear()

    def stop(self) -> None:
        """End `run` soon."""
        self._stopped.set()

    def tend(self) -> None:
        """Make vhosts, and look after each once."""
        broker.provision()
        for access in BrokerAccess.objects.filter(state=BrokerState.READY, queue__isnull=False).select_related("queue"):
            if self._stopped.is_set():
                return
            try:
                self._look_after(access)
            except Exception:  # what people do in a vhost of theirs keeps no other queue waiting
                self._forget(access)
                if access.vhost not in self._troubled:
                    log.exception("queue not served", vhost=access.vhost)
                self._troubled.add(access.vhost)

    def _look_after(self, access: BrokerAccess) -> None:
        queue = access.queue
        assert queue is not None  # noqa: S101 - chosen so
        if not (broker.is_count_old(access) or _has_work(queue)):
            return
        try:
            try:
                self._serve(access, queue)
            except (NotAllowed, AccessRefused, MessageNacked):
                raise
            except BROKEN:
                self._forget(access)  # the broker was restarted since: the connection is dead, the next one is not
                self._serve(access, queue)
        except (NotAllowed, AccessRefused) as refusal:
            log.warning("broker does not know vhost or user", vhost=access.vhost, reason=_plain(refusal))
            self._forget(access)
            broker.lost(access)
        except BROKEN as error:
            self._forget(access)
            if access.vhost not in self._troubled:
                log.warning("broker cannot be reached", vhost=access.vhost, reason=_plain(error))
            self._troubled.add(access.vhost)
        else:
            self._troubled.discard(access.vhost)

    def _forget(self, access: BrokerAccess) -> None:
        if (connection := self._connections.pop(access.vhost, None)) is not None:
            connection.collect()

    def _connection(self, access: BrokerAccess) -> Connection:
        if access.vhost not in self._connections:
            self._connections[access.vhost] = Connection(
                broker.address().url(access.vhost),
                connect_timeout=_SOCKET_SECONDS,
                transport_options={
                    "confirm_publish": True,
                    "read_timeout": _SOCKET_SECONDS,
                    "write_timeout": _SOCKET_SECONDS,
                },
            )
        connection = self._connections[access.vhost]
        connection.ensure_connection(max_retries=1, timeout=_SOCKET_SECONDS)
        return connection

    def _serve(self, access: BrokerAccess, queue: Queue) -> None:
        connection = self._connection(access)
        consumers = _consumers(connection)
        if consumers is None:
            _declare(connection)
            taken_back = services.take_back_all(queue=queue)
            log.info("queue made in the broker", vhost=access.vhost, taken_back=taken_back)
            consumers = 0
        broker.counted(access, consumers)
        if revoked := services.to_revoke(queue):
            pidbox.Mailbox("celery", type="fanout", accept=["json"], serializer="json")(connection).abcast(
                "revoke", {"task_id": [str(name) for name in revoked], "terminate": True, "signal": "SIGTERM"}
            )
            services.revoked(revoked)
        if consumers == 0 and _asks_by_https(queue):
            services.take_back_all(queue=queue)
            return
        with _channel(connection) as channel:
            producer = Producer(channel)
            while (offer := services.offer_run(queue=queue, most=max(1, consumers))) is not None:
                self._publish(producer, offer)

    def _publish(self, producer: Producer, offer: services.Offer) -> None:
        attempt_id = offer.delivery.attempt_id
        try:
            message = messages.message_for(offer)
        except LookupError as error:
            log.exception("job cannot be described", attempt=attempt_id, reason=str(error))
            abandon(attempt_id=attempt_id, reason=str(error))
            return
        try:
            producer.publish(
                message.body,
                exchange="",
                routing_key=messages.QUEUE,
                serializer="json",
                headers=message.headers,
                correlation_id=str(message.message_id),
                priority=message.priority,
                delivery_mode=2,
                # What nobody has taken by then is offered anew, so the old message need not be kept.
                expiration=settings.CONFIG.broker_start_seconds,
                confirm_timeout=_SOCKET_SECONDS,
            )
        except BaseException:
            services.take_back(attempt_id=attempt_id)
            raise
        services.published(delivery=offer.delivery)
        log.info("offered", attempt=attempt_id, message=str(message.message_id))


def _plain(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:300]


def _has_work(queue: Queue) -> bool:
    """Whether there is anything to offer, to take back, or to revoke."""
    return (
        CompetitionLane.objects.filter(queue=queue, waiting=True).exists()
        or Delivery.objects.filter(queue=queue, closed_when=None, started_when=None).exists()
        or Delivery.objects.filter(queue=queue, closed_when=None).exclude(attempt__state=AttemptState.ACTIVE).exists()
    )


def _asks_by_https(queue: Queue) -> bool:
    since = timezone.now() - _ASKS_BY_HTTPS
    seen = Worker.objects.filter(queue=queue, last_seen__gte=since, drained_when=None)
    return seen.exclude(engine=services.ENGINE).exclude(attempts__delivery__taken_when__gte=since).exists()


@contextmanager
def _channel(connection: Connection) -> Iterator[Any]:
    channel = connection.channel()
    try:
        yield channel
    finally:
        channel.close()


def _consumers(connection: Connection) -> int | None:
    """How many consumers a vhost's queue has, None when it is not there."""
    channel = connection.channel()
    try:
        count = int(channel.queue_declare(queue=messages.QUEUE, passive=True).consumer_count)
    except NotFound:
        return None
    channel.close()
    return count


def _declare(connection: Connection) -> None:
    """Declare the queue as Codabench's workers do, so that neither side refuses the other's."""
    exchange = Exchange(messages.QUEUE, type="direct", durable=True)
    with _channel(connection) as channel:
        BrokerQueue(
            messages.QUEUE,
            exchange=exchange,
            routing_key=messages.QUEUE,
            durable=True,
            queue_arguments={"x-max-priority": messages.MAX_PRIORITY},
        )(channel).declare()

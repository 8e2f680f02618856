"""RabbitMQ's side of queues: each has a vhost, and a user who may do what he likes in it and nothing elsewhere.

Made and removed through the management API by the site-worker, again and again until it has worked: a row per vhost
says what is wanted and what was last in the way. A queue that is new has no row yet and gets one; the row of a queue
that was deleted outlives it until vhost and user are gone. Passwords are in no database: they are derived from the
site's key and the row's generation, so that another generation is another password.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import httpx
import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.crypto import salted_hmac

from podium.site.queues.models import BrokerAccess, BrokerState, Queue

log = structlog.get_logger(__name__)

_TIMEOUT = httpx.Timeout(10)
_LONGEST_PAUSE = 60.0
COUNTED = timedelta(seconds=30)
"""How long a count of consumers is taken for true."""
_MAX_SHOWN = 300

MOST_CONNECTIONS = 1000
MOST_QUEUES = 1000
MOST_BYTES = 4 * 1024**2
"""What a vhost takes, of messages in each of its queues: anybody may own one, and one node serves all. A job's message
has four kilobytes, and no more of them lie there than workers can start."""


class BrokerTrouble(Exception):
    """The management API cannot be reached or refuses; the text says which call and why, and holds no password."""


@dataclass(frozen=True)
class Address:
    """Where RabbitMQ is, and as whom Podium goes there."""

    scheme: str
    host: str
    port: int
    user: str
    password: str

    def url(self, vhost: str) -> str:
        """Podium's own address of a vhost."""
        who = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        return f"{self.scheme}://{who}@{self.host}:{self.port}/{quote(vhost, safe='')}"


def is_configured() -> bool:
    """Whether this installation has a broker."""
    url = settings.CONFIG.broker_url
    return url is not None and bool(url.get_secret_value())


def address() -> Address:
    """The broker of `BROKER_URL`. Raises BrokerTrouble without one."""
    if settings.CONFIG.broker_url is None or not is_configured():
        raise BrokerTrouble("BROKER_URL is not set.")
    url = urlsplit(settings.CONFIG.broker_url.get_secret_value())
    scheme = url.scheme or "amqp"
    return Address(
        scheme=scheme,
        host=_bracketed(url.hostname or "127.0.0.1"),
        port=url.port or (5671 if scheme == "amqps" else 5672),
        user=unquote(url.username or "guest"),
        password=unquote(url.password or "guest"),
    )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def password_of(access: BrokerAccess) -> str:
    """The password of a vhost's user."""
    return salted_hmac("podium.broker", f"{access.vhost}:{access.generation}", algorithm="sha256").hexdigest()


def broker_url(queue: Queue) -> str | None:
    """The address by which a queue's workers reach it, for its owner and organizers; None until it is made."""
    access = getattr(queue, "broker_access", None)
    if access is None or access.state != BrokerState.READY or not is_configured():
        return None
    place = address()
    public = urlsplit(settings.CONFIG.broker_public_url or f"{place.scheme}://{place.host}:{place.port}")
    port = f":{public.port}" if public.port else ""
    who = f"{access.username}:{password_of(access)}"
    return f"{public.scheme}://{who}@{_bracketed(public.hostname or '')}{port}/{access.vhost}"


def want_access() -> None:
    """Note which queues have no vhost yet and which vhosts have no queue any more."""
    for queue in Queue.objects.filter(broker_access__isnull=True, deleted_when__isnull=True):
        BrokerAccess.objects.get_or_create(vhost=str(queue.vhost), defaults={"queue": queue})
    gone = Q(queue__isnull=True) | Q(queue__deleted_when__isnull=False)
    BrokerAccess.objects.filter(gone).exclude(state=BrokerState.LEAVING).update(
        state=BrokerState.LEAVING, next_try=timezone.now()
    )


def renew(queue: Queue) -> None:
    """Give a queue's user another password; workers that know the old one are cut off and cannot come back with it."""
    with transaction.atomic():
        access = BrokerAccess.objects.select_for_update().get(queue=queue)
        BrokerAccess.objects.filter(pk=access.pk).update(
            generation=access.generation + 1, state=BrokerState.WANTED, next_try=timezone.now()
        )


def lost(access: BrokerAccess) -> None:
    """The broker does not know a vhost that was made: it is made again."""
    BrokerAccess.objects.filter(pk=access.pk, state=BrokerState.READY).update(
        state=BrokerState.WANTED, next_try=timezone.now()
    )


def is_count_old(access: BrokerAccess) -> bool:
    """Whether it is time to count who listens, though there is nothing to offer them."""
    return access.counted_when is None or timezone.now() - access.counted_when > COUNTED


def counted(access: BrokerAccess, consumers: int) -> None:
    """Note how many listen; they say nothing by themselves before they have a job."""
    if consumers != access.consumers or is_count_old(access):
        BrokerAccess.objects.filter(pk=access.pk).update(consumers=consumers, counted_when=timezone.now())


def provision() -> int:
    """Make what is wanted and remove what is leaving, as far as it is due; returns how many rows came to their end."""
    want_access()
    due = BrokerAccess.objects.filter(next_try__lte=timezone.now()).exclude(state=BrokerState.READY)
    accesses = list(due.order_by("next_try")[:50])
    if not accesses:
        return 0
    with management_client() as management:
        return sum(_settle(access, management) for access in accesses)


def _settle(access: BrokerAccess, management: httpx.Client) -> bool:
    try:
        if access.state == BrokerState.LEAVING:
            _remove(access, management)
            access.delete()
            return True
        _make(access, management)
    except BrokerTrouble as trouble:
        tries = access.tries + 1
        pause = timedelta(seconds=min(_LONGEST_PAUSE, 2.0 ** min(tries, 6)))
        BrokerAccess.objects.filter(pk=access.pk).update(
            tries=tries, trouble=str(trouble), next_try=timezone.now() + pause
        )
        log.warning("broker access not settled", vhost=access.vhost, state=access.state, reason=str(trouble))
        return False
    # Only what was made counts: another generation may have been asked for meanwhile.
    made = BrokerAccess.objects.filter(pk=access.pk, generation=access.generation, state=BrokerState.WANTED)
    return bool(made.update(state=BrokerState.READY, tries=0, trouble=""))


def _make(access: BrokerAccess, management: httpx.Client) -> None:
    vhost, user = quote(access.vhost, safe=""), quote(access.username, safe="")
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    _call(management, "PUT", f"/api/vhosts/{vhost}", {"description": "A queue of Podium"})
    for limit, most in (("max-connections", MOST_CONNECTIONS), ("max-queues", MOST_QUEUES)):
        _call(management, "PUT", f"/api/vhost-limits/{vhost}/{limit}", {"value": most})
    bounded = {"pattern": ".*", "apply-to": "queues", "definition": {"max-length-bytes": MOST_BYTES}}
    _call(management, "PUT", f"/api/operator-policies/{vhost}/podium", bounded)
    if access.generation > 1:
        # Another password alone leaves the connections that were made with the old one, and they go on taking jobs.
        _call(management, "DELETE", f"/api/users/{user}", gone=True)
    _call(management, "PUT", f"/api/users/{user}", {"password": password_of(access), "tags": ""})
    for name in (user, quote(address().user, safe="")):
        _call(management, "PUT", f"/api/permissions/{vhost}/{name}", everything)


def _remove(access: BrokerAccess, management: httpx.Client) -> None:
    _call(management, "DELETE", f"/api/users/{quote(access.username, safe='')}", gone=True)
    _call(management, "DELETE", f"/api/vhosts/{quote(access.vhost, safe='')}", gone=True)


def management_client() -> httpx.Client:
    """A client of RabbitMQ's management API, logged in. Raises BrokerTrouble without a broker."""
    place = address()
    given = settings.CONFIG.broker_management_url
    url = urlsplit(given.get_secret_value()) if given else urlsplit(f"http://{place.host}:15672")
    port = f":{url.port}" if url.port else ""
    user, password = unquote(url.username or place.user), unquote(url.password or place.password)
    base = f"{url.scheme}://{_bracketed(url.hostname or '')}{port}{url.path.rstrip('/')}"
    return httpx.Client(base_url=base, auth=(user, password), timeout=_TIMEOUT)


def _call(
    management: httpx.Client, method: str, path: str, body: Mapping[str, Any] | None = None, *, gone: bool = False
) -> None:
    """One call; gone: whether what is not there is as good as removed. Raises BrokerTrouble."""
    # The path goes out as it is written: a vhost's name may hold an escaped slash.
    try:
        answer = management.request(method, path, json=body)
    except httpx.HTTPError as error:
        raise BrokerTrouble(f"{method} {path}: {type(error).__name__}: {error}") from error
    if not (answer.is_success or (gone and answer.status_code == httpx.codes.NOT_FOUND)):
        raise BrokerTrouble(f"{method} {path}: HTTP {answer.status_code} {answer.text[:_MAX_SHOWN]}")

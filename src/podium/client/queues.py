"""Queues of one's own, their tokens and their workers."""

from __future__ import annotations

from podium.client.models import Queue, QueueToken, Worker
from podium.client.rules import call, creation, many, named, one
from podium.client.steps import Plan, Stream


def queues(*, public: bool = False, search: str | None = None) -> Stream[Queue]:
    """The queues that the caller owns or organizes; `public` adds everybody's."""
    return many(Queue, "api/queues/", {"public": "true" if public else None, "search": search})


def create_queue(name: str, *, public: bool = False) -> Plan[Queue]:
    """Make a queue of one's own."""
    body = {"name": name, "is_public": public}
    return (yield from one(Queue, "POST", "api/queues/", json=body, headers=creation()))


def update_queue(queue: int, *, name: str | None = None, public: bool | None = None) -> Plan[Queue]:
    """Change a queue's name, or whether everybody's competitions may use it; what is not given stays."""
    given = {"name": name, "is_public": public}
    body = {key: value for key, value in given.items() if value is not None}
    with named(f"queue {queue}"):
        return (yield from one(Queue, "PATCH", f"api/queues/{queue}/", json=body))


def delete_queue(queue: int) -> Plan[None]:
    """Delete a queue; its competitions and what waits there go to the default queue."""
    with named(f"queue {queue}"):
        yield from call("DELETE", f"api/queues/{queue}/")


def queue_tokens(queue: int) -> Stream[QueueToken]:
    """The tokens that open a queue, without their secrets."""
    with named(f"queue {queue}"):
        yield from many(QueueToken, f"api/queues/{queue}/tokens/")


def create_queue_token(queue: int, name: str) -> Plan[QueueToken]:
    """Make a token; its secret is in this answer alone."""
    with named(f"queue {queue}"):
        return (yield from one(QueueToken, "POST", f"api/queues/{queue}/tokens/", json={"name": name}))


def rotate_queue_token(queue: int, token: int) -> Plan[QueueToken]:
    """Put a new secret in a token's place; the old one is refused from the next claim on."""
    with named(f"token {token} of queue {queue}"):
        return (yield from one(QueueToken, "POST", f"api/queues/{queue}/tokens/{token}/rotate/"))


def revoke_queue_token(queue: int, token: int) -> Plan[None]:
    """Refuse a token from the next claim on; jobs under way finish."""
    with named(f"token {token} of queue {queue}"):
        yield from call("DELETE", f"api/queues/{queue}/tokens/{token}/")


def workers(queue: int) -> Stream[Worker]:
    """The workers of a queue that were seen in the last week."""
    with named(f"queue {queue}"):
        yield from many(Worker, f"api/queues/{queue}/workers/")


def drain_worker(queue: int, worker: int, *, drained: bool = True) -> Plan[Worker]:
    """Give a worker no new jobs, or jobs again."""
    with named(f"worker {worker} of queue {queue}"):
        wish = "drain" if drained else "undrain"
        return (yield from one(Worker, "POST", f"api/queues/{queue}/workers/{worker}/{wish}/"))

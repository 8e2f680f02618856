"""How the API is called: what is tried again and when, what is made of answers, how lists go on."""

from __future__ import annotations

import json as json_text
import random
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, ValidationError

from podium.client.errors import (
    ApiError,
    PodiumError,
    UnexpectedAnswerError,
    UnreachableError,
    error_from,
    not_found,
)
from podium.client.steps import Close, Emit, Pause, Plan, Reply, Request, Stream, read, send

RETRIES = 4
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 8.0
LONGEST_ASKED_PAUSE = 60.0
MAX_ERROR_BYTES = 64 * 1024
PAGE_SIZE = 200
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_WORTH_ANOTHER_TRY = frozenset({502, 503, 504})
_UNDER_WAY = "idempotency_under_way"

_Model = TypeVar("_Model", bound=BaseModel)


def clean_server(address: str) -> str:
    """Give the server's address its usual form: a scheme, no path tail, no trailing slash.

    Without a scheme, loopback addresses get http and all others https.

    Raises PodiumError when the text is no web address.
    """
    text = address.strip()
    if "://" not in text:
        host = urlsplit(f"//{text}").hostname or ""
        scheme = "http" if host in LOOPBACK else "https"
        text = f"{scheme}://{text}"
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise PodiumError(
            f"{address!r} is not a web address.",
            hint="Write it as https://podium.example.org or http://127.0.0.1:8000.",
        )
    path = parts.path.rstrip("/").removesuffix("/api")
    return f"{parts.scheme}://{parts.netloc}{path}"


# Sending


def opened(request: Request) -> Plan[Reply]:
    """Send a request until there is an answer, and give it with its body unread.

    What may be repeated without harm is repeated on broken connections and on 502, 503 and 504, with growing pauses;
    what never left this machine and what was refused with 429 is always repeated. Retry-After is honoured up to a
    minute.

    Raises ApiError when the server refuses, UnreachableError when there is no connection.
    """
    for attempt in range(RETRIES + 1):
        try:
            reply = yield from send(request)
        except httpx.TransportError as error:
            if attempt < RETRIES and (request.repeatable or isinstance(error, httpx.ConnectError)):
                yield Pause(pause_before(attempt))
                continue
            raise unreachable(error) from error
        asked = asked_pause(request, reply)
        if asked is None or attempt == RETRIES:
            break
        yield Close(reply)
        yield Pause(max(asked, pause_before(attempt)))
    yield from _refuse(reply)
    return reply


def _refuse(reply: Reply) -> Plan[None]:
    if reply.http.is_redirect:
        target = reply.headers.get("Location", "")
        raise UnexpectedAnswerError(
            f"The server sends this call on to {target}.", hint="Use the address that it names as --server."
        )
    if reply.http.is_error:
        try:
            body = yield from read(reply, MAX_ERROR_BYTES)
        except httpx.TransportError:
            body = b""  # the status alone says what there is to say
        asked = retry_after(reply.headers)
        raise error_from(reply.status, reply.headers.get("Content-Type", ""), body, retry_after=asked)


def call(
    method: str,
    path: str,
    *,
    json: Any = None,
    params: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Plan[Any]:
    """Call the API and return the decoded JSON, or None for an empty answer."""
    _, data = yield from asked_for(Request(method, path, params=_present(params), json=json, headers=headers or {}))
    return data


def asked_for(request: Request) -> Plan[tuple[Reply, Any]]:
    """Send a request and give the answer with its decoded JSON; one that breaks off is asked for again."""
    for attempt in range(RETRIES + 1):
        try:
            reply = yield from opened(request)
            body = yield from read(reply)
        except httpx.TransportError as error:
            if attempt == RETRIES or not request.repeatable:
                raise unreachable(error) from error
            yield Pause(pause_before(attempt))
            continue
        except ApiError as refused:
            if refused.code != _UNDER_WAY or attempt == RETRIES:
                raise
            yield Pause(
                max(1.0, pause_before(attempt))
            )  # our own first try is still at work; its answer is kept for us
            continue
        break
    yield Close(reply)
    if not body.strip():
        return reply, None
    try:
        return reply, json_text.loads(body)
    except ValueError as error:
        raise UnexpectedAnswerError(
            f"{_address(reply)} answers, but not as a Podium server does.",
            hint="Check the address of the server.",
        ) from error


def put_file(request: Request) -> Plan[None]:
    """Send a file to an address that takes it; the answer's body means nothing."""
    reply = yield from opened(request)
    yield Close(reply)


def pause_before(attempt: int) -> float:
    """Seconds to wait before trying once more: doubling, capped, with a quarter of chance in it."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**attempt) * random.uniform(0.75, 1.25)  # noqa: S311 - no secret


def asked_pause(request: Request, reply: Reply) -> float | None:
    """How long to wait before repeating a refused call, or None when it must not be repeated."""
    if reply.status == 429 or (reply.status in _WORTH_ANOTHER_TRY and request.repeatable):
        seconds = retry_after(reply.headers) or 0.0
        return seconds if seconds <= LONGEST_ASKED_PAUSE else None
    return None


def retry_after(headers: httpx.Headers) -> float | None:
    """The seconds that a Retry-After header asks for, given as a number or as a date (RFC 9110, 10.2.3)."""
    text = headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text[:9])
    try:
        then = parsedate_to_datetime(text)
    except ValueError:
        return None
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    return max(0.0, (then - datetime.now(UTC)).total_seconds())


def unreachable(error: httpx.TransportError) -> UnreachableError:
    """Say what a failed connection means."""
    url = error.request.url
    server = f"{url.scheme}://{url.netloc.decode()}"
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        return UnreachableError(
            f"No connection to {server}: {error or 'no answer'}.",
            hint="Check the address (--server), and that the server is running.",
        )
    if isinstance(error, httpx.TimeoutException):
        return UnreachableError(f"{server} did not answer in time.", hint="Try again in a minute.")
    return UnreachableError(f"The connection to {server} broke: {error or type(error).__name__}.", hint="Try again.")


def creation() -> dict[str, str]:
    """Headers that make a creation safe to send twice: the server answers a second time as the first."""
    return {"Idempotency-Key": uuid.uuid4().hex}


# Answers


def one(
    model: type[_Model],
    method: str,
    path: str,
    *,
    params: Mapping[str, Any] | None = None,
    json: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Plan[_Model]:
    """Call the API and give the answer as a model."""
    request = Request(method, path, params=_present(params), json=json, headers=headers or {})
    reply, data = yield from asked_for(request)
    return typed(model, data, _address(reply))


def tagged(
    model: type[_Model],
    method: str,
    path: str,
    *,
    params: Mapping[str, Any] | None = None,
    json: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Plan[_Model]:
    """Call the API and give the answer as a model that has the answer's tag as `etag`."""
    request = Request(method, path, params=_present(params), json=json, headers=headers or {})
    reply, data = yield from asked_for(request)
    tag = {"etag": reply.headers.get("ETag")}
    return typed(model, {**data, **tag} if isinstance(data, dict) else data, _address(reply))


def many(model: type[_Model], path: str, params: Mapping[str, Any] | None = None) -> Stream[_Model]:
    """Give the items of a list one after another, and ask for a further page when those at hand are used up.

    A list is bare (Codabench's; the header `Link` leads on) or in an envelope with `results` and `next`.
    """
    request = Request("GET", path, params=_present({"page_size": PAGE_SIZE, **(params or {})}))
    while True:
        reply, answer = yield from asked_for(request)
        if isinstance(answer, list):
            items, further = answer, reply.http.links.get("next", {}).get("url")
        elif isinstance(answer, dict) and isinstance(answer.get("results"), list):
            items, further = answer["results"], answer.get("next")
        else:
            raise UnexpectedAnswerError(f"{_address(reply)} gave no list.", hint="Check the address of the server.")
        for item in items:
            yield Emit(typed(model, item, _address(reply)))
        if not further:
            return
        request = Request("GET", further)


def typed(model: type[_Model], data: Any, address: str) -> _Model:
    """An answer as a model. Raises UnexpectedAnswerError, naming the address, when it is none."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the answer"
        raise UnexpectedAnswerError(
            f"{address} answered something unexpected ({place}: {first['msg']}).",
            hint="Check that client and server are of a like version.",
        ) from error


@contextmanager
def named(what: str) -> Iterator[None]:
    """Say in a 404 what it was that is not there."""
    try:
        yield
    except ApiError as error:
        raise not_found(error, what) from error


def _address(reply: Reply) -> str:
    return str(reply.http.url.copy_with(query=None))


def _present(params: Mapping[str, Any] | None) -> dict[str, Any]:
    return {key: value for key, value in (params or {}).items() if value is not None}

"""Keys that make a creation safe to send twice (the `Idempotency-Key` header).

A row per person, route and key goes through these states:

1. *taken*: made before the work, in a transaction of its own, so that a twin sees it. A twin is told to wait (409).
2. *answered*: status and answer are written in the very transaction of the work, so either both are there or neither.
   Whoever asks again gets the same answer, nothing happens twice.
3. *gone*: the work was refused or failed, so nothing was made, and the key is free again; or a day has passed.

A process that dies in between leaves a taken row whose work was rolled back with it. After `LEASE_SECONDS` the next
request takes it over by compare-and-set on `turn`. Should the first one live after all, its own compare-and-set at the
end finds the turn gone, and its work is rolled back.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.http import Http404, QueryDict
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from podium.site.accounts.models import User
from podium.site.api_fields import caller
from podium.site.errors import Refused
from podium.site.idempotency.models import KeptAnswer

LEASE_SECONDS = 120
KEPT = timedelta(hours=24)
MAX_KEY = 255
REPLAYED = "Idempotency-Replayed"

HEADER = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": MAX_KEY, "pattern": "^[!-~]+$"},
    OpenApiParameter.HEADER,
    description="A name of the request, chosen by the client (a UUID, say). Sent again within 24 hours with the same "
    "body, the request does nothing and answers the same.",
)


def idempotent(method: Callable[..., Response]) -> Callable[..., Response]:
    """Let a method of an API view that creates something honour the `Idempotency-Key` header.

    The view's work runs in one transaction. Refused: 400 for what is no key, 409 while a twin is being done, 422 for a
    key that was used with another body.
    """

    @wraps(method)
    def honoured(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        return once(view, request, lambda: lambda: method(view, request, *args, **kwargs))

    return honoured


def once(view: Any, request: Request, prepare: Callable[[], Callable[[], Response]]) -> Response:
    """Do what a request asks unless one with the same Idempotency-Key has done it; refuses as `idempotent` says.

    prepare: what takes long and changes little, such as storing a file, and is done before the transaction; gives the
    work that is done in it.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return prepare()()
    if not (0 < len(key) <= MAX_KEY and key.isascii() and key.isprintable() and " " not in key):
        raise Refused(
            f"An Idempotency-Key is 1 to {MAX_KEY} printable characters without blanks.",
            field="Idempotency-Key",
            code="bad_idempotency_key",
        )
    taken = _take(caller(request), f"{request.method} {request.path}"[:200], key, digest(request.data))
    if isinstance(taken, Response):
        return taken
    return _do(taken, view, prepare)


def digest(body: Any) -> str:
    """The sha256 of what a request says, however it is encoded; of files their names and content."""
    hasher = hashlib.sha256()
    items = sorted(body.lists()) if isinstance(body, QueryDict) else body
    hasher.update(json.dumps(_plain(items), sort_keys=True, cls=JSONEncoder).encode())
    return hasher.hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, UploadedFile):
        hasher = hashlib.sha256()
        for piece in value.chunks():
            hasher.update(piece)
        value.seek(0)
        return {"file": value.name, "sha256": hasher.hexdigest()}
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def _take(user: User, route: str, key: str, body: str) -> KeptAnswer | Response:
    """The row under which this request does its work, or the answer of the one that did it already."""
    now = timezone.now()
    wanted = {"user": user, "route": route, "key": key}
    KeptAnswer.objects.filter(**wanted, since__lt=now - KEPT).delete()
    found = KeptAnswer.objects.filter(**wanted).first()
    if found is None:
        try:
            with transaction.atomic():
                return KeptAnswer.objects.create(**wanted, body_sha256=body, since=now)
        except IntegrityError:
            found = KeptAnswer.objects.filter(**wanted).first()
    if found is None:
        raise _under_way()  # the twin has just been refused; the client's next try does it
    if found.body_sha256 != body:
        raise Refused(
            "This Idempotency-Key was used for another request. Choose a new key for each thing that is to be made.",
            code="idempotency_key_reused",
            status=422,
        )
    if found.status is not None:
        return Response(json.loads(found.answer), status=found.status, headers={REPLAYED: "true"})
    turn = uuid.uuid4()
    over = KeptAnswer.objects.filter(
        pk=found.pk, turn=found.turn, status__isnull=True, since__lt=now - timedelta(seconds=LEASE_SECONDS)
    )
    if not over.update(turn=turn, since=now):
        raise _under_way()
    found.turn = turn
    return found


def _under_way() -> Refused:
    return Refused(
        "A request with this Idempotency-Key is being carried out. Ask again in a moment.",
        code="idempotency_under_way",
        status=409,
    )


def _do(taken: KeptAnswer, view: Any, prepare: Callable[[], Callable[[], Response]]) -> Response:
    """Do the work and keep its answer, both or neither; a key under which nothing was made is free again."""
    own = KeptAnswer.objects.filter(pk=taken.pk, turn=taken.turn)
    kept = True
    try:
        work = prepare()
        with transaction.atomic():
            try:
                response = work()
            except (Refused, exceptions.APIException, Http404, PermissionDenied) as refusal:
                # A refusal is an answer: what a use case has left on purpose (a bad upload deleted) is committed.
                response = view.handle_exception(refusal)
            if response.status_code >= 300:
                own.delete()
            else:
                answer = json.dumps(response.data, cls=JSONEncoder)
                kept = bool(own.update(status=response.status_code, answer=answer, since=timezone.now()))
                transaction.set_rollback(not kept)
    except BaseException:
        own.delete()
        raise
    if not kept:
        raise _under_way()  # another request took the key over; what this one did is rolled back
    return response


def forget_old() -> int:
    """Remove keys that are a day old; returns how many."""
    return KeptAnswer.objects.filter(since__lt=timezone.now() - KEPT).delete()[0]

"""Tags of answers (ETag): 304 for what the caller has already, 412 for a change of what was changed meanwhile.

Two kinds of tags:

- **Strong**, made of the answer itself: `"state.answer"`. The second half is the digest of the answer, so equal tags
  are equal bytes; whoever sees other fields has another tag. The first half is the digest of what a change can touch:
  the answer without what moves by itself (counters, places of limits, statuses by the clock, addresses of files).
  If-Match compares the first half. So a submission that comes in while an organizer edits is no conflict, and another
  organizer's change is one.
- **Weak**, of boards: made of the moments and settings on which the answer depends, without making the answer. Equal
  tags mean the same board; addresses in it may be signed anew.

A comparison takes a tag for the same with `W/` before it or a suffix behind it, since proxies that compress put them
there. The check of a change is made in the transaction of the change with the row locked, so of two changes that were
made of the same state one is refused, whichever way they interleave.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from django.db import transaction
from django.http import HttpResponseBase
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.crypto import salted_hmac
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from podium.site.errors import Refused

Answer = TypeVar("Answer", bound=HttpResponseBase)
_DIGITS = 20
_TAG = re.compile(rf'(?:W/)?"([0-9a-f]{{{_DIGITS}}})(?:\.([0-9a-f]{{{_DIGITS}}}))?(?:[-:;][a-z]+)?"')
CHANGED = "It has been changed since you read it, so nothing was done."
HINT = (
    "GET it again, make your change in what it is now, and send it with the new ETag as If-Match. Without If-Match the "
    "change is made whatever somebody else has done meanwhile."
)


def _digest(data: Any) -> str:
    text = json.dumps(data, cls=JSONEncoder, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def without(data: Any, names: frozenset[str]) -> Any:
    """Data without the fields of these names, however deep they are."""
    if isinstance(data, dict):
        return {name: without(value, names) for name, value in data.items() if name not in names}
    if isinstance(data, list | tuple):
        return [without(value, names) for value in data]
    return data


def strong_tag(request: Request, data: Any, state: Any) -> str:
    """The tag of an answer. state: what of it a change can touch."""
    kind = getattr(request, "accepted_media_type", None) or ""
    answer = hashlib.sha256(str(kind).encode() + JSONRenderer().render(data)).hexdigest()[:_DIGITS]
    return f'"{_digest(state)}.{answer}"'


def weak_tag(stamp: Any) -> str:
    """The tag of an answer that depends on nothing but `stamp`, and on who asks only as far as `stamp` says.

    By the site's key, for `stamp` holds what its reader may not see: guesses at that could be compared with a plain
    digest.
    """
    text = json.dumps(stamp, cls=JSONEncoder, sort_keys=True)
    return f'W/"{salted_hmac("podium.tags", text, algorithm="sha256").hexdigest()[:_DIGITS]}"'


def _halves(header: str) -> Iterator[tuple[str, str]]:
    for found in _TAG.finditer(header):
        yield found[1], found[2] or ""


def _known(request: Request, tag: str) -> bool:
    """Whether the caller has this answer already."""
    header = request.headers.get("If-None-Match", "")
    return header.strip() == "*" or next(_halves(tag)) in set(_halves(header))


def not_modified(request: Request, tag: str) -> Response | None:
    """304 where the caller has the answer with this tag already."""
    return tagged(Response(status=304), tag) if _known(request, tag) else None


def tagged(response: Answer, tag: str) -> Answer:
    """An answer with its tag, which only the caller may keep, and has to ask for again."""
    response.headers["ETag"] = tag
    patch_cache_control(response, private=True, no_cache=True)
    patch_vary_headers(response, ["Accept", "Authorization", "Cookie"])
    return response


def answered(request: Request, data: Any, state: Any) -> Response:
    """An answer with its strong tag; 304 where the caller has it already."""
    tag = strong_tag(request, data, state)
    return not_modified(request, tag) or tagged(Response(data), tag)


@contextmanager
def unless_changed(request: Request, *, lock: Callable[[], Any], state: Callable[[], Any]) -> Iterator[None]:
    """Make a change only if what it changes is as If-Match says; without that header always.

    lock: takes the lock under which the thing is changed, at the beginning of a transaction. state: what of it a change
    can touch, as the caller sees it now. Raises Refused with 412.
    """
    header = request.headers.get("If-Match")
    if header is None:
        yield
        return
    with transaction.atomic():
        lock()
        now = _digest(state())
        if header.strip() != "*" and now not in {half for half, _ in _halves(header)}:
            raise Refused(CHANGED, code="precondition_failed", status=412, hint=HINT)
        yield


WITH_TAG: Final = {
    "/api/competitions/{id}/": ("get", "put", "patch", "delete"),
    "/api/datasets/{id}/": ("get", "put", "patch", "delete"),
    "/api/leaderboards/{id}/": ("get",),
    "/api/my_profile/": ("get",),
    "/api/phases/{id}/": ("get", "put", "patch", "delete"),
    "/api/phases/{id}/get_leaderboard/": ("get",),
    "/api/queues/{id}/": ("get", "patch", "delete"),
    "/api/submissions/{id}/": ("get", "delete"),
    "/api/submissions/{id}/soft_delete/": ("delete",),
    "/api/submissions/{id}/update_fact_sheet/": ("patch",),
    "/api/tasks/{id}/": ("get", "put", "patch", "delete"),
    "/api/users/{id}/": ("put", "patch"),
}
"""What honours the headers, for the OpenAPI document; a test proves each."""


def describe_tags(result: Any, **_: Any) -> Any:
    """Add the headers and the answers 304 and 412 to the OpenAPI document; a hook of drf-spectacular."""
    refusal = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    etag = {"schema": {"type": "string"}, "description": "Names what was answered."}
    for path, methods in WITH_TAG.items():
        for method in methods:
            operation = result["paths"][path][method]
            reads = method == "get"
            name = "If-None-Match" if reads else "If-Match"
            words = "tags of what the caller has: 304 if it is still so" if reads else "412 if it is not so any more"
            header = {"in": "header", "name": name, "schema": {"type": "string"}, "description": words}
            operation.setdefault("parameters", []).append(header)
            for status, answer in operation["responses"].items():
                if status.startswith("2") and status != "204":
                    answer.setdefault("headers", {})["ETag"] = etag
            if reads:
                operation["responses"]["304"] = {"description": "As the caller has it."}
            else:
                changed = {"description": "It was changed meanwhile; nothing was done.", "content": refusal}
                operation["responses"]["412"] = changed
    return result

"""Limits on how often a person, or an address without an account, may ask the API.

Requests are counted in whole minutes: all of them by person, else by address, and beside that those that make something
(POST). With Redis all web processes count together; without it each counts for itself, because a count in the database
would cost a write for every read. Wrong passwords are counted elsewhere (by allauth, always together).
"""

from __future__ import annotations

import ipaddress
import sys
import time
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from django.core.cache import caches
from django.http import HttpRequest, HttpResponseBase
from rest_framework.throttling import BaseThrottle

log = structlog.get_logger(__name__)
WINDOW = 60


@dataclass(frozen=True)
class Counted:
    """One request counted against a limit: how many there may be in a minute, and the how many-th this is."""

    limit: int
    number: int
    reset: int

    @property
    def remaining(self) -> int:
        """How many more there may be."""
        return max(0, self.limit - self.number)

    @property
    def exceeded(self) -> bool:
        """Whether this is one too many."""
        return self.number > self.limit


def count(kind: str, who: str, limit: int) -> Counted:
    """Count a request.

    kind: what is limited. who: person or address. limit: in a minute.
    """
    now = time.time()
    window = int(now // WINDOW)
    cache, key = caches["counts"], f"limit:{kind}:{who}:{window}"
    try:
        cache.add(key, 0, timeout=2 * WINDOW)
        number = cache.incr(key)
    except ValueError:  # it was thrown out to make room
        number = 1
    except _lost() as error:  # rather no limit than no site
        log.warning("requests are not counted, Redis does not answer", error=str(error))
        number = 1
    return Counted(limit, number, WINDOW - int(now % WINDOW))


def _lost() -> tuple[type[Exception], ...]:
    """What the cache raises when Redis does not answer; where there is none, its client (a second to load) is not."""
    client = sys.modules.get("redis.exceptions")
    return (client.RedisError,) if client else ()


def who_of(request: Any) -> str:
    """Whom a request counts for."""
    if request.user is not None and request.user.is_authenticated:
        return f"user-{request.user.pk}"
    return f"address-{network_of(request)}"


def address_of(request: Any) -> str:
    """The client's address; behind a trusted proxy the one that the proxy has seen."""
    if settings.CONFIG.trusted_proxy:
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")[-1].strip()
        if forwarded:
            return str(forwarded)
    return str(request.META.get("REMOTE_ADDR", ""))


def network_of(request: Any) -> str:
    """What counts as one stranger: an address of IPv4, and of IPv6 the /64 that one subscriber has to choose from."""
    text = address_of(request).partition("%")[0]
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return text
    if found.version == 4 or found.ipv4_mapped is not None:
        return text
    return str(ipaddress.ip_network(f"{found}/64", strict=False))


class RequestThrottle(BaseThrottle):
    """Counts a request to the API, and refuses one too many."""

    _wait = 0

    def allow_request(self, request: Any, view: Any) -> bool:
        """Count, and note on the request what the answer's headers tell."""
        rates = settings.RATE_LIMITS
        who = who_of(request)
        limits = [("all", rates["person" if who.startswith("user") else "address"])]
        if request.method == "POST":
            limits.append(("post", rates["create"]))
        counted = [count(kind, who, limit) for kind, limit in limits if limit]
        if not counted:
            return True
        tightest = min(counted, key=lambda one: one.limit - one.number)
        request._request.rate_limit = tightest
        self._wait = tightest.reset
        return not tightest.exceeded

    def wait(self) -> float:
        """Seconds until the next minute begins."""
        return self._wait


class RateLimitHeadersMiddleware:
    """Tells the limit that a request came closest to."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = self.get_response(request)
        counted: Counted | None = getattr(request, "rate_limit", None)
        if counted is not None:
            response.headers["X-RateLimit-Limit"] = str(counted.limit)
            response.headers["X-RateLimit-Remaining"] = str(counted.remaining)
            response.headers["X-RateLimit-Reset"] = str(counted.reset)
        return response

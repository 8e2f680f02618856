"""Says of each request by which way it came."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from podium.site.audit.actions import Via
from podium.site.audit.origin import Origin, coming
from podium.site.throttling import address_of


class OriginMiddleware:
    """Until a token says otherwise, a request comes from a browser."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with coming(Origin(Via.SESSION, address=_address(request))):
            return self.get_response(request)


def _address(request: HttpRequest) -> str | None:
    """The client's address, None for what is none, as a proxy may write."""
    try:
        return str(ipaddress.ip_address(address_of(request).partition("%")[0]))
    except ValueError:
        return None

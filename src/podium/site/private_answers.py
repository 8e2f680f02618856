"""What a person is answered is theirs: caches between them and the site are told so, where a view says nothing else.

A cache that serves many, in front of the site or in a company, tells readers apart by what `Vary` names, and some do
not even do that. Pages and answers that need a session, a token or a secret link may lie in nobody's cache but their
reader's.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control, patch_vary_headers


class PrivateAnswersMiddleware:
    """Marks an answer as private that was made for somebody in particular."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.path_info.startswith("/api/"):
            patch_vary_headers(response, ["Authorization"])
        if "Cache-Control" not in response.headers and _is_for_one(request, response):
            patch_cache_control(response, private=True)
        return response


def _is_for_one(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Whether somebody came with what tells who they are, or is given that, or came by a secret link."""
    name = settings.SESSION_COOKIE_NAME
    came = name in request.COOKIES or "Authorization" in request.headers or "secret_key" in request.GET
    return came or name in response.cookies

"""Keeps banned people out, whichever way they come."""

from __future__ import annotations

from collections.abc import Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

BANNED = {"error": "You are banned from using Podium", "code": "banned"}


class BannedUserMiddleware:
    """Answers 403 to a banned user's session; tokens are refused where they are checked."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if iscoroutinefunction(self.get_response):
            return self._answer_async(request)  # type: ignore[return-value]
        return self._refusal(request, request.user) or self.get_response(request)

    async def _answer_async(self, request: HttpRequest) -> HttpResponse:
        refusal = self._refusal(request, await request.auser())
        return refusal or await self.get_response(request)  # type: ignore[misc]

    def _refusal(self, request: HttpRequest, user: object) -> HttpResponse | None:
        if not getattr(user, "is_banned", False) or request.path == "/accounts/logout/":
            return None
        if request.path.startswith("/api/"):
            return JsonResponse(BANNED, status=403)
        return render(request, "banned.html", status=403)

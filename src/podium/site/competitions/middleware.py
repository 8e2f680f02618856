"""Answers organizers who look at their competition as somebody else as it would answer that person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from podium.site.competitions import viewing
from podium.site.errors import refusal

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class ViewingMiddleware:
    """Puts the stand-in in the place of the user where what is looked at is read, and refuses every change.

    `request.viewing` says so to pages; `request.user` is the person again wherever something else is read.
    """

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponseBase:
        found = request.viewing = viewing.of(request)
        if found is None:
            return self.get_response(request)
        if request.method not in SAFE:
            return self.get_response(request) if _is_free(request, found) else _refused(request, found)
        if not viewing.concerns(found, request):
            return self.get_response(request)
        request.user = found.stand_in()
        try:
            return self.get_response(request)
        finally:
            request.user = found.organizer  # whose request it was, for the log


def _is_free(request: HttpRequest, found: viewing.Viewing) -> bool:
    """Whether a change has nothing to do with what is looked at: the way back, log-out, colours, language."""
    back = reverse("competitions:view_as", args=[found.competition.pk])
    return request.path in {back, reverse("account_logout"), reverse("theme"), reverse("language")}


def _refused(request: HttpRequest, found: viewing.Viewing) -> HttpResponseBase:
    reason = _(
        "You look at “%(competition)s” as %(role)s would, and nothing can be changed meanwhile. Go back to looking as "
        "its organizer first."
    ) % {"competition": found.competition.title, "role": found.role.label}
    if request.path_info.startswith("/api/"):
        return refusal(reason, status=403, code="viewing_as")
    return render(request, "competitions/viewing_refused.html", {"reason": reason}, status=403)

"""What stands above a board on paper: whose it is, of when, and where it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from podium.site.competitions.models import Phase


@dataclass(frozen=True)
class Printed:
    """When a page was made, and its address, without the secret key, since papers are passed on."""

    moment: datetime
    address: str


def printed(request: HttpRequest, phase: Phase, *, page: int, **more: str) -> Printed:
    """The head of a printed page of a phase's board. more: further parameters of its address, empty ones left out."""
    query: dict[str, str] = {"phase": str(phase.pk), **{name: text for name, text in more.items() if text}}
    if page > 1:
        query["page"] = str(page)
    path = reverse("competitions:results", args=[phase.competition_id])
    return Printed(timezone.now(), request.build_absolute_uri(f"{path}?{urlencode(query)}"))

"""Looking at one's own competition as a participant or as nobody: the one place that says whom a reader stands for.

The choice lies in the session, for one competition and for an hour. Until it ends, what is read of that competition is
answered as to the *stand-in*: an anonymous visitor, or a person who is an approved participant of that competition and
nothing else anywhere. The same policies decide, so pages and API cannot show anything else than they would. The
stand-in has no row in the database: its number is nobody's, so nothing that belongs to a person is ever found for it,
and `policies` know the one competition that it takes part in. Only who runs the competition can choose it, asked anew
with every request, and who runs a competition sees all that its participants see: it never gives more.

Nothing can be changed meanwhile, anywhere on the site in that session, so that nobody acts in another's name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from podium.site.accounts.models import User
from podium.site.competitions import policies
from podium.site.competitions.models import Competition, Phase
from podium.site.evaluation.models import Submission
from podium.site.leaderboards.models import Leaderboard, Score

LASTS = timedelta(hours=1)
_KEY: Final = "viewing"


class Role(models.TextChoices):
    """As whom somebody looks."""

    PARTICIPANT = "participant", _("a participant")
    NOBODY = "nobody", _("nobody")


@dataclass(frozen=True)
class Viewing:
    """That somebody looks at a competition of theirs as somebody else; `organizer` is who it really is."""

    competition: Competition
    role: Role
    organizer: User

    def stand_in(self) -> User | AnonymousUser:
        """Whom the reader stands for."""
        return AnonymousUser() if self.role == Role.NOBODY else policies.stand_in(self.competition)


def begin(request: HttpRequest, competition: Competition, role: Role) -> None:
    """Let the session look at a competition as somebody else. Whoever calls has asked whether the person runs it."""
    until = (timezone.now() + LASTS).timestamp()
    request.session[_KEY] = {"competition": competition.pk, "role": role.value, "until": until}


def end(request: HttpRequest) -> None:
    """Let the session look at everything as it is again."""
    request.session.pop(_KEY, None)


def of(request: HttpRequest) -> Viewing | None:
    """As whom a request's session looks at what; None where it does not, not any more, or has no right to."""
    kept = request.session.get(_KEY)
    if kept is None or not isinstance(request.user, User):
        return None
    found = None
    if kept["until"] > timezone.now().timestamp():
        found = policies.administered_by(request.user).filter(pk=kept["competition"]).first()
    if found is None:
        end(request)
        return None
    return Viewing(found, Role(kept["role"]), request.user)


def _competitions(pk: int) -> QuerySet[Any]:
    return Competition.objects.filter(pk=pk).values_list("pk", flat=True)


def _through(model: type[models.Model], path: str, pk: int) -> QuerySet[Any]:
    return model._default_manager.filter(pk=pk).values_list(f"{path}competition", flat=True)


_BY_PATH: Final[tuple[tuple[re.Pattern[str], Callable[[int], QuerySet[Any]]], ...]] = (
    (re.compile(r"/(?:api/)?competitions/(\d{1,18})(?:[/.](?!creation_status).*)?"), _competitions),
    (re.compile(r"/(?:api/)?submissions/(\d{1,18})(?:[/.].*)?"), lambda pk: _through(Submission, "phase__", pk)),
    (re.compile(r"/api/(?:phases|can_make_submission)/(\d{1,18})(?:[/.].*)?"), lambda pk: _through(Phase, "", pk)),
    (re.compile(r"/api/leaderboards/(\d{1,18})(?:[/.].*)?"), lambda pk: _through(Leaderboard, "", pk)),
    (
        re.compile(r"/api/submission_scores/(\d{1,18})(?:[/.].*)?"),
        lambda pk: _through(Score, "submission__phase__", pk),
    ),
)
"""What an address is about, by its beginning."""
_LIST: Final = re.compile(r"/api/(?:submissions|phases|submission_scores|participants)(?:/|\.\w+)")
_BY_FILTER: Final[dict[str, Callable[[int], QuerySet[Any]]]] = {
    "competition": _competitions,
    "phase__competition": _competitions,
    "phase": lambda pk: _through(Phase, "", pk),
    "submission": lambda pk: _through(Submission, "phase__", pk),
}
"""What a list is about, by the filter in its address."""
_FOR_STRANGERS: Final = frozenset({"/accounts/login/", "/accounts/signup/"})
"""Where pages send whoever is not logged in."""


def _asked_for(request: HttpRequest) -> QuerySet[Any] | None:
    """The competition that a request asks for, as a query; None where it asks for none."""
    path = request.path_info
    for pattern, found in _BY_PATH:
        if match := pattern.fullmatch(path):
            return found(int(match[1]))
    if _LIST.fullmatch(path):
        for name, found in _BY_FILTER.items():
            text = request.GET.get(name, "")
            if text.isascii() and text.isdecimal() and len(text) < 19:
                return found(int(text))
    return None


def concerns(viewing: Viewing, request: HttpRequest) -> bool:
    """Whether a request reads something of the competition that is looked at as somebody else."""
    if viewing.role == Role.NOBODY and request.path_info in _FOR_STRANGERS:
        return True
    asked = _asked_for(request)
    return asked is not None and asked.first() == viewing.competition.pk

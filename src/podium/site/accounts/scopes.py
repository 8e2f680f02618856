"""Which request needs which scope of an API token: the one closed list.

Reading (GET, HEAD) needs `read`. Everything else is listed here by the name of its viewset or route; what is not listed
needs `admin`, so a new viewset that changes something is closed to narrower tokens until somebody has thought about it.
What changes something by GET (Codabench does) is listed as well. A token never gives more than its owner may do:
these are limits, and the policies still decide.
"""

from __future__ import annotations

from typing import Final

from podium.site.accounts.models import Scope

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})

WHOLE: Final = {
    "api-analytics": Scope.ADMIN,
    "api-competition": Scope.ORGANIZE,
    "api-create-archive": Scope.ORGANIZE,
    "api-create-dump": Scope.ORGANIZE,
    "api-dataset": Scope.ORGANIZE,
    "api-delete": Scope.ORGANIZE,
    "api-leaderboard": Scope.ORGANIZE,
    "api-participant": Scope.ORGANIZE,
    "api-phase": Scope.ORGANIZE,
    "api-queue": Scope.ORGANIZE,
    "api-score": Scope.ORGANIZE,
    "api-submission": Scope.SUBMIT,
    "api-task": Scope.ORGANIZE,
    "api-upload": Scope.SUBMIT,
    "api-webhook": Scope.ORGANIZE,
}
"""What changing something needs, by the beginning of the route's name: that of a viewset, or all of it."""

PARTS: Final = {
    "api-competition-register": Scope.SUBMIT,
    "api-dataset-completed": Scope.SUBMIT,
    "api-dataset-list": Scope.SUBMIT,
    "api-delete-account": Scope.ADMIN,
    "api-submission-re-run-many-submissions": Scope.ORGANIZE,
    "api-submission-re-run-submission": Scope.ORGANIZE,
    "api-submission-run-submission": Scope.ORGANIZE,
}
"""Routes of those viewsets that need something else."""

CHANGING_BY_GET: Final = {
    "api-phase-control-manually-migrate": Scope.ORGANIZE,
    "api-phase-control-rerun-submissions": Scope.ORGANIZE,
    "api-submission-cancel-submission": Scope.SUBMIT,
    "api-submission-toggle-public": Scope.SUBMIT,
}
"""Routes whose GET may change something."""

FOR_ALL: Final = frozenset({"api-token-list", "api-token-detail", "api-user-detail", "api-delete-account"})
"""Routes that a token needs `admin` for, whatever the method; named so that a test sees that they were thought of."""


def needed(route: str, method: str) -> Scope:
    """The scope that a request needs.

    route: the name of the route that Django resolved. method: in capitals.
    """
    if route in FOR_ALL:
        return Scope.ADMIN
    if method in SAFE:
        return CHANGING_BY_GET.get(route, Scope.READ)
    return listed(route) or Scope.ADMIN


def listed(route: str) -> Scope | None:
    """The scope that changing something by a route needs according to the lists, None for what nobody has listed."""
    if route in PARTS:
        return PARTS[route]
    words = route.split("-")
    beginnings = ("-".join(words[:length]) for length in range(len(words), 0, -1))
    return next((WHOLE[beginning] for beginning in beginnings if beginning in WHOLE), None)


def allows(scope: str, route: str, method: str) -> bool:
    """Whether a token with `scope` may be used for a request."""
    return Scope(scope).rank >= needed(route, method).rank

"""No change of an organizer or administrator is forgotten: every address that changes something leaves its entry."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from podium.site.accounts import scopes
from podium.site.accounts.models import User
from podium.site.accounts.services import tokens
from podium.site.audit.actions import Action, Via
from podium.site.audit.models import AuditEntry
from tests.factories import show_password
from tests.site.access_table import TABLE
from tests.site.access_worlds import World, every_route
from tests.site.audit_table import NOT_RECORDED, RECORDED, Row
from tests.site.test_access import build, people, world
from tests.site.test_tokens import by_token

__all__ = ["build", "people", "world"]


def test_every_route_that_changes_something_is_recorded_or_says_why_not() -> None:
    by_name = {pattern.name: route for route, pattern in every_route()}
    changing = {key for key in TABLE if key[0] != "GET"}
    changing |= {("GET", by_name[name]) for name in scopes.CHANGING_BY_GET} & set(TABLE)
    listed = set(RECORDED) | set(NOT_RECORDED)
    assert changing - listed == set(), "a new route: say in audit_table.py what it leaves, or why nothing"
    assert listed - changing == set(), "these routes are gone"
    assert set(RECORDED) & set(NOT_RECORDED) == set()


def _carried_out(world: World, method: str, route: str, row: Row) -> tuple[int, list[AuditEntry]]:
    """Send a request of the table; returns the status and the entries that it left. Everything is undone then."""
    user = world.people[row.role]
    assert isinstance(user, User)
    client = APIClient()
    with transaction.atomic():
        path = world.address(route)
        if row.token:
            client = by_token(tokens.create_token(user=user, name="script", scope="admin")[1])
        else:
            client.force_login(user, backend="podium.site.accounts.backends.NameOrEmailBackend")
        if route in {"profiles/tokens/", "api/tokens/", "api/users/<pk>/"}:
            show_password(client)
        path = row.prepare(world) or path
        before = set(AuditEntry.objects.values_list("pk", flat=True))
        body = row.body(world)
        files = isinstance(body, dict) and any(hasattr(value, "read") for value in body.values())
        form: dict[str, Any] = {"format": "json" if path.startswith("/api/") and not files else "multipart"}
        answer = getattr(client, method.lower())(path, body, **({} if method == "GET" else form))
        left = list(AuditEntry.objects.exclude(pk__in=before).select_related("actor"))
        transaction.set_rollback(True)
    return answer.status_code, left


@pytest.mark.timeout(600)
@pytest.mark.parametrize("world", ["open"], indirect=True)
def test_every_recorded_route_leaves_its_entry_and_names_who_it_was(world: World) -> None:
    wrong = []
    for (method, route), row in RECORDED.items():
        status, left = _carried_out(world, method, route, row)
        told = [(entry.action, entry.who, entry.via) for entry in left]
        wanted = (row.action, row.role, Via.TOKEN if row.token else Via.SESSION)
        if status >= 400 or wanted not in told:
            wrong.append(f"{method} {route}: {status}, {told}, not {wanted}")
        if len({entry.action for entry in left if entry.action == row.action}) != 1:
            wrong.append(f"{method} {route} left {told}")
    assert not wrong, "\n".join(wrong)


def test_every_action_is_left_by_some_route_or_is_tested_by_itself() -> None:
    elsewhere = {
        Action.COMPETITION_PURGED,
        Action.COLLABORATOR_ADDED,
        Action.COLLABORATOR_REMOVED,
        Action.HISTORY_REMOVED,
        Action.LEADERBOARD_EDITED,
        Action.USER_DELETED,
    }
    elsewhere |= set(BESIDE)
    assert set(Action) == {row.action for row in RECORDED.values()} | elsewhere


BESIDE = (
    Action.ADMINISTRATION_ADDED,
    Action.ADMINISTRATION_CHANGED,
    Action.ADMINISTRATION_DELETED,
    Action.ORGANIZATION_HANDED_ON,
    Action.QUEUE_HANDED_ON,
    Action.QUEUE_ORGANIZER_ADDED,
    Action.QUEUE_ORGANIZER_REMOVED,
    Action.REPORTS_SETTLED,
    Action.TASK_SHARED,
    Action.TASK_UNSHARED,
    Action.USER_BANNED,
    Action.USER_UNBANNED,
    Action.USER_CREATED,
    Action.WORKER_UNDRAINED,
)

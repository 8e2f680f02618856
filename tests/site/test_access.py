"""Who gets what answer at every address: one table, and a route that is not in it fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.urls import URLPattern
from rest_framework.test import APIClient

from podium.site.accounts.models import User
from podium.site.asgi import routed
from podium.site.competitions.models import Competition
from podium.site.evaluation.models import Submission
from podium.site.queues.models import Queue
from podium.site.resources.models import Dataset
from tests.site.access_answers import Reader, Table, inline, leaks
from tests.site.access_table import BESIDE_DJANGO, ELSEWHERE, FURTHER, STATE_ADDRESSES, STREAMS, TABLE
from tests.site.access_worlds import (
    CLOSED,
    OPEN,
    ROLES,
    STATES,
    Setting,
    World,
    every_route,
    make_people,
    make_world,
    with_broker,
)


def methods_of(pattern: URLPattern) -> set[str]:
    """The methods that a viewset's route answers; others are known from the table only."""
    actions: dict[str, str] = getattr(pattern.callback, "actions", None) or {}
    return {method.upper() for method in actions} - {"HEAD", "OPTIONS"}


@pytest.fixture
def people(olivia: User, pat: User, sam: User, ada: User) -> dict[str, User | None]:
    return make_people(olivia, pat, sam, ada)


@pytest.fixture
def build(
    make_competition: Callable[..., Competition],
    people: dict[str, User | None],
    queue: Queue,
    client_of: Callable[[User | None], APIClient],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Setting], World]:
    inline(monkeypatch)
    with_broker(settings.CONFIG, monkeypatch)
    return lambda setting: make_world(setting, make_competition, people, queue, client_of)


@pytest.fixture(params=["open", pytest.param("closed", marks=pytest.mark.slow)])
def world(request: pytest.FixtureRequest, build: Callable[[Setting], World]) -> World:
    return build(OPEN if request.param == "open" else CLOSED)


def test_the_table_has_every_route_and_no_other() -> None:
    routes = dict(every_route())
    listed = {route for _, route in TABLE} | set(ELSEWHERE)
    covered = {r for r in routes if any(r.startswith(prefix) for prefix in ("admin/", "accounts/"))}
    assert set(routes) - covered - listed == set(), "a new route: say in the table who gets which answer"
    assert listed - set(routes) == set(), "these routes are gone"


def test_addresses_beside_django_are_known() -> None:
    paths = {getattr(route, "path", "") for route in routed.routes} - {""}
    assert paths == set(BESIDE_DJANGO)


def test_the_table_has_every_method_of_every_viewset() -> None:
    for route, pattern in every_route():
        for method in methods_of(pattern):
            assert (method, route) in TABLE or route in ELSEWHERE, f"{method} {route}"


UNHEARD = {"email-ben", "plain token"}
"""Marks that no answer of the open world holds."""


@pytest.mark.timeout(1800)
def test_every_route_tells_each_role_what_the_tables_say(world: World, request: pytest.FixtureRequest) -> None:
    name, read = world.setting.name, Reader(world)
    wrong: list[str] = []
    answers: dict[str, dict[str, Any]] = {}
    asked = request.config.getoption("--routes")
    for (method, route), (opened, closed) in TABLE.items():
        if asked not in route:
            continue
        path = world.address(route)
        found = {role: world.ask(role, method, path, read) for role in ROLES}
        answers[f"{method} {route}"] = found
        for role, wanted in zip(ROLES, (opened if name == "open" else closed).split(), strict=True):
            if found[role].status != int(wanted):
                wrong.append(f"{method} {route}: {role} got {found[role].status}, the table says {wanted}")
            wrong += leaks(f"{method} {route}", role, found[role])
    for address in FURTHER:
        path = world.address(address)
        found = answers[f"GET {address}"] = {role: world.ask(role, "GET", path, read) for role in ROLES}
        for role, told in found.items():
            wrong += leaks(f"GET {address}", role, told)
    assert not wrong, "\n".join(wrong)
    assert answers, "no route contains this"
    streams = {address for address, by_role in answers.items() if any(told.is_stream for told in by_role.values())}
    assert streams <= {f"GET {route}" for route in STREAMS}, "a new stream: list it in test_open_connections.py"
    if asked:
        return  # the tables below are of all routes
    heard = {mark.name for by_role in answers.values() for told in by_role.values() for mark in told.marks}
    told_to_some = {mark.name for mark in read.marks if mark.audience}
    assert name != "open" or told_to_some - heard == UNHEARD, "a mark that nobody receives proves nothing"
    Table(name, ROLES).check(answers, rewrite=request.config.getoption("--rewrite-fields"))


@pytest.mark.slow
@pytest.mark.parametrize("setting", STATES, ids=lambda setting: setting.name)
def test_what_is_read_in_other_states_is_what_the_tables_say(
    setting: Setting, build: Callable[[Setting], World], request: pytest.FixtureRequest
) -> None:
    world = build(setting)
    read = Reader(world)
    wrong: list[str] = []
    answers: dict[str, dict[str, Any]] = {}
    for address in STATE_ADDRESSES:
        path = world.path(address)
        found = answers[f"GET {address}"] = {role: world.ask(role, "GET", path, read) for role in setting.roles}
        for role, told in found.items():
            wrong += leaks(f"GET {address}", role, told)
    assert not wrong, "\n".join(wrong)
    kept = Table(setting.name, setting.roles, differing=True)
    kept.check(answers, rewrite=request.config.getoption("--rewrite-fields"))


def test_the_administration_is_closed_to_everybody_else(people: dict[str, User | None]) -> None:
    paths = ["/admin/", "/admin/accounts/user/", "/admin/evaluation/submission/", "/admin/queues/queue/"]
    for role, user in people.items():
        client = APIClient()
        if user is not None:
            client.force_login(user, backend="podium.site.accounts.backends.NameOrEmailBackend")
        statuses = {client.get(path).status_code for path in paths}
        assert statuses == ({200} if role == "ada" else {403} if role == "ben" else {302}), role


PRIVATE_OF_A_COMPETITION = {"secret_key", "whitelist_emails"}
PRIVATE_OF_A_SUBMISSION = ["status_details", "limit", "measured", "failed_program"]


def test_fields_of_a_competition_are_given_to_those_who_may_have_them(world: World) -> None:
    secret = {"secret_key": str(world.competition.secret_key)}
    for role in set(ROLES) - {"ben"}:
        client = APIClient()
        if (user := world.people[role]) is not None:
            client.force_login(user, backend="podium.site.accounts.backends.NameOrEmailBackend")
        found = client.get(f"/api/competitions/{world.competition.pk}/", secret).json()
        organizer = role in {"olivia", "colin", "ada"}
        assert (set(found) >= PRIVATE_OF_A_COMPETITION) is organizer, role
        assert (PRIVATE_OF_A_COMPETITION & set(found) == set()) is not organizer, role
        tasks = [task for phase in found["phases"] for task in phase["tasks"]]
        assert all(bool(task["public_datasets"]) is organizer for task in tasks), role
        listed = client.get("/api/competitions/", {"type": "any", **secret}).json()
        assert all(not PRIVATE_OF_A_COMPETITION & set(one) for one in listed), role
        if not organizer:
            text = client.get(f"/api/competitions/{world.competition.pk}/", secret).content.decode()
            keys = Dataset.objects.filter(was_created_by_competition=True).values_list("key", flat=True)
            assert not [key for key in keys if str(key) in text], "no key of a private dataset"


def test_programs_and_data_are_given_to_participants_where_the_organizer_says_so(
    world: World, client_of: Callable[[User | None], APIClient]
) -> None:
    Competition.objects.filter(pk=world.competition.pk).update(make_programs_available=True)
    secret = f"?secret_key={world.competition.secret_key}"

    def types(role: str) -> set[str]:
        found = client_of(world.people[role]).get(f"/api/competitions/{world.competition.pk}/{secret}").json()
        return {one["type"] for one in found["phases"][0]["tasks"][0]["public_datasets"]}

    assert types("pat") == {"scoring_program", "ingestion_program"}
    assert types("sam") == types("anonymous") == types("penny") == set()
    assert types("olivia") == {"scoring_program", "ingestion_program", "input_data", "reference_data"}


def test_what_a_participant_was_told_about_a_failure_is_his_own(
    world: World, client_of: Callable[[User | None], APIClient]
) -> None:
    Submission.objects.filter(pk=world.submission.pk).update(
        status_details="private", limit="private", measured="private", failed_program="private", notes=["private"]
    )
    for role in ("anonymous", "sam", "penny", "bot", "pat", "olivia", "colin", "ada"):
        answer = client_of(world.people[role]).get(f"/api/submissions/{world.submission.pk}/")
        if answer.status_code == 200:
            private = [answer.json()[name] for name in PRIVATE_OF_A_SUBMISSION]
            mine = role in {"pat", "olivia", "colin", "ada"}
            assert private == ["private" if mine else None] * 4, role
            assert answer.json()["notes"] == (["private"] if mine else []), role


def test_lists_show_what_the_details_show(world: World, client_of: Callable[[User | None], APIClient]) -> None:
    for role in set(ROLES) - {"ben"}:
        client = client_of(world.people[role])
        for kind, pk in (("submissions", world.submission.pk), ("competitions", world.competition.pk)):
            listed = pk in [one["id"] for one in client.get(f"/api/{kind}/").json()]
            assert listed is (client.get(f"/api/{kind}/{pk}/").status_code == 200), (role, kind)

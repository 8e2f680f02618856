"""Who gets what answer at every address: one table, and a route that is not in it fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from podium.site.accounts.models import User
from podium.site.asgi import routed
from podium.site.competitions.models import Competition, CreationStatus, Participant
from podium.site.evaluation.models import Submission
from podium.site.queues.models import Queue
from podium.site.queues.services.lifecycle import create_queue
from podium.site.resources.models import Dataset
from tests.factories import UserFactory, dataset, queue_token
from tests.site.access_table import BESIDE_DJANGO, ELSEWHERE, TABLE
from tests.site.acting import WorkerDouble, frame, put, scores, submit

ROLES = ["anonymous", "sam", "penny", "pat", "olivia", "colin", "ada", "ben", "bot"]
"""Nobody, a stranger, somebody pending, a participant, organizer, collaborator, administrator, banned, a bot."""


def plain(route: str) -> str:
    """A route as the table writes it: `competitions/<pk>/`."""
    route = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", r"<\1>", route.lstrip("^").rstrip("$"))
    return re.sub(r"<\w+:(\w+)>", r"<\1>", route).replace("^", "").replace("\\", "").replace("/?", "/")


def every_route(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every route of the site; those with a format suffix are the same views again."""
    for pattern in (resolver or get_resolver()).url_patterns:
        here = prefix + plain(str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from every_route(pattern, here)
        elif "<format>" not in here:
            yield here, pattern


def methods_of(pattern: URLPattern) -> set[str]:
    """The methods that a viewset's route answers; others are known from the table only."""
    actions: dict[str, str] = getattr(pattern.callback, "actions", None) or {}
    return {method.upper() for method in actions} - {"HEAD", "OPTIONS"}


@dataclass(frozen=True)
class World:
    """What the addresses point at: an open competition with a result on its board, or a closed one that hides all."""

    competition: Competition
    submission: Submission
    dataset: Dataset
    creation: CreationStatus
    participant: Participant
    lab: Queue
    people: dict[str, User | None]
    clients: dict[str, APIClient]

    def address(self, route: str) -> str:
        """The route with the ids of this world."""
        phase = self.competition.phases.get()
        page = self.competition.pages.get()
        ids: dict[str, Any] = {
            "competitions/<pk>": self.competition.pk,
            "competitions/upload/<pk>": self.creation.pk,
            "submissions/<pk>": self.submission.pk,
            "datasets/<pk>": self.dataset.pk,
            "submission_scores/<pk>": self.submission.scores.get().pk,
            "phases/<pk>": phase.pk,
            "api/participants/<pk>": self.participant.pk,
            "queues/<pk>": self.lab.pk,
            "api/tasks/<pk>": phase.phase_tasks.get().task_id,
        }
        if route.endswith("creation_status/"):
            ids["competitions/<pk>"] = self.creation.pk
        path = route
        for name, pk in ids.items():
            path = path.replace(name, name.replace("<pk>", str(pk)))
        words = {"page_id": page.pk, "phase": phase.pk, "key": self.dataset.key, "name": "scoring_stdout"}
        words["token_id"], words["worker_id"] = self.lab.tokens.get().pk, self.lab.workers.get().pk
        words["wish"] = "revoke" if "tokens" in route else "drain"
        words["participant_id"] = self.participant.pk
        words |= {"participant_id": self.participant.pk, "phase_id": phase.pk}
        words["submission_id"] = self.submission.pk
        words["task_id"] = phase.phase_tasks.get().task_id
        for name, value in {**words, "step": "scoring", "stream": "stdout"}.items():
            path = path.replace(f"<{name}>", str(value))
        assert "<" not in path, path
        return f"/{path}"

    def ask(self, role: str, method: str, route: str) -> int:
        """The status that a role gets; whatever the request changed is undone."""
        with transaction.atomic():
            answer = getattr(self.clients[role], method.lower())(self.address(route))
            transaction.set_rollback(True)
        return int(answer.status_code)


@pytest.fixture
def people(olivia: User, pat: User, sam: User, ada: User) -> dict[str, User | None]:
    return {
        "anonymous": None,
        "sam": sam,
        "penny": UserFactory(username="penny"),
        "pat": pat,
        "olivia": olivia,
        "colin": UserFactory(username="colin"),
        "ada": ada,
        "ben": UserFactory(username="ben", is_banned=True),
        "bot": UserFactory(username="bot", is_bot=True),
    }


@pytest.fixture(params=["open", "closed"])
def world(
    request: pytest.FixtureRequest,
    make_competition: Callable[..., Competition],
    people: dict[str, User | None],
    queue: Queue,
    client_of: Callable[[User | None], APIClient],
) -> World:
    closed = request.param == "closed"
    competition = make_competition(
        published=not closed,
        board={"hidden": closed},
        phase={"hide_output": closed},
        rule="Add" if closed else "Force_Last",
        enable_detailed_results=True,
    )
    olivia, pat = people["olivia"], people["pat"]
    assert olivia and pat and people["colin"] and people["penny"]
    competition.collaborators.add(people["colin"])
    penny = Participant.objects.create(competition=competition, user=people["penny"], status="pending")
    submission = submit(pat, competition)
    worker = WorkerDouble(queue)
    job = worker.job()
    worker.beat(job, frames=[frame("scored\n")])
    assert job.detailed_results_url
    put(job.detailed_results_url, b"<h1>Report</h1>")
    worker.finish(job, scores(accuracy=0.5), detailed_results_uploaded=True)
    file = dataset(olivia, type="reference_data", is_public=not closed)
    bundle = dataset(olivia, type="competition_bundle")
    Competition.objects.filter(pk=competition.pk).update(bundle=bundle)
    creation = CreationStatus.objects.create(created_by=olivia, dataset=bundle)
    lab = create_queue(user=olivia, name="lab", is_public=not closed, organizers=[people["colin"]])
    queue_token(lab, "secret")
    lab.workers.create(name="machine")
    return World(
        competition,
        submission,
        file,
        creation,
        penny,
        lab,
        people,
        {role: client_of(user) for role, user in people.items()},
    )


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


@pytest.mark.timeout(600)
def test_every_route_answers_each_role_as_the_table_says(world: World, request: pytest.FixtureRequest) -> None:
    state = request.node.callspec.params["world"]
    wrong = []
    for (method, route), (opened, closed) in TABLE.items():
        expected = [int(status) for status in (opened if state == "open" else closed).split()]
        found = [world.ask(role, method, route) for role in ROLES]
        wrong += [
            f"{method} {route}: {role} got {given}, the table says {wanted}"
            for role, given, wanted in zip(ROLES, found, expected, strict=True)
            if given != wanted
        ]
    assert wrong == []


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

    assert types("pat") == {"scoring_program"}
    assert types("sam") == types("anonymous") == types("penny") == set()
    assert types("olivia") == {"scoring_program", "reference_data"}


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

"""Phases, leaderboards and scores by themselves in the API: for those who see them, changed by organizers alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, Phase
from podium.site.leaderboards.models import Leaderboard, Score
from podium.site.queues.models import Queue
from tests.factories import CompetitionFactory, ParticipantFactory, UserFactory, dataset, task
from tests.site.acting import WorkerDouble, scores, submit

pytestmark = pytest.mark.django_db
Make = Callable[..., Competition]
Client = Callable[[User | None], APIClient]
PHASE = [
    *("id", "index", "start", "end", "name", "description", "status", "execution_time_limit", "tasks"),
    *("has_max_submissions", "max_submissions_per_day", "max_submissions_per_person", "auto_migrate_to_this_phase"),
    *("hide_output", "hide_prediction_output", "hide_score_output", "leaderboard", "public_data", "starting_kit"),
    "is_final_phase",
]


def test_a_phase_is_shown_and_changed_by_its_organizers(
    make_competition: Make, olivia: User, pat: User, sam: User, client_of: Client
) -> None:
    competition = make_competition(phases=2, tasks=2)
    first, last = competition.phases.order_by("index")
    path, client = f"/api/phases/{first.pk}/", client_of(olivia)
    assert client_of(pat).get("/api/phases/").json() == []
    found = client_of(pat).get(path).json()
    assert list(found) == PHASE
    assert found["tasks"] == [str(link.task.key) for link in first.phase_tasks.order_by("order_index")]
    assert (found["status"], found["is_final_phase"], found["leaderboard"]) == ("Current", False, first.leaderboard_id)
    kit = dataset(olivia, type="starting_kit")
    new = task(olivia, "New")
    changed = {"name": "Warm-up", "tasks": [str(new.key)], "starting_kit": kit.pk, "max_submissions_per_day": None}
    for stranger, status in ((None, 403), (sam, 403), (pat, 403)):
        assert client_of(stranger).patch(path, changed, format="json").status_code == status
    assert client.patch(path, changed, format="json").json() == {
        **found,
        **changed,
        "max_submissions_per_day": 0,
    }
    assert client.put(path, {"starting_kit": kit.pk}, format="json").json()["starting_kit"] == kit.pk
    assert client_of(sam).get(path).json()["starting_kit"] is None, "files are for those who take part"
    wrong = client.patch(path, {"end": "2001-01-01", "tasks": []}, format="json").json()
    assert sorted(set(wrong) - {"code"}) == ["end", "tasks"]
    foreign = dataset(sam, type="starting_kit")
    refused = client.patch(path, {"starting_kit": foreign.pk}, format="json")
    assert (refused.status_code, str(foreign.key) in str(refused.json())) == (400, False)
    assert client.get("/api/phases/9999999/").status_code == 404
    last.refresh_from_db()
    assert (last.name, last.phase_tasks.count()) == ("Phase 1", 2), "the other phase is as it was"


def test_phases_are_added_and_deleted(competition: Competition, olivia: User, sam: User, client_of: Client) -> None:
    (phase,) = competition.phases.all()
    Phase.objects.filter(pk=phase.pk).update(end="2040-01-01T00:00:00Z")
    key, client = str(task(olivia).key), client_of(olivia)
    new = {"name": "Final", "start": "2040-01-01T00:00:00Z", "tasks": [key], "leaderboard": phase.leaderboard_id}
    assert client_of(sam).post("/api/phases/", new, format="json").json()["leaderboard"] == [
        "Phases require a leaderboard"
    ]
    assert "name" in client.post("/api/phases/", {**new, "name": ""}, format="json").json()
    made = client.post("/api/phases/", new, format="json")
    assert (made.status_code, made.json()["index"], made.json()["is_final_phase"]) == (201, 1, True)
    path = f"/api/phases/{made.json()['id']}/"
    assert client_of(sam).delete(path).status_code == 403
    assert client.delete(path).status_code == 204
    only = client.delete(f"/api/phases/{phase.pk}/")
    assert (only.status_code, only.json()["error"]) == (400, ["Competitions must have at least one phase"])


def test_a_leaderboard_lists_what_stands_on_it(
    make_competition: Make, pat: User, sam: User, queue: Queue, client_of: Client
) -> None:
    competition, worker = make_competition(tasks=2, participants=(pat, sam)), WorkerDouble(queue)
    olivia = competition.created_by
    for person, value in ((sam, 0.25), (pat, 0.5)):
        submit(person, competition)
        for _ in range(2):
            worker.finish(worker.job(), scores(accuracy=value))
    board = competition.leaderboards.get()
    path = f"/api/leaderboards/{board.pk}/"
    assert client_of(None).get("/api/leaderboards/").json() == []
    rows = client_of(None).get(path).json()["submissions"]
    assert [(row["owner"], row["scores"][0]["score"]) for row in rows] == [
        *[("pat", "0.5000000000")] * 2,
        *[("sam", "0.2500000000")] * 2,
    ]
    fields = "id parent owner leaderboard_id fact_sheet_answers task scores display_name slug_url organization"
    assert list(rows[0]) == [*fields.split(), "detailed_result", "created_when"]
    assert rows[0]["parent"] != rows[0]["id"] and rows[0]["task"] != rows[1]["task"]
    assert len(client_of(None).get(f"{path}?page_size=1&page=2").json()["submissions"]) == 2
    with CaptureQueriesContext(connection) as few:
        client_of(None).get(f"{path}?page_size=1")
    with CaptureQueriesContext(connection) as all_of_them:
        client_of(None).get(path)
    assert len(few) == len(all_of_them) < 15
    board.columns.update(hidden=True)
    assert client_of(None).get(path).json()["submissions"][0]["scores"] == []
    Leaderboard.objects.update(hidden=True)
    found = [client_of(user).get(path).status_code for user in (None, sam, pat, olivia)]
    assert found == [404, 403, 403, 200]
    for method in ("post", "put", "patch", "delete"):
        assert getattr(client_of(olivia), method)(path).status_code == 405
    Competition.objects.update(published=False)
    assert client_of(None).get(path).status_code == 404


def test_scores_are_listed_for_those_who_organize(
    competition: Competition, pat: User, sam: User, queue: Queue, client_of: Client
) -> None:
    olivia, worker = competition.created_by, WorkerDouble(queue)
    made = submit(pat, competition)
    worker.finish(worker.job(), scores(accuracy=0.5))
    score = Score.objects.get()
    path, client = "/api/submission_scores/", client_of(olivia)
    shown = {"id": score.pk, "index": 0, "score": "0.5000000000", "text": "0.5", "column_key": "accuracy"}
    assert client.get(path).json() == client.get(f"{path}?submission={made.pk}").json() == [shown]
    assert client.get(f"{path}{score.pk}/").json() == shown
    assert client.get(f"{path}?phase=x").json() == client.get(f"{path}?submission=0").json() == []
    for user in (pat, sam):
        assert client_of(user).get(path).json() == []
        assert client_of(user).get(f"{path}{score.pk}/").status_code == 404
    assert client_of(None).get(path).status_code == 403
    assert [client.post(path).status_code, client.delete(f"{path}{score.pk}/").status_code] == [405, 405]


def test_a_secret_link_opens_a_competition_until_it_is_exchanged(
    make_competition: Make, olivia: User, sam: User, client_of: Client, client: Any
) -> None:
    competition = make_competition(published=False, participants=())
    api, page = f"/api/competitions/{competition.pk}/", f"/competitions/{competition.pk}/"
    old = {"secret_key": str(competition.secret_key)}
    for user in (None, sam):
        assert client_of(user).get(api).status_code == client_of(user).get(page).status_code == 404
        assert client_of(user).get(api, old).status_code == client_of(user).get(page, old).status_code == 200
        assert client_of(user).get(api, {"secret_key": "no uuid"}).status_code == 404
    kept = client_of(sam).get(f"{page}phases/", old).content.decode()
    assert kept.count(f"secret_key={competition.secret_key}") > 3, "the links of the page keep it"
    other = CompetitionFactory(created_by=olivia)

    def listed(user: User | None, **query: str) -> list[int]:
        return [one["id"] for one in client_of(user).get("/api/competitions/", query).json()]

    assert listed(sam, **old) == [competition.pk] and listed(sam) == [other.pk]
    assert listed(sam, secret_key="nonsense") == [] == listed(sam, secret_key="")
    assert listed(None, **old) == [competition.pk, other.pk] and listed(None, secret_key="x") == [other.pk]
    assert client_of(sam).post(f"{api}rotate_secret/").status_code == 404
    assert client_of(sam).post(f"{api}rotate_secret/?secret_key={competition.secret_key}").status_code == 403
    new = client_of(olivia).post(f"{api}rotate_secret/").json()
    assert client_of(sam).get(api, old).status_code == 404 and client_of(sam).get(api, new).status_code == 200
    shown = client_of(olivia).get(f"{page}access/").content.decode()
    assert f"{page}?secret_key={new['secret_key']}" in shown
    assert client_of(olivia).post(f"{page}access/").status_code == 302
    assert client_of(sam).get(page, new).status_code == 404
    assert client_of(sam).get(f"{page}access/").status_code == 404


def test_the_front_page_has_the_popular_and_the_recent(
    competition: Competition, olivia: User, client_of: Client
) -> None:
    rest = [CompetitionFactory(created_by=olivia) for _ in range(6)]
    featured = CompetitionFactory(created_by=olivia, is_featured=True)
    CompetitionFactory(created_by=olivia, published=False, is_featured=True)
    found = client_of(None).get("/api/competitions/front_page/").json()
    popular, recent = ([one["id"] for one in found[name]] for name in ("popular_comps", "recent_comps"))
    assert popular[:2] == [featured.pk, competition.pk] and len(popular) == 4, "featured, then most participants"
    assert recent == [one.pk for one in reversed(rest) if one.pk not in popular]


def test_participants_are_filtered_as_codabenchs_page_does(
    competition: Competition, olivia: User, client_of: Client
) -> None:
    for name, facts in (("gone", {"is_deleted": True}), ("here", {})):
        ParticipantFactory(competition=competition, user=UserFactory(username=name, **facts), status="denied")

    def names(**query: str) -> list[str]:
        wanted = {"competition": str(competition.pk), **query}
        return [one["username"] for one in client_of(olivia).get("/api/participants/", wanted).json()]

    assert names() == ["gone", "here", "olivia", "pat"]
    assert names(user__is_deleted="true") == ["gone"]
    assert names(user__is_deleted="false", status="denied") == names(user__username="here") == ["here"]
    assert names(user__email="pat@example.org") == names(search="PAT") == ["pat"]


def test_a_competition_is_deleted_and_restored_on_pages(
    competition: Competition, olivia: User, pat: User, client_of: Client
) -> None:
    page, client = f"/competitions/{competition.pk}/", client_of(olivia)
    assert client_of(pat).get(f"{page}delete/").status_code == client_of(pat).post(f"{page}delete/").status_code == 403
    assert f"{page}delete/" in client.get(f"{page}access/").content.decode()
    assert client.get(f"{page}delete/").status_code == 200
    assert client.post(f"{page}delete/", {"title": "Something"}, format="multipart").status_code == 400
    assert client.post(f"{page}delete/", {"title": " sums"}, format="multipart").status_code == 400
    assert client.post(f"{page}delete/", {"title": " Sums "}, format="multipart").status_code == 302
    assert f"{page}restore/" in client.get("/competitions/").content.decode()
    assert client.get(page).status_code == 404
    assert client_of(pat).post(f"{page}restore/").status_code == 404
    assert client.post(f"{page}restore/").status_code == 302
    assert client.get(page).status_code == 200
    assert client.post(f"{page}restore/").status_code == 404

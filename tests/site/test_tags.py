"""Tags of answers: what the caller has already is not sent again, and what was changed meanwhile is not overwritten."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from podium.site.accounts.models import User
from podium.site.accounts.services import people
from podium.site.competitions.models import Competition, Phase
from podium.site.conditional import WITH_TAG
from podium.site.evaluation.models import Submission
from podium.site.leaderboards.models import Leaderboard
from podium.site.queues.models import Queue
from podium.site.queues.services import lifecycle
from podium.site.resources.models import Task
from tests.factories import dataset, finished_submission
from tests.site.acting import WorkerDouble, phase_of, submit

pytestmark = pytest.mark.django_db(transaction=True)
Client = Callable[[User | None], APIClient]
Make = Callable[..., Competition]


class Things:
    """One object of each kind, with somebody who may change it."""

    def __init__(self, competition: Competition, olivia: User, pat: User, queue: Queue) -> None:
        self.competition, self.phase = competition, phase_of(competition)
        self.task = Task.objects.get()
        self.dataset = dataset(olivia, name="Data of hers")
        self.queue = lifecycle.create_queue(user=olivia, name="Olivia's", is_public=False, organizers=[])
        self.submission = submit(pat, self.phase)
        WorkerDouble(queue).work_off(accuracy=1.0)
        board = Leaderboard.objects.get()
        self.addresses = {
            "/api/competitions/{id}/": self.competition.pk,
            "/api/datasets/{id}/": self.dataset.pk,
            "/api/leaderboards/{id}/": board.pk,
            "/api/my_profile/": 0,
            "/api/phases/{id}/": self.phase.pk,
            "/api/phases/{id}/get_leaderboard/": self.phase.pk,
            "/api/queues/{id}/": self.queue.pk,
            "/api/submissions/{id}/": self.submission.pk,
            "/api/submissions/{id}/soft_delete/": self.submission.pk,
            "/api/submissions/{id}/update_fact_sheet/": self.submission.pk,
            "/api/tasks/{id}/": self.task.pk,
            "/api/users/{id}/": olivia.pk,
        }

    def at(self, path: str) -> str:
        return path.replace("{id}", str(self.addresses[path]))


@pytest.fixture
def things(competition: Competition, olivia: User, pat: User, queue: Queue) -> Things:
    return Things(competition, olivia, pat, queue)


def test_the_table_is_true_of_every_address(things: Things, olivia: User, client_of: Client) -> None:
    """What answers with a tag knows it again; what takes If-Match refuses one that was never given."""
    client = client_of(olivia)
    never = f'"{"0" * 20}.{"0" * 20}"'
    for path, methods in WITH_TAG.items():
        url = things.at(path)
        for method in methods:
            if method == "get":
                first = client.get(url)
                assert first.status_code == 200, (path, first.content)
                again = client.get(url, headers={"If-None-Match": first["ETag"]})
                assert (again.status_code, again.content) == (304, b""), path
                assert again["ETag"] == first["ETag"]
                for answer in (first, again):
                    assert {"private", "no-cache"} <= set(answer["Cache-Control"].split(", ")), path
                    assert {"Accept", "Authorization", "Cookie"} <= set(answer["Vary"].split(", ")), path
                assert client.get(url, headers={"If-None-Match": never}).status_code == 200, path
                assert client.get(url, headers={"If-None-Match": "*"}).status_code == 304, path
            else:
                refused = getattr(client, method)(url, _body(path, things), headers={"If-Match": never})
                assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed"), (path, method)
                assert "GET it again" in refused.json()["hint"]
                assert "changed since" in refused.json()["detail"]


def _body(path: str, things: Things) -> dict[str, Any]:
    named = {"name": "Named"}
    return {
        "/api/tasks/{id}/": {**named, "scoring_program": str(things.task.versions.get().scoring_program.key)},
        "/api/datasets/{id}/": {"type": "submission", "request_sassy_file_name": "x.zip"},
    }.get(path, {} if "fact_sheet" in path else named)


@pytest.mark.parametrize("method", ["put", "patch"])
def test_the_document_says_so_and_nothing_else_has_tags(method: str, client_of: Client) -> None:
    document = client_of(None).get("/api/api/schema/?format=json").json()
    told = {
        (path, verb)
        for path, operations in document["paths"].items()
        for verb, operation in operations.items()
        if {"304", "412"} & set(operation.get("responses", {}))
    }
    assert told == {(path, verb) for path, verbs in WITH_TAG.items() for verb in verbs}
    competition = document["paths"]["/api/competitions/{id}/"]
    assert "If-None-Match" in [one["name"] for one in competition["get"]["parameters"]]
    assert "If-Match" in [one["name"] for one in competition[method]["parameters"]]
    assert "ETag" in competition["get"]["responses"]["200"]["headers"]


@pytest.mark.parametrize("form", ["{}", "W/{}", '"{}"-gzip', '"x", {}', "{}, W/{}"])
def test_tags_are_known_in_every_form_that_proxies_give_them(
    form: str, competition: Competition, olivia: User, client_of: Client
) -> None:
    client, url = client_of(olivia), f"/api/competitions/{competition.pk}/"
    tag = client.get(url)["ETag"]
    sent = form.replace('"{}"-gzip', f'{tag[:-1]}-gzip"').replace("{}", tag)
    assert client.get(url, headers={"If-None-Match": sent}).status_code == 304
    assert client.patch(url, {"title": "Changed"}, headers={"If-Match": sent}).status_code == 200


@pytest.mark.parametrize("header", ["nonsense", '""', '"1"', "W/", '"' + "0" * 5000 + '"'])
def test_what_is_no_tag_matches_nothing(header: str, competition: Competition, olivia: User, client_of: Client) -> None:
    client, url = client_of(olivia), f"/api/competitions/{competition.pk}/"
    assert client.get(url, headers={"If-None-Match": header}).status_code == 200
    assert client.patch(url, {"title": "No"}, headers={"If-Match": header}).status_code == 412
    assert client.patch(url, {"title": "Yes"}, headers={"If-Match": "*"}).status_code == 200


def test_an_editor_does_not_overwrite_what_another_one_has_changed(
    competition: Competition, olivia: User, sam: User, client_of: Client
) -> None:
    competition.collaborators.add(sam)
    hers, his, url = client_of(olivia), client_of(sam), f"/api/competitions/{competition.pk}/"
    read, tag = (first := hers.get(url)).json(), first["ETag"]
    assert his.get(url).status_code == 200
    assert his.patch(url, {"description": "His"}).status_code == 200
    lost = hers.patch(url, {**read, "title": "Hers"}, headers={"If-Match": tag})
    assert lost.status_code == 412
    assert (Competition.objects.get().title, Competition.objects.get().description) == (competition.title, "His")
    again = hers.get(url)
    changed = hers.patch(url, {"title": "Hers"}, headers={"If-Match": again["ETag"]})
    assert changed.status_code == 200
    # The answer's tag is that of the competition as it is now, so that one can go on.
    assert changed["ETag"] == hers.get(url)["ETag"]
    assert hers.patch(url, {"title": "Once more"}, headers={"If-Match": changed["ETag"]}).status_code == 200
    assert hers.delete(url, headers={"If-Match": changed["ETag"]}).status_code == 412
    assert hers.delete(url, headers={"If-Match": hers.get(url)["ETag"]}).status_code == 204


def test_what_moves_by_itself_is_news_and_no_conflict(
    competition: Competition, olivia: User, pat: User, client_of: Client
) -> None:
    """Submissions come in while an organizer edits."""
    client, url = client_of(olivia), f"/api/competitions/{competition.pk}/"
    tag = client.get(url)["ETag"]
    submit(pat, competition)
    from django.core.cache import caches  # noqa: PLC0415

    caches["local"].clear()  # counts are kept for a minute
    now = client.get(url, headers={"If-None-Match": tag})
    assert (now.status_code, now.json()["submissions_count"]) == (200, 1)
    assert now["ETag"] != tag
    assert client.patch(url, {"title": "Still mine"}, headers={"If-Match": tag}).status_code == 200


def test_who_sees_other_fields_has_another_tag(
    competition: Competition, olivia: User, pat: User, sam: User, client_of: Client
) -> None:
    submission = finished_submission(phase_of(competition), pat, 1.0, status_details="What pat was told")
    for path, other in ((f"/api/competitions/{competition.pk}/", pat), (f"/api/submissions/{submission.pk}/", sam)):
        tags = {person: client_of(person).get(path)["ETag"] for person in (olivia, other)}
        assert len(set(tags.values())) == 2, path
        crossed = client_of(other).get(path, headers={"If-None-Match": tags[olivia]})
        assert crossed.status_code == 200
    board = f"/api/leaderboards/{Leaderboard.objects.get().pk}/"
    organizer, participant, stranger = (client_of(person).get(board)["ETag"] for person in (olivia, pat, sam))
    assert organizer != participant == stranger
    assert client_of(None).get(board)["ETag"] == stranger


def test_equal_strong_tags_are_equal_bytes_pictures_included(
    competition: Competition, olivia: User, client_of: Client
) -> None:
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
    client, url = client_of(olivia), f"/api/competitions/{competition.pk}/"
    logo = f'{{"file_name": "logo.png", "data": "{pixel}"}}'
    before = client.get(url)["ETag"]
    assert client.patch(url, {"logo": logo}, headers={"If-Match": before}).status_code == 200
    first, second = client.get(url), client.get(url)
    assert (first.content, first["ETag"]) == (second.content, second["ETag"])
    assert first.json()["logo"]
    assert client.patch(url, {"logo": None}, headers={"If-Match": before}).status_code == 412, "a logo is a change"


def test_a_board_that_is_known_is_not_read(things: Things, olivia: User, pat: User, client_of: Client) -> None:
    phase = Phase.objects.select_related("leaderboard", "competition").get()
    for number in range(20):
        finished_submission(phase, pat, number)
    for path in ("/api/leaderboards/{id}/", "/api/phases/{id}/get_leaderboard/"):
        client, url = client_of(pat), things.at(path)
        tag = client.get(url)["ETag"]
        assert tag.startswith("W/")
        with CaptureQueriesContext(connection) as asked:
            assert client.get(url, headers={"If-None-Match": tag}).status_code == 304
        entries = [query["sql"] for query in asked if "leaderboards_entry" in query["sql"]]
        assert entries == [], path


def test_a_board_has_another_tag_after_everything_that_changes_it(
    things: Things, olivia: User, pat: User, queue: Queue, client_of: Client
) -> None:
    urls = [things.at(path) for path in ("/api/leaderboards/{id}/", "/api/phases/{id}/get_leaderboard/")]
    client, organizer = client_of(pat), client_of(olivia)
    seen = [client.get(url)["ETag"] for url in urls]

    def told_by(what: str) -> None:
        now = [client.get(url)["ETag"] for url in urls]
        assert not set(now) & set(seen), what
        seen.extend(now)

    submit(pat, things.phase)
    WorkerDouble(queue).work_off(accuracy=2.0)
    told_by("a verdict")
    people.update_profile(user=pat, by=pat, facts={"display_name": "Patricia"})
    told_by("another name")
    score = Submission.objects.get(pk=Submission.objects.order_by("-pk")[0].pk).scores.get()
    assert organizer.patch(f"/api/submission_scores/{score.pk}/", {"score": 3}).status_code == 200
    told_by("a score that was set")
    board = {"id": Leaderboard.objects.get().pk, "title": "Ranks", "key": "main"}
    columns = [{"id": score.column_id, "title": "Precision", "key": score.column.key, "index": 0}]
    body = {"leaderboards": [{**board, "key": Leaderboard.objects.get().key, "columns": columns}]}
    assert organizer.patch(f"/api/competitions/{things.competition.pk}/", body).status_code == 200
    told_by("a column's title")
    assert client.get(f"{urls[1]}?page_size=1")["ETag"] not in seen, "another page"
    assert "ETag" not in client.get(f"{urls[1]}?as_of={things.submission.created_when:%Y-%m-%dT%H:%M:%SZ}").headers


def test_an_own_profile_is_guarded_too(olivia: User, client_of: Client) -> None:
    client, url = client_of(olivia), f"/api/users/{olivia.pk}/"
    tag = client.get("/api/my_profile/")["ETag"]
    first = client.patch(url, {"biography": "One"}, headers={"If-Match": tag})
    assert first.status_code == 200
    assert client.patch(url, {"biography": "Two"}, headers={"If-Match": tag}).status_code == 412
    assert client.patch(url, {"biography": "Two"}, headers={"If-Match": first["ETag"]}).status_code == 200
    olivia.refresh_from_db()
    assert olivia.biography == "Two"


def test_a_submission_is_deleted_only_as_it_was_seen(things: Things, olivia: User, client_of: Client) -> None:
    client, url = client_of(olivia), things.at("/api/submissions/{id}/")
    tag = client.get(url)["ETag"]
    Submission.objects.filter(pk=things.submission.pk).update(is_public=True)
    assert client.delete(url, headers={"If-Match": tag}).status_code == 412
    assert client.delete(url, headers={"If-Match": client.get(url)["ETag"]}).status_code == 204


def test_of_two_who_change_the_same_state_at_once_one_is_refused(
    competition: Competition, olivia: User, client_of: Client
) -> None:
    url = f"/api/competitions/{competition.pk}/"
    tag = client_of(olivia).get(url)["ETag"]
    clients, start, statuses = [client_of(olivia) for _ in range(4)], threading.Barrier(4), []

    def change(number: int) -> None:
        start.wait()
        answer = clients[number].patch(url, {"title": f"Number {number}"}, headers={"If-Match": tag})
        statuses.append(answer.status_code)
        connections.close_all()

    threads = [threading.Thread(target=change, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 412, 412, 412]

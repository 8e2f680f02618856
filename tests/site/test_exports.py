"""Exports of boards: page, API, CSV, zip and JSON say the same in every cell, in the same order."""

# ruff: noqa: PLR0917 - pytest passes fixtures by name

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client as Browser
from rest_framework.test import APIClient

from podium.ranking.display import format_score
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, Phase
from podium.site.evaluation.models import Submission
from podium.site.leaderboards import queries
from podium.site.leaderboards.models import Leaderboard
from podium.site.queues.models import Queue
from tests.factories import ParticipantFactory, UserFactory, finished_submission, phase_with_board
from tests.site.acting import WorkerDouble, phase_of, scores, submit
from tests.site.reading_boards import BoardOnPage, content, csv_rows, csvs_of
from tests.web.conftest import BACKEND
from tests.web.test_submission_pages import FACT_SHEET

Make = Callable[..., Competition]
Client = Callable[[User | None], APIClient]

read_in_threads = pytest.mark.django_db(transaction=True)
"""Answers that stream read the database in threads with connections of their own."""

COLUMNS = [
    {"title": "A", "key": "a", "index": 0, "sorting": "desc", "precision": 3},
    {"title": "B", "key": "b", "index": 1, "sorting": "asc", "precision": 0},
    {"title": "Secret", "key": "secret", "index": 2, "hidden": True, "precision": 12},
    {"title": "Mean", "key": "mean", "index": 3, "computation": "avg", "computation_indexes": [0, 1]},
]
GIVEN: list[dict[str, float]] = [
    {"a": 0.5, "b": 2.5, "secret": 1e-12},
    {"a": 0.5, "b": 2.5, "secret": 3.0},  # ties with the one before
    {"a": 0.12345, "b": -1e300, "secret": 0.0},
    {"a": -0.0005, "b": 0.49},
    {"b": 12345678.9},  # no primary score
]


@pytest.fixture
def played(make_competition: Make, queue: Queue, olivia: User) -> Competition:
    """A competition with two tasks, columns of every kind, and people of awkward names."""
    competition = make_competition(
        tasks=2, columns=COLUMNS, rule="Force_Latest_Multiple", fact_sheet=FACT_SHEET, title="Søl, ;Sums"
    )
    worker = WorkerDouble(queue)
    for name, given in zip(["=cmd()", "+1", "-2", "@sum", 'Ünï, "x"'], GIVEN, strict=True):
        person = UserFactory(username=name)
        ParticipantFactory(competition=competition, user=person)
        answers = {"method": f"{name}\n;", "gpu": True, "layers": 3}
        submit(person, competition, fact_sheet_answers=answers)
        worker.finish(worker.job(), scores(**given))
        worker.finish(worker.job(), scores(**{key: value for key, value in given.items() if key != "secret"}))
    return competition


def page_of(user: User, competition: Competition, **query: Any) -> BoardOnPage:
    browser = Browser()
    browser.force_login(user, backend=BACKEND)
    answer = browser.get(f"/competitions/{competition.pk}/results/", query)
    assert answer.status_code == 200
    return BoardOnPage(answer.content.decode())


@read_in_threads
def test_every_cell_and_rank_is_the_same_on_the_page_in_the_api_and_in_all_files(
    played: Competition, olivia: User, client_of: Client
) -> None:
    client, phase = client_of(olivia), phase_of(played)
    base = f"/api/competitions/{played.pk}/results"
    table = page_of(olivia, played)
    api = client.get(f"/api/phases/{phase.pk}/get_leaderboard/").json()
    as_json = json.loads(content(client.get(f"{base}.json")))
    rows = csv_rows(content(client.get(f"{base}.csv")))
    (title,) = as_json
    assert title == f"Results - Phase 0({phase.pk})"
    assert content(client.get(f"{base}/")) == content(client.get(f"{base}.json"))
    assert csvs_of(content(client.get(f"{base}.zip"))) == {f"{title}.csv": rows}

    assert [row[0] for row in table.rows] == [str(row["rank"]) for row in api["submissions"]] == list("12345")
    assert [row["Username"].lstrip("'") for row in rows] == list(as_json[title])
    columns = [(group, column) for group in api["tasks"] for column in group["columns"]]
    assert len(columns) == 2 * 3 + 1
    missing = 0
    for place, row in enumerate(api["submissions"]):
        name = f"{row['owner']}-{row['id']}"
        assert name == list(as_json[title])[place]
        assert table.rows[place][1].split(" Why?")[0] == row["owner"]  # beside the name stands a link to why
        assert json.loads(rows[place]["fact_sheet_answers"]) == as_json[title][name]["fact_sheet_answers"]
        by_cell = {(score["task_id"], score["column_key"]): score["score"] for score in row["scores"]}
        for at, (group, column) in enumerate(columns, start=2):
            task_id = group["id"] if group["id"] > 0 else None
            key = f"{group['name']}({task_id})-{column['title']}" if task_id else column["title"]
            exact = as_json[title][name][key]
            assert rows[place][key] == exact
            shown, given = table.rows[place][at], by_cell.get((task_id, column["key"]))
            if exact == "":
                missing += 1
                assert (shown, given) == ("n/a", None)
            else:
                assert shown == format_score(float(exact), column["precision"])
                assert given is not None
                assert format_score(float(given), column["precision"]) == shown
    assert missing == 10, "scores that nobody gave, and the mean of those who lack one"
    first = as_json[title][next(iter(as_json[title]))]
    assert first[f"Task 0({api['tasks'][0]['id']})-Secret"] == "0.000000000001", "unrounded"


@read_in_threads
def test_no_text_of_a_csv_is_taken_for_a_formula(played: Competition, olivia: User, client_of: Client) -> None:
    answer = client_of(olivia).get(f"/api/competitions/{played.pk}/results.csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="Results.csv"'
    rows = csv_rows(content(answer))
    starts = sorted(row["Username"][:2] for row in rows)
    assert starts == ["'+", "'-", "'=", "'@", "Ün"]
    assert any(value.startswith("-") for row in rows for value in row.values()), "numbers stay numbers"
    zipped = client_of(olivia).get(f"/api/competitions/{played.pk}/results.zip")
    assert "filename*=utf-8''S%C3%B8l%2C%20%3BSums.zip" in zipped["Content-Disposition"]


def test_files_are_for_those_who_run_the_competition(
    played: Competition, client_of: Client, pat: User, sam: User, olivia: User, ada: User
) -> None:
    for form in ("/", ".json", ".csv", ".zip"):
        address = f"/api/competitions/{played.pk}/results{form}"
        assert [client_of(user).get(address).status_code for user in (None, pat, sam, olivia, ada)] == [
            403,
            403,
            403,
            200,
            200,
        ]
        refusal = client_of(pat).get(address).json()
        assert refusal["detail"] == "You are not a competition admin or superuser"


@read_in_threads
def test_a_csv_needs_a_phase_where_there_are_several_and_a_zip_has_one_for_each(
    competition: Competition, olivia: User, pat: User, client_of: Client
) -> None:
    first = phase_of(competition)
    second = phase_with_board(competition, columns=2, index=1)
    empty = phase_with_board(competition, index=2)
    for phase in (first, second):
        finished_submission(phase_of(competition, phase.index), pat, 0.5)
    client, base = client_of(olivia), f"/api/competitions/{competition.pk}/results"
    refused = client.get(f"{base}.csv")
    assert refused.status_code == 400
    assert refused.json() == ["More than one matching leaderboard. Try selecting phase or get a .zip?"]
    (row,) = csv_rows(content(client.get(f"{base}.csv?phase={second.pk}")))
    assert [name for name in row if name.startswith("Score")] == ["Score 0", "Score 1"]
    files = csvs_of(content(client.get(f"{base}.zip")))
    assert list(files) == [f"Results - Phase 0({first.pk}).csv", f"Results - Phase 1({second.pk}).csv"]
    assert list(json.loads(content(client.get(f"{base}.json?phase={empty.pk}")))) == [f"Results - Phase 2({empty.pk})"]
    assert client.get(f"{base}.json?phase=999999").status_code == 404
    assert client.get(f"{base}.json?phase=x").status_code == 400
    Phase.objects.filter(competition=competition).update(leaderboard=None)
    assert client.get(f"{base}.json").json() == [f"No Phases found on competition id:{competition.pk}"]


@read_in_threads
def test_a_board_that_is_read_whole_comes_in_pieces_and_is_the_paged_one(
    competition: Competition, client_of: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    phase = phase_of(competition)
    made = [finished_submission(phase, UserFactory(), float(n % 4)) for n in range(23)]
    monkeypatch.setattr(queries, "PIECE", 7)
    monkeypatch.setattr("podium.site.leaderboards.api.Cap.most", 10)
    client, address = client_of(None), f"/api/phases/{phase.pk}/get_leaderboard/"
    answer = client.get(address)
    assert answer.streaming
    whole = json.loads(content(answer))
    paged = [client.get(f"{address}?page={page}").json() for page in (1, 2, 3)]
    assert whole["submissions"] == [row for page in paged for row in page["submissions"]]
    assert {row["id"] for row in whole["submissions"]} == {submission.pk for submission in made}
    rest = {name: value for name, value in paged[0].items() if name not in {"submissions", "pages"}}
    assert {name: value for name, value in whole.items() if name not in {"submissions", "pages"}} == rest


def test_what_is_deleted_while_a_board_is_read_is_left_out_and_the_ranks_stay(
    competition: Competition, monkeypatch: pytest.MonkeyPatch
) -> None:
    phase = phase_of(competition)
    made = [finished_submission(phase, UserFactory(), float(-n)) for n in range(6)]
    monkeypatch.setattr(queries, "PIECE", 2)
    read = queries.walk(phase)
    seen = [next(read)]
    Submission.objects.filter(pk=made[3].pk).delete()
    seen += list(read)
    ranks = {pk: rank for piece, _ in seen for pk, rank in piece.items()}
    assert ranks == {submission.pk: place for place, submission in enumerate(made, start=1) if place != 4}


def test_hidden_columns_are_in_no_answer_for_participants(played: Competition, pat: User, client_of: Client) -> None:
    phase = phase_of(played)
    api = client_of(pat).get(f"/api/phases/{phase.pk}/get_leaderboard/").json()
    assert "secret" not in {column["key"] for group in api["tasks"] for column in group["columns"]}
    assert "secret" not in {score["column_key"] for row in api["submissions"] for score in row["scores"]}
    assert not any("Secret" in heading for heading in page_of(pat, played).head)
    Leaderboard.objects.update(hidden=True)
    assert page_of(pat, played).rows == []
    assert len(page_of(phase.competition.created_by, played).rows) == 5

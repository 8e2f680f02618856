"""Boards: the six rules, computed columns, several tasks, and an order that is the ranking's own."""

# ruff: noqa: PLR0917 - pytest passes fixtures by name

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from rest_framework.test import APIClient

from podium.ranking import keys
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, Phase
from podium.site.errors import Forbidden, Refused
from podium.site.evaluation.models import Submission
from podium.site.leaderboards import queries, services
from podium.site.leaderboards.models import Entry, Score
from podium.site.queues.models import Queue
from tests.factories import ParticipantFactory, UserFactory
from tests.site.acting import WorkerDouble, fresh, phase_of, scores, submit

Make = Callable[..., Competition]
Client = Callable[[User | None], APIClient]


class Game:
    """Submissions that finish at once with given scores."""

    def __init__(self, competition: Competition, queue: Queue) -> None:
        self.competition = competition
        self.worker = WorkerDouble(queue)

    def play(self, user: User, *values: float, column: str = "accuracy") -> Submission:
        """Submit and finish; one value for each task."""
        submission = submit(user, self.competition)
        for value in values:
            self.worker.finish(self.worker.job(), scores(**{column: value}))
        return fresh(submission)

    def standing(self, user: User | None = None) -> list[int]:
        """The submissions on the board, in order."""
        rows = Entry.objects.filter(phase__competition=self.competition)
        rows = rows.filter(owner=user) if user else rows
        return list(rows.order_by("sort_key").values_list("submission_id", flat=True))


@pytest.fixture
def game(make_competition: Make, queue: Queue) -> Callable[..., Game]:
    def make(**bundle: object) -> Game:
        return Game(make_competition(**bundle), queue)

    return make


@pytest.mark.parametrize("tasks", [1, 3])
@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("Add", []),
        ("Add_And_Delete", []),
        ("Add_And_Delete_Multiple", []),
        ("Force_Last", ["third"]),
        ("Force_Latest_Multiple", ["second", "third", "first"]),
        ("Force_Best", ["second"]),
    ],
)
def test_a_verdict_brings_onto_the_board_what_the_rule_says(
    rule: str, expected: list[str], tasks: int, game: Callable[..., Game], pat: User
) -> None:
    played = game(rule=rule, tasks=tasks)
    made = {
        name: played.play(pat, *[value] * tasks) for name, value in [("first", 0.1), ("second", 0.9), ("third", 0.5)]
    }
    names = {submission.pk: name for name, submission in made.items()}
    assert [names[pk] for pk in played.standing()] == expected


@pytest.mark.parametrize(
    ("rule", "second_add", "remove"),
    [
        ("Add", "refused", "refused"),
        ("Add_And_Delete", "refused", "done"),
        ("Add_And_Delete_Multiple", "done", "done"),
        ("Force_Last", "refused", "refused"),
        ("Force_Latest_Multiple", "refused", "refused"),
        ("Force_Best", "refused", "refused"),
    ],
)
def test_participants_add_and_remove_by_hand_as_the_rule_allows(
    rule: str, second_add: str, remove: str, game: Callable[..., Game], pat: User, client_of: Client
) -> None:
    played = game(rule=rule)
    first, second = played.play(pat, 0.1), played.play(pat, 0.9)
    client = client_of(pat)

    def by_hand(method: str, submission: Submission) -> str:
        address = f"/api/submissions/{submission.pk}/submission_leaderboard_connection/"
        answer = getattr(client, method)(address)
        assert answer.status_code in {200, 403}, answer.json()
        return "done" if answer.status_code == 200 else "refused"

    if rule.startswith("Add"):
        assert by_hand("post", first) == "done"
        assert played.standing() == [first.pk]
        before = played.standing()
        outcome = by_hand("post", second)
        if second_add == "refused" and outcome == "refused":
            assert played.standing() == before
        else:
            assert second.pk in played.standing()
            assert (first.pk in played.standing()) is (rule == "Add_And_Delete_Multiple")
    else:
        before = played.standing()
        assert by_hand("post", first) == "refused"
        assert played.standing() == before
    target = next(pk for pk in played.standing())
    assert by_hand("delete", Submission.objects.get(pk=target)) == remove
    assert (target in played.standing()) is (remove == "refused")


def test_strangers_touch_no_place_on_the_board(
    game: Callable[..., Game], pat: User, sam: User, client_of: Client
) -> None:
    played = game(rule="Add_And_Delete_Multiple")
    submission = played.play(pat, 0.5)
    services.add_by_hand(submission=submission, by=pat)
    address = f"/api/submissions/{submission.pk}/submission_leaderboard_connection/"
    answer = client_of(sam).delete(address)
    assert answer.status_code == 403
    assert answer.json()["detail"] == "You cannot perform this action, contact the competition organizer!"
    assert played.standing() == [submission.pk]


def test_what_has_not_finished_cannot_be_put_on_the_board(game: Callable[..., Game], pat: User) -> None:
    played = game(rule="Add")
    with pytest.raises(Refused, match="finished"):
        services.add_by_hand(submission=fresh(submit(pat, played.competition)), by=pat)


def test_one_task_of_a_parent_cannot_be_put_on_the_board(game: Callable[..., Game], pat: User) -> None:
    played = game(rule="Add", tasks=2)
    child = played.play(pat, 0.1, 0.2).children.first()
    assert child is not None
    with pytest.raises(Refused):
        services.add_by_hand(submission=fresh(child), by=pat)


COLUMNS = [
    {"title": "A", "key": "a", "index": 0, "sorting": "desc"},
    {"title": "B", "key": "b", "index": 1, "sorting": "asc"},
]


@pytest.mark.parametrize(("computation", "expected"), [("avg", 2.5), ("sum", 5.0), ("min", 1.0), ("max", 4.0)])
def test_a_computed_column_is_made_of_the_columns_that_it_names(
    computation: str, expected: float, make_competition: Make, pat: User, queue: Queue
) -> None:
    computed = {"title": "C", "key": "c", "index": 2, "computation": computation, "computation_indexes": [0, 1]}
    competition = make_competition(columns=[*COLUMNS, computed])
    submission = submit(pat, competition)
    worker = WorkerDouble(queue)
    worker.finish(worker.job(), scores(a=1.0, b=4.0))
    assert Score.objects.get(submission=submission, column__key="c").value == expected


def test_a_computed_column_without_its_parts_is_missing_and_not_zero(
    make_competition: Make, pat: User, queue: Queue
) -> None:
    computed = {"title": "C", "key": "c", "index": 2, "computation": "avg", "computation_indexes": [0, 1]}
    submission = submit(pat, make_competition(columns=[*COLUMNS, computed]))
    worker = WorkerDouble(queue)
    worker.finish(worker.job(), scores(a=1.0))
    assert fresh(submission).status == "Finished"
    shown = queries.board(phase_of(submission.phase.competition), pat)
    assert shown is not None
    cells = {cell.column.key: cell for cell in shown.rows[0].cells}
    assert cells["b"].value is None
    assert cells["b"].shown == cells["b"].shown.strip()
    assert cells["c"].value is None or cells["c"].value == 1.0


def test_the_board_of_several_tasks_has_the_columns_of_each(game: Callable[..., Game], pat: User) -> None:
    played = game(tasks=2)
    parent = played.play(pat, 0.25, 0.75)
    shown = queries.board(phase_of(played.competition), pat)
    assert shown is not None
    assert [group.task.name for group in shown.groups if group.task] == ["Task 0", "Task 1"]
    (row,) = shown.rows
    assert row.submission_id == parent.pk
    assert [(cell.task.name, cell.value) for cell in row.cells if cell.task] == [("Task 0", 0.25), ("Task 1", 0.75)]


def test_the_order_of_the_board_is_the_rankings(game: Callable[..., Game], client_of: Client) -> None:
    played = game(columns=COLUMNS, rule="Force_Latest_Multiple")
    people = [UserFactory() for _ in range(4)]
    for person in people:
        ParticipantFactory(competition=played.competition, user=person)
    given = [(0.5, 3.0), (0.5, 1.0), (-0.0, 2.0), (0.0, 2.0), (1e300, 0.0), (-1e-300, 5.0), (0.5, 1.0), (0.9, None)]
    for place, (a, b) in enumerate(given):
        submit(people[place % 4], played.competition)
        played.worker.finish(played.worker.job(), scores(a=a) if b is None else scores(a=a, b=b))
    board = played.competition.leaderboards.get()
    columns = [services.ranking_column(column) for column in board.columns.all()]
    expected = sorted(
        Submission.objects.all(),
        key=lambda s: keys.sort_key_hex(columns, board.primary_index, services.scores_by_task(s), s.created_when, s.pk),
    )
    phase = phase_of(played.competition)
    shown = queries.board(phase, people[0])
    assert shown is not None
    assert [row.submission_id for row in shown.rows] == [submission.pk for submission in expected]
    assert [row.rank for row in shown.rows] == list(range(1, len(given) + 1))
    rows = client_of(None).get(f"/api/phases/{phase.pk}/get_leaderboard/").json()["submissions"]
    assert [row["id"] for row in rows] == [submission.pk for submission in expected], "page and API agree"
    values = [row.cells[0].value for row in shown.rows]
    assert all(a >= b for a, b in pairwise(value for value in values if value is not None))


def test_of_equal_scores_the_earlier_submission_stands_first(
    game: Callable[..., Game], pat: User, olivia: User
) -> None:
    played = game()
    first, second = played.play(olivia, 0.5), played.play(pat, 0.5)
    assert played.standing() == [first.pk, second.pk]


def test_deleting_a_submission_takes_its_place_from_the_board(game: Callable[..., Game], pat: User) -> None:
    played = game()
    submission = played.play(pat, 0.5)
    assert played.standing() == [submission.pk]
    submission.delete()
    assert played.standing() == []
    assert not Score.objects.exists()


def test_pages_of_a_board_follow_each_other(game: Callable[..., Game], pat: User, client_of: Client) -> None:
    played = game(rule="Force_Latest_Multiple", phase={"max_submissions_per_day": 0})
    for value in range(7):
        played.play(pat, float(value))
    phase: Phase = phase_of(played.competition)
    whole = queries.board(phase, pat, per_page=100)
    assert whole is not None
    pages = [queries.board(phase, pat, page=number, per_page=3) for number in (1, 2, 3)]
    assert [row.rank for page in pages if page for row in page.rows] == [1, 2, 3, 4, 5, 6, 7]
    assert [row.submission_id for page in pages if page for row in page.rows] == [r.submission_id for r in whole.rows]
    last = queries.board(phase, pat, page=99, per_page=3)
    assert last is not None
    assert (last.page, last.pages, last.count) == (3, 3, 7)
    api = client_of(None).get(f"/api/phases/{phase.pk}/get_leaderboard/?page=2&page_size=3").json()
    assert [row["rank"] for row in api["submissions"]] == [4, 5, 6]


def test_a_hidden_board_is_shown_to_organizers_only(
    make_competition: Make, queue: Queue, pat: User, olivia: User, ada: User, client_of: Client
) -> None:
    competition = make_competition(board={"hidden": True})
    submit(pat, competition)
    WorkerDouble(queue).work_off(accuracy=1.0)
    address = f"/api/phases/{competition.phases.get().pk}/get_leaderboard/"
    statuses = [client_of(user).get(address).status_code for user in (None, pat, olivia, ada)]
    assert statuses == [404, 404, 200, 200]


def test_a_hidden_column_is_shown_to_organizers_only(
    make_competition: Make, queue: Queue, pat: User, olivia: User, client_of: Client
) -> None:
    competition = make_competition(columns=[COLUMNS[0], {**COLUMNS[1], "hidden": True}])
    submission = submit(pat, competition)
    WorkerDouble(queue).work_off(a=1.0, b=2.0)
    phase = competition.phases.get()

    def keys_seen(user: User | None) -> list[list[str]]:
        client = client_of(user)
        board = client.get(f"/api/phases/{phase.pk}/get_leaderboard/").json()
        detail = client.get(f"/api/competitions/{competition.pk}/").json()
        own = client.get(f"/api/submissions/{submission.pk}/").json()
        return [
            [score["column_key"] for score in board["submissions"][0]["scores"]],
            [column["key"] for column in board["tasks"][0]["columns"]],
            [column["key"] for column in detail["leaderboards"][0]["columns"]],
            [score["column_key"] for score in own["scores"]],
        ]

    assert keys_seen(pat) == keys_seen(None) == [["a"]] * 4
    assert keys_seen(olivia) == [["a", "b"]] * 4


def test_a_rerun_on_a_task_of_its_own_choice_never_enters(game: Callable[..., Game], pat: User) -> None:
    played = game()
    submission = submit(pat, played.competition)
    Submission.objects.filter(pk=submission.pk).update(is_specific_task_re_run=True)
    played.worker.work_off(accuracy=1.0)
    assert fresh(submission).status == "Finished"
    assert played.standing() == []
    with pytest.raises(Forbidden):
        services.add_by_hand(submission=fresh(submission), by=pat)

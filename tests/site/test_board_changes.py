"""Boards stay right through the API: the six rules, scores set by hand, people shut out, and changed columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, Participant
from podium.site.evaluation.models import PhaseWork, Submission
from podium.site.evaluation.services import boards
from podium.site.leaderboards.models import Column, Entry, Score, Withheld
from podium.site.queues.models import Queue
from tests.factories import ParticipantFactory, UserFactory
from tests.site.acting import WorkerDouble, background, fresh, phase_of, scores, shape, submit
from tests.web.conftest import BACKEND

Make = Callable[..., Competition]
Client = Callable[[User | None], APIClient]
COLUMNS = [
    {"title": "A", "key": "a", "index": 0, "sorting": "desc"},
    {"title": "B", "key": "b", "index": 1, "sorting": "asc"},
    {"title": "Sum", "key": "sum", "index": 2, "computation": "sum", "computation_indexes": [0, 1]},
]


class Play:
    """A competition whose submissions finish at once, seen through the API."""

    def __init__(self, competition: Competition, queue: Queue, client_of: Client, olivia: User) -> None:
        self.competition, self.worker, self.client_of = competition, WorkerDouble(queue), client_of
        self.phase, self.olivia = phase_of(competition), olivia

    def submit(self, user: User, *given: dict[str, float]) -> Submission:
        """Submit and finish, with the scores of each task."""
        made = submit(user, self.competition)
        for values in given:
            self.worker.finish(self.worker.job(), scores(**values))
        return fresh(made)

    def board(self) -> list[int]:
        """The submissions on the board in the order of their ranks."""
        answer = self.client_of(None).get(f"/api/phases/{self.phase.pk}/get_leaderboard/").json()
        assert [row["rank"] for row in answer["submissions"]] == list(range(1, answer["count"] + 1))
        return [row["id"] for row in answer["submissions"]]

    def by_hand(self, method: str, submission: Submission, user: User) -> int:
        address = f"/api/submissions/{submission.pk}/submission_leaderboard_connection/"
        return int(getattr(self.client_of(user), method)(address).status_code)

    def change(self, user: User | None = None, **values: Any) -> Any:
        """Change the board as its organizer."""
        board = self.competition.leaderboards.get()
        return self.client_of(user or self.olivia).patch(
            f"/api/competitions/{self.competition.pk}/", {"leaderboards": [{"id": board.pk, **values}]}, format="json"
        )

    def columns(self, **changes: dict[str, Any]) -> list[dict[str, Any]]:
        """The columns as the API gives them, some changed, by key."""
        given = self.client_of(self.olivia).get(f"/api/competitions/{self.competition.pk}/").json()
        return [{**column, **changes.get(column["key"], {})} for column in given["leaderboards"][0]["columns"]]

    def decide(self, user: User, status: str) -> int:
        """Approve or deny a participant."""
        row = Participant.objects.get(competition=self.competition, user=user)
        return int(self.client_of(self.olivia).patch(f"/api/participants/{row.pk}/", {"status": status}).status_code)


@pytest.fixture
def play(make_competition: Make, queue: Queue, client_of: Client, olivia: User) -> Callable[..., Play]:
    def make(**bundle: Any) -> Play:
        return Play(make_competition(**{"columns": COLUMNS[:2], **bundle}), queue, client_of, olivia)

    return make


RULES = {
    # rule: what stands after three submissions, whether each step by hand is granted, and what stands then
    "Add": ([], [200, 200, 403], ["third"]),
    "Add_And_Delete": ([], [200, 200, 200], []),
    "Add_And_Delete_Multiple": ([], [200, 200, 200], ["first"]),
    "Force_Last": (["third"], [403, 403, 403], ["third"]),
    "Force_Latest_Multiple": (["second", "third", "first"], [403, 403, 403], ["second", "third", "first"]),
    "Force_Best": (["second"], [403, 403, 403], ["second"]),
}


@pytest.mark.parametrize("tasks", [1, 2])
@pytest.mark.parametrize("rule", RULES)
def test_each_rule_lets_stand_and_lets_choose_what_it_says(
    rule: str, tasks: int, play: Callable[..., Play], pat: User, sam: User
) -> None:
    """Submit three, then add the first, add the third and remove the third by hand."""
    automatic, granted, then = RULES[rule]
    played = play(rule=rule, tasks=tasks)
    made = {n: played.submit(pat, *[{"a": a}] * tasks) for n, a in (("first", 0.1), ("second", 0.9), ("third", 0.5))}
    names = {submission.pk: name for name, submission in made.items()}
    assert [names[pk] for pk in played.board()] == automatic
    steps = [("post", "first"), ("post", "third"), ("delete", "third")]
    assert [played.by_hand(method, made[name], pat) for method, name in steps] == granted
    assert [names[pk] for pk in played.board()] == then
    assert played.by_hand("post", made["second"], sam) in {403, 404}
    parts = made["second"].children.all()
    assert [played.by_hand("post", part, pat) for part in parts] == ([] if tasks == 1 else [granted[0]] * tasks)
    assert set(played.board()) <= set(names), "an entry is the whole submission, never one of its tasks"


@pytest.mark.parametrize("rule", ["Add", "Force_Best"])
def test_an_administrator_may_put_a_submission_on_any_board(
    rule: str, play: Callable[..., Play], pat: User, ada: User
) -> None:
    played = play(rule=rule)
    worse, better = played.submit(pat, {"a": 0.1}), played.submit(pat, {"a": 0.9})
    assert played.by_hand("post", worse, ada) == 200
    assert played.board() == [worse.pk]
    assert played.by_hand("delete", worse, ada) == 200
    assert played.board() == []
    assert better.status == "Finished"


def test_a_score_that_an_organizer_sets_moves_the_board_and_is_told(
    play: Callable[..., Play], pat: User, sam: User, client_of: Client
) -> None:
    played = play(columns=COLUMNS, tasks=2, rule="Force_Best")
    ParticipantFactory(competition=played.competition, user=sam)
    best, next_best = (played.submit(pat, {"a": a, "b": 1}, {"a": a, "b": 1}) for a in (0.9, 0.6))
    other = played.submit(sam, {"a": 0.7, "b": 1}, {"a": 0.7, "b": 1})
    assert played.board() == [best.pk, other.pk]
    score = Score.objects.get(submission=best.children.order_by("pk").first(), column__key="a")
    address, olivia = f"/api/submission_scores/{score.pk}/", client_of(played.olivia)
    assert [client_of(user).patch(address, {"score": 0}).status_code for user in (None, sam, pat)] == [403] * 3
    for wrong in ("", "x", "nan", "inf", "1e999", "1_0", True, None):
        refused = olivia.patch(address, {"score": wrong}, format="json")
        assert (refused.status_code, list(shape(refused))) == (400, ["score"]), wrong
    answer = olivia.patch(address, {"score": "-0.50"}, format="json")
    assert answer.json() == {"id": score.pk, "index": 0, "column_key": "a", "score": "-0.5000000000", "text": "-0.50"}
    assert played.board() == [other.pk, next_best.pk], "the next best stands under Force_Best"
    assert Score.objects.get(submission=best, column__key="sum").value == pytest.approx(0.4 + 2)
    told = client_of(pat).get(f"/api/submissions/{score.submission_id}/").json()["notes"]
    assert told == ["olivia set the score a to -0.50; it was 0.9."]
    computed = Score.objects.get(submission=best, column__key="sum")
    assert olivia.patch(f"/api/submission_scores/{computed.pk}/", {"score": 1}).status_code == 400


@pytest.mark.parametrize(("rule", "after"), [("Add_And_Delete_Multiple", ["a", "b"]), ("Force_Best", ["late"])])
def test_who_is_denied_leaves_the_board_and_comes_back_when_approved(
    rule: str, after: list[str], play: Callable[..., Play], pat: User, sam: User
) -> None:
    played = play(rule=rule)
    ParticipantFactory(competition=played.competition, user=sam)
    made = {"a": played.submit(pat, {"a": 0.5}), "b": played.submit(pat, {"a": 0.4})}
    other = played.submit(sam, {"a": 0.1})
    late = made["late"] = submit(pat, played.competition)
    for submission in (made["a"], made["b"], other):
        played.by_hand("post", submission, submission.owner)
    before = played.board()
    assert before[-1] == other.pk
    assert played.decide(pat, "denied") == 200
    assert played.board() == [other.pk]
    played.worker.finish(played.worker.job(), scores(a=0.9))
    assert fresh(late).status == "Finished"
    assert played.board() == [other.pk], "nor does what was running bring them back"
    assert played.by_hand("post", fresh(late), pat) == 403
    assert played.decide(pat, "approved") == 200
    assert played.board() == [*(made[name].pk for name in after), other.pk]
    assert not Withheld.objects.exists()


def test_who_is_banned_leaves_all_boards_and_comes_back(play: Callable[..., Play], pat: User, ada: User) -> None:
    played = play()
    admin = Browser()
    admin.force_login(ada, backend=BACKEND)
    mine = played.submit(pat, {"a": 0.5})
    joined = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    data = {"username": pat.username, "email": pat.email, "quota": 1000, "queue_limit": 5, "is_active": "on", **joined}
    for banned, board in (({"is_banned": "on"}, []), ({}, [mine.pk])):
        answer = admin.post(f"/admin/accounts/user/{pat.pk}/change/", {**data, **banned})
        assert answer.status_code == 302
        assert played.board() == board


def test_a_changed_order_is_carried_out_in_the_background_for_every_entry(
    play: Callable[..., Play], pat: User, client_of: Client
) -> None:
    played = play(columns=COLUMNS, rule="Force_Latest_Multiple")
    people = [pat, *(UserFactory() for _ in range(3))]
    for person in people[1:]:
        ParticipantFactory(competition=played.competition, user=person)
    given = [(3.0, 1.0), (2.0, 9.0), (1.0, 5.0), (2.0, 4.0)]
    made = [played.submit(p, {"a": a, "b": b}).pk for p, (a, b) in zip(people, given, strict=True)]

    def order(*places: int) -> list[int]:
        return [made[place] for place in places]

    assert played.board() == order(0, 3, 1, 2)
    assert played.change(primary_index=1).status_code == 200
    works = client_of(played.olivia).get(f"/api/phases/{played.phase.pk}/works/").json()
    assert [(work["kind"], work["total"]) for work in works] == [("rebuild", 4)]
    background()
    assert played.board() == order(0, 3, 2, 1)
    played.change(columns=played.columns(b={"sorting": "desc"}))
    background()
    assert played.board() == order(1, 2, 3, 0)
    played.change(primary_index=2, columns=played.columns(sum={"computation": "min"}))
    background()
    assert played.board() == order(1, 3, 0, 2), "min(a, b), then a, then b"
    assert sorted(Score.objects.filter(column__key="sum").values_list("value", flat=True)) == [1.0, 1.0, 2.0, 2.0]
    played.change(columns=played.columns(a={"hidden": True}))
    background()
    assert played.board() == order(1, 3, 2, 0), "a column that is hidden decides no tie"
    played.change(primary_index=0, columns=[c for c in played.columns(a={"hidden": False}) if c["key"] == "a"])
    background()
    assert played.board() == order(0, 1, 3, 2), "columns that went take no part any more"


def test_a_changed_rule_is_carried_out_for_what_stands(play: Callable[..., Play], pat: User) -> None:
    played = play(rule="Force_Latest_Multiple")
    first, second, third = (played.submit(pat, {"a": a}).pk for a in (0.1, 0.9, 0.5))
    for rule, stands in (
        ("Force_Best", [second]),
        ("Force_Last", [third]),
        ("Force_Latest_Multiple", [second, third, first]),
        ("Add_And_Delete_Multiple", [second, third, first]),
        ("Add", [third]),
    ):
        assert played.change(submission_rule=rule).status_code == 200
        background()
        assert played.board() == stands, rule


def test_a_change_during_the_work_begins_it_again(play: Callable[..., Play], pat: User) -> None:
    played = play(rule="Force_Latest_Multiple")
    low, high = (played.submit(pat, {"a": a, "b": b}).pk for a, b in ((1, 1), (2, 2)))
    played.change(primary_index=1)
    played.change(primary_index=0, columns=played.columns(a={"sorting": "asc"}))
    background()
    assert played.board() == [low, high]
    assert list(PhaseWork.objects.order_by("pk").values_list("state", flat=True)) == ["failed", "finished"]


def test_what_concerns_no_order_begins_no_work(play: Callable[..., Play], pat: User) -> None:
    played = play()
    played.submit(pat, {"a": 0.123456})
    answer = played.change(title="Finals", columns=played.columns(a={"precision": 4, "title": "Accuracy"}))
    assert answer.json()["leaderboards"][0]["title"] == "Finals"
    assert not PhaseWork.objects.exists()
    board = played.client_of(None).get(f"/api/phases/{played.phase.pk}/get_leaderboard/").json()
    assert board["submissions"][0]["scores"][0]["score"] == "0.1235"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"primary_index": 7}, "no column has that index"),
        ({"submission_rule": "Best"}, "is no submission_rule"),
        ({"columns": []}, "at least one"),
    ],
)
def test_a_board_that_contradicts_itself_is_refused_whole(
    changes: dict[str, Any], words: str, play: Callable[..., Play], pat: User
) -> None:
    played = play(columns=COLUMNS)
    mine = played.submit(pat, {"a": 1, "b": 2})
    answer = played.change(title="Other", **changes)
    assert answer.status_code == 400
    assert words in str(answer.json()["leaderboards"])
    assert played.competition.leaderboards.get().title == "Results"
    assert played.board() == [mine.pk]


def test_columns_that_contradict_each_other_are_refused_whole(play: Callable[..., Play], pat: User) -> None:
    played = play(columns=COLUMNS)
    for changes, words in (
        ({"sum": {"computation_indexes": [9]}}, "which no column has"),
        ({"sum": {"computation_indexes": [2]}}, "computed from itself"),
        ({"b": {"key": "a"}}, 'Two columns have the key "a"'),
        ({"b": {"id": 999999}}, "no such column"),
    ):
        answer = played.change(columns=played.columns(**changes))
        assert answer.status_code == 400, changes
        assert words in str(answer.json()["leaderboards"]), answer.json()
    assert list(Column.objects.values_list("key", flat=True)) == ["a", "b", "sum"]
    assert played.change(user=pat, title="Mine").status_code == 403


def test_a_task_that_leaves_a_phase_takes_its_scores_from_the_order(
    play: Callable[..., Play], pat: User, sam: User
) -> None:
    played = play(tasks=2)
    ParticipantFactory(competition=played.competition, user=sam)
    mine = played.submit(pat, {"a": 1.0}, {"a": 5.0})
    theirs = played.submit(sam, {"a": 2.0}, {"a": 1.0})
    assert played.board() == [mine.pk, theirs.pk]
    second = played.phase.phase_tasks.order_by("order_index").last()
    assert second is not None
    second.delete()
    boards.rebuild(phase=played.phase, by=None)
    background()
    assert played.board() == [theirs.pk, mine.pk]
    answer = played.client_of(None).get(f"/api/phases/{played.phase.pk}/get_leaderboard/").json()
    assert [row["scores"][0]["score"] for row in answer["submissions"]] == ["2.0", "1.0"]


def test_a_verdict_costs_the_same_on_a_small_board_and_on_a_large_one(play: Callable[..., Play], pat: User) -> None:
    played = play(rule="Force_Best")
    played.submit(pat, {"a": 0.0})
    counts = []
    for people in (2, 12):
        for _ in range(people):
            person = UserFactory()
            ParticipantFactory(competition=played.competition, user=person)
            played.submit(person, {"a": 0.5})
        submit(pat, played.competition)
        job = played.worker.job()
        with CaptureQueriesContext(connection) as captured:
            played.worker.finish(job, scores(a=float(people)))
        counts.append(len(captured))
    assert counts[0] == counts[1]
    assert Entry.objects.count() == 15

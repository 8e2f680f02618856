"""The board as people see it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.leaderboards import views
from podium.site.leaderboards.models import Column, Leaderboard, Score
from podium.site.queues.models import Queue
from tests.factories import UserFactory, finished_submission
from tests.site.acting import WorkerDouble, submit
from tests.web.conftest import Visitor
from tests.web.test_submission_pages import FACT_SHEET

pytestmark = pytest.mark.django_db
Visiting = Callable[..., Visitor]
Making = Callable[..., Competition]


def _fill(competition: Competition, count: int) -> None:
    phase = competition.phases.select_related("leaderboard").first()
    assert phase is not None
    for place in range(count):
        finished_submission(phase, UserFactory(username=f"runner{place}"), 1000 - place)


def test_an_empty_board_says_how_to_be_first(visitor: Visiting, competition: Competition) -> None:
    assert "Nobody stands here yet" in visitor().open(f"/competitions/{competition.pk}/results/").text


def test_ranks_run_on_over_the_pages_and_the_first_three_have_medals(
    visitor: Visiting, competition: Competition
) -> None:
    _fill(competition, 60)
    somebody = visitor()
    first = somebody.open(f"/competitions/{competition.pk}/results/")
    html = somebody.response.content.decode()
    assert [f"medal--{place}" in html for place in (1, 2, 3, 4)] == [True, True, True, False]
    assert "60 entries" in first.text
    second = next(link for link in first.links if "page=2" in link)
    page = somebody.open(second)
    ranks = re.findall(r'class="medal">(\d+)<', somebody.response.content.decode())
    assert ranks == [str(rank) for rank in range(51, 61)]
    assert "runner59" in page.text


@pytest.mark.parametrize("page", ["0", "x", "-1", "999999999999999999999", "\u0663"])
def test_a_page_that_is_not_there_shows_one_that_is(visitor: Visiting, competition: Competition, page: str) -> None:
    _fill(competition, 2)
    assert "runner0" in visitor().open(f"/competitions/{competition.pk}/results/?page={page}").text


def test_my_row_is_marked_and_found_from_another_page(visitor: Visiting, competition: Competition, pat: User) -> None:
    _fill(competition, 55)
    phase = competition.phases.get()
    mine = finished_submission(phase, pat, 1.0)
    somebody = visitor(pat)
    page = somebody.open(f"/competitions/{competition.pk}/results/")
    assert "You are at place 56" in page.text
    link = next(link for link in page.links if link.endswith(f"#entry-{mine.pk}"))
    page = somebody.open(link)
    assert 'class="mine"' in somebody.response.content.decode()
    assert f"entry-{mine.pk}" in page.ids


def test_missing_scores_read_na_and_precision_is_the_columns(visitor: Visiting, make_competition: Making) -> None:
    competition = make_competition(
        columns=[
            {"title": "Accuracy", "key": "accuracy", "index": 0, "sorting": "desc", "precision": 3},
            {"title": "Time", "key": "time", "index": 1, "sorting": "asc"},
        ]
    )
    _fill(competition, 1)
    Score.objects.filter(column__key="time").delete()
    Score.objects.update(value=0.12345, text="0.12345")
    page = visitor().open(f"/competitions/{competition.pk}/results/")
    assert "0.123" in page.text
    assert "n/a" in page.text
    assert "(lower is better)" in page.text


def test_hidden_columns_and_boards_are_for_organizers(
    visitor: Visiting, competition: Competition, olivia: User, pat: User
) -> None:
    _fill(competition, 1)
    address = f"/competitions/{competition.pk}/results/"
    Column.objects.create(leaderboard=Leaderboard.objects.get(), title="Secret", key="s", index=9, hidden=True)
    assert "Secret" not in visitor(pat).open(address).text
    assert "Secret" in visitor(olivia).open(address).text
    Leaderboard.objects.update(hidden=True)
    assert "No visible leaderboard" in visitor(pat).open(address).text
    assert "runner0" in visitor(olivia).open(address).text


def test_several_tasks_have_a_group_of_columns_each(
    visitor: Visiting, make_competition: Making, pat: User, queue: Queue
) -> None:
    competition = make_competition(tasks=2, fact_sheet=FACT_SHEET)
    submit(pat, competition, fact_sheet_answers={"method": "<i>trees</i>", "gpu": False, "layers": 1})
    WorkerDouble(queue).work_off(accuracy=0.5)
    page = visitor().open(f"/competitions/{competition.pk}/results/")
    for words in ("Task 0", "Task 1", "Method", "<i>trees</i>"):
        assert words in page.text
    assert "Layers" not in page.text


def test_a_board_costs_the_same_queries_for_few_rows_as_for_many(visitor: Visiting, competition: Competition) -> None:
    counts = []
    for _ in range(2):
        _fill_more(competition, 10)
        with CaptureQueriesContext(connection) as captured:
            visitor().open(f"/competitions/{competition.pk}/results/")
        counts.append(len(captured))
    assert counts[0] == counts[1]


def _fill_more(competition: Competition, count: int) -> None:
    phase = competition.phases.select_related("leaderboard").get()
    for value in range(count):
        finished_submission(phase, UserFactory(), value)


def test_a_printed_board_says_whose_it_is_of_when_and_where_without_the_secret_key(
    visitor: Visiting, competition: Competition, olivia: User
) -> None:
    _fill(competition, 55)
    Competition.objects.filter(pk=competition.pk).update(published=False)
    competition.refresh_from_db()
    secret = f"secret_key={competition.secret_key}"
    page = visitor()
    page.open(f"/competitions/{competition.pk}/results/?page=2&{secret}")
    head = page.response.content.decode().split('<header class="print-head">')[1].split("</header>")[0]
    phase = competition.phases.get()
    for words in (competition.title, phase.name, "Printed", "page 2 of 2"):
        assert words in head
    assert f"http://testserver/competitions/{competition.pk}/results/?phase={phase.pk}&amp;page=2" in head
    assert str(competition.secret_key) not in head
    past = visitor(olivia)
    past.open(f"/competitions/{competition.pk}/results/?as_of=2100-01-01T00:00Z", status=400)
    assert "print-head" not in past.response.content.decode()
    past.open(f"/competitions/{competition.pk}/results/?as_of={timezone.now():%Y-%m-%dT%H:%M:%S.%fZ}")
    assert "as of <time" in past.response.content.decode().split('<header class="print-head">')[1]


def test_a_whole_board_is_printed_from_one_page_and_says_when_there_is_more(
    visitor: Visiting, competition: Competition, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(competition, 55)
    somebody, address = visitor(), f"/competitions/{competition.pk}/results/"
    (link,) = [each for each in somebody.open(address).links if "rows=all" in each]
    page = somebody.open(link)
    names = re.findall(r"runner\d+", page.text)
    assert names == [f"runner{place}" for place in range(55)]
    assert "All rows are on this page, for printing." in page.text
    assert not [each for each in page.links if "page=" in each]
    assert [each for each in page.links if each.startswith(address) and "rows" not in each and "phase" in each]
    monkeypatch.setattr(views, "WHOLE", 30)
    page = somebody.open(f"{link}&page=2")
    assert "Rows 31 to 55 of 55, for printing; the others are on further pages." in page.text
    head = somebody.response.content.decode().split('<header class="print-head">')[1].split("</header>")[0]
    assert "rows 31 to 55 of 55" in head and "rows=all" in head
    assert len(re.findall(r"runner\d+", page.text)) == 25


def test_short_boards_offer_no_other_page_for_printing(visitor: Visiting, competition: Competition) -> None:
    _fill(competition, 2)
    assert "rows=all" not in " ".join(visitor().open(f"/competitions/{competition.pk}/results/").links)
